"""A campaign made ready to be walked: its steps by position, and its conditions as functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from dangol.model.campaign import Campaign
from dangol.model.people import Event
from dangol.model.steps import PlacedStep, WaitFor


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one person on their way through a campaign.

    ``entry`` holds the properties of the event that let them in, and ``entered`` when they entered and that event's
    id ("" for an audience); ``hops`` is how many ``emit`` steps led to it. ``history`` are events of the names that
    ``Flow.events`` lists, in their order. ``arms`` maps an experiment to the arm that the person had before. ``zone``
    is where their clock stands. ``taken_in`` is when it was decided that they enter, if that was before they did, as by
    a schedule on their own clock: exits count from then on.
    """

    profile_id: str
    profile: Mapping[str, Any]
    entered: tuple[datetime, str]
    zone: tzinfo
    entry: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Event] = ()
    consents: frozenset[tuple[str, str]] = frozenset()
    arms: Mapping[str, str] = field(default_factory=dict)
    hops: int = 0
    taken_in: datetime | None = None

    def until(self, event: Event) -> Sequence[Event]:
        """What had happened when this event did, itself included."""
        return [past for past in self.history if past.order <= event.order]


Test = Callable[[Known, datetime, Event | None], bool]
"""A condition, asked about a person at an instant and, where there is one, the event in question, which is then that
instant."""


@dataclass(frozen=True)
class Ending:
    """An event that ends a journey; ``within`` of the entry for a goal, at any time for an exit."""

    event: str
    test: Test | None = None
    within: timedelta | None = None


@dataclass(frozen=True)
class Flow:
    """One version of a campaign.

    ``tests`` holds, by position, the conditions of ``if`` steps and the ``where`` of ``wait_for`` steps. ``over_at``
    is when the campaign is over, None if it has no end.
    """

    campaign: Campaign
    tests: Mapping[str, Test] = field(default_factory=dict)
    goal: Ending | None = None
    exits: tuple[Ending, ...] = ()
    over_at: datetime | None = None

    @cached_property
    def steps(self) -> dict[str, PlacedStep]:
        """Position → step."""
        return {placed.position: placed for placed in self.campaign.placed}

    @cached_property
    def first(self) -> str:
        """Where a journey begins."""
        return self.campaign.placed[0].position

    @cached_property
    def ending_events(self) -> frozenset[str]:
        """Events that end a journey: exits and the goal."""
        goal = {self.goal.event} if self.goal is not None else set()
        return frozenset(goal | {one.event for one in self.exits})

    @cached_property
    def awaited_events(self) -> frozenset[str]:
        """Events that some ``wait_for`` listens to."""
        return frozenset(
            placed.step.wait_for.event for placed in self.campaign.placed if isinstance(placed.step, WaitFor)
        )

    @cached_property
    def events(self) -> frozenset[str]:
        """Events that a journey on its way reacts to."""
        return self.ending_events | self.awaited_events

    def wakes(self, until: datetime) -> datetime:
        """When somebody who waits until then is woken: nobody sleeps through the campaign's end."""
        return min(until, self.over_at) if self.over_at is not None else until

    def follows(self, event: Event, known: Known) -> bool:
        """Did this happen after the entry? What happened at the very same instant did: in doubt nothing is sent.

        But what set the entry off, through campaigns that emit, came before it. And of several events that let somebody
        in at one instant, only those with a later id follow the one that did: they do not end one another's journeys.
        """
        entered_at, entry_id = known.entered
        if event.occurred_at != entered_at:
            return event.occurred_at > entered_at
        if event.name == self.campaign.entry.opened_by:
            return event.order > (entered_at, known.hops, entry_id)
        return event.id != entry_id and event.hops >= known.hops
