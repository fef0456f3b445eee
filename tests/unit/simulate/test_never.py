"""Which messages break a rule of what nobody may ever get."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from dangol.model.workspace import TrackingPlan
from dangol.simulate.never import Got, Happened, Rule, broken, scope_of, where_of

NOON = datetime(2026, 11, 2, 3, tzinfo=UTC)
SHARED: dict[str, Any] = {"message": "note", "campaign": "cart", "channel": "sms"}


def got(hours: float, *clocks: time, text: str = "Hello", **changes: Any) -> Got:
    at = NOON + timedelta(hours=hours)
    said = SHARED | {"clocks": clocks or (time(12),), "since": NOON - timedelta(days=1)} | changes
    return Got(at=at, holds=lambda wanted: wanted in text, **said)


@pytest.mark.parametrize("name", ["message", "campaign", "channel"])
def test_a_rule_is_about_the_messages_that_it_names(name: str) -> None:
    assert list(broken(Rule(**{name: SHARED[name]}), [got(0), got(1)], {})) == [0, 1]
    assert list(broken(Rule(**{name: "other"}), [got(0), got(1)], {})) == []


def test_so_many_are_allowed_within_a_rolling_time() -> None:
    rule = Rule(channel="sms", more_than=1, within=timedelta(days=1))
    assert list(broken(rule, [got(0), got(24), got(47.9)], {})) == [2]


def test_a_text_that_must_not_be_said_is_found() -> None:
    assert list(broken(Rule(contains="undefined"), [got(0), got(1, text="undefined")], {})) == [1]


def test_the_night_belongs_to_every_clock_that_may_be_theirs() -> None:
    rule = Rule(between=(time(21), time(8)))
    day, night, morning = time(20, 59), time(21), time(8)
    assert list(broken(rule, [got(0, day), got(1, night), got(2, morning), got(3, day, night)], {})) == [1, 3]


def test_an_event_counts_from_the_journey_on_and_until_the_message() -> None:
    rule, since = Rule(after="Order Completed"), NOON - timedelta(hours=2)
    for hours, breaks in [(-3, False), (-2, False), (-1, True), (0, True), (1, False)]:
        happened = {"Order Completed": [Happened(NOON + timedelta(hours=hours), {})]}
        assert list(broken(rule, [got(0, since=since)], happened)) == ([0] if breaks else []), hours


def test_the_event_that_the_journey_began_with_is_nothing_that_its_messages_come_after() -> None:
    happened = {"Order Completed": [Happened(NOON, {}, "e1")]}
    rule, since = Rule(after="Order Completed"), NOON - timedelta(hours=2)
    assert list(broken(rule, [got(0, since=since, began="e1"), got(0, since=since, began="e2")], happened)) == [1]


def test_a_rule_may_say_which_events_count() -> None:
    plan = TrackingPlan(events={"Order Completed": {"cart_id": "string"}, "Checkout Started": {"cart_id": "string"}})
    rule = Rule(after="Order Completed", where="event.cart_id == entry.cart_id")
    meets = where_of(rule, scope_of(rule.after, "Checkout Started", plan))
    happened = {"Order Completed": [Happened(NOON, {"cart_id": "b"})]}
    messages = [got(1, entry={"cart_id": cart}) for cart in "ab"]
    assert list(broken(rule, messages, happened, meets)) == [1]


def test_a_rule_speaks_of_one_message_in_the_singular() -> None:
    assert [Rule(more_than=count).told for count in (1, 2)] == ["more than 1 message", "more than 2 messages"]
