"""How fast a carrier is given messages, and whose turn it is; docs/pacing.md tells it to operators.

A line is a carrier (``twilio``) or one sender at a carrier (``twilio:+15005550006``). Its turns lie one interval apart.
Who comes while a turn is free goes at once; turns that nobody used do not pile up, beyond a second's worth. Who gets
none is told when to come again, once, in the order of coming. Messages that somebody waits for go ahead of all that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dangol.errors import UsageError

_UNITS: Mapping[str, timedelta] = {
    "s": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_ENTRY = re.compile(r"(?P<line>[^\s=,]+)\s*=\s*(?P<turns>[1-9]\d{0,5})\s*/\s*(?P<unit>[a-z]+)")
_FASTEST = timedelta(microseconds=100)
_LONGEST_NAME = 160
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages per time."""

    turns: int
    unit: str

    def __str__(self) -> str:
        return f"{self.turns}/{self.unit}"

    @property
    def interval(self) -> timedelta:
        """The time from one turn to the next, rounded up: never faster than asked for."""
        return -(-_UNITS[self.unit] // (self.turns * _MICROSECOND)) * _MICROSECOND

    @property
    def slack(self) -> timedelta:
        """How far ahead of time turns may be used: a second's worth, for work is looked for once a second."""
        return max(_SECOND - self.interval, timedelta())

    @property
    def lead(self) -> timedelta:
        """The same for what somebody waits for: half a second's worth more, one turn at least."""
        return self.slack + max(_SECOND / 2, self.interval)


def parse_pace(text: str, carriers: Collection[str]) -> dict[str, Rate]:
    """``sendgrid=100/s, twilio:+15005550006=30/minute`` → line → rate, for these carriers.

    Raises UsageError with all that is wrong: a rate for nobody would leave somebody without one.
    """
    found: dict[str, Rate] = {}
    wrong: list[str] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        read = _ENTRY.fullmatch(entry)
        if read is None or read["unit"] not in _UNITS or len(read["line"]) > _LONGEST_NAME:
            wrong.append(f"{entry!r} is no rate")
        elif (rate := Rate(int(read["turns"]), read["unit"])).interval < _FASTEST:
            wrong.append(f"{entry!r} is over 10,000 a second")
        elif (carrier := read["line"].partition(":")[0]) not in carriers:
            wrong.append(f"carrier {carrier!r} is not chosen, which are {', '.join(sorted(carriers))}")
        elif read["line"] in found:
            wrong.append(f"{read['line']!r} has two rates")
        else:
            found[read["line"]] = rate
    if wrong:
        expected = "expected carrier=N/s or carrier:sender=N/minute, with commas between; also /hour and /day"
        raise UsageError(f"DANGOL_PACE: {'; '.join(wrong)}; {expected}")
    return found


@dataclass(slots=True)
class Line:
    """One line as all processes share it; whoever uses it has locked it.

    ``free_at`` is when the next turn lies, ``promised_until`` the last instant at which somebody was told to come,
    ``again_until`` the same for those who came when they were told and had to be put off nonetheless, ``first_until``
    for what somebody waits for.
    """

    name: str
    rate: Rate
    free_at: datetime
    promised_until: datetime
    again_until: datetime
    first_until: datetime

    def is_free(self, now: datetime, *, first: bool, promised: bool) -> bool:
        """May somebody go now? ``first``: a person waits for it; ``promised``: it comes when it was told to."""
        ahead = self.free_at - now
        if first:
            return ahead <= self.rate.lead and (promised or self.first_until <= now)
        return ahead <= self.rate.slack and (promised or self.promised_until <= now)

    def use(self, now: datetime) -> None:
        """Somebody goes."""
        self.free_at = max(self.free_at, now) + self.rate.interval

    def begin_anew(self, now: datetime) -> None:
        """Who comes now waits behind nobody who was told to come later.

        Turns that were used stay used, as far ahead as this rate lets anybody go: that is no second burst.
        """
        self.free_at = min(self.free_at, now + self.rate.lead + self.rate.interval)
        self.promised_until = min(self.promised_until, now)
        self.again_until = min(self.again_until, now)
        self.first_until = min(self.first_until, now)

    def promise(self, now: datetime, *, first: bool, promised: bool) -> datetime:
        """When somebody who cannot go now is to come again."""
        interval = self.rate.interval
        if first:
            self.first_until = max(self.first_until + interval, self.free_at - self.rate.lead, now)
            return self.first_until
        soonest = max(self.free_at - self.rate.slack, now)
        if promised:
            self.again_until = max(self.again_until + interval, soonest)
            return self.again_until
        self.promised_until = max(self.promised_until + interval, soonest)
        return self.promised_until
