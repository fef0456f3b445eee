"""Which old rows are still needed: asked of everything in service and every version that a journey is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Table

from dangol import ids
from dangol.definitions import versions
from dangol.model.campaign import again_after
from dangol.model.duty import DUTY_SOURCE
from dangol.model.vocabulary import JourneyStatus
from dangol.policy.caps import longest_window
from dangol.profiles import people
from dangol.release import Release, Releases
from dangol.store import journeys as journey_rows
from dangol.store import retention as rows
from dangol.store.tables import events, journeys, rejected_events

_MARGIN = timedelta(days=1)
_EVENT = (events.c.profile_id, events.c.name, events.c.source, events.c.occurred_at, events.c.received_at)
_JOURNEY = (
    journeys.c.profile_id,
    journeys.c.campaign_key,
    journeys.c.version_id,
    journeys.c.status,
    journeys.c.ended_at,
)


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a table: the last id and number of what was looked at, and what of it may go."""

    last: str
    looked_at: int
    going: Sequence[str]


Look = Callable[[Connection, str], Page]
"""Looks at the rows after an id; whom they concern is locked until the transaction ends."""


class Needs:
    """What is needed at ``now``. Raises UnknownVersion if a version in use cannot be read: what it needs cannot be
    told then, so nothing may go."""

    def __init__(self, tx: Connection, releases: Releases, now: datetime, *, page: int) -> None:
        wanted = {*versions.active(tx).values(), *rows.versions_under_way(tx)}
        self._in_use = {version_id: releases.get(tx, version_id) for version_id in sorted(wanted)}
        self._reach = _reach(self._in_use.values())
        window = longest_window([one.rulebook for one in self._in_use.values()])
        self._slots_before = now - max(window, timedelta(days=rows.longest_wish(tx))) - _MARGIN
        self._releases = releases
        self._now = now
        self._page = page

    def rejected(self, before: datetime) -> Look:
        """Refused reports are needed by nobody but whoever looks for what went wrong."""

        def look(tx: Connection, after: str) -> Page:
            found = self._next(tx, rejected_events, (), before, after)
            return _page(found, [row.id for row in found])

        return look

    def events(self, before: datetime) -> Look:
        """Events go that came and happened before, and that nobody looks back at.

        Those of people on a journey stay, and the one that let a person in, for as long as the journey is there. So do
        those of duties: they tell that a notice was asked for, which must not be asked for twice.
        """

        def look(tx: Connection, after: str) -> Page:
            found = self._next(tx, events, _EVENT, before, after)
            old = [row for row in found if row.received_at < before and not self._looks_back_at(row)]
            whose = sorted({row.profile_id for row in old})
            people.lock(tx, whose)
            under_way = {row.profile_id for row in journey_rows.open_of(tx, whose)}
            entered = rows.entered_by(tx, [row.id for row in old], whose)
            return _page(found, [row.id for row in old if row.profile_id not in under_way and row.id not in entered])

        return look

    def _looks_back_at(self, event: Row[Any]) -> bool:
        within = self._reach.get(event.name, timedelta())
        return event.source == DUTY_SOURCE or within is None or event.occurred_at >= self._now - within - _MARGIN

    def journeys(self, before: datetime) -> Look:
        """Journeys go that were over before, whose messages and calls were settled before and count under no cap,
        and that no campaign asks about any more."""

        def look(tx: Connection, after: str) -> Page:
            found = self._next(tx, journeys, _JOURNEY, before, after)
            people.lock(tx, sorted({row.profile_id for row in found}))
            over = [
                row
                for row in self._next(tx, journeys, _JOURNEY, before, after)
                if row.status == JourneyStatus.ENDED.value and row.ended_at is not None and row.ended_at < before
            ]
            kept = rows.needed(tx, [row.id for row in over], before=before, slots_before=self._slots_before)
            kept |= self._asked_about(tx, over)
            return _page(found, [row.id for row in over if row.id not in kept])

        return look

    def _asked_about(self, tx: Connection, over: Sequence[Row[Any]]) -> set[str]:
        """Entries by which ``again`` may still refuse a person, or whose goal may still be reached.

        Asked of the journey's own version and of the one in service; a version that cannot be read keeps its journeys.
        """
        own = self._releases.of(tx, {row.version_id for row in over})
        serving = {release.campaign.key: release for release in self._in_use.values()}
        entries = rows.entries_of(tx, sorted({row.profile_id for row in over}))
        entered_at = {row.id: row.entered_at for row in entries}
        latest: dict[tuple[str, str, str], str] = {}
        for row in entries:
            latest.setdefault((row.campaign_key, row.profile_id, row.correlation), row.id)
        last_ones = set(latest.values())
        kept = set()
        for row in over:
            asking = [own.get(row.version_id), serving.get(row.campaign_key)]
            if asking[0] is None or any(
                _asks(one, entered_at[row.id], row.id in last_ones, self._now) for one in asking if one is not None
            ):
                kept.add(row.id)
        return kept

    def _next(
        self, tx: Connection, table: Table, columns: Sequence[Any], before: datetime, after: str
    ) -> Sequence[Row[Any]]:
        return rows.page_of(tx, table, *columns, after=after, before=ids.first_of(before), limit=self._page)


def _page(found: Sequence[Row[Any]], going: Sequence[str]) -> Page:
    return Page(found[-1].id if found else "", len(found), going)


def _reach(in_use: Iterable[Release]) -> Mapping[str, timedelta | None]:
    """Event → how far back any of these releases looks at it; None is to the beginning."""
    found: dict[str, timedelta | None] = {}
    for release in in_use:
        for event, within in release.reaches:
            known = found.get(event, timedelta())
            found[event] = None if within is None or known is None else max(known, within)
    return found


def _asks(release: Release, entered_at: datetime, is_latest: bool, now: datetime) -> bool:
    goal, again = release.campaign.goal, release.campaign.entry.again
    if goal is not None and entered_at >= now - goal.within - _MARGIN:
        return True
    if not is_latest or again == "always":
        return False
    pause = again_after(release.campaign.entry)
    return pause is None or entered_at >= now - pause - _MARGIN
