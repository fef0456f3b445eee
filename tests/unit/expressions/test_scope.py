"""What `event` and `entry` mean where an expression stands."""

from __future__ import annotations

import pytest

from dangol.expressions import Scope, problems
from dangol.model.workspace import TrackingPlan

PLAN = TrackingPlan.model_validate(
    {
        "attributes": {"vip": "boolean"},
        "events": {"Checkout Started": {"cart_id": "string"}, "Order Completed": {"order_id": "string"}},
    }
)
ALL = frozenset({"entry", "event", "profile"})


def told(text: str, scope: Scope) -> list[str]:
    return [str(error) for error in problems(text, scope)]


def test_on_the_way_event_and_entry_are_two_events() -> None:
    scope = Scope(PLAN, ALL, event="Order Completed", entry_event="Checkout Started")
    assert told('event.order_id == "A" and entry.cart_id == "B"', scope) == []
    assert told('event.cart_id == "A" or entry.order_id == "B"', scope) == [
        "unknown property of event `Order Completed`: `cart_id`; expected `order_id`",
        "unknown property of event `Checkout Started`: `order_id`; expected `cart_id`",
    ]


def test_at_the_entry_they_are_one() -> None:
    scope = Scope(PLAN, ALL, event="Checkout Started")
    assert told("event.cart_id == entry.cart_id", scope) == []


def test_between_events_there_is_only_the_entry() -> None:
    scope = Scope(PLAN, frozenset({"entry", "profile"}), entry_event="Checkout Started")
    assert told('entry.cart_id == "A"', scope) == []
    assert told('event.cart_id == "A"', scope) == ["there is no `event` here; expected one of `entry`, `profile`"]


@pytest.mark.parametrize("event", [None, "Order Completed"])
def test_where_an_audience_lets_people_in_there_is_no_entry(event: str | None) -> None:
    spaces = {"profile"} | ({"event"} if event else set())
    (problem,) = told('entry.cart_id == "A"', Scope(PLAN, frozenset(spaces), event=event))
    assert problem.startswith("there is no `entry` here: no event lets people in; expected ")
