"""The step machine: where a journey goes from here, and what it asks for on the way.

``advance`` is pure and total: the same flow, state, knowledge and instant give the same answer (G9). A journey's
position is that of the step it runs *next*; a ``wait`` therefore moves on before it sleeps, and waking never runs a
step twice. A ``wait_for`` keeps its own position while it listens. There are no loops inside a campaign, so every
journey ends.

What counts, and when:

* Events count by when they occurred, not by when they arrived. What was decided before an event arrived stays.
* A condition over an event is asked as of that event: what happened later does not count. What the profile says is
  what it says now.
* Exits, goals and the campaign's end come before any step that is due at the same instant; an exit or goal at the very
  instant of the entry ends the journey too.
* A ``wait_for`` hears events from the instant at which its step was due (with ``since: entry``, from the entry on),
  and until it times out; an event at the very instant of the time-out still counts. Of several, the first counts. What
  follows it was due when that event occurred, so a second ``wait_for`` hears what came right after it.
* Durations count from when the step is really reached: after an outage nobody gets two messages of one journey at
  once. ``expires_after`` counts from when the step was due, so that late work is not sent as if it were fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from dangol.journeys.flow import Ending, Flow, Known
from dangol.journeys.moments import moment
from dangol.model.people import Event
from dangol.model.steps import (
    END,
    START,
    Add,
    Emit,
    Exit,
    From,
    If,
    PlacedStep,
    Remove,
    Send,
    Set,
    Split,
    Until,
    Wait,
    WaitFor,
    Webhook,
)
from dangol.model.vocabulary import Reason

__all__ = ["END", "START", "Advance", "State", "advance", "ending", "over"]


@dataclass(frozen=True, slots=True)
class State:
    """Where a journey stands.

    ``position`` is the step that runs next. Until ``wake_at`` it sleeps; with ``listening_since`` it hears the event
    of the ``wait_for`` at ``position``, and ``wake_at`` is when that times out. The campaign's end may wake it before:
    see ``Flow.wakes``.
    """

    position: str
    wake_at: datetime | None = None
    listening_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The journey sleeps; ``awaits`` is the event it listens to meanwhile, if any."""

    state: State
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The journey is over.

    ``detail`` is the author's word at an ``exit`` step. ``overtaken``: something from outside ended it, and what it
    had planned is not to be sent.
    """

    reason: Reason
    position: str
    detail: str = ""
    overtaken: bool = False


@dataclass(frozen=True, slots=True)
class PlanMessage:
    """Ask for the messages of a ``send`` step, which was due at ``reached_at`` and is run at ``due_at``."""

    step: PlacedStep
    send: Send
    due_at: datetime
    expires_at: datetime | None
    reached_at: datetime


@dataclass(frozen=True, slots=True)
class AssignArm:
    """Remember which arm of an experiment the person drew."""

    step: PlacedStep
    experiment: str
    arm: str


@dataclass(frozen=True, slots=True)
class SetAttributes:
    """Write these attributes of the person; None removes one."""

    step: PlacedStep
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EmitEvent:
    """Report an event about the person."""

    step: PlacedStep
    name: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Ask for a call to another system."""

    step: PlacedStep
    url: str
    payload: Mapping[str, Any]
    due_at: datetime
    expires_at: datetime | None


Command = PlanMessage | AssignArm | SetAttributes | EmitEvent | CallWebhook


@dataclass(frozen=True, slots=True)
class Advance:
    """Where the journey stands now, and what it asked for on the way, in order."""

    state: Waiting | Ended
    commands: tuple[Command, ...] = ()

    def changes(self, before: State) -> bool:
        """Is anything different from before?"""
        return bool(self.commands) or not isinstance(self.state, Waiting) or self.state.state != before


def advance(flow: Flow, state: State, known: Known, now: datetime, *, base: datetime | None = None) -> Advance:
    """Run steps from where the journey stands until it waits or ends.

    ``base`` is when this was due; ``now`` if not given. A journey that is not due and hears nothing stays as it is,
    also when the clock has jumped back. A position that the flow does not have ends the journey; that cannot arise
    while a journey keeps its version.
    """
    overtaken = ending(flow, known, now)
    if overtaken is not None:
        return Advance(Ended(overtaken, state.position, overtaken=True))
    walk = _Walk(flow, known, now, base or now, base or now)
    if state.listening_since is not None:
        position = walk.hear(state)
        if position is None:
            return Advance(Waiting(state, walk.awaited_at(state.position)))
        return walk.from_(position)
    if state.wake_at is not None and now < state.wake_at:
        return Advance(Waiting(state))
    return walk.from_(flow.first if state.position == START else state.position)


