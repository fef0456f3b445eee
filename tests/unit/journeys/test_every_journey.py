"""Whatever a campaign says and whatever happens, journeys keep to these rules.

Random campaigns meet random events, wake-ups, clocks and deployments. The journey is moved as the pipeline moves it:
its state is what the last answer said, attributes and arms are those that were asked for, and an event that it emits is
heard. Conditions are compiled as the pipeline's are; what they ought to answer is said here once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from dangol.journeys import machine
from dangol.journeys.flow import Ending, Flow, Known, Test
from dangol.journeys.machine import (
    END,
    START,
    Advance,
    AssignArm,
    CallWebhook,
    EmitEvent,
    Ended,
    PlanMessage,
    SetAttributes,
    State,
    Waiting,
    advance,
)
from dangol.model.campaign import Campaign
from dangol.model.people import Event
from dangol.model.steps import If, Wait, WaitFor
from dangol.release import Conditions
from tests.unit.definitions.versions import version
from tests.unit.journeys.campaigns import send, staged, wait

BEGIN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
EVENTS = ("Order Completed", "Cart Opened", "Left")
STRANGER = "Page Seen"
HOURS = st.integers(1, 60).map(lambda hours: f"{hours} hours")

Steps = list[dict[str, Any]]


def _orders(known: Known, event: Event, within: timedelta = timedelta.max) -> int:
    """Orders that had been made when this event happened, itself included."""
    earlier = (one for one in known.history if one.name == "Order Completed" and one.order <= event.order)
    return sum(event.occurred_at - one.occurred_at <= within for one in earlier)


MEANT: dict[str, Callable[[Known, Event], bool]] = {
    "event.n == 1": lambda known, event: event.properties.get("n") == 1,
    "profile.n > 1": lambda known, event: known.profile.get("n", 0) > 1,
    'count("Order Completed") == 1': lambda known, event: _orders(known, event) == 1,
    'count("Order Completed", "1 hour") == 1': lambda known, event: _orders(known, event, timedelta(hours=1)) == 1,
}
"""Conditions over an event, and what they mean."""
PLAN = {"attributes": {"n": "number"}, "events": {name: {"n": "number"} for name in EVENTS}}
CONDITIONS = Conditions(version(changed={"campaigns/tracking-plan.yaml": json.dumps(PLAN)}).workspace, None)


@cache
def compiled(event: str, where: str) -> Test:
    test = CONDITIONS.at(event, where)
    assert test is not None
    return test


@cache
def meaning() -> dict[Test, str]:
    return {compiled(event, where): where for event in EVENTS for where in MEANT}


moments = st.one_of(
    st.sampled_from(["00:30", "09:00", "sunday", "monday, friday 10:00"]).map(lambda until: {"until": until}),
    st.fixed_dictionaries(
        {
            "until": st.sampled_from(
                [
                    "2026-03-01",
                    "2026-03-04",
                    "2 days before profile.day",
                    "profile.day",
                    "6 hours after entry.starts_at",
                ]
            ),
            "if_past": st.sampled_from(["exit", "continue"]),
            "yearly": st.booleans(),
        },
        optional={"at": st.sampled_from(["02:30", "18:00"])},
    ),
)
given_values = st.one_of(st.integers(0, 3), st.sampled_from([{"from": "profile.n"}, {"from": "entry.n"}]))
simple = st.one_of(
    st.builds(send, channels=st.sampled_from([["email"], ["push", "sms"], {"all": ["email", "sms"]}])),
    st.builds(send, expires_after=HOURS),
    HOURS.map(wait),
    moments.map(lambda until: {"wait": until}),
    given_values.map(lambda value: {"set": {"n": value}}),
    st.sampled_from([{"add": ["a"]}, {"remove": ["a", "b"]}, None]).map(lambda value: {"set": {"tags": value}}),
    st.builds(lambda name, value: {"emit": name, "properties": {"n": value}}, st.sampled_from(EVENTS), given_values),
    st.builds(lambda hours: {"webhook": "https://crm.example/hook", "expires_after": hours}, HOURS),
    st.just({"exit": "done"}),
)


def _branching(inner: st.SearchStrategy[Steps]) -> st.SearchStrategy[Steps]:
    awaited = st.fixed_dictionaries(
        {"event": st.sampled_from(EVENTS), "within": HOURS, "since": st.sampled_from(["step", "entry"])},
        optional={"where": st.sampled_from(sorted(MEANT))},
    )
    branching = st.one_of(
        st.builds(
            lambda awaited, then, other: {"wait_for": awaited, "then": then, "else": other}, awaited, inner, inner
        ),
        st.builds(lambda then, other: {"if": "profile.n > 1", "then": then, "else": other}, inner, inner),
        st.builds(
            lambda name, share, left, right: {
                "split": {name: {"left": share, "right": 100 - share}},
                "left": left,
                "right": right,
            },
            st.sampled_from(["copy", "colour"]),
            st.integers(1, 99),
            inner,
            inner,
        ),
    )
    return st.lists(_either(simple, branching), max_size=3)


def _either(one: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One as often as the other, however many kinds either has."""
    return st.booleans().flatmap(lambda first: one if first else other)


