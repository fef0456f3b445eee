"""Templates that try to run away, to reach out or to blow up are told off in words, at once."""

from __future__ import annotations

import time

import pytest

from dangol.errors import ProblemsFound, RenderError
from tests.unit.content.workspace import BRAND, compiled, message, render


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ ''.__class__.__mro__ }}", "private"),
        ("{{ profile['__class__'] }}", "private"),
        ("{{ profile._x }}", "private"),
        ("{{ 2 ** 999999 }}", r"`\*\*` is not available"),
        ("{% for i in range(10**9) %}x{% endfor %}", "unknown macro `range"),
        ("{{ 'a'.upper() }}", "only the brand's macros can be called"),
        ("{{ '%s' | format(1) }}", "unknown filter `format`"),
        ("{{ profile.name | attr('x') }}", "unknown filter `attr`"),
        ("{{ profile.name | _spend }}", "unknown filter `_spend`"),
        ("{{ cycler('a') }}", "unknown macro"),
        ("{{ self }}", "unknown name `self`"),
        ("{{ profile }}", "`profile` alone is not a text"),
        ("{% include 'x' %}", "`include` is not available"),
        ("{% import 'x' as y %}", "`import` is not available"),
        ("{% extends 'x' %}", "`extends` is not available"),
        ("{% macro f() %}{% endmacro %}", "`macro` is not available"),
        ("{% set x %}a{% endset %}", "`set` as a block is not available"),
        ("{% set profile = 1 %}", "`profile` cannot be set"),
        ("{% set _budget = 1 %}", "`_budget` cannot be set"),
        ("{{ _budget }}", "unknown name `_budget`"),
        ("{% for x in event.l recursive %}{% endfor %}", "`recursive` is not available"),
        ("{{ [profile.name, profile.name] }}", "only plain texts"),
        ("{{ {'a': 1} }}", "not available"),
        ("{{ greeting(*event.l) }}", "arguments are not available"),
        ("{{ amount(1) }}", r"expected `amount\(value, currency\)`"),
        ("{{ profile.name | truncate }}", "missing a required argument"),
        ("{% raw %}{{ x }}{% endraw %}", "raw"),
        ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", "nested too deeply"),
        ("{{ " + "1" + " + 1" * 5000 + " }}", "nested"),
        ("{% if 1 %}" * 200 + "{% endif %}" * 200, "nested"),
        ("{{ profile.name ", "`{{` is not closed"),
        ("{% if profile.name %}", "endif"),
        ("{{ profile.name \ue000 }}", "private-use character"),
        ("x" * 300_000, "larger than"),
    ],
)
def test_what_the_dialect_does_not_have_is_a_problem_before_anything_runs(body: str, words: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ProblemsFound, match=words):
        compiled(message(body))
    assert time.perf_counter() - started < 3


DOUBLING = "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}"
LONG = list(range(200))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ 'a' * 1000000000 }}", "is for numbers"),
        ("{{ 'a' + 'b' }}", "is for numbers"),
        ("{{ '%1000000000d' % 5 }}", "is for numbers"),
        (DOUBLING, "grew beyond"),
        ("{% set a = 10 %}" + "{% set a = a * a %}" * 60 + "{{ a }}", "too large"),
        (
            "{% for a in event.l %}{% for b in event.l %}{% for c in event.l %}x{% endfor %}{% endfor %}{% endfor %}",
            "steps",
        ),
        ("{% for a in event.l %}{{ event.big }}{% endfor %}", "grew beyond"),
        ("{{ event.huge }}", "longer than"),
        ("{{ event.huge | upper }}", "longer than"),
        ("{{ event.many | join(', ') }}", "at most 1,000"),
        ("{{ event.value | amount('XXXXX') }}", "expected a currency"),
        ("{{ 1e300 | number }}", "below 10"),
        ("{{ 'x' | date('hh' ~ 'mm') }}", "date format"),
        ("{{ 1 / 0 }}", "divided by zero"),
        ("{% for x in 5 %}{% endfor %}", "kind"),
    ],
)
def test_what_only_shows_when_it_runs_is_stopped_quickly(body: str, words: str) -> None:
    made = compiled(message(body))
    event = {"l": LONG, "big": "b" * 9_000, "huge": "h" * 20_000, "many": LONG * 10, "value": 1}
    started = time.perf_counter()
    with pytest.raises(RenderError, match=words):
        made.render("note", next(iter(made.channels("note"))), "en", {"profile": {}, "event": event})
    assert time.perf_counter() - started < 3


