"""The review reads every message as each of its readers would, and tells each mistake once."""

from __future__ import annotations

import re

import pytest

from dangol.checking import check_texts, review_texts
from dangol.content.check import check_messages
from dangol.definitions.workspace import load_workspace
from dangol.editor.model import Send
from dangol.editor.page import Page, contrast, dark_rules
from dangol.editor.registry import RULES, Scope, Severity
from dangol.editor.review import Review, review
from dangol.editor.samples import SAMPLES
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan, ValueType
from tests.unit.editor.desk import ROOT, brand_sources

PLAN = TrackingPlan(
    attributes={"name": ValueType.STRING, "given_name": ValueType.STRING, "nickname": ValueType.STRING},
    events={"Order Completed": {"order_id": ValueType.STRING, "quantity": ValueType.NUMBER}},
)
SMS = "templates/case/sms.en.txt.j2"
EMAIL = "templates/case/email.en.md.j2"
FRONT = "---\nsubject: A letter from us\npreheader: What is new.\ntitle: This week\n---\n"
BUTTON = "\n[See the shop](https://dangol.example/shop)\n"
VOICE = "templates/brand/voice.yaml"
LAYOUT = "templates/brand/email.mjml.j2"


def reviewed(sources: dict[str, str], *sends: Send, event: str | None = "Order Completed", stage: str = "") -> Review:
    asked = list(sends) or [Send("case", Purpose.SERVICE, tuple(Channel), event, stage)]
    return review({**brand_sources(), **sources}, sends=asked, plan=PLAN, default_locale="en")


def found(sources: dict[str, str], *sends: Send, stage: str = "") -> list[Problem]:
    return list(reviewed(sources, *sends, stage=stage).problems)


def voice_with(old: str, new: str) -> str:
    voice = brand_sources()[VOICE]
    assert old in voice
    return voice.replace(old, new)


def test_the_shipped_workspace_has_no_finding_at_all() -> None:
    assert [str(problem) for problem in check_texts(load_workspace(ROOT))] == []


def test_a_finding_has_a_place_a_rule_what_was_written_why_and_what_to_say_instead() -> None:
    (problem,) = found({SMS: "It is here.\nPlease do not hesitate to call.\n"})
    assert (problem.path, problem.line, problem.column, problem.code) == (SMS, 2, 8, "cliche")
    assert problem.message == "`do not hesitate` is a set phrase"
    assert problem.hint == "write `please ask` or `call us`"
    assert problem.severity == "warning"


def test_the_severity_of_a_rule_is_the_voices() -> None:
    for severity in ("error", "note", "off"):
        voice = brand_sources()[VOICE] + f"\nrules: {{cliche: {severity}}}\n"
        problems = found({SMS: "Please do not hesitate to call.\n", VOICE: voice})
        assert [one.severity for one in problems] == ([] if severity == "off" else [severity])


def test_a_rule_that_does_not_exist_is_told_where_the_voice_names_it() -> None:
    voice = brand_sources()[VOICE] + "\nrules:\n  exclamations: off\n"
    sources = {**brand_sources(), SMS: "It is here.\n", VOICE: voice}
    told = check_messages(sources, sends=[], plan=PLAN, default_locale="en", rules=frozenset(RULES))
    (problem,) = [one for one in told if one.code == "unknown-rule"]
    assert (problem.path, problem.code, problem.hint) == (VOICE, "unknown-rule", "did you mean `exclamation`?")
    assert voice.split("\n")[problem.line - 1] == "  exclamations: off"


def test_one_mistake_is_told_once_however_many_readers_see_it() -> None:
    text = "Hello {{ profile.nickname | default('you') }}. Please do not hesitate to call.\n"
    (problem,) = found({SMS: text})
    assert "sample" not in problem.message


def test_what_only_some_readers_see_is_told_with_their_samples() -> None:
    text = "Your records{% if profile.nickname is present %} {{ profile.nickname }}{% endif %} , are here.\n"
    other = "We have it.{% if profile.nickname is not present %} Do not hesitate.{% endif %}\n"
    assert [one.code for one in found({SMS: text})] == ["stray-space"]
    (problem,) = found({SMS: other})
    assert problem.message.endswith("(for the sample `bare`)")


def test_data_is_never_taken_for_what_an_author_wrote() -> None:
    emoji = next(sample for sample in SAMPLES if sample.key == "emoji")
    assert emoji
    assert found({SMS: "Hello {{ profile.name | default('you') }}, it is here.\n"}) == []


@pytest.mark.parametrize(
    ("purpose", "codes"),
    [
        (Purpose.MARKETING, set()),
        (Purpose.SERVICE, {"hidden-advertising"}),
        (Purpose.TRANSACTIONAL, {"hidden-advertising"}),
        (None, set()),
    ],
)
def test_advertising_is_looked_for_where_a_campaign_sends_it_to_people_who_did_not_ask(
    purpose: Purpose | None, codes: set[str]
) -> None:
    sources = {**brand_sources(), "templates/case/sms.en.txt.j2": "Get 20% off your next order.\n"}
    sent = Send("case" if purpose else "other", purpose or Purpose.SERVICE, (Channel.SMS,))
    assert {one.code for one in found(sources, sent)} & {"hidden-advertising", "advertising-beside"} == codes


def test_texts_that_no_campaign_sends_are_read_as_service_messages() -> None:
    sources = {SMS: "Please do not hesitate to call about {{ event.order_id }}.\n"}
    (problem,) = found(sources, Send("other", Purpose.SERVICE, (Channel.SMS,)))
    assert problem.code == "cliche"


