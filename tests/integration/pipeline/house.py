"""A small shop that runs dangol, in the words of the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Table, select

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import suppressions
from dangol.ledger import reader
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.pipeline import Ingested
from dangol.simulate.runner import Runner
from dangol.store.tables import journeys, messages, profile_keys, profiles, slots
from dangol.testing import FakeProvider
from tests.workspaces import write_workspace

GRAIN = timedelta(seconds=1)


class House:
    """An opened installation on a clock that stands still, and the carrier's own record of what left the house."""

    def __init__(self, dangol: Dangol, clock: VirtualClock, carrier: FakeProvider, folder: Path) -> None:
        self.dangol = dangol
        self.clock = clock
        self.carrier = carrier
        self.pipeline = dangol.pipeline
        self.sweeper = dangol.sweeper
        self.database = dangol.database
        self._folder = folder
        self._told = 0

    def opens_with(self, *campaigns: Mapping[str, Any], **workspace: Any) -> House:
        """Put these campaigns, and no others, into service."""
        self.dangol.deploy(by="tests", root=write_workspace(self._folder / "workspace", *campaigns, **workspace))
        return self

    # People and what they do.

    def knows(self, *names: str, agreeing_to: Iterable[Channel] = Channel, **fields: Any) -> House:
        """These customers, with an address on every channel, who agreed to marketing on these channels."""
        self.pipeline.identify([_customer(name, fields) for name in names])
        self._agree(names, agreeing_to, ConsentAction.GRANTED)
        return self

    def withdraws(self, name: str, *channels: Channel) -> None:
        self._agree([name], channels or Channel, ConsentAction.WITHDRAWN)

    def _agree(self, names: Iterable[str], channels: Iterable[Channel], action: ConsentAction) -> None:
        changes = [
            ConsentChange(name, channel, Purpose.MARKETING, action, self.clock.now(), "tests")
            for name in names
            for channel in channels
        ]
        if changes:
            self.pipeline.record_consents(changes)

    def event(
        self, name: str, who: str, *, id: str = "", at: datetime | None = None, **properties: Any
    ) -> IncomingEvent:
        self._told += 1
        return IncomingEvent(id or f"e{self._told}", who, name, properties, at or self.clock.now(), "tests")

    def happens(self, name: str, who: str, **told: Any) -> Ingested:
        """One event, ingested alone."""
        return self.pipeline.ingest([self.event(name, who, **told)])

    def orders(self, *names: str, **told: Any) -> Ingested:
        """Everyone of these completes an order, in one batch."""
        return self.pipeline.ingest([self.event("Order Completed", who, **told) for who in names])

    def bounces(self, channel: Channel, address: str) -> None:
        with self.database.write() as tx:
            suppressions.suppress(
                tx,
                channel=channel,
                address_hash=self.pipeline.hasher.hash(channel, address),
                cause="hard_bounce",
                source="tests",
                now=self.clock.now(),
                entropy=self.pipeline.entropy,
            )

    def erases(self, name: str) -> None:
        """What an erasure leaves: a row without data, and no key."""
        person = self.id_of(name)
        nothing = dict.fromkeys(("email", "phone", "locale", "timezone", "country"))
        with self.database.write() as tx:
            tx.execute(
                profiles.update()
                .where(profiles.c.id == person)
                .values(erased_at=self.clock.now(), attributes={}, **nothing)
            )
            tx.execute(profile_keys.delete().where(profile_keys.c.profile_id == person))

    # Work.

    def work(self) -> None:
        """Do all that is due now, as a scheduler and its workers would."""
        runner = self._runner()
        runner.run_due()
        runner.run_until(self.clock.now())

    def pass_time(self, length: timedelta) -> None:
        """Let time go by, doing what comes due at the second at which it does."""
        self._runner().run_until(self.clock.now() + length)

    def sleep(self, length: timedelta) -> None:
        """Let time go by while nothing runs."""
        self.clock.advance(length)

    def _runner(self) -> Runner:
        """A scheduler alone: messages are found by sweeping, none are announced by the pipeline."""
        runner = Runner(self.pipeline, self.sweeper, self.clock, grain=GRAIN)
        self.pipeline.wake = None
        return runner

    # What came of it.

    def rows(self, table: Table, **where: Any) -> list[Row[Any]]:
        statement = select(table).order_by(*table.primary_key)
        for name, value in where.items():
            statement = statement.where(table.c[name] == value)
        with self.database.read() as tx:
            return list(tx.execute(statement))

    @property
    def journeys(self) -> list[Row[Any]]:
        return self.rows(journeys)

    @property
    def messages(self) -> list[Row[Any]]:
        return self.rows(messages)

    @property
    def slots(self) -> list[Row[Any]]:
        return self.rows(slots)

    @property
    def states(self) -> list[tuple[str, str | None]]:
        """State and reason of every message."""
        return [(row.state, row.reason) for row in self.messages]

    def log(self, prefix: str = "", **where: Any) -> list[reader.Entry]:
        """Entries in order, those whose decision begins with ``prefix``."""
        with self.database.read() as tx:
            entries = reader.history(tx, reader.Filter(**where))
        return [entry for entry in entries if entry.decision.startswith(prefix)]

    def told(self, prefix: str = "", **where: Any) -> list[tuple[str, str]]:
        """Decision and reason of these entries."""
        return [(entry.decision, entry.reason) for entry in self.log(prefix, **where)]

    def id_of(self, name: str) -> str:
        return self.rows(profiles, external_id=name)[0].id

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Channel and address of everything the carrier took, in order."""
        return [(envelope.channel.value, envelope.to) for envelope in self.carrier.accepted]


def _customer(name: str, fields: Mapping[str, Any]) -> ProfileChange:
    usual = {
        "email": f"{name}@example.com",
        "phone": f"+82105{sum(map(ord, name)) % 10_000_000:07d}",
        "locale": "en",
        "timezone": "Asia/Seoul",
        "attributes": {"name": name.title()},
        "device_token": f"device-{name}",
        "device_platform": "ios",
    }
    return ProfileChange(external_id=name, **{**usual, **fields})