steps = _branching(_branching(st.lists(simple, max_size=2))).filter(bool)
beginnings: st.SearchStrategy[Steps] = st.just([]) | HOURS.map(lambda length: [wait(length)])
campaigns: st.SearchStrategy[Campaign] = st.builds(
    lambda first, stages: staged({f"stage_{at}": [*([] if at else first), *each] for at, each in enumerate(stages)}),
    beginnings,
    st.lists(steps, min_size=1, max_size=2),
)
dates = st.sampled_from(["2026-03-01", "2026-03-05", "2026-03-08T02:30:00+09:00", "29 February", None, 7])


def _of_person(known: Known, now: datetime, event: Event | None) -> bool:
    n = known.profile.get("n")
    return n is not None and n > 1


def _ending(event: str, where: str | None, within: timedelta | None = None) -> Ending:
    return Ending(event, compiled(event, where) if where is not None else None, within)


wheres = st.none() | st.sampled_from(sorted(MEANT))
endings = st.builds(_ending, st.sampled_from(EVENTS), wheres)
goals = st.builds(_ending, st.sampled_from(EVENTS), wheres, st.sampled_from([None, timedelta(hours=30)]))
last_days = st.none() | st.sampled_from([timedelta(hours=20), timedelta(hours=100)])


def _flow(campaign: Campaign, exits: list[Ending], goal: Ending | None, over_after: timedelta | None) -> Flow:
    asked: dict[str, Any] = {}
    for placed in campaign.placed:
        if isinstance(placed.step, If):
            asked[placed.position] = _of_person
        elif isinstance(placed.step, WaitFor) and placed.step.wait_for.where is not None:
            asked[placed.position] = compiled(placed.step.wait_for.event, placed.step.wait_for.where)
    over_at = BEGIN + over_after if over_after is not None else None
    return Flow(campaign, asked, goal=goal, exits=tuple(exits), over_at=over_at)


flows = st.builds(
    _flow,
    campaigns,
    st.lists(endings, max_size=2),
    st.none() | goals,
    last_days,
)
letters = st.sampled_from(["A", "Z"])
"""Of ids, on either side of the entry's."""
spans = st.sampled_from([timedelta(), timedelta(minutes=1), timedelta(hours=5), timedelta(hours=36), timedelta(days=9)])