def test_a_text_with_mistakes_is_left_to_its_check() -> None:
    broken = {SMS: "{% if %}Please do not hesitate.\n", "templates/other/sms.en.txt.j2": "Do not hesitate.\n"}
    assert [one.path for one in found(broken)] == ["templates/other/sms.en.txt.j2"]


def test_a_text_that_cannot_be_made_for_somebody_is_told() -> None:
    (problem,) = found({SMS: "It is here.\nHello {{ profile.nickname }}.\n"})
    assert (problem.code, problem.line) == ("does-not-render", 2)
    assert "`profile.nickname` is missing" in problem.message
    assert problem.message.endswith("(for the sample `bare`)")


def test_the_same_sources_give_the_same_review_in_the_same_order() -> None:
    sources = {SMS: "Hurry up! Please do not hesitate.\n", EMAIL: f"{FRONT}An amazing week!\n"}
    first, second = reviewed(sources), reviewed(dict(reversed(sources.items())))
    assert first == second
    assert list(first.problems) == sorted(first.problems)


def test_stages_decide_how_much_is_to_be_told() -> None:
    voice = re.sub(
        r"^stages:\n(?:  .*\n)+", "stages: {purchase: {information: 90%}}\n", brand_sources()[VOICE], flags=re.MULTILINE
    )
    feeling = "Thank you. We are glad that you came. We hope you enjoy it. We wish you a quiet evening. We love it.\n"
    telling = "The order is A-1. It has 2 records. It left at 3. It comes on 24 May. The carrier has it.\n"
    sent = f"{FRONT}{feeling}{BUTTON}"
    (problem,) = found({EMAIL: sent, VOICE: voice}, stage="purchase")
    assert (problem.code, problem.severity) == ("information-balance", "note")
    assert found({EMAIL: sent, VOICE: voice}, stage="loyalty") == []
    assert found({EMAIL: f"{FRONT}{telling}{BUTTON}", VOICE: voice}, stage="purchase") == []


def test_data_that_one_locale_lacks_is_told_where_the_other_names_it() -> None:
    ko = "templates/case/sms.ko.txt.j2"
    sources = {SMS: "We have order {{ event.order_id }}.\n", ko: "주문을 받았습니다.\n"}
    (problem,) = found(sources)
    assert (problem.path, problem.line, problem.column, problem.code) == (SMS, 1, 18, "locale-data-differs")


def test_links_that_differ_between_locales_are_told_and_language_paths_are_not() -> None:
    ko = "templates/case/sms.ko.txt.j2"
    same = {SMS: "See https://dangol.example/en/new\n", ko: "https://dangol.example/ko/new 보기\n"}
    other = {SMS: "See https://dangol.example/new\n", ko: "https://dangol.example/old 보기\n"}
    assert found(same) == []
    assert {one.code for one in found(other)} == {"locale-links-differ"}


def layout_with(old: str, new: str) -> dict[str, str]:
    layout = brand_sources()[LAYOUT]
    assert old in layout
    return {LAYOUT: layout.replace(old, new), EMAIL: f"{FRONT}The shelves have moved.\n{BUTTON}"}


def test_too_little_contrast_is_told_in_light_and_in_dark() -> None:
    (light,) = found(layout_with('color="#24211d"', 'color="#aaaaaa"'))
    assert (light.path, light.code, light.severity) == (LAYOUT, "contrast", "error")
    assert "(light)" in light.message
    (dark,) = found(layout_with("{ color: #efe9df !important; }", "{ color: #333333 !important; }"))
    assert "(dark)" in dark.message
    line = layout_with("{ color: #efe9df !important; }", "{ color: #333333 !important; }")[LAYOUT].split("\n")[
        dark.line - 1
    ]
    assert line[dark.column - 1 :].startswith("#333333")


def test_an_image_of_the_layout_needs_words() -> None:
    image = '<mj-image src="https://dangol.example/logo.png" /></mj-column></mj-section></mj-body>'
    (problem,) = found(layout_with("</mj-column>\n    </mj-section>\n  </mj-body>", image))
    assert (problem.path, problem.code) == (LAYOUT, "layout-image")


def test_html_that_a_parser_has_to_guess_at_is_told() -> None:
    page = Page("<!DOCTYPE html><html><head><title>x</title></head><body>\n<p>text</div></body></html>")
    (hit,) = RULES["html"].check(page)
    assert hit.message == "the email's HTML is not valid: unexpected end tag"
    assert hit.needle == "<p>text</div></body></html>"
    assert list(RULES["html"].check(Page("<!DOCTYPE html><html><body><p>text</p></body></html>"))) == []


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000", "white") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert contrast("var(--x)", "#fff") is None


def test_dark_styles_are_read_from_their_media_query() -> None:
    html = "<style>a{color:#111}@media (prefers-color-scheme:dark){a,p{color:#eee !important}}</style>"
    assert [selector for selector, _ in dark_rules(html)] == ["a", "p"]
    page = Page(f"<!doctype html><html><head>{html}</head><body><p>Hello</p></body></html>")
    assert [(one.colour, one.dark) for one in page.shown()] == [("#000000", False), ("#eee", True)]


def test_every_rule_is_told_in_full() -> None:
    for rule in RULES.values():
        assert rule.severity is not Severity.OFF
        assert all((rule.looks_for, rule.why, rule.bad, rule.better)), rule.id
        assert rule.scope in Scope


def test_the_workspace_is_compiled_once_for_check_and_review() -> None:
    problems, told = review_texts(load_workspace(ROOT))
    assert set(told.problems) <= set(problems)
