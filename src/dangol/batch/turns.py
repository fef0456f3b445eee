"""Who may be handed over now, where carriers are given messages at a rate; the others are told when to come again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch.facts import Claimed
from dangol.clock import Clock
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.pacing import Line, Rate
from dangol.delivery.provider import Provider, sends_from
from dangol.model.facts import Defer, Suppress
from dangol.model.message import Envelope
from dangol.model.vocabulary import Channel, Purpose, Reason
from dangol.store import paces as pace_rows
from dangol.store.database import Database

_SOON = timedelta(seconds=1)


class Turns:
    """Turns at the lines that one transaction has locked; ``write`` keeps what was used and promised."""

    def __init__(self, lines: Mapping[str, Line]) -> None:
        self._lines = lines

    def ask(self, item: Claimed, lines: Sequence[str], now: datetime) -> Defer | Suppress | None:
        """A turn at each of these lines: None if the message goes now, and then it has used them.

        Otherwise it waits for the last of those that have none free; a line that has is promised to nobody, so that a
        queue at one sender holds up no other. If its turn lies beyond its own end, it is not sent. A turn that
        was promised is asked for again when it comes: consent, quiet hours and caps are asked again as well.
        """
        if not self._lines.keys() >= set(lines):
            # Another thread learned just now how carriers stand: this one's lines are not locked.
            return Defer(now + _SOON, Reason.CARRIER_AWAY, {"until": (now + _SOON).isoformat()})
        first = item.candidate.purpose is Purpose.TRANSACTIONAL
        promised = item.row.reason == Reason.PACED.value
        mine = [self._lines[name] for name in lines]
        if self._use(mine, now, first=first, promised=promised):
            return None
        full = [line for line in mine if not line.is_free(now, first=first, promised=promised)]
        at, name = max((line.promise(now, first=first, promised=promised), line.name) for line in full)
        evidence = {"line": name, "until": at.isoformat()}
        if item.row.expires_at is not None and at >= item.row.expires_at:
            return Suppress(Reason.PACE_OUTLASTS_EXPIRY, evidence)
        return Defer(at, Reason.PACED, evidence)

    def spare(self, lines: Sequence[str], now: datetime, *, first: bool) -> bool:
        """Is there a turn for a message that another carrier did not take? Then it is used.

        What somebody waits for, ``first``, may use the turns that are kept for it here as well.
        """
        return self._use([self._lines[name] for name in lines], now, first=first, promised=True)

    def begin_anew(self, now: datetime) -> None:
        """Who comes now waits behind nobody who was told to come later."""
        for line in self._lines.values():
            line.begin_anew(now)

    def _use(self, mine: Sequence[Line], now: datetime, *, first: bool, promised: bool) -> bool:
        if not all(line.is_free(now, first=first, promised=promised) for line in mine):
            return False
        for line in mine:
            line.use(now)
        return True

    def write(self, tx: Connection, now: datetime) -> None:
        pace_rows.write(
            tx,
            [
                {
                    "line": line.name,
                    "free_at": line.free_at,
                    "promised_until": line.promised_until,
                    "again_until": line.again_until,
                    "first_until": line.first_until,
                    "updated_at": now,
                }
                for line in self._lines.values()
            ],
        )


class Pacing:
    """The rates of an installation, and which lines they concern. Without any, nothing is asked of the database."""

    def __init__(self, dispatcher: Dispatcher, pace: Mapping[str, Rate]) -> None:
        self._dispatcher = dispatcher
        self._pace = pace

    def turns(
        self, tx: Connection, claimed: Sequence[Claimed], now: datetime, trying: Collection[str] = frozenset()
    ) -> Turns:
        """The lines at which these messages may need a turn, locked in the order of their names.

        Some of the messages may go to carriers that their batch is ``trying``.
        """
        if not self._pace:
            return Turns({})
        each = [(), *((carrier,) for carrier in trying)]
        lines = {line for item in claimed for those in each for line in self._candidates(item, now, those)}
        return self._locked(tx, lines, now)

    def lines(self, item: Claimed, channel: Channel, now: datetime, trying: Collection[str]) -> list[str]:
        """At which lines this message needs a turn now, if it may try those carriers."""
        provider = self._dispatcher.first(channel, now, trying) if self._pace else None
        if provider is None:
            return []
        return self._of(provider, item.release.messages.from_address(channel))

    def room(
        self,
        database: Database,
        clock: Clock,
        first: Callable[[], Collection[str]],
        provider: Provider,
        envelopes: Sequence[Envelope],
    ) -> list[bool]:
        """Which of these messages, that another carrier did not take, this one may be given now.

        ``first`` tells the ids of those that somebody waits for.
        """
        wanted = [self._of(provider, parseaddr(envelope.sender)[1]) for envelope in envelopes]
        every = {line for lines in wanted for line in lines}
        if not every:
            return [True] * len(envelopes)
        with database.write() as tx:
            now = clock.now()
            turns, waited_for = self._locked(tx, every, now), first()
            found = [
                turns.spare(lines, now, first=envelope.message_id in waited_for)
                for envelope, lines in zip(envelopes, wanted, strict=True)
            ]
            turns.write(tx, now)
        return found

    def begin_anew(self, tx: Connection, carrier: str, now: datetime) -> None:
        """After a change of this carrier's rates: who comes now waits behind nobody who was told to come later."""
        turns = self._locked(tx, (line for line in self._pace if line.partition(":")[0] == carrier), now)
        turns.begin_anew(now)
        turns.write(tx, now)

    def _candidates(self, item: Claimed, now: datetime, trying: Collection[str]) -> Iterable[str]:
        for channel in item.candidate.channels:
            yield from self.lines(item, channel, now, trying)

    def _of(self, provider: Provider, address: str) -> list[str]:
        """The lines of messages from this address or number; "" for push, which has none."""
        own = f"{provider.name}:{sends_from(provider) or address}"
        return [line for line in (provider.name, own) if line in self._pace]

    def _locked(self, tx: Connection, names: Iterable[str], now: datetime) -> Turns:
        wanted = set(names)
        rows = pace_rows.lock(tx, wanted, now) if wanted else ()
        return Turns({row.line: _line(row, self._pace[row.line]) for row in rows})


def _line(row: Row[Any], rate: Rate) -> Line:
    return Line(row.line, rate, row.free_at, row.promised_until, row.again_until, row.first_until)
