"""Conditions that are settled before anybody is asked are found; nothing is called settled that is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.errors import ExpressionError
from dangol.expressions import Person, Scope, evaluate, parse
from dangol.expressions.constants import implies, settled
from dangol.model.workspace import TrackingPlan

PLAN = TrackingPlan.model_validate(
    {
        "attributes": {
            "tier": "string",
            "vip": "boolean",
            "points": "number",
            "spent": "number",
            "birthday": "date",
            "tags": "list",
        },
        "events": {"Order Completed": {"value": "number"}},
    }
)
SEGMENTS = {"nobody": "1 > 2", "everybody": "true", "vips": "profile.vip"}
SCOPE = Scope(PLAN, frozenset({"profile"}), segments=SEGMENTS)


def answer(text: str) -> bool | None:
    return settled(parse(text, SCOPE).tree)


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "1 < 2",
        'not ("a" == "b")',
        'profile.points > 3 or "a" == "a"',
        "profile.vip or not profile.vip",
        "profile.tier == none or profile.tier != none",
        'count("Order Completed") >= 0',
        'count("Order Completed") > -1',
        "not (profile.points > 3 and profile.points < 2)",
        'in_segment("everybody")',
    ],
)
def test_what_is_true_for_everybody(text: str) -> None:
    assert answer(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "1 > 2",
        "profile.vip and false",
        'profile.tier == "gold" and profile.tier == "silver"',
        'profile.tier in ["a", "b"] and profile.tier in ["c"]',
        'profile.tier in ["a"] and profile.tier not in ["a", "b"]',
        'profile.tier == "a" and profile.tier != "a"',
        "profile.points > 5 and profile.points < 3",
        "profile.points > 5 and profile.points <= 5",
        "5 < profile.points < 3",
        "profile.points >= 5 and profile.points <= 5 and profile.points != 5",
        "profile.points == 4 and profile.points > 4",
        "profile.points == none and profile.points > 4",
        'profile.tags == none and "a" in profile.tags',
        "profile.points != profile.points",
        "profile.vip and not profile.vip",
        "profile.vip == true and profile.vip == false",
        "profile.vip != true and profile.vip != false",
        'profile.birthday < "2000-01-01" and profile.birthday > "2001-01-01"',
        'count("Order Completed") < 0',
        'count("Order Completed") == 1 and count("Order Completed") == 2',
        'in_segment("nobody")',
        'profile.vip and (in_segment("nobody") or 1 > 2)',
        'in_segment("vips") and profile.vip == false',
    ],
)
def test_what_is_true_for_nobody(text: str) -> None:
    assert answer(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "profile.vip",
        "profile.vip or profile.points > 3",
        "profile.points == profile.points",
        "profile.points >= 5 and profile.points <= 5",
        'profile.tier == "a" or profile.tier == "b"',
        'count("Order Completed", "30 days") < 1 and count("Order Completed") > 3',
        'days_since("2026-01-01") > 3',
        'has_consent("email", "marketing")',
        "profile.points > 3 or profile.points <= 3",
    ],
)
def test_what_depends_on_the_person_is_not_settled(text: str) -> None:
    assert answer(text) is None


CLAUSES = st.sampled_from(
    [
        *(f"profile.points {sign} {number}" for sign in ("<", "<=", ">", ">=", "==", "!=") for number in (0, 1, 2)),
        *(f'count("Order Completed") {sign} {number}' for sign in ("<", "<=", ">", ">=", "==") for number in (0, 1)),
        *(f'profile.tier {sign} "a"' for sign in ("==", "!=", "<")),
        *('profile.tier in ["a", "b"]', 'profile.tier not in ["a"]', "profile.tier == none", "profile.points != none"),
        *("profile.vip", "profile.vip == false", "profile.vip != true", '"x" in profile.tags', "true", "1 > 2"),
        *('in_segment("nobody")', 'in_segment("vips")'),
        *(f"profile.points {sign} profile.spent" for sign in ("<", "<=", ">", ">=", "==", "!=")),
        *("profile.spent < profile.points", "profile.spent == profile.points"),
    ]
)
TEXTS = st.recursive(
    CLAUSES,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda three: f"({' '.join(three)})")
        | inner.map(lambda one: f"not ({one})")
    ),
    max_leaves=5,
)
PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "points": st.sampled_from([0, 1, 1.5, 2, -1]),
        "spent": st.sampled_from([0, 1, 2]),
        "tier": st.sampled_from(["", "a", "b", "c"]),
        "vip": st.booleans(),
        "tags": st.sampled_from([[], ["x"]]),
    },
)


@settings(deadline=None)
@given(text=TEXTS, profile=PROFILES)
def test_what_is_settled_is_what_everybody_gets(text: str, profile: dict[str, Any]) -> None:
    try:
        expression = parse(text, SCOPE)
    except ExpressionError:  # too long or too deep
        return
    found = settled(expression.tree)
    person = Person(now=datetime(2026, 3, 2, tzinfo=UTC), profile=profile)
    assert found is None or evaluate(expression, person) is found


@settings(deadline=None)
@given(stronger=TEXTS, weaker=TEXTS, profile=PROFILES)
def test_what_is_implied_is_true_wherever_the_stronger_condition_is(
    stronger: str, weaker: str, profile: dict[str, Any]
) -> None:
    try:
        first, second = parse(f"({stronger}) and ({weaker})", SCOPE), parse(weaker, SCOPE)
        alone = parse(stronger, SCOPE)
    except ExpressionError:  # too long or too deep
        return
    assert implies(first.tree, second.tree)
    person = Person(now=datetime(2026, 3, 2, tzinfo=UTC), profile=profile)
    if implies(alone.tree, second.tree) and evaluate(alone, person):
        assert evaluate(second, person)


@pytest.mark.parametrize(
    ("stronger", "weaker", "expected"),
    [
        ("profile.points > 5", "profile.points > 3", True),
        ("profile.points > 5", "profile.points != 3", True),
        ("profile.points > 3", "profile.points > 5", False),
        ("profile.vip and profile.points == profile.spent", "profile.spent <= profile.points", True),
        ("profile.points < profile.spent", "profile.points != profile.spent", True),
        ("profile.vip", "profile.points > 3", False),
    ],
)
def test_one_condition_implies_another(stronger: str, weaker: str, expected: bool) -> None:
    assert implies(parse(stronger, SCOPE).tree, parse(weaker, SCOPE).tree) is expected
