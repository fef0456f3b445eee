"""Durations as people write them: ``2 hours``, ``7 days``, ``30 minutes``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_PATTERN = re.compile(r"\s*(\d{1,12})\s*(second|minute|hour|day|week)s?\s*")
LONGEST = timedelta(days=3660)
EXPECTED = "a number and a unit, such as `30 minutes`, `2 hours` or `7 days`"


def parse_duration(text: object) -> timedelta:
    """Read a duration.

    Raises ValueError, in words an author understands, for anything but a whole number above zero with one of
    the units second, minute, hour, day or week, ten years at most.
    """
    if isinstance(text, timedelta):
        seconds = text.total_seconds()
    else:
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"expected {EXPECTED}; found {text!r}")
        seconds = int(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"expected a duration above zero and at most ten years; found {text!r}")
    if seconds % 1:
        raise ValueError(f"expected a duration in whole seconds; found {text!r}")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The shortest exact way to write a duration: ``timedelta(hours=48)`` is ``2 days``."""
    seconds = int(duration.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("unreachable: every duration is a whole number of seconds")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+ (second|minute|hour|day|week)s?$", "examples": ["2 hours"]}),
]
