"""When people come to a step of a campaign, as far as its schedule and its waits fix that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from zoneinfo import ZoneInfo

from dangol.journeys.moments import moment
from dangol.model.campaign import RECIPIENT, Campaign
from dangol.model.steps import Exit, Send, Steps, Until, Wait, WaitFor, branches
from dangol.model.times import OfField, OnDay
from dangol.model.workspace import TrackingPlan, ValueType
from dangol.triggers.schedule import local_time, next_firing

Path = tuple[str | int, ...]
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
LOOKED_AT = 400
"""Moments that are tried: more than a year of a daily schedule, weekdays, holidays and clock changes included."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """The instants, in UTC, at which somebody in one zone may come to a step.

    ``each`` makes them, one after the other. ``local``: it is the person's clock that is fixed, and not that of the
    workspace. ``cause`` is the place in the campaign's file that fixes it.
    """

    each: Callable[[], Iterator[datetime]]
    local: bool
    cause: Path

    def later(self, by: timedelta) -> Arrivals:
        return Arrivals(lambda: (instant + by for instant in self.each()), self.local, self.cause)


ANY_TIME = None
"""Nothing fixes when people come."""
NOBODY = Arrivals(lambda: iter(()), local=True, cause=())
"""All who might have come here left before."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A send, where it is written, and when people come to it; None for any time."""

    send: Send
    path: Path
    arrivals: Arrivals | None


def sends_reached(campaign: Campaign, *, zone: str, place: str, plan: TrackingPlan) -> list[Reached]:
    """Every send of the campaign as somebody comes to it whose clock is that of ``place``.

    ``zone`` is the workspace's, in which schedules run that name none. Waits for an event and fields that tell an
    instant leave it open when people come.
    """
    walk = _Walk(campaign, ZoneInfo(place), plan)
    at = walk.entry(zone)
    for index, stage in enumerate(campaign.stages):
        at = walk.through(stage.steps, ("stages", index, "steps"), at)
    return walk.found


@dataclass(slots=True)
class _Walk:
    campaign: Campaign
    zone: ZoneInfo
    plan: TrackingPlan
    found: list[Reached] = field(default_factory=list)

    def entry(self, zone: str) -> Arrivals | None:
        entry = self.campaign.entry
        if entry.schedule is None:
            return ANY_TIME
        local = entry.timezone == RECIPIENT
        return Arrivals(lambda: self._firings(zone, local), local, ("entry", "schedule"))

    def through(self, steps: Steps, path: Path, at: Arrivals | None) -> Arrivals | None:
        """When people are through with these steps who come to the first of them at ``at``."""
        for index, step in enumerate(steps):
            here = (*path, index)
            match step:
                case Send():
                    self.found.append(Reached(step, here, at))
                case Wait(wait=Until() as until):
                    at = self._until(until, (*here, "wait", "until"), at)
                case Wait(wait=timedelta() as duration):
                    at = at.later(duration) if at is not None else ANY_TIME
                case Exit():
                    at = NOBODY
                case WaitFor():
                    timed_out = at.later(step.wait_for.within) if at is not None else ANY_TIME
                    heard = self.through(step.then, (*here, "then"), NOBODY if at is NOBODY else ANY_TIME)
                    at = _either([heard, self.through(step.otherwise, (*here, "else"), timed_out)])
                case _ if inner := branches(step):
                    at = _either([self.through(taken, (*here, name), at) for name, taken in inner.items()])
                case _:
                    pass
        return at

    def _firings(self, zone: str, local: bool) -> Iterator[datetime]:
        after = _BEGINNING
        for _ in range(LOOKED_AT):
            firing = next_firing(self.campaign.entry, after=after, default_zone=zone)
            if firing is None:
                return
            yield local_time(firing, self.zone) if local else firing
            after = firing

    def _until(self, until: Until, path: Path, at: Arrivals | None) -> Arrivals | None:
        """Whoever comes at any time leaves at one that is fixed, unless some find the moment gone by and go on."""
        if at is NOBODY:
            return NOBODY
        goes_by = isinstance(until.target, OnDay | OfField) and not until.yearly
        if (goes_by and until.if_past == "continue") or not self._tells_a_clock(until):
            return ANY_TIME
        return Arrivals(lambda: self._moments(until, at), local=True, cause=path)

    def _tells_a_clock(self, until: Until) -> bool:
        """Whether the wait ends at one time of day, whoever waits: a field that tells an instant may end it at any."""
        target = until.target
        if not isinstance(target, OfField) or until.at is not None or until.yearly:
            return True
        properties = self.plan.events.get(self.campaign.entry.event or "", {})
        known = self.plan.attributes if target.namespace == "profile" else properties
        return known.get(target.name) is ValueType.DATE

    def _moments(self, until: Until, at: Arrivals | None) -> Iterator[datetime]:
        target = until.target
        days: Iterable[datetime] = (_BEGINNING + number * _DAY for number in range(LOOKED_AT))
        for come in at.each() if at is not None and not isinstance(target, OfField) else days:
            fields = {target.namespace: {target.name: come.date()}} if isinstance(target, OfField) else {}
            told = {space: {name: day.isoformat() for name, day in values.items()} for space, values in fields.items()}
            instant = moment(until, fields=told, zone=self.zone, now=come)
            if instant is not None:
                yield instant


def _either(ends: list[Arrivals | None]) -> Arrivals | None:
    """People come from several branches: at any time, if those of one do."""
    coming = list({id(end): end for end in ends if end is not NOBODY}.values())
    if not coming:
        return NOBODY
    if len(coming) == 1:
        return coming[0]
    known = [end for end in coming if end is not None]
    if len(known) < len(coming):
        return ANY_TIME
    return Arrivals(
        lambda: chain.from_iterable(islice(end.each(), LOOKED_AT) for end in known),
        all(end.local for end in known),
        known[-1].cause,
    )
