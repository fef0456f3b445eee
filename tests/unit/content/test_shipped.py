"""The shipped messages: complete, checked against the shipped tracking plan, and within their channels."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from dangol.checking import check_texts
from dangol.content.messages import Messages, compile_messages
from dangol.content.terms import pattern, written
from dangol.content.voice import PATH, VoiceFile, read_voice
from dangol.definitions.workspace import load_workspace
from dangol.editor.samples import LINKS_SHOWN
from dangol.jurisdictions import packs
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import ValueType
from tests.unit.content.workspace import ROOT, SHIPPED

WORKSPACE = load_workspace(ROOT)


def voice_of(text: str) -> VoiceFile:
    file, problems = read_voice(text, packs())
    assert file is not None, problems
    return file


LOCALES = ("ko", "en")
VOICE = voice_of(SHIPPED[PATH])
EACH = sorted(
    {
        (campaign.key, send.send, channel, locale)
        for campaign in WORKSPACE.campaigns.values()
        for send in campaign.sends
        for channel in send.every_channel
        for locale in LOCALES
    }
)
EMAILS = [(campaign, message, locale) for campaign, message, channel, locale in EACH if channel is Channel.EMAIL]

FULL = {"name": "김하나", "given_name": "Hana", "topics": ["jazz"], "vip": True, "tier": "regular"}
OF_TYPE: dict[ValueType, Any] = {
    ValueType.STRING: "Kind of Blue",
    ValueType.NUMBER: 35000,
    ValueType.BOOLEAN: True,
    ValueType.DATE: "2026-12-10",
    ValueType.DATETIME: "2026-12-10T19:00:00+09:00",
    ValueType.LIST: ["jazz"],
}
NAMED: dict[str, Any] = {
    "order_id": "A-1042",
    "cart_id": "C-77",
    "case_id": "K-3",
    "currency": "KRW",
    "quantity": 2,
    "url": "https://dangol.example/records/7",
    "tracking_url": "https://parcel.example/6890123456789",
    "store": "Seongsu",
    "code": "4821",
    "tier": "regular",
    "previous": "guest",
}
NEEDED = {
    "order_confirmation": ("order_id", "value", "currency", "quantity"),
    "consent_reconfirmation": ("agreed_on",),
    "consent_outcome_notice": ("action", "happened_on"),
    "our_fault": ("order_id",),
    "recommendation": ("because",),
}
"""Without these a receipt is none, and nobody is let in: it is refused rather than sent with holes."""


def event_of(campaign: str) -> dict[str, Any]:
    """The campaign's event with every property that the tracking plan gives it."""
    name = WORKSPACE.campaigns[campaign].entry.opened_by
    plan = WORKSPACE.tracking_plan.events.get(name or "", {})
    return {name: NAMED.get(name, OF_TYPE[kind]) for name, kind in plan.items()}


def least_of(campaign: str) -> dict[str, Any]:
    """The campaign's event with nothing but what lets people in, and what its text cannot do without."""
    key = WORKSPACE.campaigns[campaign].entry.key
    sure = {*NEEDED.get(campaign, ()), *((key.partition(".")[2],) if key else ())}
    return {name: value for name, value in event_of(campaign).items() if name in sure}


@cache
def compiled(message: str, purpose: Purpose) -> Messages:
    return compile_messages(SHIPPED, templates=[message], purpose=purpose, default_locale="ko")


def render(
    campaign: str, message: str, channel: Channel, locale: str, profile: dict[str, Any], event: dict[str, Any]
) -> Rendered:
    messages = compiled(message, WORKSPACE.campaigns[campaign].purpose)
    context = {"profile": profile, "event": event, "links": LINKS_SHOWN}
    return messages.render(message, channel, locale, context)


def test_the_check_finds_nothing() -> None:
    assert check_texts(WORKSPACE) == []


def test_every_text_is_sent_by_some_campaign() -> None:
    sent = {(message, channel.value) for _, message, channel, _ in EACH}
    texts = {(path.split("/")[1], path.split("/")[2].partition(".")[0]) for path in SHIPPED if "/brand/" not in path}
    policies = (ROOT / "campaigns" / "policies.yaml").read_text(encoding="utf-8")
    digests = {message for message, _ in texts if f"template: {message}" in policies}
    assert {(message, channel) for message, channel in texts - sent if message not in digests} == set()


