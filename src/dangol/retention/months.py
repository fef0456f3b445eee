"""Whole months of the log, the first ones first: hashed page by page, written down, then removed page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dangol.clock import Clock
from dangol.ledger import reader
from dangol.ledger.removals import NOTHING_BEFORE, Chain, Removal, record, removals
from dangol.retention.kinds import Kind, Removed, Teller
from dangol.store import retention as rows
from dangol.store.database import Database

_LONGER_THAN_A_MONTH = timedelta(days=32)


def month_of(at: datetime) -> datetime:
    """The first instant of the month that ``at`` lies in, by UTC."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Months:
    """Takes the months of the log that ended by an instant, ``page`` entries at a time."""

    database: Database
    clock: Clock
    teller: Teller
    page: int

    def take(self, until: datetime) -> Iterator[Removed]:
        """Remove them, a step between any two values. What an earlier round wrote down and left is removed first."""
        yield from self._clear(until)
        for step in self.look(until):
            if isinstance(step, Removed):
                yield step
            elif self._write_down(step):
                yield Removed(Kind.LOG, step.before, step.entries)
                yield from self._clear(step.before)
            else:
                return  # another process did, meanwhile

    def look(self, until: datetime) -> Iterator[Removed | Removal]:
        """The removals that are to come, with empty steps between; changes nothing."""
        with self.database.read() as tx:
            known = removals(tx)
        previous = known[-1] if known else None
        while (removal := self._first(previous, until)) is not None:
            while entries := self._older(removal):
                chain = Chain(removal.hash)
                chain.add(entries)
                removal = replace(
                    removal, last_seq=entries[-1].seq, entries=removal.entries + len(entries), hash=chain.value
                )
                yield Removed(Kind.LOG, removal.before)
            if self._is_newest(removal):
                return  # the log never ends up empty: what it goes on from stays
            yield removal
            previous = removal

    def _first(self, previous: Removal | None, until: datetime) -> Removal | None:
        """The next removal as far as its first entry, whose month has to end by ``until``; None if there is none."""
        after = previous.last_seq if previous is not None else 0
        with self.database.read() as tx:
            entries = reader.following(tx, after, 1)
        if not entries:
            return None
        (entry,) = entries
        before = month_of(month_of(entry.at) + _LONGER_THAN_A_MONTH)
        if previous is not None:
            before = max(before, previous.before)
        if before > until:
            return None
        chain = Chain(previous.hash if previous is not None else NOTHING_BEFORE)
        chain.add(entries)
        rule, now = self.teller.keep.rule(Kind.LOG), self.clock.now()
        return Removal(entry.seq, entry.seq, 1, before, chain.value, rule, now, self.teller.by[:200])

    def _older(self, removal: Removal) -> list[reader.Entry]:
        """The next entries, up to the first that is not of before the month's end."""
        with self.database.read() as tx:
            entries = reader.following(tx, removal.last_seq, self.page)
        stop = next((place for place, entry in enumerate(entries) if entry.at >= removal.before), len(entries))
        return entries[:stop]

    def _is_newest(self, removal: Removal) -> bool:
        with self.database.read() as tx:
            return not reader.following(tx, removal.last_seq, 1)

    def _write_down(self, removal: Removal) -> bool:
        with self.database.write() as tx:
            rows.one_at_a_time(tx)
            known = removals(tx)
            if known and known[-1].last_seq >= removal.first_seq:
                return False
            record(tx, removal)
            removed = Removed(Kind.LOG, removal.before, removal.entries)
            self.teller.tell(
                tx,
                removed,
                at=self.clock.now(),
                first=str(removal.first_seq),
                first_entry=removal.first_seq,
                last_entry=removal.last_seq,
            )
        return True

    def _clear(self, before: datetime) -> Iterator[Removed]:
        """Remove what a record covers."""
        while True:
            with self.database.write() as tx:
                gone = rows.remove_from_log(tx, self.page)
            if not gone:
                return
            yield Removed(Kind.LOG, before)
