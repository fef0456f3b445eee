"""Rounds of retention: what was kept long enough is looked for and removed, a page in a transaction.

    rejected    refused reports
    events      but those that somebody still looks back at (``needs``)
    journeys    with their messages, calls and slots, but those that something still hangs on (``needs``)
    log         whole months, each under a record that proves what it was (``months``)

Every removal is an entry in the log, written with it. The scheduler takes a few pages a tick, as it does for duties; a
round begins once a day. Consents, suppressions and the records of removals always stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table

from dangol.clock import Clock
from dangol.ledger.removals import Removal
from dangol.release import Releases
from dangol.retention.kinds import Keep, Kind, Removed, Teller
from dangol.retention.months import Months, month_of
from dangol.retention.needs import Look, Needs
from dangol.store import retention as rows
from dangol.store.database import Database
from dangol.store.housekeeping import keep_note, recalled
from dangol.store.tables import events, journeys, rejected_events

ROUND = timedelta(days=1)
BEGUN = "retention:begun"
"""The note that tells when the latest round began, whichever scheduler led."""
_TABLES = {Kind.REJECTED: rejected_events, Kind.EVENTS: events, Kind.JOURNEYS: journeys}


class Retention:
    """Removes what ``keep`` does not keep, ``page`` rows in a transaction, in the name of ``by``."""

    def __init__(
        self, *, database: Database, clock: Clock, releases: Releases, keep: Keep, by: str, page: int = 500
    ) -> None:
        self.keep = keep
        self._database = database
        self._clock = clock
        self._releases = releases
        self._teller = Teller(keep, by)
        self._page = page
        self._under_way: Iterator[Removed] | None = None

    def turn(self, pages: int = 10) -> list[Removed]:
        """Go on with the round under way, or begin one if it is time; ``pages`` at most.

        Raises StoreUnavailable, and UnknownVersion as ``run``.
        """
        if self.keep == Keep():
            return []
        if self._under_way is None:
            if not self._is_time():
                return []
            self._under_way = self.run()
        done: list[Removed] = []
        try:
            for _ in range(pages):
                step = next(self._under_way, None)
                if step is None:
                    self._under_way = None
                    break
                done.append(step)
        except BaseException:
            self._under_way = None  # the next round looks at everything again
            raise
        return done

    def _is_time(self) -> bool:
        now = self._clock.now()
        with self._database.write() as tx:
            begun = recalled(tx, BEGUN)
            if begun is not None and now - ROUND < datetime.fromisoformat(begun) <= now:
                return False
            keep_note(tx, BEGUN, now.isoformat())
        return True

    def run(self, *, dry: bool = False) -> Iterator[Removed]:
        """A whole round, in steps of one page; ``dry`` only tells what would go.

        Raises UnknownVersion, and removes nothing, if a version in use cannot be read.
        """
        now = self._clock.now()
        with self._database.read() as tx:
            needs = Needs(tx, self._releases, now, page=self._page)
        looks = {Kind.REJECTED: needs.rejected, Kind.EVENTS: needs.events, Kind.JOURNEYS: needs.journeys}
        for kind, look in looks.items():
            kept = self.keep.of(kind)
            if kept is not None:
                yield from self._pages(kind, now - kept, look(now - kept), dry=dry)
        if self.keep.log is not None:
            yield from self._months(month_of(now - self.keep.log), dry=dry)

    def _pages(self, kind: Kind, before: datetime, look: Look, *, dry: bool) -> Iterator[Removed]:
        after = ""
        while True:
            with self._database.write() as tx:
                page = look(tx, after)
                removed = Removed(kind, before, len(page.going))
                if page.going and not dry:
                    removed = self._remove(tx, removed, _TABLES[kind], page.going)
            yield removed
            if page.looked_at < self._page:
                return
            after = page.last

    def _remove(self, tx: Connection, found: Removed, table: Table, going: Sequence[str]) -> Removed:
        with_them = rows.remove_belongings(tx, going) if table is journeys else {}
        rows.remove(tx, table, going)
        removed = Removed(found.kind, found.before, found.count, with_them)
        self._teller.tell(tx, removed, at=self._clock.now(), first=going[0])
        return removed

    def _months(self, until: datetime, *, dry: bool) -> Iterator[Removed]:
        months = Months(self._database, self._clock, self._teller, self._page)
        if not dry:
            yield from months.take(until)
            return
        for step in months.look(until):
            yield Removed(Kind.LOG, step.before, step.entries) if isinstance(step, Removal) else step
