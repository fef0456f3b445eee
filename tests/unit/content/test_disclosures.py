"""What the law wants said comes from a pack of data, once, and what a voice lacks of it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.content.disclosures import Part, rule_of, serving
from dangol.content.messages import compile_messages
from dangol.content.required import Occasion
from dangol.content.voice import PATH, read_voice
from dangol.content.voice_check import check_voice
from dangol.definitions.document import locate
from dangol.jurisdictions import packs
from dangol.model.jurisdiction import Jurisdictions, Pack, RuleChange
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.policy.law import Law
from tests.unit.content.workspace import BRAND, message

VOICE = BRAND[PATH]
MARKETING = Purpose.MARKETING


def problems(voice: str, *occasions: Occasion, asking: Sequence[Pack] = ()) -> list[Problem]:
    file, unread = read_voice(voice, packs())
    assert file is not None, unread
    everywhere = [Occasion(MARKETING, channel, stage) for channel in Channel for stage in ("", "after_service")]
    return check_voice(file, occasions=occasions or everywhere, served=asking)


# The pack


@pytest.mark.parametrize(
    ("locale", "channel", "label"),
    [
        ("ko", Channel.EMAIL, "(광고) "),
        ("ko-KR", Channel.SMS, "(광고)"),
        ("ko", Channel.PUSH, "(광고) "),
        ("en", Channel.EMAIL, None),
        ("en", Channel.SMS, None),
        ("fr-CA", Channel.PUSH, None),
    ],
)
def test_a_label_that_was_ever_released_stays_as_it_is(locale: str, channel: Channel, label: str | None) -> None:
    """Messages are rendered again to prove what was sent: another text here would call old messages forged."""
    found = rule_of(serving(packs(), locale), MARKETING, channel).label
    assert (found.text if found else None) == label
    assert (found.at if found else None) in {None, {"email": "subject", "sms": "text", "push": "title"}[channel]}


@pytest.mark.parametrize("purpose", [Purpose.SERVICE, Purpose.TRANSACTIONAL])
@pytest.mark.parametrize("channel", list(Channel))
def test_nothing_else_is_labelled(purpose: Purpose, channel: Channel) -> None:
    for pack in packs().values():
        assert rule_of(pack, purpose, channel).label is None


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_marketing_says_everywhere_who_writes_and_how_to_leave(locale: str) -> None:
    for channel in Channel:
        parts = {need.part for need in rule_of(serving(packs(), locale), MARKETING, channel).needs}
        assert Part.NAME in parts
        assert Part.OPT_OUT in parts or (channel is Channel.PUSH and locale != "ko")


# What a voice lacks

ENGLISH = "To stop these emails, [unsubscribe](mailto:{{ brand.unsubscribe }}?subject=unsubscribe) free of charge."
PUSH = 'push: {opt_out: "문의 {{ brand.phone }} · 수신거부: 앱 설정 > 알림"}'
GLOSSARY = "    glossary:\n"


@pytest.mark.parametrize(
    ("old", "new", "at", "said", "severity"),
    [
        ('sms: "[단골레코드] "', 'sms: "[가게] "', 'sms: "[가게] "', "by sms in `ko` has to say who writes", "error"),
        ('push: "단골레코드 · "', 'push: ""', 'push: ""}\n    phrases',
         "by push in `ko` has to say who writes", "error"),
        ("문의 {{ brand.phone }} · 수신", "수신", '"수신거부: 앱', "by push in `ko` has to say how to reach", "error"),
        (PUSH, 'push: {opt_out: ""}', '""}\n      service',
         "by push in `ko` has to say how to opt out", "error"),
        (GLOSSARY, f'    footer: "{{{{ brand.name }}}} {{{{ brand.address }}}}"\n{GLOSSARY}', '"{{ brand.name }} {{',
         "by email in `ko` has to say the sender's phone number", "error"),
        (GLOSSARY, f'    footer: "{{{{ brand.name }}}} {{{{ brand.phone }}}}"\n{GLOSSARY}', '"{{ brand.name }} {{',
         "by email in `ko` has to say the sender's postal address", "warning"),
        (ENGLISH, "그만 받으시려면 답장해 주세요.", "|\n            이메일 소식",
         "by email in `ko` has to say how to opt out in English too", "warning"),
        ('sms: "Dangol Records: "', 'sms: "DR: "', 'sms: "DR: "', "by sms in `en` has to say who writes", "error"),
    ],
)  # fmt: skip
def test_a_marketing_text_without_sender_or_opt_out_is_told(
    old: str, new: str, at: str, said: str, severity: str
) -> None:
    text = VOICE.replace(old, new, 1)
    found = [one for one in problems(text) if said in one.message]
    assert [(one.line, one.column, one.code, one.severity) for one in found] == [
        (*locate(text, text.index(at) + (at.startswith(("sms", "push")) and at.index(":") + 2)), "missing-disclosure",
         severity)
    ]  # fmt: skip
    assert "Act" in found[0].message or "TCPA" in found[0].message or "Decree" in found[0].message


KOREA = Law(packs(), Jurisdictions()).served
PHONELESS = VOICE.replace("Questions: {{ brand.phone }} · Opt", "Opt")
ENGLISH_ALONE = VOICE.replace(
    VOICE[VOICE.index("            이메일을 그만 받고") : VOICE.index("        # Replies to a")], ""
)


def served(voice: str, asking: Sequence[Pack], channel: Channel) -> list[Problem]:
    return problems(voice, Occasion(MARKETING, channel), asking=asking)


def test_texts_in_every_language_say_what_the_places_ask_that_are_served() -> None:
    assert served(PHONELESS, (), Channel.PUSH) == served(ENGLISH_ALONE, (), Channel.EMAIL) == []
    [contact] = served(PHONELESS, KOREA, Channel.PUSH)
    assert contact.message == (
        "marketing by push in `en` has to say how to reach the sender (KR-contact-email: Network Act §50(4)); "
        "found nothing of it"
    )
    assert (contact.severity, contact.hint) == ("error", "say it with `{{ brand.phone }}`")
    assert (contact.line, contact.column) == locate(PHONELESS, PHONELESS.index('"Opt out: app settings'))
    [korean] = served(ENGLISH_ALONE, KOREA, Channel.EMAIL)
    assert "in `en` has to say how to opt out in Korean too (KR-opt-out-email: " in korean.message
    assert (korean.severity, korean.hint) == ("warning", "add a sentence")


def test_what_several_laws_ask_is_told_once_with_all_of_them() -> None:
    """A rule that somebody read is an error, whatever others only recall."""
    voice = VOICE.replace('push: "Dangol Records · "', 'push: ""')
    both = Law(packs(), Jurisdictions(serves=("KR", "GB"))).served
    [problem] = served(voice, both, Channel.PUSH)
    assert "(default-name: EU ePrivacy" in problem.message
    assert "; KR-name: Network Act §50(4); GB-name: PECR)" in problem.message
    assert problem.severity == "error"
    [recalled] = served(voice, Law(packs(), Jurisdictions(serves=("GB",))).served, Channel.PUSH)
    assert recalled.severity == "warning"


def test_a_rule_that_the_workspace_turned_off_is_not_asked_about() -> None:
    off = (RuleChange(id="KR-contact-email", off=True, reason="the app shows it", by="Kim"),)
    assert served(PHONELESS, Law(packs(), Jurisdictions(rules=off)).served, Channel.PUSH) == []
    voice = VOICE.replace("문의 {{ brand.phone }} · 수신", "수신")
    assert served(voice, Law(packs(), Jurisdictions(rules=off)).served, Channel.PUSH) == []
    assert len(served(voice, KOREA, Channel.PUSH)) == 1


def test_a_contact_may_be_the_number_that_an_sms_comes_from() -> None:
    voice = VOICE.replace('sms: "문의 {{ brand.phone }}"', 'sms: ""')
    assert problems(voice) == []
    other = voice.replace('sms_sender: "020000000"', "sms_sender: DANGOL")
    assert ["how to reach the sender" in one.message for one in problems(other)] == [True]


def test_a_stages_own_sign_off_is_looked_at_too() -> None:
    voice = VOICE.replace('sms: "전화 {{ brand.phone }}"', "sms: 단골레코드").replace(
        'sms_sender: "020000000"', "sms_sender: DANGOL"
    )
    [problem] = problems(voice)
    assert (problem.line, problem.column) == locate(voice, voice.index("sms: 단골레코드") + 5)
    assert problems(voice, Occasion(MARKETING, Channel.SMS)) == []


@pytest.mark.parametrize("purpose", [Purpose.SERVICE, Purpose.TRANSACTIONAL])
def test_what_is_not_sent_as_marketing_is_not_held_to_it(purpose: Purpose) -> None:
    voice = VOICE.replace('push: "단골레코드 · "', 'push: ""')
    assert problems(voice, *(Occasion(purpose, channel) for channel in Channel)) == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("sms: {opt_out: 무료", "sms: {prefix: (광고), opt_out: 무료", "dangol puts `(광고)` in by itself"),
        ('sms: {opt_out: "Opt', 'sms: {prefix: "[Ad] ", opt_out: "Opt', "dangol knows of no law for it"),
    ],
)
def test_a_label_typed_by_hand_is_honoured_and_warned_of(old: str, new: str, why: str) -> None:
    voice = VOICE.replace(old, new)
    [problem] = problems(voice)
    assert (problem.code, problem.severity, problem.hint) == ("label-by-hand", "warning", "remove `prefix`")
    assert (problem.line, problem.column) == locate(voice, voice.index("prefix:"))
    assert why in problem.message
    locale, label = ("ko", "(광고)") if "광고" in new else ("en", "[Ad] ")
    assert say("x", channel=Channel.SMS, locale=locale, voice=voice).startswith(label)


def test_without_a_footer_of_its_own_a_voice_has_the_packs_and_may_have_none() -> None:
    own = VOICE.replace("    glossary:\n", '    footer: "우리 가게"\n    glossary:\n', 1)
    none = VOICE.replace("    glossary:\n", '    footer: ""\n    glossary:\n', 1)
    assert "서울 마포구 와우산로 000, 2층\n02-000-0000 · hello@dangol.example" in say("x", voice=VOICE)
    assert "우리 가게" in say("x", voice=own)
    assert "마포구" not in say("x", voice=own)
    assert "마포구" not in say("x", voice=none)


# Said once


OPT_OUTS = {
    (Channel.EMAIL, "ko"): "이메일 소식을 받겠다고 하신 분께만 보내는 편지입니다.",
    (Channel.SMS, "ko"): "무료수신거부 080-000-0000",
    (Channel.PUSH, "ko"): "수신거부: 앱 설정",
    (Channel.EMAIL, "en"): "You get this because you asked for our letters.",
    (Channel.SMS, "en"): "Opt out free: reply STOP or 080-000-0000",
    (Channel.PUSH, "en"): "Questions: 02-000-0000 · Opt out: app settings",
}
COMPILED = {
    (channel, locale): compile_messages(
        {
            **BRAND,
            **message(
                "{{ profile.x }} {{ event.x }}", channel=channel.value, locale=locale, subject='"{{ profile.x }} S"'
            ),
        },
        templates=["note"],
        purpose=MARKETING,
        default_locale=locale,
    )
    for channel, locale in OPT_OUTS
}
WORDS = st.lists(
    st.sampled_from(
        ["(광고)", "(광고) ", "광고", " ", "하나", "(", "(광 고)", "[단골레코드]", "x", "\n", "<b>", "수신거부"]
    ),
    max_size=6,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(sorted(OPT_OUTS)), first=WORDS, second=WORDS, stage=st.sampled_from(["", "after_service"]))
def test_label_and_opt_out_are_there_and_never_doubled(
    place: tuple[Channel, str], first: str, second: str, stage: str
) -> None:
    channel, locale = place
    context: dict[str, dict[str, Any]] = {"profile": {"x": first}, "event": {"x": second}}
    rendered = COMPILED[place].render("note", channel, locale, context, stage)
    labelled = rendered.text if channel is Channel.SMS else rendered.subject
    assert rendered.text.count(OPT_OUTS[place]) == 1
    assert rendered.html.count(OPT_OUTS[place]) == (channel is Channel.EMAIL)
    if locale == "ko":
        rest = labelled.removeprefix("(광고)").lstrip()
        assert labelled.startswith("(광고)")
        # What data brings along at the very beginning counts as the label; elsewhere it is the data's own.
        assert labelled.count("(광고)") <= 1 + (first + second).count("(광고)")
        assert not rest.startswith("(광고)") or first.lstrip().startswith("(광고)")


def say(body: str, *, channel: Channel = Channel.EMAIL, locale: str = "ko", voice: str = VOICE) -> str:
    sources = {**BRAND, PATH: voice, **message(body, channel=channel.value, locale=locale)}
    messages = compile_messages(sources, templates=["note"], purpose=MARKETING, default_locale=locale)
    return messages.render("note", channel, locale, {}).text
