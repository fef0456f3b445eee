"""Facts as tables show them, whatever language they are told in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from dangol.editor.facts.model import Fact, Kind

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def shown(fact: Fact) -> str:
    """The value: `KRW 30,000`, `2026-11-30`, `7 days`, `15:30`; `3:30` of which nobody said which half is `03:30?`."""
    return str(_SHOWN[fact.kind](*fact.value))


def _date(year: int | None, month: int | None, day: int) -> str:
    if month is None:
        return f"day {day}"
    return f"{year:04d}-{month:02d}-{day:02d}" if year is not None else f"{month:02d}-{day:02d}"


def _duration(dimension: str, count: Decimal) -> str:
    if dimension != "minutes":
        return _counted(count, dimension.removesuffix("s"))
    size, name = next((size, name) for size, name in ((1440, "day"), (60, "hour"), (1, "minute")) if _fits(count, size))
    return _counted(count / size, name)


def _fits(count: Decimal, size: int) -> bool:
    return size == 1 or (count != 0 and count % size == 0)


def _counted(count: Decimal, noun: str) -> str:
    return f"{count:,f} {noun}{'' if count == 1 else 's'}"


def _time(hour: int, minute: int, ambiguous: bool) -> str:
    return f"{hour:02d}:{minute:02d}{'?' if ambiguous else ''}"


def _itself(value: str) -> str:
    return value


_SHOWN: Mapping[Kind, Callable[..., Any]] = {
    Kind.MONEY: lambda currency, amount: f"{currency} {amount:,f}",
    Kind.PERCENT: lambda percent: f"{percent:f}%",
    Kind.DATE: _date,
    Kind.WEEKDAY: lambda day: _WEEKDAYS[day],
    Kind.TIME: _time,
    Kind.CODE: _itself,
    Kind.DURATION: _duration,
    Kind.QUANTITY: lambda unit, count: f"{count:,f} {unit}",
    Kind.PHONE: _itself,
    Kind.LINK: _itself,
}
