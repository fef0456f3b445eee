"""What ends a journey from outside, and what comes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dangol.journeys.flow import Ending, Flow, Known
from dangol.journeys.machine import START, Advance, Ended, State, advance, ending
from dangol.model.people import Event
from dangol.model.vocabulary import Reason
from tests.unit.journeys.campaigns import campaign, send

ENTERED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
NOW = ENTERED + 30 * DAY
ORDER, LEFT = "Order Completed", "Complaint Raised"


def event(name: str, at: datetime, id_: str = "E1", **properties: Any) -> Event:
    return Event(id_, "P1", name, properties, at)


def known(*history: Event, by: str = "E0") -> Known:
    return Known("P1", {}, (ENTERED, by), UTC, entry={"cart_id": "c1"}, history=history)


def same_cart(known: Known, now: datetime, event: Event | None) -> bool:
    return event is not None and event.properties.get("cart_id") == known.entry.get("cart_id")


def flow(**more: Any) -> Flow:
    return Flow(campaign(send()), **more)


EXIT, GOAL = Ending(LEFT), Ending(ORDER, within=2 * DAY)


def test_nothing_ends_a_journey_to_which_nothing_happens() -> None:
    assert ending(flow(goal=GOAL, exits=(EXIT,)), known(), NOW) is None
    assert ending(flow(goal=GOAL, exits=(EXIT,)), known(event("Page Seen", ENTERED + HOUR)), NOW) is None


def test_an_exit_ends_it_however_late_it_comes() -> None:
    assert ending(flow(exits=(EXIT,)), known(event(LEFT, ENTERED + 29 * DAY)), NOW) is Reason.EXIT_EVENT


@pytest.mark.parametrize(
    ("after", "expected"),
    [(TICK, Reason.GOAL_REACHED), (2 * DAY, Reason.GOAL_REACHED), (2 * DAY + TICK, None)],
)
def test_a_goal_counts_within_its_time_of_the_entry_to_the_instant(after: timedelta, expected: Reason | None) -> None:
    assert ending(flow(goal=GOAL), known(event(ORDER, ENTERED + after)), NOW) is expected


def test_the_goal_goes_before_an_exit_whichever_happened_first() -> None:
    left, ordered = event(LEFT, ENTERED + HOUR, "E1"), event(ORDER, ENTERED + 2 * HOUR, "E2")
    assert ending(flow(goal=GOAL, exits=(EXIT,)), known(left, ordered), NOW) is Reason.GOAL_REACHED


def test_an_event_that_is_goal_and_exit_is_the_goal_in_its_time_and_an_exit_after() -> None:
    both = flow(goal=GOAL, exits=(Ending(ORDER),))
    assert ending(both, known(event(ORDER, ENTERED + DAY)), NOW) is Reason.GOAL_REACHED
    assert ending(both, known(event(ORDER, ENTERED + 3 * DAY)), NOW) is Reason.EXIT_EVENT


@pytest.mark.parametrize(("cart", "expected"), [("c1", Reason.EXIT_EVENT), ("c2", None), (None, None)])
def test_where_says_which_events_count(cart: str | None, expected: Reason | None) -> None:
    properties = {"cart_id": cart} if cart else {}
    happened = known(event(ORDER, ENTERED + HOUR, **properties))
    assert ending(flow(exits=(Ending(ORDER, same_cart),)), happened, NOW) is expected
    goal = Reason.GOAL_REACHED if expected else None
    assert ending(flow(goal=Ending(ORDER, same_cart, DAY)), happened, NOW) is goal


def test_where_is_asked_as_of_the_event() -> None:
    asked: list[datetime] = []

    def remember(known: Known, now: datetime, event: Event | None) -> bool:
        asked.append(now)
        return False

    rules = flow(exits=(Ending(LEFT, remember),))
    ending(rules, known(event(LEFT, ENTERED + DAY), event(LEFT, NOW + HOUR, "E2")), NOW)
    assert asked == [ENTERED + DAY, NOW + HOUR]


class TestTheEntry:
    """What happened at the instant of the entry ends the journey; of events like the entry's own only a later one."""

    @pytest.mark.parametrize(
        ("id_", "at", "expected"),
        [
            ("E5", ENTERED, None),
            ("E4", ENTERED, Reason.EXIT_EVENT),
            ("E6", ENTERED, Reason.EXIT_EVENT),
            ("E6", ENTERED - TICK, None),
            ("E4", ENTERED + TICK, Reason.EXIT_EVENT),
        ],
        ids=["the entry itself", "before it by id", "behind it by id", "an instant before", "an instant after"],
    )
    def test_only_what_comes_behind_it_ends_the_journey(self, id_: str, at: datetime, expected: Reason | None) -> None:
        assert ending(flow(exits=(EXIT,)), known(event(LEFT, at, id_), by="E5"), NOW) is expected

    @pytest.mark.parametrize(("id_", "expected"), [("E4", None), ("E5", None), ("E6", Reason.EXIT_EVENT)])
    def test_of_two_entries_at_one_instant_only_the_later_ends_the_other(self, id_: str, expected: object) -> None:
        name = campaign(send()).entry.event
        assert name is not None
        assert ending(flow(exits=(Ending(name),)), known(event(name, ENTERED, id_), by="E5"), NOW) is expected

    @pytest.mark.parametrize(("hops", "expected"), [(0, None), (1, Reason.EXIT_EVENT), (2, Reason.EXIT_EVENT)])
    def test_what_set_the_entry_off_at_the_same_instant_came_before_it(
        self, hops: int, expected: Reason | None
    ) -> None:
        happened = replace(event(LEFT, ENTERED), hops=hops)
        assert ending(flow(exits=(EXIT,)), replace(known(happened), hops=1), NOW) is expected

    def test_who_was_let_in_by_an_audience_is_ended_by_what_happens_at_that_very_instant(self) -> None:
        assert ending(flow(exits=(EXIT,)), known(event(LEFT, ENTERED, "E1"), by=""), NOW) is Reason.EXIT_EVENT


