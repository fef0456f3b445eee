"""What may be written, what may not, and what the author is told."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from dangol.errors import ExpressionError
from dangol.expressions import Needs, Scope, parse, problems
from dangol.model.workspace import TrackingPlan

PLAN = TrackingPlan.model_validate(
    {
        "attributes": {
            "name": "string",
            "age": "number",
            "vip": "boolean",
            "born": "date",
            "seen": "datetime",
            "likes": "list",
            "odd name": "string",
            'quo"te': "string",
        },
        "events": {"Order Completed": {"value": "number", "sku": "string"}, "Checkout Started": {}},
    }
)
SEGMENTS = {
    "vips": 'profile.vip and count("Order Completed") > 2',
    "nested": 'in_segment("vips") and has_consent("email", "marketing")',
    "ring_a": 'in_segment("ring_b")',
    "ring_b": 'in_segment("ring_a")',
    "broken": 'profile.nmae == "x"',
    "of_event": "event.value > 3",
}
WHERE = Scope(PLAN, frozenset({"profile", "event"}), event="Order Completed", segments=SEGMENTS)
AUDIENCE = Scope(PLAN, frozenset({"profile"}), segments=SEGMENTS)
APPLIES_TO = Scope(PLAN, frozenset({"message"}), functions=False)


def only_problem(text: str, scope: Scope = WHERE) -> ExpressionError:
    found = problems(text, scope)
    assert len(found) == 1, [str(error) for error in found]
    return found[0]


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "profile.vip",
        "not profile.vip",
        "event.value >= 30000",
        "1 < profile.age <= 65",
        "-profile.age + 2 * 3 / (profile.age - 1) > -1",
        'profile.country in ["KR", "JP"]',
        "profile.age not in (1, -2, 3.5)",
        '"cats" in profile.likes and 3 not in profile.likes',
        "profile.name == none or none != profile.likes",
        "profile[\"odd name\"] == 'x'",
        'profile.born < "1990-01-01"',
        'profile.seen >= "2026-03-02T09:00:00+09:00" or profile.created_at < "2026-01-01"',
        'count("Order Completed") > 2 and sum("Order Completed", "value", "30 days") >= 100000',
        'count("Order Completed", within="1 week") == 0',
        'last("Order Completed") == first("Order Completed")',
        'days_since(last("Order Completed")) > 60 and days_since(profile.born) > 6570',
        'has_consent("sms", "marketing") == true',
        'in_segment("nested")',
        "profile.vip\n  and event.value > 1",
    ],
)
def test_the_language_has_what_campaigns_need(text: str) -> None:
    assert problems(text, WHERE) == []


@pytest.mark.parametrize(
    ("text", "offset", "suggestion", "says"),
    [
        ('profile.nmae == "x"', 8, "name", "unknown profile attribute `nmae`"),
        ('profile["od name"] == "x"', 8, "odd name", "unknown profile attribute"),
        ("true and event.valeu > 3", 15, "value", "unknown property of event `Order Completed`: `valeu`"),
        ('count("order completed") > 1', 6, "Order Completed", "unknown event"),
        ('sum("Order Completed", "valu") > 1', 23, "value", "unknown property"),
        ('cuont("Order Completed") > 1', 0, "count", "unknown function `cuont`"),
        ('name == "x"', 0, "profile.name", "unknown name `name`"),
        ("profil.vip", 0, "profile", "unknown name `profil`"),
        ('has_consent("emial", "marketing")', 12, "email", "unknown channel"),
        ('has_consent("email", "marketting")', 21, "marketing", "unknown purpose"),
        ('in_segment("vip")', 11, "vips", "unknown segment"),
        ('count("Order Completed", withn="1 day") > 1', 31, "within", "unknown argument of `count`"),
    ],
)
def test_an_unknown_name_is_placed_and_the_nearest_is_offered(
    text: str, offset: int, suggestion: str, says: str
) -> None:
    error = only_problem(text)
    assert (error.offset, error.suggestion) == (offset, suggestion)
    assert says in str(error)


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("profile.name > 3", 0, "text cannot be compared with a number"),
        ('profile.age + "x" > 1', 14, "expected a number to calculate with; found text"),
        ("profile.age", 0, "expected a condition, true or false; found a number"),
        ("true and profile.name", 9, "found text"),
        ("profile.vip < true", 0, "true and false have no order"),
        ("profile.likes == profile.likes", 0, "lists cannot be compared"),
        ("profile.name in profile.name", 16, "expected a list after `in`; found text"),
        ('profile.age in [1, "x"]', 19, "a number cannot be compared with text"),
        ("profile.age in [profile.age]", 16, "a list holds constants only"),
        ("[1] == [1]", 0, "to the right of `in`"),
        ('profile.born > "2026-02-30"', 15, "expected a date such as"),
        ('profile.seen > "yesterday"', 15, "expected a datetime such as"),
        ("profile.born == profile.seen", 0, "a date cannot be compared with a datetime"),
        ("days_since(profile.age) > 3", 11, "expected a date or datetime; found a number"),
        ('sum("Order Completed", "sku") > 3', 23, "only numbers can be summed"),
        ('count("Order Completed", "30 dys") > 3', 25, "expected a number and a unit"),
        ("count(profile.name) > 3", 6, "expected the event's name as a text in quotes"),
        ("count() > 3", 0, "`count` needs its event: `count(event, within)`"),
        ('last("Order Completed", "1 day") == none', 24, "`last(event)` takes no more"),
        ('count("Order Completed", event="x") > 1', 31, "given twice"),
        ("profile.age < none", 0, "`none` can be compared with `==` and `!=` only"),
        ("none == none", 0, "a constant is never missing"),
        ("profile.vip == true == profile.vip", 0, "cannot be compared in a chain"),
        ("profile", 0, "`profile` alone is no value"),
        ("1e16 > profile.age", 0, "beyond what can be compared exactly"),
        ("9" * 400 + " > profile.age", 0, "beyond what can be compared exactly"),
        ("1e999 > profile.age", 0, "beyond what can be compared exactly"),
        ('profile["quo\\"te"] == "x"', 8, "cannot be used in expressions"),
        (r'profile.name == "a\x00"', 16, "text cannot hold NUL"),
        (r'profile.name == "\ud800"', 16, "surrogate"),
        ('in_segment("ring_a")', 11, "ring_a → ring_b → ring_a"),
        ('in_segment("broken")', 11, "segment `broken`: unknown profile attribute `nmae`"),
        ('in_segment("of_event")', 11, "there is no `event` here"),
        ("true == not (profile.vip)", 8, "`(not …)`"),
    ],
)
def test_a_type_or_shape_mistake_says_what_was_found_and_expected(text: str, offset: int, says: str) -> None:
    error = only_problem(text)
    assert says in str(error)
    assert error.offset == offset


@pytest.mark.parametrize(
    ("text", "offset", "suggestion"),
    [
        ("profile.age = 3", 12, "=="),
        ("profile.vip AND profile.vip", 12, "and"),
        ("profile.vip && profile.vip", 12, "and"),
        ("profile.age >", 13, None),
        ("(profile.age > 3", 16, None),
        ("profile.age > 3)", 15, None),
        ("profile.vip, profile.vip", 11, None),
        ("profile.vip }} {{ profile.vip", 12, None),
        ("profile.name == 'x", 16, None),
        ("", 0, None),
        ("  \n ", 0, None),
        ("profile.vip\x07", 11, None),
    ],
)
def test_a_syntax_mistake_is_placed(text: str, offset: int, suggestion: str | None) -> None:
    error = only_problem(text)
    assert (error.offset, error.suggestion) == (offset, suggestion)


def test_all_mistakes_are_found_at_once_in_the_order_of_the_text() -> None:
    text = 'profile.nmae == "x" and profile.name > 3 or count("Order Complted", "x") in [1, profile.age]'
    assert [error.offset for error in problems(text, WHERE)] == [8, 24, 50, 68, 80]
    with pytest.raises(ExpressionError, match="nmae") as raised:
        parse(text, WHERE)
    assert raised.value.offset == 8


def test_an_audience_has_no_event() -> None:
    assert "there is no `event` here; expected `profile`" in str(only_problem("event.value > 3", AUDIENCE))
    without_name = Scope(PLAN, frozenset({"profile", "event"}))
    assert "there is no `event` here" in str(only_problem("event.value > 3", without_name))


def test_a_cap_can_ask_about_the_message_alone() -> None:
    assert problems('message.purpose == "marketing" and "cart" in message.tags', APPLIES_TO) == []
    assert "there is no `profile` here" in str(only_problem("profile.vip", APPLIES_TO))
    assert "functions are not available here" in str(only_problem('count("Order Completed") > 1', APPLIES_TO))
    misspelt = only_problem('message.purpose in ["service", "marketting"]', APPLIES_TO)
    assert (misspelt.offset, misspelt.suggestion) == (31, "marketing")
    assert only_problem('"SMS" == message.channel', APPLIES_TO).suggestion == "sms"


def test_an_expression_tells_which_facts_it_needs() -> None:
    expression = parse('profile.age > 3 and in_segment("nested") or last("Checkout Started") == none', WHERE)
    assert expression.needs == Needs(
        events=frozenset({"Order Completed", "Checkout Started"}),
        consents=True,
        profile=frozenset({"age", "vip"}),
        reaches=frozenset({("Order Completed", None), ("Checkout Started", None)}),
    )
    assert parse("event.value > 3", WHERE).needs == Needs()


def test_an_expression_tells_how_far_back_it_looks_at_each_event() -> None:
    counted = 'count("Order Completed", "30 days") > 1 and count("Order Completed", "2 days") > 0'
    assert parse(counted, WHERE).needs.reaches == {
        ("Order Completed", timedelta(days=30)),
        ("Order Completed", timedelta(days=2)),
    }


@pytest.mark.parametrize(
    "text",
    [
        "().__class__.__bases__[0].__subclasses__()",
        "profile.__class__.__mro__",
        'profile["__class__"]["__init__"] == 1',
        "profile.name.upper() == 'X'",
        "profile.name.format(profile) == 'X'",
        "'%s' % profile.name == 'x'",
        "'%1000000000d' % 1 == 'x'",
        "'x' * 1000000000 == 'x'",
        "2 ** 99999999 > 1",
        "7 // 2 == 3",
        "'a' ~ 'b' == 'ab'",
        "profile.name|upper == 'X'",
        "profile.name|attr('__class__') == 'X'",
        "profile.age is none",
        "1 if profile.vip else 2",
        "lambda: 1",
        "(lambda x: x)(1)",
        "[x for x in profile.likes]",
        "{'a': 1} == 1",
        "profile.name[0:1] == 'x'",
        "profile.likes[0] == 'x'",
        "range(1000000000) == 1",
        "cycler.__init__.__globals__ == 1",
        "self.__init__ == 1",
        "count(*profile.likes) > 1",
        "count(**profile.likes) > 1",
        "(profile.vip)()",
        "count('Order Completed')() > 1",
        "{% for x in y %}",
        "{{ profile.vip }}",
        "{# profile.vip #}",
        "profile.vip }}{% raw %}",
        "profile.vip; profile.vip",
        "eval('1')",
        "__import__('os')",
        "+profile.age > 1",
    ],
)
def test_what_is_not_in_the_language_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, WHERE)


def _bomb(levels: int) -> Scope:
    """Segments of which every one uses the next twenty times."""
    uses = {f"s{i}": " and ".join([f'in_segment("s{i + 1}")'] * 20) for i in range(levels)}
    return Scope(PLAN, frozenset({"profile"}), segments={**uses, f"s{levels}": "profile.vip"})


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1900 + "1" + ")" * 90,
        "(" * 990 + "true" + ")" * 990,
        "[" * 900 + "]" * 900,
        "not " * 400 + "true",
        "-" * 1500 + "1 > 2",
        "profile.age" + ".x" * 900 + " > 1",
        "profile" + "()" * 900,
        "profile" + "[0]" * 600,
        "profile.age" + "|x" * 900,
        "1" + "+1" * 900 + " > 1",
        "profile.age" + " * profile.age" * 8 + " > 1",
        "1 / " * 9 + "profile.age > 1",
        "1" + "<1" * 900,
        "true" + " or true" * 240,
        "true if true else " * 100 + "true",
        "profile.age in [" + "1," * 900 + "]",
        "(true == " * 9 + "true" + ")" * 9,
        "x" * 3000,
        "'" + "\\" * 1900,
        '"' * 1999,
        "true " + " " * 5_000_000,
        'in_segment("s0")',
    ],
    ids=lambda text: f"{text[:16]}…{len(text)}",
)
def test_no_text_however_hostile_costs_much(text: str) -> None:
    started = time.process_time()
    assert problems(text, _bomb(4)) != []
    assert time.process_time() - started < 0.5