def ending(flow: Flow, known: Known, now: datetime) -> Reason | None:
    """Why a journey is over whatever its next step: the goal first, then an exit, then the campaign's end.

    What counts is what follows the entry, for exits also what happens between the firing that took the person in and
    the beginning on their own clock. The event that let the person in never ends their journey.
    """
    entered_at, _ = known.entered
    left = False
    for event in known.history:
        if flow.follows(event, known):
            if flow.goal is not None and _ends(flow.goal, event, known, entered_at):
                return Reason.GOAL_REACHED
        elif known.taken_in is None or not known.taken_in <= event.occurred_at < entered_at:
            continue
        left = left or any(_ends(one, event, known, entered_at) for one in flow.exits)
    if left:
        return Reason.EXIT_EVENT
    return over(flow, now)


def over(flow: Flow, now: datetime) -> Reason | None:
    """Why a journey is over of whose person nothing has been heard since: the campaign's end, or None."""
    return Reason.CAMPAIGN_OVER if flow.over_at is not None and now >= flow.over_at else None


def _ends(rule: Ending, event: Event, known: Known, entered_at: datetime) -> bool:
    return (
        event.name == rule.event
        and (rule.within is None or event.occurred_at <= entered_at + rule.within)
        and (rule.test is None or rule.test(known, event.occurred_at, event))
    )


