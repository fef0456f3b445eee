"""In a stage of the journey for which the voice has words of its own, messages are framed with those."""

from __future__ import annotations

import re

import pytest

from dangol.content.check import Sent, check_messages
from dangol.content.messages import Messages, compile_messages
from dangol.content.voice import PATH
from dangol.errors import RenderError
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import BRAND, message

HANA = {"profile": {"name": "김하나", "given_name": "Hana"}}
PLAN = TrackingPlan.model_validate({"attributes": {"name": "string", "given_name": "string"}, "events": {}})
TEXTS = {
    path: text
    for channel in Channel
    for locale in ("ko", "en")
    for path, text in message("본문", channel=channel.value, locale=locale).items()
}


def made(*stages: str, voice: str = BRAND[PATH]) -> Messages:
    return compile_messages(
        {**BRAND, PATH: voice, **TEXTS},
        templates=["note"],
        purpose=Purpose.SERVICE,
        default_locale="ko",
        stages={"note": stages},
    )


@pytest.mark.parametrize(
    ("locale", "who", "first", "last"),
    [
        ("ko", HANA, "김하나님께", "단골레코드에서 이 일을 맡은 사람 드림"),
        ("ko", {}, "저희를 믿고 고르신 분께", "단골레코드에서 이 일을 맡은 사람 드림"),
        ("en", HANA, "Dear Hana,", "The one of us who has your case, at Dangol Records"),
        ("en", {}, "Dear friend of the shop,", "The one of us who has your case, at Dangol Records"),
    ],
)
def test_one_template_sent_in_two_stages_has_the_words_of_each(
    locale: str, who: dict[str, dict[str, str]], first: str, last: str
) -> None:
    messages = made("purchase", "after_service")
    caring = messages.render("note", Channel.EMAIL, locale, who, "after_service")
    usual = messages.render("note", Channel.EMAIL, locale, who, "purchase")
    for part in (caring.text, caring.html):
        assert first in part
        assert last in part
        assert "안녕하세요" not in part
        assert "Hello" not in part
    assert usual == messages.render("note", Channel.EMAIL, locale, who)
    assert last not in usual.text


def test_a_stage_changes_only_the_channels_and_parts_it_names() -> None:
    messages = made("after_service")
    sms = messages.render("note", Channel.SMS, "ko", HANA, "after_service").text
    assert sms == "[단골레코드] 김하나님, 본문\n전화 02-000-0000"
    push = messages.render("note", Channel.PUSH, "ko", HANA, "after_service")
    assert push == messages.render("note", Channel.PUSH, "ko", HANA)


def test_a_stage_may_do_without_a_sign_off() -> None:
    voice = BRAND[PATH].replace('sms: "전화 {{ brand.phone }}"', 'sms: ""')
    assert made("after_service", voice=voice).render("note", Channel.SMS, "ko", {}, "after_service").text == (
        "[단골레코드] 본문"
    )


def test_a_stage_that_was_not_compiled_or_does_not_exist_has_the_usual_words() -> None:
    usual = made().render("note", Channel.EMAIL, "ko", HANA)
    assert made().render("note", Channel.EMAIL, "ko", HANA, "after_service") == usual
    assert made("after_service").render("note", Channel.EMAIL, "ko", HANA, "nowhere") == usual


def test_texts_that_are_alike_in_all_stages_are_compiled_once() -> None:
    messages = made("purchase", "loyalty", "onboarding")
    texts = {id(messages._text("note", Channel.EMAIL, "ko", stage)) for stage in ("", "purchase", "loyalty")}
    assert len(texts) == 1
    assert messages._staged == {}


def test_what_a_stage_reads_of_a_person_is_told() -> None:
    voice = BRAND[PATH].replace('named: "Dear {{ profile.given_name }},"', 'named: "Dear {{ profile.nickname }},"')
    messages = made("after_service", voice=voice)
    assert messages.variables("note", Channel.EMAIL, "en") == {("profile", "given_name")}
    assert messages.variables("note", Channel.EMAIL, "en", "after_service") == {("profile", "nickname")}


def test_a_regional_text_has_its_languages_words_and_a_missing_locale_falls_back() -> None:
    sources = {**BRAND, **message("x", locale="en-GB"), **message("본문", locale="ko")}
    messages = compile_messages(
        sources, templates=["note"], purpose=Purpose.SERVICE, default_locale="ko", stages={"note": ["after_service"]}
    )
    assert messages.render("note", Channel.EMAIL, "en-GB", HANA, "after_service").text.startswith("Dear Hana,")
    assert messages.render("note", Channel.EMAIL, "fr", HANA, "after_service").text.startswith("김하나님께")
    with pytest.raises(RenderError, match="no sms text"):
        messages.render("note", Channel.SMS, "ko", HANA, "after_service")


def check(voice: str, stage: str) -> list[Problem]:
    sends = [Sent("note", Purpose.SERVICE, tuple(Channel), None, stage)]
    return check_messages({**BRAND, PATH: voice, **TEXTS}, sends=sends, plan=PLAN, default_locale="ko")


@pytest.mark.parametrize(
    ("new", "code"),
    [("{{ profile.gven_name }}", "unknown-fact"), ("{{ profile.given_name | nope }}", "unknown-filter")],
)
def test_a_mistake_in_a_stages_words_is_told_where_a_campaign_sends_in_it(new: str, code: str) -> None:
    voice = BRAND[PATH].replace("Dear {{ profile.given_name }}", f"Dear {new}")
    [problem] = check(voice, "after_service")
    line = next(number for number, line in enumerate(voice.split("\n"), 1) if new in line)
    assert (problem.path, problem.line, problem.code) == (PATH, line, code)
    assert check(voice, "purchase") == []


