"""Messages of which nobody can tell whether they were sent, asked for at their providers. Nothing is resent.

Most are settled by a carrier's own reports. What is still ``unknown`` some minutes later is looked up once: where the
provider has exactly one message to that address, with that text and of that time, and no other message of ours can be
it, what it says of it is taken in like any report. In all other cases the message stays ``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock, Thread

import structlog
from sqlalchemy import Connection, select

from dangol.delivery.provider import NothingSent, Provider, Sought, finder
from dangol.errors import DangolError
from dangol.ledger import reader
from dangol.ledger.reader import Entry
from dangol.model.feedback import Feedback
from dangol.model.vocabulary import Channel, Decision, MessageState, Reason
from dangol.pipeline import Pipeline
from dangol.proof import reproduce, sending
from dangol.store.housekeeping import keep_note, recalled
from dangol.store.tables import feedback, log, messages

AFTER = timedelta(minutes=5)
"""How long reports are waited for before a provider is asked."""
GIVEN_UP = timedelta(days=1)
"""What could not be asked for within this time is not asked for any more."""
_NOTE = "lookups:seq"
_SLACK = timedelta(minutes=1)
"""By how much the clocks of a provider may differ from ours."""
_REASONS = (Reason.OUTCOME_UNKNOWN.value, Reason.LEASE_LOST.value)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Open:
    """A message to look up, and who may have it."""

    message_id: str
    profile_id: str
    content_hash: str
    providers: tuple[Provider, ...]
    sought: Sought


class Lookups:
    """Looks every ``every`` for messages to ask for, ``most`` at once, beside whatever else its process does."""

    def __init__(
        self,
        pipeline: Pipeline,
        providers: Mapping[Channel, Sequence[Provider]],
        *,
        every: timedelta = timedelta(minutes=1),
        most: int = 20,
    ) -> None:
        self._pipeline = pipeline
        self._providers = {
            channel: tuple(one for one in serving if finder(one) is not None) for channel, serving in providers.items()
        }
        self._every = every
        self._most = most
        self._began: datetime | None = None
        self._thread: Thread | None = None
        self._lock = Lock()

    def turn(self) -> None:
        """Begin a round in a thread of its own if it is time and none is under way: providers may answer slowly."""
        now = self._pipeline.clock.now()
        with self._lock:
            under_way = self._thread is not None and self._thread.is_alive()
            early = self._began is not None and self._began <= now < self._began + self._every
            if under_way or early or not any(self._providers.values()):
                return
            self._began = now
            self._thread = Thread(target=self._round, name="lookups", daemon=True)
            self._thread.start()

    def wait(self, timeout: timedelta) -> None:
        """Wait for the round under way."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout.total_seconds())

    def run(self) -> int:
        """A round: how many messages were found. Raises NothingSent if a provider cannot be asked now."""
        found = 0
        with self._pipeline.database.read() as tx:
            entries = self._entries(tx)
        for entry in entries:
            with self._pipeline.database.read() as tx:
                wanted = self._open(tx, entry)
            if wanted is not None:
                found += self._settle(wanted)
            with self._pipeline.database.write() as tx:
                keep_note(tx, _NOTE, str(entry.seq))
        return found

    def _round(self) -> None:
        try:
            self.run()
        except NothingSent as error:
            _log.warning("a provider cannot be asked for unknown messages; later again", error=str(error))
        except DangolError as error:
            _log.warning("looking for unknown messages waits", error=str(error))
        except Exception:
            _log.exception("looking for unknown messages failed")

    def _entries(self, tx: Connection) -> list[Entry]:
        """What became unknown since the last look, old enough to be asked for."""
        now, after = self._pipeline.clock.now(), int(recalled(tx, _NOTE) or 0)
        statement = (
            select(log.c.id)
            .where(log.c.reason.in_(_REASONS), log.c.decision == Decision.MESSAGE_UNKNOWN.value, log.c.seq > after)
            .where(log.c.at >= now - GIVEN_UP, log.c.at <= now - AFTER)
            .order_by(log.c.seq)
            .limit(self._most)
        )
        found = [reader.get(tx, id_) for id_ in tx.execute(statement).scalars().all()]
        return [entry for entry in found if entry is not None]

    def _open(self, tx: Connection, entry: Entry) -> _Open | None:
        """What to ask for, and whom; None if nobody can be asked, or if there is nothing to ask for any more."""
        row = tx.execute(select(messages).where(messages.c.id == entry.message_id)).one_or_none()
        if row is None or row.state != MessageState.UNKNOWN or row.channel is None:
            return None
        channel = Channel(row.channel)
        providers = tuple(one for one in self._providers.get(channel, ()) if row.provider in (None, "", one.name))
        handed_over = sending(tx, entry)
        if not providers or handed_over is None or handed_over.content_hash is None:
            return None
        said = reproduce(tx, self._pipeline.releases, handed_over)
        if said.address is None or said.rendered is None or not said.matches:
            return None
        since, until = handed_over.at - _SLACK, entry.at + _SLACK
        sought = Sought(channel, said.address, said.rendered.text, since, until)
        return _Open(row.id, row.profile_id, handed_over.content_hash, providers, sought)

    def _settle(self, wanted: _Open) -> int:
        """Ask, and take in what the one message that it can be has come to."""
        told = [report for provider in wanted.providers for report in _asked(provider, wanted.sought)]
        with self._pipeline.database.read() as tx:
            others = _references_of_others(tx, wanted, [report.reference for report in told])
            twins = _twins(tx, wanted)
        mine = [report for report in told if report.reference not in others]
        if len(mine) != 1 or twins:
            _log.info("an unknown message stays unknown", message=wanted.message_id, found=len(mine), twins=twins)
            return 0
        # An id of its own: the carrier may have reported the same before, without ours.
        report = replace(mine[0], event_id=f"lookup:{mine[0].event_id}", message_id=wanted.message_id)
        self._pipeline.take_in([report])
        return 1


def _asked(provider: Provider, sought: Sought) -> Sequence[Feedback]:
    find = finder(provider)
    return find(sought) if find is not None else ()


def _references_of_others(tx: Connection, wanted: _Open, references: Sequence[str]) -> set[str]:
    """Which of these messages at the provider are known to be other messages of ours."""
    of_messages = select(messages.c.provider_reference).where(
        messages.c.provider_reference.in_(references), messages.c.id != wanted.message_id
    )
    of_reports = select(feedback.c.reference).where(
        feedback.c.reference.in_(references),
        feedback.c.message_id.is_not(None),
        feedback.c.message_id != wanted.message_id,
    )
    return {*tx.execute(of_messages).scalars(), *tx.execute(of_reports).scalars()} if references else set()


def _twins(tx: Connection, wanted: _Open) -> int:
    """How many other messages with the same text went to the person then whose name at the provider nobody knows."""
    same = (
        select(log.c.message_id)
        .where(log.c.profile_id == wanted.profile_id, log.c.decision == Decision.MESSAGE_SENDING.value)
        .where(log.c.content_hash == wanted.content_hash, log.c.message_id != wanted.message_id)
        .where(log.c.at >= wanted.sought.since - AFTER, log.c.at <= wanted.sought.until + AFTER)
    )
    nameless = messages.c.provider_reference.is_(None) | (messages.c.provider_reference == "")
    found = select(messages.c.id).where(messages.c.id.in_(same), nameless)
    return len(tx.execute(found).scalars().all())
