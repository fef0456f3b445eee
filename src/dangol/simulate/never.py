"""Rules over everything that one person is sent: which messages break them. Scenarios and simulations keep to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from dangol.expressions import Person, Scope, evaluate, parse
from dangol.model.durations import format_duration
from dangol.model.message import Rendered
from dangol.model.workspace import TrackingPlan

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)

Texts = Callable[[str], bool]
"""Does a message hold this text?"""


@dataclass(frozen=True, slots=True)
class Rule:
    """Messages that nobody may ever get. A message is meant if all that is said of it is true.

    ``where`` says which of the events of ``after`` count, over ``event`` and ``entry``. ``between`` are times of the
    person's own day, the second not included; the span may hold midnight. ``more_than`` are allowed in any time of
    ``within``, in all if that is None.
    """

    message: str | None = None
    campaign: str | None = None
    channel: str | None = None
    contains: str | None = None
    after: str | None = None
    where: str | None = None
    between: tuple[time, time] | None = None
    more_than: int | None = None
    within: timedelta | None = None

    @property
    def told(self) -> str:
        """The rule in words."""
        parts = [f"more than {self.more_than}" if self.more_than is not None else ""]
        several = "message" if self.more_than == 1 else "messages"
        parts += [self.message or (several if self.more_than is not None else "a message")]
        parts += [f"on {self.channel}" if self.channel else "", f"of {self.campaign}" if self.campaign else ""]
        parts += [f"within {format_duration(self.within)}" if self.within is not None else ""]
        parts += [f"after {self.after}" if self.after else "", f"where {self.where}" if self.where else ""]
        parts += [f"with “{self.contains}”" if self.contains else ""]
        if self.between is not None:
            parts.append("between {:%H:%M} and {:%H:%M}".format(*self.between))
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Got:
    """A message that a person got. Events count from ``since`` on, that instant not included.

    ``entry`` are the properties of the event that its journey began with, ``began`` the event's id. ``clocks`` is the
    time on their own clock, or on each that may be theirs if nobody knows where they live.
    """

    at: datetime
    clocks: tuple[time, ...]
    since: datetime
    campaign: str
    message: str
    channel: str
    holds: Texts
    entry: Mapping[str, Any] = field(default_factory=dict)
    began: str = ""


class Happened(NamedTuple):
    """An event of a person's; ``id`` tells whether a journey began with it."""

    at: datetime
    properties: Mapping[str, Any]
    id: str = ""


Meets = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
"""Does an event count, by its properties and those of the journey's entry?"""


def _any(_event: Mapping[str, Any], _entry: Mapping[str, Any]) -> bool:
    return True


def where_of(rule: Rule, scope: Scope) -> Meets:
    """The rule's ``where`` as a function; ``scope`` is that of ``scope_of``."""
    if rule.where is None:
        return _any
    expression = parse(rule.where, scope)
    return lambda event, entry: evaluate(expression, Person(now=_NO_TIME, profile={}, event=event, entry=entry))


def scope_of(after: str | None, entry_event: str | None, plan: TrackingPlan) -> Scope:
    """What the ``where`` of a rule may talk about; ``entry_event`` opens the campaign that the rule is about."""
    namespaces = frozenset({"event", "entry"}) if entry_event else frozenset({"event"})
    return Scope(plan, namespaces, event=after, functions=False, entry_event=entry_event)


def broken(
    rule: Rule,
    got: Sequence[Got],
    happened: Mapping[str, Sequence[Happened]],
    meets: Meets = lambda _event, _entry: True,
) -> Iterator[int]:
    """The index of each message that breaks the rule. ``got`` is one person's, in the order of time.

    ``happened`` gives the person's events by name, as far as rules ask for them; ``meets`` is the rule's ``where``.
    What happens at an instant comes before what is sent at it. The event that a message's own journey began with is
    nothing that it comes after.
    """
    meant: list[Got] = []
    for index, message in enumerate(got):
        if not _is_meant(rule, message, happened, meets):
            continue
        meant.append(message)
        near = [one for one in meant if rule.within is None or message.at - one.at < rule.within]
        if len(near) > (rule.more_than or 0):
            yield index


def holds(rendered: Rendered, text: str) -> bool:
    """Do subject, text or link hold this?"""
    return any(text in part for part in (rendered.subject, rendered.text, rendered.link))


def _is_meant(rule: Rule, message: Got, happened: Mapping[str, Sequence[Happened]], meets: Meets) -> bool:
    return (
        rule.message in (None, message.message)
        and rule.campaign in (None, message.campaign)
        and rule.channel in (None, message.channel)
        and (rule.contains is None or message.holds(rule.contains))
        and (rule.after is None or any(_comes_before(one, message, meets) for one in happened.get(rule.after, ())))
        and (rule.between is None or any(_is_between(clock, *rule.between) for clock in message.clocks))
    )


def _comes_before(one: Happened, message: Got, meets: Meets) -> bool:
    in_time = message.since < one.at <= message.at
    return in_time and not (one.id and one.id == message.began) and meets(one.properties, message.entry)


def _is_between(clock: time, start: time, end: time) -> bool:
    """The start belongs to it, the end does not; it may span midnight."""
    return start <= clock < end if start <= end else clock >= start or clock < end
