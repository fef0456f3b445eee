"""What an expression means for one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dangol.expressions import Person, Scope, evaluate, parse
from dangol.model.people import Event
from dangol.model.workspace import TrackingPlan

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PLAN = TrackingPlan.model_validate(
    {
        "attributes": {
            "name": "string",
            "age": "number",
            "vip": "boolean",
            "born": "date",
            "seen": "datetime",
            "likes": "list",
        },
        "events": {"Order Completed": {"value": "number"}},
    }
)
SCOPE = Scope(
    PLAN,
    frozenset({"profile", "event", "entry", "message"}),
    event="Order Completed",
    segments={"adults": "profile.age >= 18"},
)


def holds(text: str, **facts: Any) -> bool:
    facts.setdefault("profile", {})
    return evaluate(parse(text, SCOPE), Person(NOW, **facts))


def true_for(text: str, **profile: Any) -> bool:
    return holds(text, profile=profile)


def order(ago: timedelta, value: Any = None) -> Event:
    properties = {} if value is None else {"value": value}
    return Event("E", "P", "Order Completed", properties, NOW - ago)


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("age", [{}, {"age": None}, {"age": "3"}, {"age": True}, {"age": [3]}, {"age": 2e15}])
def test_a_comparison_with_a_missing_value_is_false_whatever_the_operator(operator: str, age: dict[str, Any]) -> None:
    assert not true_for(f"profile.age {operator} 3", **age)
    assert not true_for("profile.age in [3]", **age)
    assert not true_for("profile.age not in [3]", **age)
    assert true_for("profile.age == none", **age)
    assert not true_for("profile.age != none", **age)


def test_not_of_a_comparison_with_a_missing_value_is_true() -> None:
    assert true_for("not profile.age > 3")
    assert true_for("not profile.vip")


def test_true_is_not_one() -> None:
    assert not true_for("profile.age == 1", age=True)
    assert not true_for("profile.vip", vip=1)
    assert not true_for("1 in profile.likes", likes=[True])
    assert not true_for("true in profile.likes", likes=[1])


def test_integers_and_reals_are_one_kind_of_number() -> None:
    assert true_for("profile.age == 3.0", age=3)
    assert true_for("3 in profile.likes", likes=[3.0])
    assert true_for("profile.age == 0", age=-0.0)
    assert true_for("profile.age == 0", age=1e-300)


def test_arithmetic_with_a_missing_side_or_by_zero_is_missing() -> None:
    assert true_for("profile.age + 1 == none")
    assert true_for("1 / profile.age == none", age=0)
    assert not true_for("1 / profile.age > 0", age=0)
    assert true_for("(profile.age - 1) * 2 / 4 == -profile.age + 4", age=3)


def test_comparisons_chain() -> None:
    assert true_for("1 < profile.age <= 3", age=3)
    assert not true_for("1 < profile.age < 3", age=3)


def test_text_compares_by_code_point_and_looks_like_no_number() -> None:
    assert true_for('profile.name > "Z"', name="a")
    assert true_for('profile.name > "\\uffff"', name="😀")
    assert true_for('profile.name == ""', name="")
    assert not true_for('profile.name == "é"', name="e\u0301")
    assert true_for('profile.name < "9"', name="10")


@pytest.mark.parametrize(
    "value", ["2026-02-29", "1900-02-29", "2026-04-31", "2026-3-2", "20260302", "0999-01-01", 20260302]
)
def test_what_is_no_date_is_missing(value: object) -> None:
    assert true_for("profile.born == none", born=value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02",
        "2026-03-02T01:00:00",
        "2026-03-02T24:00:00Z",
        "2026-03-02T01:00Z",
        "2026-03-02T01:00:00+14:01",
        "2026-03-02T01:00:00.1234567Z",
        "2026-03-02 01:00:00Z",
    ],
)
def test_what_is_no_datetime_with_an_offset_is_missing(value: str) -> None:
    assert true_for("profile.seen == none", seen=value)


def test_datetimes_compare_by_the_instant() -> None:
    assert true_for('profile.seen == "2026-03-02T10:00:00+09:00"', seen="2026-03-02T01:00:00.000Z")
    assert true_for('profile.seen >= "2026-03-02"', seen="2026-03-02T00:00:00Z")
    assert true_for('profile.created_at < "2026-03-02T01:00:00.000002Z"', created_at=NOW)


def test_days_since_counts_whole_days_and_dates_from_midnight_utc() -> None:
    assert true_for("days_since(profile.seen) == 0", seen="2026-03-01T01:00:00.000001Z")
    assert true_for("days_since(profile.seen) == 1", seen="2026-03-01T01:00:00Z")
    assert true_for("days_since(profile.seen) == -1", seen="2026-03-02T01:00:01Z")
    assert true_for("days_since(profile.born) == 1", born="2026-03-01")
    assert true_for("days_since(profile.born) == none")


def test_history_looks_back_from_now_and_includes_both_ends() -> None:
    month = timedelta(days=30)
    history = [order(timedelta()), order(month), order(month + timedelta(microseconds=1)), order(-timedelta(seconds=1))]
    assert holds('count("Order Completed", "30 days") == 2', history=history)
    assert holds('count("Order Completed") == 3', history=history)
    assert holds('last("Order Completed") == "2026-03-02T01:00:00Z"', history=history)
    assert holds('days_since(first("Order Completed")) == 30', history=history)


def test_nothing_counts_and_sums_to_zero_but_has_no_first_or_last() -> None:
    assert holds('count("Order Completed") == 0 and sum("Order Completed", "value") == 0')
    assert holds('last("Order Completed") == none and first("Order Completed") == none')


def test_a_sum_does_not_depend_on_the_order_of_events() -> None:
    values = [1e15, 0.1, -1e15, 0.2, 30000, "7", None, True, 0.3]
    history = [order(timedelta(days=1), value) for value in values]
    text = 'sum("Order Completed", "value") == 30000.6'
    assert holds(text, history=history)
    assert holds(text, history=list(reversed(history)))


def test_every_namespace_is_read_from_its_own_facts() -> None:
    assert holds("event.value > 3 and entry.value < 3", event={"value": 4}, entry={"value": 2})
    assert holds('"cart" in message.tags and message.channel == "sms"', message={"tags": ("cart",), "channel": "sms"})


def test_elements_of_a_list_keep_their_types() -> None:
    assert true_for('"1" in profile.likes and 2 in profile.likes', likes=["1", 2, None, [3]])
    assert not true_for("1 in profile.likes or 3 in profile.likes", likes=["1", 2, None, [3]])
    assert true_for("3 not in profile.likes", likes=[])
    assert not true_for("3 not in profile.likes")
    assert not true_for('"a" in profile.likes', likes="abc")


def test_consents_and_segments() -> None:
    assert holds('has_consent("sms", "marketing")', consents=frozenset({("sms", "marketing")}))
    assert not holds('has_consent("email", "marketing")', consents=frozenset({("sms", "marketing")}))
    assert true_for('in_segment("adults")', age=18)
