"""The judge of a load: reads the carrier's record, and knows nothing of the code that filled it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.acceptance.load.shared import Taken

SEOUL = ZoneInfo("Asia/Seoul")
NIGHT = (time(21), time(8))


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``limit`` messages to a person, on ``channel`` or on all, in a rolling ``window`` or a day in Seoul."""

    name: str
    limit: int
    window: timedelta | None = None
    channel: str | None = None


def by_person(taken: Iterable[Taken], owners: Mapping[str, str]) -> dict[str, list[Taken]]:
    found: dict[str, list[Taken]] = defaultdict(list)
    for one in taken:
        found[owners[one.to]].append(one)
    return {who: sorted(theirs, key=lambda one: one.at) for who, theirs in found.items()}


def doubled(taken: Sequence[Taken]) -> list[str]:
    """Messages that the carrier has more than once."""
    return [message for message, count in Counter(one.message_id for one in taken).items() if count > 1]


Night = tuple[time, time]
"""When it is quiet, from (inclusive) to (exclusive), on the clock of the recipient; it may go over midnight."""


def at_night(
    taken: Iterable[Taken],
    *,
    nights: Sequence[Night] = (NIGHT,),
    zone_of: Callable[[Taken], ZoneInfo] = lambda _one: SEOUL,
    doubt: Callable[[Taken], tuple[timedelta, timedelta]] = lambda _one: (timedelta(), timedelta()),
) -> list[Taken]:
    """Messages that were handed over while it was quiet for their recipient.

    ``doubt`` says how much earlier or later than recorded it may have been by the clock of whoever handed over: it must
    have been the same night all that time.
    """
    found = []
    for one in taken:
        local = one.at.astimezone(zone_of(one))
        earlier, later = doubt(one)
        first, last = local - earlier, local + later
        if any(_began(first, night) == _began(last, night) is not None for night in nights):
            found.append(one)
    return found


def _began(at: datetime, night: Night) -> date | None:
    """The day on whose evening the night began in which ``at`` lies; None by day."""
    begins, ends = night
    if begins < ends:
        return at.date() if begins <= at.time() < ends else None
    if at.time() >= begins:
        return at.date()
    return at.date() - timedelta(days=1) if at.time() < ends else None


def over(
    taken: Sequence[Taken], owners: Mapping[str, str], rules: Sequence[Rule], *, late: timedelta
) -> list[tuple[str, str, list[datetime]]]:
    """Who got more than a rule allows: rule, person and the instants.

    A message counts from its claim on, and reaches the carrier up to ``late`` after it. So two may be closer by that
    much at the carrier, and what comes that soon after midnight may be of the day before.
    """
    found = []
    for who, theirs in by_person(taken, owners).items():
        for rule in rules:
            counted = [one.at for one in theirs if rule.channel in {None, one.channel}]
            found += [(rule.name, who, several) for several in _too_many(counted, rule, late)]
    return found


def _too_many(instants: Sequence[datetime], rule: Rule, late: timedelta) -> list[list[datetime]]:
    if rule.window is None:
        days: dict[object, list[datetime]] = defaultdict(list)
        for at in instants:
            local = at.astimezone(SEOUL)
            if (local - late).date() == local.date():
                days[local.date()].append(at)
        return [several for several in days.values() if len(several) > rule.limit]
    runs = (list(instants[first : first + rule.limit + 1]) for first in range(len(instants) - rule.limit))
    return [run for run in runs if run[-1] - run[0] < rule.window - late]


def against_their_will(
    taken: Sequence[Taken], owners: Mapping[str, str], without: Mapping[tuple[str, str], Sequence[tuple[int, int]]]
) -> list[Taken]:
    """Messages whose claim began while no consent stood: after a withdrawal was committed, before the next grant.

    ``without`` maps person and channel to spans by the machine's clock, from when the withdrawal had returned to when
    the next grant was about to be written.
    """
    return [
        one
        for one in taken
        if any(since < one.claim_began < until for since, until in without.get((owners[one.to], one.channel), ()))
    ]