@dataclass(slots=True)
class _Walk:
    flow: Flow
    known: Known
    now: datetime
    due: datetime
    since: datetime
    commands: list[Command] = field(default_factory=list)

    def from_(self, position: str) -> Advance:
        while (placed := self.flow.steps.get(position)) is not None:
            match self._step(placed):
                case str() as following:
                    position = following
                case Waiting() | Ended() as state:
                    return Advance(state, tuple(self.commands))
        return Advance(Ended(Reason.COMPLETED, END), tuple(self.commands))

    def _step(self, placed: PlacedStep) -> str | Waiting | Ended:
        """Run one step; returns where to go on, or how the journey stands."""
        match placed.step:
            case Send() as send:
                self.commands.append(PlanMessage(placed, send, self.now, self._expiry(send.expires_after), self.due))
            case Wait(wait=Until() as until):
                return self._wait_until(placed, until)
            case Wait(wait=duration):
                assert isinstance(duration, timedelta)
                return self._sleep(placed.following, self.now + duration)
            case WaitFor() as step:
                return self._wait_for(placed, step)
            case If():
                return placed.into("then" if self.flow.tests[placed.position](self.known, self.now, None) else "else")
            case Split() as split:
                return placed.into(self._draw(placed, split))
            case Set() as step:
                self._set(placed, step)
            case Emit() as step:
                self.commands.append(EmitEvent(placed, step.emit, self._given(step.properties)))
            case Webhook() as step:
                expires_at = self._expiry(step.expires_after)
                call = CallWebhook(placed, step.webhook, self._given(step.payload), self.now, expires_at)
                self.commands.append(call)
            case Exit(exit=why):
                return Ended(Reason.EXIT_STEP, placed.position, why)
        return placed.following

    # Waiting.

    def _sleep(self, position: str, until: datetime, since: datetime | None = None) -> Waiting:
        return Waiting(State(position, until, since), self.awaited_at(position) if since is not None else None)

    def _wait_until(self, placed: PlacedStep, until: Until) -> str | Waiting | Ended:
        fields = {"profile": self.known.profile, "entry": self.known.entry}
        instant = moment(until, fields=fields, zone=self.known.zone, now=self.now)
        if instant is None:
            return Ended(Reason.MOMENT_UNKNOWN, placed.position)
        if instant > self.now:
            return self._sleep(placed.following, instant)
        if instant == self.now or until.if_past == "continue":
            return placed.following
        return Ended(Reason.MOMENT_PAST, placed.position)

    def _wait_for(self, placed: PlacedStep, step: WaitFor) -> str | Waiting:
        since = self.known.entered[0] if step.wait_for.since == "entry" else self.since
        waiting = self._sleep(placed.position, self.now + step.wait_for.within, since)
        due, reached = self.due, self.since
        position = self.hear(waiting.state)
        # What happened before the step was reached makes nothing due before that.
        self.due, self.since = max(due, self.due), max(reached, self.since)
        return position or waiting

    def hear(self, state: State) -> str | None:
        """Where to go on from a ``wait_for``; None to go on waiting."""
        placed = self.flow.steps.get(state.position)
        if placed is None or not isinstance(placed.step, WaitFor):
            return END
        assert state.listening_since is not None
        assert state.wake_at is not None
        for event in self.known.history:
            if self._heard(event, placed, placed.step, state):
                # What follows was due when that happened, not when we were told; and one event ends one wait.
                self.due, self.since = event.occurred_at, event.occurred_at + timedelta(microseconds=1)
                return placed.into("then")
        return placed.into("else") if self.now >= state.wake_at else None

    def _heard(self, event: Event, placed: PlacedStep, step: WaitFor, state: State) -> bool:
        test = self.flow.tests.get(placed.position)
        return (
            event.name == step.wait_for.event
            and self.flow.follows(event, self.known)
            and state.listening_since is not None
            and state.wake_at is not None
            and state.listening_since <= event.occurred_at <= state.wake_at
            and (test is None or test(self.known, event.occurred_at, event))
        )

    def awaited_at(self, position: str) -> str | None:
        placed = self.flow.steps.get(position)
        return placed.step.wait_for.event if placed is not None and isinstance(placed.step, WaitFor) else None

    # Other steps.

    def _draw(self, placed: PlacedStep, split: Split) -> str:
        had = self.known.arms.get(split.experiment)
        if had in split.weights:
            assert had is not None
            return had
        arm = draw(self.flow.campaign.key, split, self.known.profile_id)
        self.commands.append(AssignArm(placed, split.experiment, arm))
        self.known = replace(self.known, arms={**self.known.arms, split.experiment: arm})
        return arm

    def _set(self, placed: PlacedStep, step: Set) -> None:
        values = {name: self._new_value(name, given) for name, given in step.set.items()}
        empty = {name for name, given in step.set.items() if isinstance(given, From) and values[name] is None}
        values = {
            name: value for name, value in values.items() if name not in empty and self.known.profile.get(name) != value
        }
        if not values:
            return
        self.commands.append(SetAttributes(placed, values))
        profile = {**self.known.profile, **values}
        self.known = replace(self.known, profile={name: value for name, value in profile.items() if value is not None})

    def _new_value(self, name: str, given: Any) -> Any:
        had = self.known.profile.get(name)
        had = list(had) if isinstance(had, list | tuple) else []
        match given:
            case Add(add=more):
                return [*had, *(one for one in dict.fromkeys(more) if one not in had)]
            case Remove(remove=less):
                return [one for one in had if one not in less] if had else self.known.profile.get(name)
            case None:
                return None
            case _:
                return self._value(given)

    def _given(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Properties with their values; what comes from a field without a value is left out."""
        values = {name: self._value(given) for name, given in properties.items()}
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, given: Any) -> Any:
        match given:
            case From(from_=path):
                namespace, _, name = path.partition(".")
                value = (self.known.profile if namespace == "profile" else self.known.entry).get(name)
                return value.isoformat() if isinstance(value, datetime) else value
            case tuple():
                return list(given)
            case _:
                return given

    def _expiry(self, expires_after: timedelta | None) -> datetime | None:
        return self.due + expires_after if expires_after is not None else None


def draw(campaign: str, split: Split, profile_id: str) -> str:
    """The arm that this person draws: a hash of campaign, experiment and person, weighed; never a new draw."""
    natural = f"split\x1f{campaign}\x1f{split.experiment}\x1f{profile_id}"
    number = int.from_bytes(hashlib.blake2b(natural.encode(), digest_size=8).digest(), "big")
    left = number * 100 >> 64
    for arm, weight in split.weights.items():
        if left < weight:
            return arm
        left -= weight
    raise AssertionError("unreachable: weights add up to 100")