def _with_macros(text: str) -> dict[str, str]:
    return {**BRAND, "templates/brand/macros.j2": BRAND["templates/brand/macros.j2"] + text}


def test_macros_cannot_call_themselves_even_in_a_circle() -> None:
    sources = _with_macros("{% macro a() %}{{ b() }}{% endmacro %}\n{% macro b() %}{{ a() }}{% endmacro %}")
    with pytest.raises(ProblemsFound, match="the macro calls itself: a → b → a"):
        compiled({**sources, **message("x")})


def test_macros_that_multiply_are_stopped() -> None:
    levels = "".join(f"{{% macro m{n + 1}() %}}{{{{ m{n}() }}}}{{{{ m{n}() }}}}{{% endmacro %}}\n" for n in range(30))
    sources = _with_macros("{% macro m0() %}{% endmacro %}\n" + levels)
    made = compiled({**sources, **message("{{ m30() }}")})
    with pytest.raises(RenderError, match="steps"):
        made.render("note", next(iter(made.channels("note"))), "en", {})


def test_macros_that_double_their_text_are_stopped() -> None:
    sources = _with_macros("{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}")
    body = "{{ " + "d(" * 40 + "'aaaaaaaa'" + ")" * 40 + " }}"
    made = compiled({**sources, **message(body)})
    with pytest.raises(RenderError, match=r"longer than|grew beyond"):
        made.render("note", next(iter(made.channels("note"))), "en", {})


def test_the_layout_cannot_run_away_or_hold_customer_data_in_styles() -> None:
    layout = "templates/brand/email.mjml.j2"
    for change, words in (
        ("{% for a in [1] %}{% endfor %}", "`for` is not available in the layout"),
        ("{{ profile.name }}", "unknown name `profile`"),
        ('<mj-text><b style="{{ greeting }}">x</b></mj-text>', "cannot stand in the attribute `style`"),
        ("<mj-column>", "MJML cannot read the layout"),
    ):
        broken = BRAND[layout].replace("<mj-column>", f"<mj-column>{change}", 1)
        with pytest.raises(ProblemsFound, match=words):
            compiled({layout: broken, **message("x")})


def test_a_block_that_crosses_elements_is_refused() -> None:
    with pytest.raises(ProblemsFound, match="begins inside one element"):
        compiled(message("**bold {% if profile.vip %}and** not{% endif %}"))
    with pytest.raises(ProblemsFound, match="begins inside one element"):
        compiled(message("- one {% if profile.vip %}\n- two {% endif %}"))


def test_raw_html_in_markdown_is_shown_not_run() -> None:
    assert "&lt;script&gt;" in render("<script>alert(1)</script>").html


@pytest.mark.parametrize("target", ["/relative", "ftp://x.example", "https://", "mailto"])
def test_a_link_that_leads_nowhere_is_a_problem_with_its_place(target: str) -> None:
    with pytest.raises(ProblemsFound, match=r"templates/note/email.en.md.j2:8:\d+: error\[bad-link\]"):
        compiled(message(f"One\n\n[b]({target})"))


def test_a_layout_that_leaves_out_what_every_email_needs_is_a_problem() -> None:
    layout = "templates/brand/email.mjml.j2"
    for name in ("body", "footer", "greeting", "sign_off", "title"):
        with pytest.raises(ProblemsFound, match=f"never says `{{{{ {name} }}}}`"):
            compiled({layout: BRAND[layout].replace(f"{{{{ {name} }}}}", ""), **message("x")})


def test_what_mjml_would_drop_is_a_problem() -> None:
    layout = "templates/brand/email.mjml.j2"
    broken = (
        BRAND[layout]
        .replace("<h1>{{ title }}</h1>", "<h1>T</h1>")
        .replace("<mj-column>", '<mj-column width="{{ title }}">', 1)
    )
    sources = {path: text.replace("title: T", 'title: "{{ profile.name }}"') for path, text in message("x").items()}
    with pytest.raises(ProblemsFound, match=r"MJML drops something|cannot stand in the attribute"):
        compiled({layout: broken, **sources})
