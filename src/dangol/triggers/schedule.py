"""When a campaign's schedule fires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from dangol.model.campaign import RECIPIENT, Entry

_COUNTED = 1000
"""Missed firings are counted up to this many; an outage needs no exact number beyond."""


@dataclass(frozen=True, slots=True)
class Firings:
    """The firings in a stretch of time: the first, the latest, and how many before the latest."""

    first: datetime
    latest: datetime
    missed: int


EARLIEST = ZoneInfo("Pacific/Kiritimati")
"""Where every day begins first; schedules by the recipient's clock fire by this one."""
LONGEST_DAY = timedelta(hours=26)
"""For how long a wall time comes, from where it comes first to where it comes last."""
LOOKED_AT = timedelta(minutes=15)
"""How often an audience is looked at for people who joined it, unless its author says."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_firing(entry: Entry, *, after: datetime, default_zone: str) -> datetime | None:
    """The first firing, in UTC, strictly after ``after``; None if the schedule never fires again.

    Fields are read in the entry's own zone, else in ``default_zone``. A local time that a daylight-saving change
    skips fires right after the gap, one that happens twice fires once (CronSim follows Debian's cron). An audience
    without a schedule is looked at every so often.
    """
    return next(_firings(entry, after, default_zone), None)


def firings_between(entry: Entry, after: datetime, until: datetime, *, default_zone: str) -> Firings | None:
    """The firings after ``after`` and not after ``until``; None if there are none."""
    counted = list(islice(_due(entry, after, until, default_zone), _COUNTED + 1))
    if not counted:
        return None
    latest = counted[-1]
    if len(counted) > _COUNTED and entry.kind == "audience":
        every = entry.every or LOOKED_AT
        latest = _EPOCH + (until - _EPOCH) // every * every
    elif len(counted) > _COUNTED:
        backwards = CronSim(_cron(entry), until.astimezone(_zone(entry, default_zone)), reverse=True)
        near = next(backwards).astimezone(UTC)
        # Looking back passes over ``until`` itself and reads a repeated hour the first time only; so look ahead again.
        latest = max(latest, near, *_due(entry, near, until, default_zone))
    return Firings(counted[0], latest, len(counted) - 1)


def local_time(fired_at: datetime, zone: tzinfo) -> datetime:
    """When a firing by the recipient's clock comes for somebody in ``zone``: the same wall time there, in UTC."""
    return fired_at.astimezone(EARLIEST).replace(tzinfo=zone).astimezone(UTC)


def _due(entry: Entry, after: datetime, until: datetime, default_zone: str) -> Iterator[datetime]:
    return takewhile(lambda instant: instant <= until, _firings(entry, after, default_zone))


def _firings(entry: Entry, after: datetime, default_zone: str) -> Iterator[datetime]:
    if entry.kind == "audience":
        every = entry.every or LOOKED_AT
        return (_EPOCH + number * every for number in count((after - _EPOCH) // every + 1))
    return _cron_firings(entry, after, default_zone)


def _cron_firings(entry: Entry, after: datetime, default_zone: str) -> Iterator[datetime]:
    for local in CronSim(_cron(entry), after.astimezone(_zone(entry, default_zone))):
        instant = local.astimezone(UTC)
        if instant > after:  # asked in the second of two equal hours, CronSim begins with the first
            yield instant


def _cron(entry: Entry) -> str:
    assert entry.schedule is not None
    return entry.schedule


def _zone(entry: Entry, default_zone: str) -> ZoneInfo:
    if entry.timezone == RECIPIENT:
        return EARLIEST
    return ZoneInfo(entry.timezone or default_zone)
