"""What happens to simulated people, and when: events of their own, what follows from those, and answers to messages."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from dangol.model.people import IncomingEvent
from dangol.model.workspace import TrackingPlan, ValueType
from dangol.simulate.behaviour import (
    Behaviour,
    Between,
    BetweenDays,
    DaysLater,
    Happens,
    NewId,
    OneOf,
    Property,
)
from dangol.simulate.draws import Draws, poisson, waiting_time

SOURCE = "simulation"
_MONTH = timedelta(days=30)
_DAY = timedelta(days=1)
_BY_HOUR = (3, 1, 1, 0.5, 0.5, 1, 3, 6, 9, 10, 11, 12, 14, 12, 11, 11, 12, 13, 14, 16, 18, 18, 13, 7)
"""How active people are in each hour of their own day, relative to one another."""
_CUMULATED = tuple(accumulate(_BY_HOUR))
_Kept = Mapping[str, Any]
_Pending = tuple[datetime, str, str, str, _Kept | None]
"""When, to whom, which occasion of theirs, the event's name, and properties that are fixed already."""


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as far as chance needs to know them."""

    profile_id: str
    external_id: str
    zone: str


class Happenings:
    """Events to come, in order of time.

    They happen on a grid of ``grain``, as all work in a simulation does: an instant is moved back to the last one.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        plan: TrackingPlan,
        draws: Draws,
        *,
        start: datetime,
        end: datetime,
        grain: timedelta,
    ) -> None:
        self._behaviour = behaviour
        self._plan = plan
        self._draws = draws
        self._start = start
        self._end = end
        self._grain = grain
        self._kinds = {name: one for name, one in behaviour.events.items() if name in plan.events}
        self._to_come: list[_Pending] = []
        self._reported: list[tuple[datetime, int, IncomingEvent]] = []
        self._count = 0

    def next_at(self) -> datetime | None:
        """When something happens next."""
        firsts = [queue[0][0] for queue in (self._to_come, self._reported) if queue]
        return min(firsts, default=None)

    def until(self, at: datetime) -> list[IncomingEvent]:
        """Take out what happens up to and including ``at``, in order; what follows from it is put in."""
        found = []
        while self._reported and self._reported[0][0] <= at:
            found.append(heapq.heappop(self._reported)[2])
        while self._to_come and self._to_come[0][0] <= at:
            when, who, occasion, name, kept = heapq.heappop(self._to_come)
            event = self._event(when, who, occasion, name, kept or {})
            found.append(event)
            self._follow(event, occasion)
        return found

    def report(self, events: Iterable[IncomingEvent]) -> None:
        """Put in events that somebody reported; they happen as they are."""
        for event in events:
            self._count += 1
            heapq.heappush(self._reported, (self._on_grid(event.occurred_at), self._count, event))

    def live(self, people: Iterable[Someone]) -> None:
        """Put in what these people do by themselves."""
        spontaneous = [(name, kind.rate) for name, kind in self._kinds.items() if kind.rate]
        for person in people:
            activity = self._activity(person)
            for name, rate in spontaneous:
                for at, occasion in self._times(person, name, rate * activity, self._start, self._end):
                    self._put(at, person.external_id, occasion, name, None)

    def past(self, people: Iterable[Someone]) -> Iterator[IncomingEvent]:
        """What made-up people did before the simulation begins."""
        assumed = self._behaviour.people
        begin = self._start - timedelta(days=assumed.past_days)
        for person in people:
            activity = self._activity(person)
            for name, rate in assumed.past.items():
                if name not in self._plan.events:
                    continue
                for at, occasion in self._times(person, name, rate * activity, begin, self._start):
                    past = f"past {occasion}"
                    yield self._event(self._on_grid(at), person.external_id, past, name, {})

    def buy(self, at: datetime, external_id: str, occasion: str, about: _Kept) -> None:
        """Somebody buys because of a message; ``about`` are the properties of what their journey began with."""
        name = self._behaviour.purchase.event
        if name in self._plan.events:
            kept = {key: value for key, value in about.items() if key in self._plan.events[name]}
            self._put(at, external_id, occasion, name, kept)

    def _put(self, at: datetime, external_id: str, occasion: str, name: str, kept: _Kept | None) -> None:
        if at < self._end:
            heapq.heappush(self._to_come, (self._on_grid(at), external_id, occasion, name, kept))

    def _activity(self, person: Someone) -> float:
        """How much more than others this person does: 1 on average, exponential where people differ most."""
        differs = self._behaviour.people.activity
        return 1 - differs + differs * waiting_time(1.0, self._draws.one("activity", person.external_id))

    def _times(
        self, person: Someone, name: str, rate: float, begin: datetime, end: datetime
    ) -> Iterator[tuple[datetime, str]]:
        """When it happens to a person by itself, and the name of each occasion."""
        span = end - begin
        about = person.external_id, name, f"{begin:%Y-%m-%d}"
        how_often, *first = self._draws.eight(*about)
        zone = _zone(person.zone)
        for number in range(poisson(rate * (span / _MONTH), how_often)):
            day, hour, *_ = first if number == 0 else self._draws.eight(*about, str(number))
            yield _moment(begin + day * span, hour, zone, begin, end), f"{name} {about[2]} {number}"

    def _follow(self, event: IncomingEvent, occasion: str) -> None:
        kind = self._kinds.get(event.name, _NOTHING)
        for index, follows in enumerate(kind.then):
            if follows.event not in self._plan.events:
                continue
            whether, delay, *_ = self._draws.eight(event.external_id, occasion, "then", str(index))
            if whether >= follows.share:
                continue
            at = event.occurred_at + timedelta(seconds=waiting_time(follows.after.total_seconds(), delay))
            kept = {name: event.properties[name] for name in follows.keeps if name in event.properties}
            # Never at the same instant as what it follows from.
            self._put(
                max(at, event.occurred_at + self._grain), event.external_id, f"{occasion}>{index}", follows.event, kept
            )

    def _event(self, at: datetime, who: str, occasion: str, name: str, kept: _Kept) -> IncomingEvent:
        return IncomingEvent(
            message_id=f"sim-{blake2b(f'{who}|{occasion}'.encode(), digest_size=12).hexdigest()}",
            external_id=who,
            name=name,
            properties=self._properties(at, who, occasion, name, kept),
            occurred_at=at,
            source=SOURCE,
        )

    def _properties(self, at: datetime, who: str, occasion: str, name: str, kept: _Kept) -> dict[str, Any]:
        given = self._kinds.get(name, _NOTHING).properties
        uniforms: tuple[float, ...] = ()
        properties = {}
        for index, (key, kind) in enumerate(self._plan.events[name].items()):
            if index % 8 == 0:
                uniforms = self._draws.eight(who, occasion, "properties", str(index))
            properties[key] = kept[key] if key in kept else value_of(given.get(key), key, kind, at, uniforms[index % 8])
        return properties

    def _on_grid(self, at: datetime) -> datetime:
        return at - (at - _EPOCH) % self._grain


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING = Happens()


