"""The check tells every mistake at once, with its place, what was found and the nearest valid word."""

from __future__ import annotations

import time

from dangol.content.check import check_messages
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import BRAND, message

PLAN = TrackingPlan.model_validate(
    {"attributes": {"name": "string", "given_name": "string"}, "events": {"Order Completed": {"order_id": "string"}}}
)
EVERY = tuple(Channel)


def check(
    sources: dict[str, str],
    *channels: Channel,
    event: str | None = "Order Completed",
    purpose: Purpose = Purpose.TRANSACTIONAL,
) -> list[Problem]:
    sends = [("note", purpose, channels or (Channel.EMAIL,), event)]
    return check_messages({**BRAND, **sources}, sends=sends, plan=PLAN, default_locale="en")


def told(problems: list[Problem]) -> list[tuple[int, int, str, str]]:
    return [(one.line, one.column, one.code, one.hint) for one in problems]


def test_a_good_message_has_no_problem() -> None:
    assert check(message("{{ event.order_id }} {{ profile.name | default('x') }}")) == []


def test_unknown_facts_are_told_with_place_and_nearest_name() -> None:
    problems = check(message("Dear {{ profile.nam }},\n\n{% if event.order_ids %}\nx\n{% endif %}"))
    assert told(problems) == [
        (6, 17, "unknown-fact", "did you mean `name`?"),
        (8, 13, "unknown-fact", "did you mean `order_id`?"),
    ]
    assert "`profile.nam`, which is no attribute in the tracking plan" in problems[0].message


def test_standard_attributes_are_known_and_scheduled_campaigns_have_no_event() -> None:
    assert check(message("{{ profile.email }} {{ profile.country }}"), event=None) == []
    [problem] = check(message("{{ event.order_id }}"), event=None)
    assert "there is no event" in problem.message


def test_facts_that_the_voice_needs_are_told_in_the_voice() -> None:
    plan = TrackingPlan.model_validate({"attributes": {"name": "string"}})
    sends = [("note", Purpose.TRANSACTIONAL, (Channel.EMAIL,), None)]
    problems = check_messages({**BRAND, **message("x")}, sends=sends, plan=plan, default_locale="en")
    assert {(one.path, one.code) for one in problems} == {("templates/brand/voice.yaml", "unknown-fact")}


def test_all_mistakes_of_a_workspace_are_told_at_once() -> None:
    sources = {
        **message("{{ profile.nme }} {{ profile.name | uper }} {{ greting() }} {{ voice.thansk }} {{ nmae }}"),
        "templates/note/push.en.txt.j2": "---\ntitel: x\n---\nbody",
        "templates/note/sms.en.txt.j2": "{% if x %}",
        "templates/note/emial.en.md.j2": "x",
        "templates/note/email.xx-YY.md.j2": "x",
        "templates/note/email.ko.md.j2": "no front matter",
    }
    problems = check(sources, *EVERY)
    assert {one.code for one in problems} == {
        "unknown-filter", "unknown-macro", "unknown-name", "unknown-key", "missing-key", "template-syntax",
        "unknown-file", "unknown-locale", "missing-front-matter",
    }  # fmt: skip
    hints = {one.hint for one in problems}
    assert {
        "did you mean `upper`?",
        "did you mean `greeting`?",
        "did you mean `thanks`?",
        "did you mean `title`?",
    } <= hints
    assert problems == sorted(problems)


def test_front_matter_mistakes_have_their_place() -> None:
    path = "templates/note/email.en.md.j2"
    good = message("x")[path]
    for old, new, expected in (
        ("subject: S", "subjct: S", (2, 1, "unknown-key", "did you mean `subject`?")),
        ("title: T", "title: {{ profile.name }}", (4, 9, "bad-key", "put a value that begins with `{{` in quotes")),
        ("title: T", "title: 7", (4, 1, "wrong-kind", "put it in quotes")),
        ("title: T", "title: {{ profile.nam", (4, 0, "", "")),
        ("subject: S", "subject: a {{ profile.nam }}", (2, 23, "unknown-fact", "did you mean `name`?")),
        ("preheader: P\n", "", (1, 1, "missing-key", "add `preheader:`")),
    ):
        problems = told(check({path: good.replace(old, new)}))
        if expected[2]:
            assert expected in problems, (new, problems)
        else:
            assert any(line == expected[0] for line, *_ in problems), (new, problems)


def test_a_text_missing_in_the_default_locale_is_told() -> None:
    [problem] = check(message("x", locale="ko"))
    assert (problem.path, problem.code) == ("templates/note/email.en.md.j2", "missing-text")
    assert "other locales only" in problem.message
    [problem] = check(message("x", key="notes"))
    assert problem.hint == "did you mean `notes`?"


def test_a_locale_without_voice_is_told() -> None:
    [problem] = check({**message("x"), **message("x", locale="de")})
    assert (problem.path, problem.code) == ("templates/note/email.de.md.j2", "missing-voice")


def test_a_regional_text_is_served_by_the_voice_of_its_language() -> None:
    assert check({**message("x"), **message("x", locale="en-GB")}) == []


def test_static_texts_that_are_too_long_are_told() -> None:
    assert [one.code for one in check(message("가" * 700, channel="sms"), Channel.SMS)] == ["too-long"]
    assert [one.code for one in check(message("b" * 501, channel="push"), Channel.PUSH)] == ["too-long"]
    assert [one.code for one in check(message("b", channel="push", subject="t" * 101), Channel.PUSH)] == ["too-long"]
    [warning] = check(message("word " * 30_000))
    assert (warning.code, warning.severity) == ("will-be-clipped", "warning")


def test_the_brand_files_are_needed_and_checked() -> None:
    [problem] = check({**message("x"), "templates/brand/macros.j2": "{% macro greeting() %}x{% endmacro %}"})
    assert "expected a macro `sign_off()`" in problem.message
    sources = {path: text for path, text in BRAND.items() if "mjml" not in path} | message("x")
    sends = [("note", Purpose.MARKETING, (Channel.EMAIL,), None)]
    problems = check_messages(sources, sends=sends, plan=PLAN, default_locale="en")
    assert [(one.path, one.code) for one in problems] == [("templates/brand/email.mjml.j2", "missing-file")]


def test_a_template_sent_by_many_campaigns_is_told_about_once_and_quickly() -> None:
    sends = [("note", purpose, EVERY, "Order Completed") for purpose in Purpose] * 50
    started = time.perf_counter()
    problems = check_messages({**BRAND, **message("{{ profile.nam }}")}, sends=sends, plan=PLAN, default_locale="en")
    assert [one.code for one in problems].count("unknown-fact") == 1
    assert time.perf_counter() - started < 3


def test_windows_line_ends_and_a_byte_order_mark_are_fine() -> None:
    assert check({path: "\ufeff" + text.replace("\n", "\r\n") for path, text in message("x\ny").items()}) == []
