"""Scenarios played through the real pipeline: an installation in memory that starts anew for each of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, select

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import suppressions
from dangol.definitions import versions
from dangol.definitions.workspace import Workspace
from dangol.delivery.provider import fault
from dangol.jurisdictions import readable_packs
from dangol.ledger import reader
from dangol.ledger.explain import tell
from dangol.ledger.reader import Entry, Filter
from dangol.ledger.words import WORDS
from dangol.model.message import Accepted, Envelope, Outcome, Refused
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, JourneyStatus, Purpose, RefusalCause
from dangol.policy.law import Law
from dangol.profiles import people
from dangol.scenarios import words
from dangol.scenarios.cases import Case, Happens, pairs, standard_fields
from dangol.scenarios.draws import Lottery, seed_for
from dangol.scenarios.model import (
    BounceHappens,
    ConsentHappens,
    EventHappens,
    ProfileHappens,
    RefusalHappens,
    StartHappens,
)
from dangol.scenarios.performance import Decided, Journey, Performance, Reported, Sent
from dangol.settings import NOWHERE, Settings
from dangol.simulate.never import Happened
from dangol.simulate.runner import Runner
from dangol.store.tables import calls, events, journeys, messages

_SOURCE = "scenario"
_GRAIN = timedelta(seconds=1)
_JUST_BEFORE = timedelta(milliseconds=1)
_ACQUAINTED = timedelta(days=1)
"""How long before everything else the customer becomes known."""
_IDS = tuple(label for name, label in WORDS["en"].details.items() if name in {"consent", "event"})
"""Details that are ids; they tell the reader of a timeline nothing."""
IN_SERVICE = timedelta(minutes=1)
"""How long before a scenario begins its campaigns go into service."""


@dataclass
class Carrier:
    """Takes what is handed over and keeps it, with the time; ``refusing`` are channels on which it takes nothing."""

    clock: VirtualClock
    name: str = "scenario"
    channels: frozenset[Channel] = frozenset(Channel)
    taken: list[tuple[datetime, Envelope]] = field(default_factory=list)
    refusing: dict[Channel, RefusalCause] = field(default_factory=dict)

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return [self._take(envelope) for envelope in batch]

    def _take(self, envelope: Envelope) -> Outcome:
        if why := fault(envelope):
            return Refused(permanent=True, detail=why)
        if cause := self.refusing.get(envelope.channel):
            return Refused(permanent=True, detail="as the scenario says", cause=cause)
        self.taken.append((self.clock.now(), envelope))
        return Accepted(envelope.message_id)

    def close(self) -> None:
        """Nothing is held open."""


class Rehearsal(AbstractContextManager["Rehearsal"]):
    """Plays scenarios of one workspace, one after the other.

    The database is in memory and put back to its first state before each scenario; what is compiled of a version is
    kept, for it depends on the version alone.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        law = Law(readable_packs(workspace.sources), workspace.policies.jurisdictions)
        self._agreeing = (ConsentAction.GRANTED, *([ConsentAction.CONFIRMED] if law.asks_to_confirm else []))
        self._clock = VirtualClock(datetime(2000, 1, 1, tzinfo=UTC))
        self._lottery = Lottery()
        self._carrier = Carrier(self._clock)
        settings = Settings(
            home=Path(),
            database_url="sqlite:///:memory:",
            broker_url="",
            secret_key=SecretStr("scenarios"),
            public_url=NOWHERE,
            write_key=SecretStr("scenarios"),
        )
        self._dangol = Dangol(
            settings,
            clock=self._clock,
            entropy=self._lottery,
            providers=dict.fromkeys(Channel, self._carrier),
            durable=False,
        )
        self._empty = sqlite3.connect(":memory:")
        self._raw().backup(self._empty)

    def play(self, case: Case) -> Performance:
        """Play one scenario to its end."""
        self._start_anew(case)
        pipeline = self._dangol.pipeline
        self._introduce(case)
        self._clock.move_to(case.begins - IN_SERVICE)
        pipeline.ingest([self._event(case, past.event, past.properties, past.at) for past in case.history])
        with self._dangol.database.write() as tx:
            versions.deploy(tx, self._workspace, at=self._clock.now(), by="dangol test", keys=case.in_service)
        runner = Runner(pipeline, self._dangol.sweeper, self._clock, grain=_GRAIN)
        for happens in case.happens:
            if happens.heard_at > self._clock.now():
                # What happens at an instant comes before what is due at it.
                runner.run_until(happens.heard_at - _JUST_BEFORE)
                self._clock.move_to(happens.heard_at)
            self._let_happen(case, happens)
            runner.deliver_announced()
        runner.run_until(case.ends)
        return self._outcome(case)

    def close(self) -> None:
        """Let go of the databases; safe to call twice."""
        self._dangol.close()
        self._empty.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The beginning.

    def _start_anew(self, case: Case) -> None:
        self._empty.backup(self._raw())
        self._carrier.taken.clear()
        self._carrier.refusing.clear()
        self._told = 0
        earliest = min([case.begins - IN_SERVICE, *(past.at for past in case.history)])
        self._clock.move_to(earliest - _ACQUAINTED)
        campaigns = [self._workspace.campaigns[key] for key in case.in_service]
        seed = seed_for(
            f"{case.path}: {case.name}",
            self._clock.now(),
            campaigns,
            held_out_of=case.campaign if case.scenario.holdout else None,
            arms=case.scenario.arms,
            of_all=self._workspace.policies.holdout,
        )
        self._lottery.begin(seed)

    def _raw(self) -> sqlite3.Connection:
        """The one connection of this thread, which the pool keeps as long as the database is to live."""
        with self._dangol.database.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            return raw

    def _introduce(self, case: Case) -> None:
        """Tell dangol who the customer is, and what they agreed to."""
        person, pipeline = case.person, self._dangol.pipeline
        device = {"device_token": f"device-{person.name}", "device_platform": "ios"} if person.device else {}
        pipeline.identify([ProfileChange(person.name, attributes=person.attributes, **person.fields, **device)])
        self._agree(case, self._given(person.consents))

    def _given(self, consents: Iterable[tuple[Purpose, Channel]]) -> list[tuple[Purpose, Channel, ConsentAction]]:
        """What a customer agreed to, confirmed by a second message where some rule counts no other consent."""
        return [(*pair, action) for pair in consents for action in self._agreeing]

    def _agree(self, case: Case, changes: Sequence[tuple[Purpose, Channel, ConsentAction]]) -> None:
        now = self._clock.now()
        self._dangol.pipeline.record_consents(
            [
                ConsentChange(case.person.name, channel, purpose, action, now, _SOURCE)
                for purpose, channel, action in changes
            ]
        )

    # What happens.

    def _event(self, case: Case, name: str, properties: Mapping[str, Any], at: datetime) -> IncomingEvent:
        self._told += 1
        return IncomingEvent(f"{_SOURCE}-{self._told}", case.person.name, name, dict(properties), at, _SOURCE)

    def _let_happen(self, case: Case, happens: Happens) -> None:
        pipeline = self._dangol.pipeline
        match happens.what:
            case EventHappens(event=name, properties=properties):
                pipeline.ingest([self._event(case, name, properties, happens.at)])
            case StartHappens(start=campaign, properties=properties):
                pipeline.start(campaign, self._event(case, "", properties, happens.at))
            case ConsentHappens(consents=change):
                given = self._given(pairs(change.given))
                withdrawn = [(*pair, ConsentAction.WITHDRAWN) for pair in pairs(change.withdrawn)]
                self._agree(case, [*given, *withdrawn])
            case ProfileHappens(profile=traits):
                device = {"device_token": f"new-device-{case.person.name}"} if traits.device else {}
                pipeline.identify(
                    [ProfileChange(case.person.name, attributes=traits.attributes, **standard_fields(traits), **device)]
                )
            case BounceHappens(bounced=channel):
                self._bounce(case, channel)
            case RefusalHappens(refuses=channel, because=why):
                self._carrier.refusing[channel] = _cause(channel) if why == "address" else RefusalCause.CONTENT

    def _bounce(self, case: Case, channel: Channel) -> None:
        pipeline = self._dangol.pipeline
        with pipeline.database.write() as tx:
            profile = people.load(tx, [self._profile_id(tx, case)])
            address = next(iter(profile.values())).address(channel)
            if address is not None:
                suppressions.suppress(
                    tx,
                    channel=channel,
                    address_hash=pipeline.hasher.hash(channel, address),
                    cause="hard_bounce",
                    source=_SOURCE,
                    now=self._clock.now(),
                    entropy=pipeline.entropy,
                )

    # What came of it.

    def _profile_id(self, tx: Connection, case: Case) -> str:
        return people.find(tx, [case.person.name])[case.person.name]

    def _outcome(self, case: Case) -> Performance:
        with self._dangol.database.read() as tx:
            profile_id = self._profile_id(tx, case)
            entries = reader.history(tx, Filter(profile_id=profile_id), limit=1_000_000)
            rows = {row.id: row for row in tx.execute(select(messages).where(messages.c.profile_id == profile_id))}
            began, opened = _entries(tx, profile_id), _openings(entries)
            return Performance(
                sent=[
                    Sent(
                        at,
                        rows[one.message_id].campaign_key,
                        rows[one.message_id].step,
                        rows[one.message_id].template,
                        one.rendered,
                        *began.get(rows[one.message_id].journey_id, ("", {})),
                        opened=opened.get(one.message_id),
                    )
                    for at, one in self._carrier.taken
                ],
                decided=[_decided(entry, rows, case) for entry in entries],
                emitted=list(_emitted(tx, profile_id)),
                calls=list(_called(tx, profile_id)),
                journeys=list(_journeys(tx, profile_id, entries)),
                happened=_happened(tx, profile_id, case.begins),
                profile=people.load(tx, [profile_id])[profile_id].fields(),
            )