class EveryJourney(RuleBasedStateMachine):
    """One person in one campaign; every call of ``move`` asks the machine and checks its answer."""

    flow: Flow
    zone: tzinfo
    now: datetime
    over = True

    @initialize(flow=flows)
    def a_campaign_goes_into_service(self, flow: Flow) -> None:
        self.flow = flow
        self.rank = {START: -1, END: len(flow.steps)} | {position: at for at, position in enumerate(flow.steps)}
        self.people = 0

    @precondition(lambda self: self.over)
    @rule(
        profile=st.fixed_dictionaries({}, optional={"n": st.integers(0, 3), "day": dates, "tags": st.just(["a"])}),
        entry=st.fixed_dictionaries({}, optional={"n": st.integers(0, 3), "starts_at": dates}),
        zone=st.sampled_from(["Asia/Seoul", "America/New_York", "Pacific/Kiritimati"]),
        late=spans,
        opened_by=st.sampled_from(["", "M"]),
    )
    def the_next_one_enters(
        self, profile: dict[str, Any], entry: dict[str, Any], zone: str, late: timedelta, opened_by: str
    ) -> None:
        self.now, self.over, self.people = BEGIN, False, self.people + 1
        self.ran, self.count = list[str](), 0
        entered_at = BEGIN - late
        profile_id = f"P{self.people}"
        history = [Event(opened_by, profile_id, EVENTS[0], entry, entered_at)] if opened_by else []
        self.known = Known(profile_id, profile, (entered_at, opened_by), ZoneInfo(zone), entry=entry, history=history)
        self.state = State(START)
        self.move(base=entered_at)

    # What happens to those who are on their way.

    @precondition(lambda self: not self.over)
    @rule(name=st.sampled_from([*EVENTS, STRANGER]), ago=spans, n=st.integers(0, 2), letter=letters)
    def something_is_reported(self, name: str, ago: timedelta, n: int, letter: str) -> None:
        """Late reports come out of order; those from before the entry have nothing to say."""
        self.hear(name, {"n": n}, self.now - ago, letter)

    @precondition(lambda self: not self.over)
    @rule(name=st.sampled_from(EVENTS), n=st.integers(0, 2), letter=letters)
    def something_happened_at_the_very_instant_of_the_entry(self, name: str, n: int, letter: str) -> None:
        self.hear(name, {"n": n}, self.known.entered[0], letter)

    @precondition(lambda self: not self.over and self.flow.events)
    @rule(which=st.integers(0, 9), ago=st.integers(0, 7))
    def what_the_campaign_reacts_to_is_reported_late(self, which: int, ago: int) -> None:
        names = sorted(self.flow.events)
        self.now += timedelta(hours=8)
        self.hear(names[which % len(names)], {"n": 1}, self.now - timedelta(hours=ago))

    @precondition(lambda self: not self.over)
    @rule(n=st.integers(0, 3))
    def the_profile_changes(self, n: int) -> None:
        """Nobody is asked about it; what it says is what it says from now on."""
        self.known = replace(self.known, profile={**self.known.profile, "n": n})

    @precondition(lambda self: not self.over)
    @rule(exits=st.lists(endings, max_size=2), goal=st.none() | goals, over_after=last_days)
    def another_version_takes_them_along(
        self, exits: list[Ending], goal: Ending | None, over_after: timedelta | None
    ) -> None:
        """The same steps, other endings and another last day: they hold from the next question on."""
        self.flow = _flow(self.flow.campaign, exits, goal, over_after)

    @precondition(lambda self: not self.over)
    @rule(name=st.sampled_from(EVENTS), after=st.booleans())
    def something_happens_at_the_very_instant_of_waking(self, name: str, after: bool) -> None:
        assert self.state.wake_at is not None
        wake_at = self.state.wake_at
        self.now = max(self.now, wake_at)
        self.hear(name, {"n": 1}, wake_at + timedelta(microseconds=1) if after else wake_at)

    @precondition(lambda self: not self.over)
    @rule(which=st.integers(0, 9))
    def a_report_is_repeated(self, which: int) -> None:
        """The store knows it by its id, so the history stays; whoever reacts to it may be asked again."""
        if which < len(self.known.history) and self.known.history[which].name in self.flow.events:
            self.move()

    @precondition(lambda self: not self.over)
    @rule(late=spans)
    def the_wait_is_over(self, late: timedelta) -> None:
        assert self.state.wake_at is not None
        self.now = max(self.now, self.flow.wakes(self.state.wake_at)) + late
        self.move()

    @precondition(lambda self: not self.over)
    @rule(by=spans)
    def the_clock_jumps_forward(self, by: timedelta) -> None:
        self.now += by
        self.move()

    @precondition(lambda self: not self.over)
    @rule(by=spans)
    def the_clock_jumps_back(self, by: timedelta) -> None:
        self.now -= by
        self.move()

    def teardown(self) -> None:
        if hasattr(self, "flow"):
            self.all_arrive()

    def all_arrive(self) -> None:
        """As time goes on, everybody comes to an end: each wake-up leads on to a later step."""
        for _ in self.flow.steps:
            if not self.over:
                self.the_wait_is_over(timedelta())
        assert self.over, "the journey never ends"

    # How it is moved.

    def hear(self, name: str, properties: dict[str, Any], at: datetime, letter: str = "Z", hops: int = 0) -> None:
        self.count += 1
        event = Event(f"{letter}{self.count}", self.known.profile_id, name, properties, at, hops)
        history = sorted([*self.known.history, event], key=lambda one: one.order)
        self.known = replace(self.known, history=history)
        if name in self.flow.events:
            self.move()

    def move(self, base: datetime | None = None) -> None:
        due = base or min(self.state.wake_at or self.now, self.now)
        before = self.state
        answer = advance(self.flow, before, self.known, self.now, base=due)
        assert answer == advance(self.flow, before, self.known, self.now, base=due), "one question, one answer"
        self.check(before, answer, due)
        self.take(answer)

    def take(self, answer: Advance) -> None:
        """Keep the answer. What it emits is heard when its state is written, as the pipeline has it."""
        emitted = []
        match answer.state:
            case Ended():
                self.over = True
            case Waiting(state):
                self.state = state
        for command in answer.commands:
            match command:
                case SetAttributes(_, values):
                    profile = {**self.known.profile, **values}
                    kept = {name: value for name, value in profile.items() if value is not None}
                    self.known = replace(self.known, profile=kept)
                case AssignArm(_, experiment, arm):
                    self.known = replace(self.known, arms={**self.known.arms, experiment: arm})
                case EmitEvent(_, name, properties):
                    emitted.append((name, dict(properties)))
                case _:
                    pass
        for name, properties in emitted:
            if not self.over:
                self.hear(name, properties, self.now, hops=1)

    # What is always true.

    def check(self, before: State, answer: Advance, due: datetime) -> None:
        self.nobody_runs_a_step_twice(answer)
        self.what_is_asked_for_is_the_definitions(answer, due)
        self.endings_come_before_steps(answer)
        self.a_wait_lasts_until_its_time(before, answer)
        match answer.state:
            case Waiting() as waiting:
                self.nobody_is_stuck(before, waiting)
            case Ended() as ended:
                assert ended.position in self.rank

    def nobody_runs_a_step_twice(self, answer: Advance) -> None:
        positions = [command.step.position for command in answer.commands]
        self.ran += positions
        ranks = [self.rank[position] for position in self.ran]
        assert ranks == sorted(set(ranks)), "every step at most once, and in order"

    def what_is_asked_for_is_the_definitions(self, answer: Advance, due: datetime) -> None:
        for command in answer.commands:
            assert command.step is self.flow.steps[command.step.position]
            if isinstance(command, PlanMessage | CallWebhook):
                after = command.step.step.expires_after
                assert command.due_at == self.now
                dues = {due, *(event.occurred_at for event in self.known.history)}
                expiries = {one + after for one in dues} if after is not None else {None}
                assert command.expires_at in expiries, "counted from when it was due, or from what was heard"
            if isinstance(command, AssignArm):
                assert self.known.arms.get(command.experiment) not in command.step.branches
                assert command.arm in command.step.branches

    def endings_come_before_steps(self, answer: Advance) -> None:
        overtaken = isinstance(answer.state, Ended) and answer.state.overtaken
        assert overtaken == self.ought_to_end()
        assert not (overtaken and answer.commands), "whoever is out asks for nothing, whatever was due"

    def ought_to_end(self) -> bool:
        later = [event for event in self.known.history if self.follows(event)]
        rules = [*self.flow.exits, *([self.flow.goal] if self.flow.goal is not None else [])]
        return (self.flow.over_at is not None and self.now >= self.flow.over_at) or any(
            event.name == one.event
            and (one.test is None or MEANT[meaning()[one.test]](self.known, event))
            and (one.within is None or event.occurred_at - self.known.entered[0] <= one.within)
            for event in later
            for one in rules
        )

    def a_wait_lasts_until_its_time(self, before: State, answer: Advance) -> None:
        if before.wake_at is None or self.ought_to_end():
            return
        if before.listening_since is not None and answer.changes(before):
            placed, heard = self.flow.steps[before.position], self.heard(before)
            due = heard.occurred_at if heard is not None else min(before.wake_at, self.now)
            since = due + timedelta(microseconds=1) if heard is not None else due
            walk = machine._Walk(self.flow, self.known, self.now, due, since)
            earned = walk.from_(placed.into("then" if heard is not None else "else"))
            assert answer == earned, "the branch that was earned"
        if self.now >= before.wake_at:
            assert answer.changes(before), "nobody is left standing where they were due"
        elif before.listening_since is not None and self.heard(before) is not None:
            assert answer.changes(before)
        else:
            assert not answer.changes(before), "who is not due and hears nothing stays"

    def follows(self, event: Event) -> bool:
        """What happened at the instant of the entry follows it, but of events like the entry's own only the later."""
        at, by = self.known.entered
        if event.occurred_at == at and event.name != self.flow.campaign.entry.opened_by:
            return event.id != by
        return (event.occurred_at, event.id) > (at, by)

    def heard(self, state: State) -> Event | None:
        step = self.flow.steps[state.position].step
        assert isinstance(step, WaitFor)
        assert state.listening_since is not None
        assert state.wake_at is not None
        meant = (
            event
            for event in self.known.history
            if event.name == step.wait_for.event
            and self.follows(event)
            and state.listening_since <= event.occurred_at <= state.wake_at
            and (step.wait_for.where is None or MEANT[step.wait_for.where](self.known, event))
        )
        return next(meant, None)

    def nobody_is_stuck(self, before: State, waiting: Waiting) -> None:
        state = waiting.state
        assert state.wake_at is not None
        assert state.wake_at > self.now
        assert self.rank[state.position] >= self.rank[before.position]
        placed = self.flow.steps.get(state.position)
        if state.listening_since is None:
            assert waiting.awaits is None
            assert placed is not None or state.position == END
            waits = [one.step for one in self.flow.campaign.placed if one.following == state.position]
            lengths = [step.wait for step in waits if isinstance(step, Wait)]
            assert lengths
            if all(isinstance(length, timedelta) for length in lengths) and state != before:
                assert state.wake_at - self.now in lengths, "a wait lasts as long as it says, whatever the last day"
        else:
            assert placed is not None
            assert isinstance(placed.step, WaitFor)
            assert waiting.awaits == placed.step.wait_for.event
            assert waiting.awaits in self.flow.awaited_events & self.flow.events
            assert self.heard(state) is None, "what was heard is not waited for"


EveryJourney.TestCase.settings = settings(
    max_examples=400, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestEveryJourney = EveryJourney.TestCase