def value_of(given: Property | None, name: str, kind: ValueType, at: datetime, uniform: float) -> Any:
    """The value of a property or attribute: as the behaviour says, else something of its type that a text can show."""
    if given is None:
        given = _unless_given(name, kind)
    value: Any = given
    match given:
        case Between():
            value = given.from_ + given.step * int(uniform * (int((given.to - given.from_) / given.step) + 1))
            value = int(value) if float(value).is_integer() else value
        case BetweenDays():
            first, last = given.between
            value = (first + timedelta(days=int(uniform * ((last - first).days + 1)))).isoformat()
        case OneOf():
            value = given.one_of[int(uniform * len(given.one_of))]
        case NewId():
            value = f"{given.id}-{int(uniform * 2**40):010x}"
        case DaysLater():
            moment = at + timedelta(days=given.days_later)
            value = moment.date().isoformat() if kind is ValueType.DATE else moment.isoformat()
    return [value] if kind is ValueType.LIST and not isinstance(value, list) else value


def _unless_given(name: str, kind: ValueType) -> Property:
    match kind:
        case ValueType.NUMBER:
            return Between.model_validate({"from": 1, "to": 100})
        case ValueType.BOOLEAN:
            return OneOf(one_of=(True, False))
        case ValueType.DATE | ValueType.DATETIME:
            return DaysLater(days_later=3)
        case _ if name.endswith("url"):
            return "https://shop.example.com/"
        case _ if name.endswith("_id") or name in {"code", "id"}:
            return NewId(id=name.removesuffix("_id"))
        case _:
            return name.replace("_", " ")


def _moment(day: datetime, uniform: float, zone: ZoneInfo, begin: datetime, end: datetime) -> datetime:
    """An instant of this day in the person's own waking hours, within the window."""
    point = uniform * _CUMULATED[-1]
    hour = next(index for index, reached in enumerate(_CUMULATED) if point < reached)
    into = (point - (_CUMULATED[hour] - _BY_HOUR[hour])) / _BY_HOUR[hour]
    local = datetime.combine(day.astimezone(zone).date(), time(hour, int(into * 60)), zone).astimezone(UTC)
    if local < begin:
        return local + _DAY
    return local - _DAY if local >= end and local - _DAY >= begin else local


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
