"""Times of day and moments as people write them: ``09:00``, ``monday 10:00``, ``3 days before profile.birthday``."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from dangol.model.durations import parse_duration

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MORNING = time(9)
"""When a moment that names only a day begins."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIELD = re.compile(r"(profile|entry)\.([A-Za-z_][A-Za-z0-9_]*)")
_OFFSET = re.compile(r"(.+?)\s+(before|after)\s+(\S+)")


def _clock_time(value: object) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, time):
        return value
    if match is None:
        raise ValueError(f"expected a time of day from 00:00 to 23:59, such as 21:00; found {value!r}")
    return time(int(match[1]), int(match[2]))


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]


FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""Days that an author may write: whatever is added to them in any zone, the calendar does not end."""


def _day(value: object) -> date:
    day = value if isinstance(value, date) else None
    with suppress(ValueError):
        if isinstance(value, str) and _DAY.fullmatch(value):
            day = date.fromisoformat(value)
    if day is None:
        missing = ", a day that does not exist" if isinstance(value, str) and _DAY.fullmatch(value) else ""
        raise ValueError(f"expected a day that exists, such as 2026-12-24; found {value!r}{missing}")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"expected a day from {FIRST_DAY} to {LAST_DAY}; found {day}")
    return day


Day = Annotated[
    date,
    BeforeValidator(_day),
    PlainSerializer(lambda value: value.isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-12-24"]}),
]
"""A day of the calendar, in whichever zone its reader says."""


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """The next time the person's clock shows ``at``."""

    at: time


@dataclass(frozen=True, slots=True)
class OnWeekday:
    """The next of these days (0 is Monday) at ``at`` on the person's clock."""

    days: frozenset[int]
    at: time | None


@dataclass(frozen=True, slots=True)
class OnDay:
    """A day that the author wrote down, ``offset`` moved."""

    day: date
    offset: timedelta


@dataclass(frozen=True, slots=True)
class OfField:
    """A date or datetime that is known of the person or of what let them in, ``offset`` moved.

    ``namespace`` is profile or entry.
    """

    namespace: str
    name: str
    offset: timedelta


Target = TimeOfDay | OnWeekday | OnDay | OfField
EXPECTED = (
    "a time such as `09:00`, days such as `monday` or `tuesday, thursday 10:00`, a day such as `2026-12-24`, "
    "or a field such as `profile.birthday`, the latter two also with `3 days before` or `2 hours after`"
)


def parse_target(text: object) -> Target:
    """Read what a ``wait`` waits for; raises ValueError, in an author's words, for anything else."""
    words = text.strip() if isinstance(text, str) else ""
    if _CLOCK.fullmatch(words):
        return TimeOfDay(_clock_time(words))
    if (days := _weekdays(words)) is not None:
        return days
    offset = timedelta()
    if match := _OFFSET.fullmatch(words):
        offset = parse_duration(match[1]) * (-1 if match[2] == "before" else 1)
        words = match[3]
    if field := _FIELD.fullmatch(words):
        return OfField(field[1], field[2], offset)
    if words.startswith("event."):
        raise ValueError("there is no `event` while waiting; what let the person in is `entry`")
    if not _DAY.fullmatch(words):
        raise ValueError(f"expected {EXPECTED}; found {text!r}")
    return OnDay(_day(words), offset)


def _weekdays(words: str) -> OnWeekday | None:
    """``mon``, ``monday 09:00``, ``tuesday, thursday 10:00``; three letters are enough."""
    *names, last = re.split(r"[\s,]+", words.lower())
    at = _clock_time(last) if _CLOCK.fullmatch(last) else None
    names = names if at is not None else [*names, last]
    found = {index for name in names for index, day in enumerate(WEEKDAYS) if len(name) >= 3 and day.startswith(name)}
    return OnWeekday(frozenset(found), at) if names and len(found) == len(names) else None
