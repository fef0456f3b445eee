"""Mistakes in what a text does with its values are found before anything runs, as far as the tracking plan tells."""

from __future__ import annotations

import pytest
from babel.core import Locale

from dangol.content.check import check_messages
from dangol.content.filter_kinds import FILTERS
from dangol.content.filters import filters_for
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import BRAND, message

PLAN = TrackingPlan.model_validate(
    {
        "attributes": {"name": "string", "given_name": "string", "vip": "boolean", "born": "date", "topics": "list"},
        "events": {
            "Checkout Started": {
                "cart_id": "string",
                "value": "number",
                "currency": "string",
                "lines": "list",
                "day": "date",
                "at": "datetime",
                "gift": "boolean",
            }
        },
    }
)


def check(body: str, *, sent: bool = True, more: dict[str, str] | None = None, channel: str = "email") -> list[Problem]:
    sends = [("note", Purpose.TRANSACTIONAL, (Channel(channel),), "Checkout Started")] if sent else []
    sources = {**BRAND, **message(body, channel=channel), **(more or {})}
    return check_messages(sources, sends=sends, plan=PLAN, default_locale="en")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ event.cart_id + 1 }}", "`+` is for numbers; `event.cart_id` is a text"),
        ("{{ event.value * event.gift }}", "`*` is for numbers; `event.gift` is true or false"),
        ("{{ 'ab' * 1000000 }}", "`*` is for numbers; `'ab'` is a text"),
        ("{{ '%s' % event.value }}", "`%` is for numbers"),
        ("{{ -event.cart_id }}", "`-` is for numbers"),
        ("{{ event.value / 0 }}", "divided by zero"),
        ("{{ event.value % 0 }}", "divided by zero"),
        ("{{ event.day | date('hh:mm') }}", "expected a date format of short, medium, long, full; found 'hh:mm'"),
        ("{{ event.at | date(format='lang') }}", "expected a date format"),
        ("{{ event.at | time(timezone='Seoul') }}", "expected a time zone such as Asia/Seoul"),
        ("{{ '2026-02-30' | date }}", "expected a date such as 2026-03-02"),
        ("{{ event.value | date }}", "`event.value` is a number"),
        ("{{ event.lines | date }}", "`event.lines` is a list"),
        ("{{ event.day | time }}", "`time` takes a date with a time or a text; `event.day` is a date"),
        ("{{ event.value | amount('WON') }}", "expected a currency such as KRW"),
        ("{{ event.value | amount('KRW', style='sign') }}", "expected the style symbol or code"),
        ("{{ event.lines | amount('KRW') }}", "`event.lines` is a list"),
        ("{{ 'many' | number }}", "expected a number; found 'many'"),
        ("{{ event.gift | plural('a', 'b') }}", "`event.gift` is true or false"),
        ("{{ event.cart_id | join(', ') }}", "`join` takes a list; `event.cart_id` is a text"),
        ("{{ event.value | length }}", "`event.value` is a number"),
        ("{{ event.value | url }}", "`event.value` is a number"),
        ("{{ profile.name | truncate('ten') }}", "truncate"),
        ("{{ profile.topics | josa('은') }}", "`profile.topics` is a list"),
        ("{{ profile.vip }}", "expected text or a number; `profile.vip` is true or false"),
        ("{{ profile.topics }}", "expected text or a number; `profile.topics` is a list"),
        ("{{ none }}", "expected text or a number"),
        ("{{ event.gift ~ 'x' }}", "`event.gift` is true or false"),
        ("{{ profile.vip is present }}", "is true or false"),
        ("{% for x in event.cart_id %}{{ x }}{% endfor %}", "`for` goes through a list; `event.cart_id` is a text"),
        ("{% for x in 5 %}{{ x }}{% endfor %}", "`for` goes through a list; `5` is a number"),
        ("{% if event.cart_id > 5 %}x{% endif %}", "`event.cart_id` is a text and `5` is a number; `>` compares"),
        ("{% if event.value in event.gift %}x{% endif %}", "`in` looks into a list or a text"),
        ("{{ event.value.amount }}", "`event.value` is a number and has no `amount`"),
        ("{% set v = event.cart_id %}{{ v * 2 }}", "`v` is a text"),
        ("{% if profile.vip %}{{ event.cart_id + 1 }}{% endif %}", "is for numbers"),
        ("{% if profile.vip %}x{% elif event.cart_id > 1 %}y{% endif %}", "compares"),
        ("{{ amount(event.lines, event.currency) }}", "`amount` takes"),
        ("{{ date(event.value) }}", "`date` takes"),
        ("{% for x in event.lines %}{{ loop.first }}{% endfor %}", "is true or false"),
    ],
)
def test_what_cannot_work_for_anyone_is_told(body: str, words: str) -> None:
    problems = check(f"One\n\n{body}")
    assert [(one.code, one.line) for one in problems] == [("wrong-kind", 8)], problems
    assert words in problems[0].message


