"""One brand voice reaches every channel, and what the law wants said is said once and by dangol."""

from __future__ import annotations

import pytest

from dangol.content.voice import PATH
from dangol.errors import ProblemsFound
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import BRAND, compiled, message, render

HANA = {"name": "김하나", "given_name": "Hana"}


@pytest.mark.parametrize(
    ("locale", "named", "nameless", "sign_off"),
    [
        ("ko", "김하나님, 안녕하세요.", "안녕하세요.", "단골레코드 드림"),
        ("en", "Hello Hana,", "Hello,", "All of us at Dangol Records"),
    ],
)
def test_an_email_has_salutation_and_sign_off_in_both_parts(
    locale: str, named: str, nameless: str, sign_off: str
) -> None:
    known, unknown = render("x", HANA, locale=locale), render("x", {"name": " ", "given_name": ""}, locale=locale)
    for part in (known.html, known.text):
        assert named in part
        assert sign_off in part
    assert unknown.text.startswith(f"{nameless}\n")
    assert f">{nameless}<" in unknown.html


@pytest.mark.parametrize(
    ("locale", "profile", "text"),
    [
        ("ko", HANA, "[단골레코드] 김하나님, 본문\n문의 02-000-0000"),
        ("ko", {}, "[단골레코드] 본문\n문의 02-000-0000"),
        ("en", HANA, "Dangol Records: Hello Hana. 본문\nQuestions: 02-000-0000"),
        ("en", {}, "Dangol Records: 본문\nQuestions: 02-000-0000"),
    ],
)
def test_an_sms_has_brand_salutation_and_sign_off(locale: str, profile: dict[str, str], text: str) -> None:
    assert render("본문", profile, locale=locale, channel="sms").text == text


def test_a_push_has_the_brand_in_its_title_and_the_salutation_in_its_text() -> None:
    rendered = render("두 번째 주문입니다.", HANA, locale="ko", channel="push", subject="제목")
    assert (rendered.subject, rendered.text) == ("단골레코드 · 제목", "김하나님, 두 번째 주문입니다.")


def test_marketing_is_labelled_and_says_how_to_leave() -> None:
    marketing = Purpose.MARKETING
    email = render("x", HANA, locale="ko", purpose=marketing, subject="제목")
    assert email.subject == "(광고) 제목"
    assert 'href="mailto:leave@dangol.example?subject=unsubscribe"' in email.html
    assert "서울 마포구" in email.html
    assert "수신거부 (mailto:leave@dangol.example?subject=unsubscribe)" in email.text
    sms = render("x", HANA, locale="ko", purpose=marketing, channel="sms").text
    assert sms.startswith("(광고)[단골레코드] ")
    assert sms.endswith("\n무료수신거부 080-000-0000")
    assert render("x", locale="ko", purpose=marketing, channel="push").subject.startswith("(광고) ")
    assert render("x", purpose=marketing, channel="sms").text.endswith("\nOpt out free: reply STOP or 080-000-0000")


@pytest.mark.parametrize("purpose", [Purpose.SERVICE, Purpose.TRANSACTIONAL])
def test_other_purposes_are_not_labelled(purpose: Purpose) -> None:
    assert render("x", locale="ko", purpose=purpose, subject="제목").subject == "제목"
    assert "수신거부" not in render("x", locale="ko", purpose=purpose, channel="sms").text


def test_a_label_that_data_brings_along_is_not_doubled() -> None:
    rendered = render(
        "x", {"name": "(광고) 하나"}, locale="ko", purpose=Purpose.MARKETING, subject='"{{ profile.name }}"'
    )
    assert rendered.subject == "(광고) 하나"


@pytest.mark.parametrize(
    "typed", ["(광고)", "(광 고)", "[광고]", "(광/고)", "무료수신거부 080", "무료 수신거부", "Reply STOP"]
)
def test_a_disclosure_typed_by_hand_is_a_problem_where_it_stands(typed: str) -> None:
    with pytest.raises(ProblemsFound, match=r"sms.ko.txt.j2:2:3: error\[disclosure-by-hand\]"):
        compiled(message(f"본문\n  {typed}", channel="sms", locale="ko"), locale="ko")


def test_the_speech_level_chooses_the_form_of_every_phrase() -> None:
    haeyo = BRAND[PATH].replace("sms: hapsyo", "sms: haeyo")
    sources = {
        **message("{{ voice.thanks }}", channel="sms", locale="ko"),
        **message("{{ voice.thanks }}", locale="ko"),
    }
    made = compiled({PATH: haeyo, **sources}, locale="ko")
    assert "고마워요." in made.render("note", Channel.SMS, "ko", {}).text
    assert "고맙습니다." in made.render("note", Channel.EMAIL, "ko", {}).text


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "sms: {opt_out: 무료",
            'sms: {prefix: "[AD] ", opt_out: 무료',
            r"\d+:\d+: error\[missing-disclosure\] marketing in `ko` has to begin with `\(광고\)`; found `\[AD\]",
        ),
        ('{opt_out: "Opt out free: reply STOP or 080-000-0000"}', "{}", "marketing has to say how to opt out"),
        ("haeyo: 고마워요.", "casual: 고마워.", "no form in the speech level `haeyo`"),
        ("sign_off:", "signoff:", r"unknown key `signoff` \(did you mean `sign_off`\?\)"),
        ("push: {named:", "pusch: {named:", "`push`"),
        ("en: Dangol Records}", "fr: Dangol Records}", "expected `name` of the brand in `en`"),
        ("phone: 02-000-0000", "phone: [1]", "expected text"),
        ("thanks: Thank you.", "sign_off: Bye.", "`sign_off` cannot name a phrase"),
        ("{{ brand.phone }}", "{{ brand.phon }}", r"unknown `brand.phon` \(did you mean `phone`\?\)"),
        ("{{ profile.given_name }}.", "{{ profile.given_name | nope }}.", "unknown filter `nope`"),
        ("{{ profile.given_name }}.", "{{ profile.given_name", "is not closed"),
        ("reply: Reply to", "reply: '{{ voice.thanks }}' # ", "the voice cannot quote itself"),
    ],
)
def test_a_mistake_in_the_voice_is_told_where_it_stands(old: str, new: str, problem: str) -> None:
    level = BRAND[PATH].replace("sms: hapsyo, push", "sms: haeyo, push") if "casual" in new else BRAND[PATH]
    assert old in level
    sources = {**message("{{ voice.reply }}"), **message("x", channel="sms"), **message("x", locale="ko")}
    with pytest.raises(ProblemsFound, match=problem) as found:
        compiled({**sources, PATH: level.replace(old, new)})
    assert any(one.path == PATH and one.line > 1 for one in found.value.problems)


def test_a_voice_that_is_no_yaml_or_missing_is_a_problem() -> None:
    with pytest.raises(ProblemsFound, match="yaml-syntax"):
        compiled({PATH: "brand: {", **message("x")})
    with pytest.raises(ProblemsFound, match="the file is empty"):
        compiled({PATH: "", **message("x")})