@pytest.mark.parametrize(("campaign", "message", "channel", "locale"), EACH)
def test_every_text_renders_with_everything_known_and_with_almost_nothing(
    campaign: str, message: str, channel: Channel, locale: str
) -> None:
    for profile, event in ((FULL, event_of(campaign)), ({}, event_of(campaign)), ({}, least_of(campaign))):
        rendered = render(campaign, message, channel, locale, profile, event)
        assert rendered.locale == locale
        assert "고객님" not in rendered.text
        assert "ustomer" not in rendered.text
        assert "!" not in rendered.subject + rendered.text
        assert "  " not in rendered.text
        assert "\n\n\n" not in rendered.text
        assert rendered.segments <= (3 if "https://dangol.example/" in rendered.text else 2)


@pytest.mark.parametrize(("campaign", "message", "locale"), EMAILS)
def test_every_email_is_accessible_and_made_for_light_and_dark(campaign: str, message: str, locale: str) -> None:
    html = render(campaign, message, Channel.EMAIL, locale, FULL, event_of(campaign)).html
    assert 8_000 <= len(html.encode()) <= 10_500
    assert f'<html lang="{locale}"' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme:dark)" in html
    assert html.count("<table") == html.count('role="presentation"')
    assert "display:none" in html
    assert html.count("<h1") == 1
    assert html.count('class="button-link"') == 1
    assert "tagword" not in html


@pytest.mark.parametrize(("campaign", "message", "channel", "locale"), [one for one in EACH if one[3] == "ko"])
def test_korean_advertising_carries_its_label_and_nothing_else_does(
    campaign: str, message: str, channel: Channel, locale: str
) -> None:
    rendered = render(campaign, message, channel, locale, FULL, event_of(campaign))
    first = rendered.text if channel is Channel.SMS else rendered.subject
    assert first.startswith("(광고)") == (WORKSPACE.campaigns[campaign].purpose is Purpose.MARKETING)


def test_second_person_facts_are_all_that_texts_read() -> None:
    read = compiled("newsletter", Purpose.MARKETING).variables("newsletter", Channel.EMAIL, "ko")
    assert read == {("profile", "name"), ("profile", "topics")}
    assert compiled("win_back", Purpose.MARKETING).variables("win_back", Channel.SMS, "en-GB") == {
        ("profile", "given_name")
    }


@pytest.mark.parametrize("path", sorted(path for path in SHIPPED if "/brand/" not in path))
def test_every_text_keeps_to_the_words_of_the_voice(path: str) -> None:
    told = VOICE.voice.locales[path.split("/")[2].split(".")[1]]
    unwanted = [*(word for term in told.glossary for word in term.avoid), *(one.say_not for one in told.banned)]
    assert [word for word in unwanted if pattern(word).search(written(SHIPPED[path]))] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_voice_is_complete(locale: str) -> None:
    told = VOICE.voice.locales[locale]
    assert len(told.glossary) >= 12
    assert len(told.banned) >= 12
    assert told.address is not None
    assert VOICE.voice.stages.keys() == {stage.key for stage in WORKSPACE.journey_map.stages}
    for limit in (told.emoji, told.exclamation, told.length):
        assert limit.keys() == set(Channel)
    assert told.sentence.longest
    assert told.sentence.average
    assert not any(one.prefix for channels in told.disclosure.values() for one in channels.values())


@pytest.mark.parametrize(("campaign", "message", "channel", "locale"), EACH)
def test_every_text_keeps_to_the_lengths_of_the_voice(
    campaign: str, message: str, channel: Channel, locale: str
) -> None:
    told = VOICE.voice.locales[locale]
    text = render(campaign, message, channel, locale, FULL, event_of(campaign)).text.split("\n-- \n")[0]
    blocks = [block for block in text.split("\n") if block.strip()]
    sentences = [one for block in blocks for one in re.split(r"(?<=[.?])\s+", block) if one.strip()]
    words = [len(one.split()) for one in sentences]
    assert len(text) <= told.length[channel]
    assert max(words) <= (told.sentence.longest or 0)
    assert sum(words) / len(words) <= (told.sentence.average or 0)
