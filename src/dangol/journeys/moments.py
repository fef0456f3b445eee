"""The instant that a ``wait: {until: …}`` means, on the clock of the person who waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from dangol.model.steps import Until
from dangol.model.times import MORNING, OfField, OnDay, OnWeekday, TimeOfDay

_DAY = timedelta(days=1)
_INSTANT = timedelta.resolution
_LEAP_DAY = (2, 29)


def moment(until: Until, *, fields: Mapping[str, Mapping[str, Any]], zone: tzinfo, now: datetime) -> datetime | None:
    """The instant in UTC; it may have gone by already. None if the field has no date to tell it by.

    ``fields`` maps ``profile`` and ``entry`` to their values. Times of day and weekdays are the next after
    ``now``; so are days that return yearly. A local time that a daylight-saving change skips is taken as late after
    the change as it would have been after midnight; one that happens twice, the first time. In common years the
    29th of February is kept on the 28th.
    """
    match until.target:
        case TimeOfDay(at):
            return _next(lambda day: _local(day, at, zone), zone, now, days=2)
        case OnWeekday(days, at):
            clock = until.at or at or MORNING
            return _next(lambda day: _local(day, clock, zone) if day.weekday() in days else None, zone, now, days=8)
        case OnDay(day, offset):
            return _of_day(day, offset, until, zone, now)
        case OfField(namespace, name, offset):
            value = _read(fields.get(namespace, {}).get(name))
            if isinstance(value, datetime):
                if until.at is None and not until.yearly:
                    return _shifted(value, offset)
                value = _day_of(value, zone)
            return _of_day(value, offset, until, zone, now) if value is not None else None


def next_on(days: frozenset[int], at: time, *, zone: tzinfo, since: datetime) -> datetime:
    """The first instant, at or after ``since``, at which the clock in ``zone`` shows ``at`` on one of these days.

    ``days`` are those of ``date.weekday()``, and there is one at least.
    """
    found = _next(lambda day: _local(day, at, zone) if day.weekday() in days else None, zone, since - _INSTANT, days=8)
    assert found is not None
    return found


def _of_day(day: date, offset: timedelta, until: Until, zone: tzinfo, now: datetime) -> datetime | None:
    if not until.yearly:
        return _at(day, offset, until, zone)
    this_year = now.astimezone(zone).year
    # An offset may carry the moment into the neighbouring year; ten years is the longest duration there is.
    reach = int(abs(offset) / timedelta(days=365)) + 2
    candidates = (_at(_return(day, this_year + step), offset, until, zone) for step in range(-reach, reach + 1))
    return min((instant for instant in candidates if instant is not None and instant > now), default=None)


def _return(day: date, year: int) -> date:
    if (day.month, day.day) == _LEAP_DAY and not _is_leap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _at(day: date, offset: timedelta, until: Until, zone: tzinfo) -> datetime | None:
    """Whole days are counted on the calendar, so that 09:00 stays 09:00 over a daylight-saving change."""
    sign = -1 if offset < timedelta() else 1
    days, rest = divmod(abs(offset), _DAY)
    try:
        return _shifted(_local(day + sign * days * _DAY, until.at or MORNING, zone), sign * rest)
    except OverflowError:
        return None


def _day_of(instant: datetime, zone: tzinfo) -> date | None:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return None


def _shifted(instant: datetime, offset: timedelta) -> datetime | None:
    try:
        return instant.astimezone(UTC) + offset
    except OverflowError:
        return None


def _next(of_day: Any, zone: tzinfo, now: datetime, *, days: int) -> datetime | None:
    today = now.astimezone(zone).date()
    candidates = (of_day(today + index * _DAY) for index in range(days + 1))
    return next((instant for instant in candidates if instant is not None and instant > now), None)


def _local(day: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


def _read(value: object) -> date | datetime | None:
    """A date or datetime as JSON tells it; a datetime without a zone tells nothing."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        if len(value) == len("2026-12-24"):
            return date.fromisoformat(value)
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