def _decided(entry: Entry, rows: Mapping[str, Any], case: Case) -> Decided:
    line = tell(entry, zone=case.zone.key)
    row = rows.get(entry.message_id or "")
    return Decided(
        at=entry.at,
        decision=entry.decision,
        reason=entry.reason,
        campaign=entry.campaign_key or "",
        step=entry.step,
        channel=entry.channel,
        message=row.template if row is not None else None,
        told=" ".join([line.text, *(f"{detail}." for detail in line.details if not detail.startswith(_IDS))]),
    )


def _cause(channel: Channel) -> RefusalCause:
    """What a carrier says of an address that is no more."""
    return RefusalCause.DEAD_TOKEN if channel is Channel.PUSH else RefusalCause.DEAD_ADDRESS


def _openings(entries: Iterable[Entry]) -> dict[str, datetime]:
    """Message → the instant from which it was spread: the end of a quiet window, the latest if there were several, or
    when its step was due."""
    told = [(one.message_id, one.evidence.get("opens") or one.evidence.get("spread_from")) for one in entries]
    return {message_id: datetime.fromisoformat(opens) for message_id, opens in told if message_id and opens}


def _entries(tx: Connection, profile_id: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Journey → id and properties of the event that it began with."""
    wanted = select(journeys.c.id, events.c.id.label("event_id"), events.c.properties)
    wanted = wanted.join(events, events.c.id == journeys.c.entry_event_id).where(journeys.c.profile_id == profile_id)
    return {row.id: (row.event_id, row.properties) for row in tx.execute(wanted)}


def _happened(tx: Connection, profile_id: str, begins: datetime) -> dict[str, list[Happened]]:
    """Everything that dangol heard of since then, what campaigns emitted too, by name."""
    found: dict[str, list[Happened]] = {}
    wanted = select(events).where(events.c.profile_id == profile_id, events.c.received_at >= begins)
    for row in tx.execute(wanted.order_by(events.c.received_at, events.c.id)):
        found.setdefault(row.name, []).append(Happened(row.received_at, row.properties, row.id))
    return found


def _emitted(tx: Connection, profile_id: str) -> Iterator[Reported]:
    wanted = select(events).where(events.c.profile_id == profile_id, events.c.hops > 0)
    for row in tx.execute(wanted.order_by(events.c.occurred_at, events.c.id)):
        yield Reported(row.occurred_at, row.name, row.properties)


def _called(tx: Connection, profile_id: str) -> Iterator[Reported]:
    for row in tx.execute(select(calls).where(calls.c.profile_id == profile_id).order_by(calls.c.due_at, calls.c.id)):
        yield Reported(row.due_at, row.url, row.payload)


def _journeys(tx: Connection, profile_id: str, entries: Sequence[Entry]) -> Iterator[Journey]:
    exits = {entry.journey_id: entry.evidence.get("exit", "") for entry in entries if entry.evidence.get("exit")}
    wanted = select(journeys).where(journeys.c.profile_id == profile_id)
    for row in tx.execute(wanted.order_by(journeys.c.entered_at, journeys.c.id)):
        ended = row.status == JourneyStatus.ENDED
        yield Journey(row.campaign_key, row.end_reason if ended else words.WAITING, exits.get(row.id, ""))
