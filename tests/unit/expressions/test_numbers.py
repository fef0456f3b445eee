"""A text that tells a number of a person, as a campaign's ``value`` does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dangol.errors import ExpressionError
from dangol.expressions import Person, Scope, number_problems, parse_number
from dangol.model.people import Event
from dangol.model.workspace import TrackingPlan

PLAN = TrackingPlan.model_validate(
    {"attributes": {"points": "number", "name": "string"}, "events": {"Order Completed": {"value": "number"}}}
)
SCOPE = Scope(PLAN, frozenset({"profile", "entry"}), entry_event="Order Completed")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
ORDERS = [Event(str(day), "p", "Order Completed", {"value": 10}, NOW - timedelta(days=day)) for day in (1, 40)]


def told(text: str, **profile: object) -> float | None:
    person = Person(NOW, profile, entry={"value": 30}, history=ORDERS)
    return parse_number(text, SCOPE).of(person)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("entry.value", 30),
        ("profile.points / 2 + entry.value", 35),
        ('sum("Order Completed", "value", "30 days")', 10),
        ('count("Order Completed") * 100', 200),
    ],
)
def test_a_number_is_calculated_from_what_is_known(text: str, number: float) -> None:
    assert told(text, points=10) == number


def test_what_is_missing_gives_no_number() -> None:
    assert told("profile.points + 1") is None


@pytest.mark.parametrize("text", ["profile.name", "profile.points > 3", "profile.pionts", "", "event.value"])
def test_what_tells_no_number_is_refused_with_its_reason(text: str) -> None:
    assert number_problems(text, SCOPE)
    with pytest.raises(ExpressionError):
        parse_number(text, SCOPE)


def test_what_it_asks_about_is_known_beforehand() -> None:
    assert parse_number('count("Order Completed") + profile.points', SCOPE).needs.events == {"Order Completed"}
