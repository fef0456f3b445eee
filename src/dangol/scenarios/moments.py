"""Moments as marketers write them: ``2026-03-02 10:00`` on the customer's clock, or ``2 days 3 hours``."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from dangol.model.durations import LONGEST, format_duration, parse_duration

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")
_LENGTH = re.compile(r"\s*\d+\s*[a-z]+\s*")
_UNITS = frozenset(f"{unit}{s}" for unit in ("second", "minute", "hour", "day", "week") for s in ("", "s"))
_ZERO = re.compile(r"\s*0+\s*(second|minute|hour|day|week)s?\s*")
EXPECTED_MOMENT = (
    "a day and a time on the customer's clock, such as `2026-03-02 10:00`, or with an offset, such as "
    "`2026-03-02T10:00+09:00`"
)
EXPECTED_LENGTH = "lengths of time such as `2 hours` or `1 day 30 minutes`"

EXPECTED_END = f"{EXPECTED_LENGTH}, a day such as `2026-03-12`, or a day and a time such as `2026-03-12 09:00`"


def parse_moment(value: object) -> datetime:
    """Read a moment; naive where the customer's own clock is meant.

    Raises ValueError, in words an author understands.
    """
    if isinstance(value, datetime):
        return value
    text = value.strip() if isinstance(value, str) else ""
    with suppress(ValueError):
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text)
    raise ValueError(f"expected {EXPECTED_MOMENT}; found {value!r}")


def parse_length(value: object) -> timedelta:
    """Read one length of time or several, which are added up. Days are 24 hours, as in a ``wait`` step.

    Raises ValueError, in words an author understands.
    """
    if isinstance(value, timedelta):
        return value
    parts = _LENGTH.findall(value) if isinstance(value, str) else []
    if not parts or "".join(parts) != value:
        raise ValueError(f"expected {EXPECTED_LENGTH}; found {value!r}")
    total = sum((parse_duration(part) for part in parts if not _ZERO.fullmatch(part)), timedelta())
    if total > LONGEST:
        raise ValueError(f"expected at most ten years; found {value!r}")
    return total


def _is_length(text: str) -> bool:
    return "".join(_LENGTH.findall(text)) == text and all(part.split()[-1] in _UNITS for part in _LENGTH.findall(text))


def _end(value: object) -> datetime | timedelta:
    """Of a day without a time, the end is meant."""
    if isinstance(value, datetime | timedelta):
        return value
    text = value.strip() if isinstance(value, str) else ""
    try:
        if _DAY.fullmatch(text):
            return parse_moment(f"{text} 00:00") + timedelta(days=1)
        return parse_moment(text) if _MOMENT.fullmatch(text) else parse_length(value)
    except ValueError:
        if text and _is_length(text):
            raise  # it is one, and what is wrong with it was said
        raise ValueError(f"expected {EXPECTED_END}; found {value!r}") from None


def _written(value: datetime | timedelta) -> str:
    return format_duration(value) if isinstance(value, timedelta) else value.isoformat(" ", "minutes")


_LENGTH_SCHEMA = {
    "type": "string",
    "pattern": r"^\d+ (second|minute|hour|day|week)s?( \d+ (second|minute|hour|day|week)s?)*$",
    "examples": ["2 hours", "1 day 30 minutes"],
}
_MOMENT_SCHEMA = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$",
    "examples": ["2026-03-02 10:00"],
}
Moment = Annotated[
    datetime,
    BeforeValidator(parse_moment),
    PlainSerializer(_written, return_type=str),
    WithJsonSchema(_MOMENT_SCHEMA),
]
Length = Annotated[
    timedelta, BeforeValidator(parse_length), PlainSerializer(_written, return_type=str), WithJsonSchema(_LENGTH_SCHEMA)
]
End = Annotated[
    datetime | timedelta,
    BeforeValidator(_end),
    PlainSerializer(_written, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["10 days", "2026-03-12", "2026-03-12 09:00"]}),
]


def on_clock(moment: datetime, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which a clock in ``zone`` shows ``moment``.

    Raises ValueError for a time that the clock skips when summer time begins, or shows twice when it ends.
    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    instant = moment.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != moment:
        raise ValueError(f"{moment:%Y-%m-%d %H:%M} does not exist in {zone}: the clock is put forward then")
    again = moment.replace(tzinfo=zone, fold=1)
    if again.astimezone(UTC) != instant:
        first = moment.replace(tzinfo=zone).isoformat("T", "minutes")
        raise ValueError(
            f"{moment:%Y-%m-%d %H:%M} happens twice in {zone}, where the clock is put back then; write {first} or "
            f"{again.isoformat('T', 'minutes')}"
        )
    return instant