# The form of address, and the macros that speak for the brand


@pytest.mark.parametrize(
    ("locale", "who", "said"),
    [
        ("ko", HANA, "김하나님이 고르신"),
        ("ko", {}, "손님이 고르신"),
        ("ko", {"profile": {"name": " "}}, "손님이 고르신"),
        ("en", HANA, "Hana이 고르신"),
        ("en", {}, "friend of the shop이 고르신"),
    ],
)
@pytest.mark.parametrize("channel", list(Channel))
def test_the_form_of_address_is_nameless_where_the_name_is_missing(
    locale: str, who: dict[str, dict[str, str]], said: str, channel: Channel
) -> None:
    rendered = say("{{ voice.address }}이 고르신", who, channel=channel, locale=locale)
    assert said in rendered


def test_the_form_of_address_can_stand_in_a_subject() -> None:
    sources = message("x", locale="ko", subject='"{{ voice.address }}께"')
    messages = compile_messages({**BRAND, **sources}, templates=["note"], purpose=Purpose.SERVICE, default_locale="ko")
    assert messages.render("note", Channel.EMAIL, "ko", HANA).subject == "김하나님께"
    assert messages.render("note", Channel.EMAIL, "ko", {}).subject == "손님께"


def test_a_phrase_of_old_that_is_called_address_is_said_still() -> None:
    voice = BRAND[PATH].replace("      thanks: Thank you.", "      thanks: Thank you.\n      address: dear reader")
    assert "dear reader" in say("{{ voice.address }}", HANA, voice=voice)


def test_a_voice_without_a_form_of_address_says_so() -> None:
    lines = [line for line in BRAND[PATH].split("\n") if not line.startswith("    address: {")]
    sends = [Sent("note", Purpose.SERVICE, (Channel.EMAIL,), None)]
    sources = {**BRAND, PATH: "\n".join(lines), **message("{{ voice.address }}", locale="ko")}
    [problem] = check_messages(sources, sends=sends, plan=PLAN, default_locale="ko")
    assert (problem.code, problem.line) == ("unknown-name", 6)


CAUSE, REMEDY, NEXT = "택배 상자가 젖어 있었습니다.", "같은 음반을 다시 보냈습니다.", "내일 도착합니다."


@pytest.mark.parametrize(
    ("body", "locale", "said"),
    [
        (f'{{{{ apology("{CAUSE}", "{REMEDY}", "{NEXT}") }}}}', "ko",
         f"마음 쓰시게 해서 죄송합니다. {CAUSE} {REMEDY} {NEXT}"),
        ('{{ apology(event.cause, "We sent another.", "It comes tomorrow.") }}', "en",
         "We are sorry for the trouble this gave you. We do not know the cause yet, and will tell you as soon "
         "as we do. We sent another. It comes tomorrow."),
        ('{{ thanks("기다려 주셔서") }}', "ko", "기다려 주셔서 고맙습니다."),
        ('{{ thanks("your patience") }}', "en", "Thank you for your patience."),
        ("{{ thanks() }}", "ko", "고맙습니다."),
        ("{{ thanks() }}", "en", "Thank you."),
        ('{{ amount(35000, "KRW") }}', "ko", "35,000원"),
        ('{{ amount(35000, "KRW") }}', "en", "₩35,000"),
        ('{{ date("2026-12-24") }}', "ko", "2026년 12월 24일"),
        ('{{ date("2026-12-24") }}', "en", "December 24, 2026"),
        ('{{ josa("음반", "을") }} {{ josa("레코드", "을") }}', "ko", "음반을 레코드를"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channel", list(Channel))
def test_the_macros_speak_every_locale(body: str, locale: str, said: str, channel: Channel) -> None:
    assert said in say(body, {}, channel=channel, locale=locale)


def test_the_macros_follow_the_speech_level_of_the_channel() -> None:
    voice = BRAND[PATH].replace("push: hapsyo}", "push: haeyo}")
    said = say('{{ thanks("기다려 주셔서") }}', {}, channel=Channel.PUSH, locale="ko", voice=voice)
    assert said == "기다려 주셔서 고마워요."


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('{{ apology("x") }}', r"expected `apology\(cause, remedy, follow_up\)`"),
        ('{{ josa("x") }}', r"expected `josa\(word, particle\)`"),
        ("{{ voice.thanks_for }}", "unknown name `reason`"),
    ],
)
def test_a_macro_that_is_called_wrongly_is_told(body: str, problem: str) -> None:
    sends = [Sent("note", Purpose.SERVICE, (Channel.EMAIL,), None)]
    found = check_messages({**BRAND, **message(body, locale="ko")}, sends=sends, plan=PLAN, default_locale="ko")
    assert [one for one in found if re.search(problem, one.message)]


def say(
    body: str,
    who: dict[str, dict[str, str]],
    *,
    channel: Channel = Channel.EMAIL,
    locale: str = "en",
    voice: str = BRAND[PATH],
) -> str:
    sources = {**BRAND, PATH: voice, **message(body, channel=channel.value, locale=locale)}
    messages = compile_messages(sources, templates=["note"], purpose=Purpose.SERVICE, default_locale=locale)
    return messages.render("note", channel, locale, {"event": {}, **who}).text