@pytest.mark.parametrize(
    "body",
    [
        "{{ event.value + 1 }} {{ event.value * 2 - 1 }} {{ event.cart_id ~ '!' }}",
        "{{ event.cart_id | number }} {{ event.cart_id | amount(event.currency) }}",  # numbers may come as texts
        "{{ event.day | date('short') }} {{ event.at | date(timezone=profile.timezone) }} {{ event.cart_id | date }}",
        "{{ event.at | time(timezone='Asia/Seoul') }} {{ event.day }}",
        "{% for line in event.lines %}{{ line.title }} {{ line.count + 1 }} {{ loop.index + 1 }}{% endfor %}",
        "{% for line in event.lines if line.count > 1 %}{{ line | join }}{% else %}none{% endfor %}",
        "{{ profile.topics | length + 1 }} {{ profile.topics | join(' and ') | upper }}",
        "{{ 'dear' if profile.vip else 'x' }} {{ (event.value if profile.vip else 'x') | upper }}",
        "{{ event.cart_id | default(0) + 1 }}",
        "{% if event.day > '2026-01-01' and event.value >= 3 and 'x' in event.cart_id %}x{% endif %}",
        "{% set v = 1 %}{% if profile.vip %}{% set v = 'x' %}{% endif %}{{ v }}",
        "{{ amount(event.value, event.currency) }} {{ date(event.at) }}",
        "[a](https://x.example/?d={{ event.day }}&v={{ event.value }})",
    ],
)
def test_what_may_work_is_left_alone(body: str) -> None:
    assert check(body) == []


def test_every_filter_has_its_kinds() -> None:
    assert FILTERS.keys() | {"default"} == filters_for(Locale("en")).keys()


def test_texts_that_no_campaign_sends_are_compiled_and_checked_too() -> None:
    [syntax] = check("{% if profile.vip %}", sent=False)
    assert syntax.code == "template-syntax"
    codes = [one.code for one in check("{{ profile.nam }} {{ event.valu }} {{ event.cart_id + 1 }}", sent=False)]
    assert sorted(codes) == ["unknown-fact", "unknown-fact", "wrong-kind"]
    assert check("{{ profile.name }} {{ event.value + 1 }}", sent=False) == []


def test_a_property_that_events_disagree_about_may_be_either() -> None:
    plan = TrackingPlan.model_validate(
        {"attributes": {"given_name": "string"}, "events": {"A": {"x": "number"}, "B": {"x": "string"}}}
    )
    sources = {**BRAND, **message("{{ event.x + 1 }}")}
    assert check_messages(sources, sends=[], plan=plan, default_locale="en") == []
    sends = [("note", Purpose.TRANSACTIONAL, (Channel.EMAIL,), event) for event in ("A", "B")]
    assert len(check_messages(sources, sends=sends, plan=plan, default_locale="en")) == 1


def test_front_matter_is_checked_with_its_place() -> None:
    text = '---\nsubject: "{{ event.cart_id + 1 }}"\npreheader: P\ntitle: T\n---\nx'
    [problem] = check("x", more={"templates/note/email.en.md.j2": text})
    assert (problem.line, problem.column) == (2, 20)