class TestTheEndOfTheCampaign:
    OVER = ENTERED + DAY

    @pytest.mark.parametrize(
        ("now", "expected"), [(OVER - TICK, None), (OVER, Reason.CAMPAIGN_OVER), (OVER + DAY, Reason.CAMPAIGN_OVER)]
    )
    def test_it_ends_journeys_from_its_instant_on(self, now: datetime, expected: Reason | None) -> None:
        assert ending(flow(over_at=self.OVER), known(), now) is expected

    def test_goal_and_exit_are_told_rather_than_the_end(self) -> None:
        rules = flow(goal=GOAL, exits=(EXIT,), over_at=self.OVER)
        assert ending(rules, known(event(LEFT, ENTERED + HOUR)), NOW) is Reason.EXIT_EVENT
        assert ending(rules, known(event(ORDER, ENTERED + HOUR)), NOW) is Reason.GOAL_REACHED


class TestBeforeEverything:
    @pytest.mark.parametrize("state", [State(START), State("0.0", NOW), State("0.0", NOW + DAY), State("end", NOW)])
    def test_an_ending_comes_before_any_step_and_needs_no_wake_up(self, state: State) -> None:
        rules = flow(exits=(EXIT,))
        out = Ended(Reason.EXIT_EVENT, state.position, overtaken=True)
        assert advance(rules, state, known(event(LEFT, NOW)), NOW) == Advance(out)

    def test_it_comes_before_what_a_wait_for_hears_at_the_same_instant(self) -> None:
        step = {"wait_for": {"event": ORDER, "within": "1 day"}, "then": [send()]}
        rules = Flow(campaign(step), exits=(Ending(ORDER),))
        listening = State("0.0", NOW + DAY, NOW - HOUR)
        answer = advance(rules, listening, known(event(ORDER, NOW)), NOW)
        assert answer == Advance(Ended(Reason.EXIT_EVENT, "0.0", overtaken=True))

    def test_without_the_event_the_same_journey_goes_on(self) -> None:
        assert advance(flow(exits=(EXIT,)), State("0.0", NOW), known(), NOW).commands
        assert not advance(
            flow(exits=(EXIT,)), State("0.0", NOW), replace(known(), history=[event(LEFT, NOW)]), NOW
        ).commands


class TestWhatAFlowReactsTo:
    STEPS = (
        {
            "wait_for": {"event": "Cart Opened", "within": "1 day"},
            "then": [],
            "else": [
                {"if": "profile.vip", "then": [{"wait_for": {"event": "Page Seen", "within": "1 day"}}]},
            ],
        },
        send(),
    )

    def test_it_is_what_its_waits_listen_to_and_what_ends_it(self) -> None:
        rules = Flow(campaign(*self.STEPS), goal=GOAL, exits=(EXIT, Ending("Unsubscribed")))
        assert rules.awaited_events == {"Cart Opened", "Page Seen"}
        assert rules.ending_events == {ORDER, LEFT, "Unsubscribed"}
        assert rules.events == {"Cart Opened", "Page Seen", ORDER, LEFT, "Unsubscribed"}

    def test_a_campaign_that_waits_for_nothing_reacts_to_nothing(self) -> None:
        assert flow().events == flow().awaited_events == flow().ending_events == frozenset()

    def test_its_steps_are_found_by_position_and_a_journey_begins_with_the_first(self) -> None:
        rules = Flow(campaign(*self.STEPS))
        assert list(rules.steps) == ["0.0", "0.0.else.0", "0.0.else.0.then.0", "0.1"]
        assert rules.first == "0.0"
