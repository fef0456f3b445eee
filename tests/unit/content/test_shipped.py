"""The shipped messages: complete, checked against the shipped tracking plan, and within their channels."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from dangol.content.check import check_messages
from dangol.content.messages import Messages, compile_messages
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import ROOT, SHIPPED

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
MESSAGES = {
    "order_confirmation": (Purpose.TRANSACTIONAL, (EMAIL, SMS), "Order Completed"),
    "welcome": (Purpose.MARKETING, (EMAIL, PUSH), "Order Completed"),
    "second_purchase": (Purpose.MARKETING, (EMAIL, PUSH), "Order Completed"),
    "win_back": (Purpose.MARKETING, (EMAIL, SMS), None),
    "vip_thanks": (Purpose.MARKETING, (EMAIL, SMS), None),
    "newsletter": (Purpose.MARKETING, (EMAIL,), None),
}
FULL = {"name": "김하나", "given_name": "Hana", "topics": ["jazz"], "vip": True}
ORDER = {"order_id": "A-1042", "value": 35000, "currency": "KRW", "quantity": 2}
EACH = [
    (key, channel, locale)
    for key, (_, channels, _) in MESSAGES.items()
    for channel in channels
    for locale in ("ko", "en")
]


@pytest.fixture(scope="module")
def messages() -> dict[str, Messages]:
    return {
        key: compile_messages(SHIPPED, templates=[key], purpose=purpose, default_locale="ko")
        for key, (purpose, _, _) in MESSAGES.items()
    }


def test_the_check_finds_nothing() -> None:
    plan = TrackingPlan.model_validate(YAML(typ="safe").load(ROOT / "campaigns/tracking-plan.yaml"))
    sends = [(key, purpose, channels, event) for key, (purpose, channels, event) in MESSAGES.items()]
    assert check_messages(SHIPPED, sends=sends, plan=plan, default_locale="ko") == []


@pytest.mark.parametrize(("key", "channel", "locale"), EACH)
def test_every_text_renders_with_everything_known_and_with_almost_nothing(
    messages: dict[str, Messages], key: str, channel: Channel, locale: str
) -> None:
    for profile in (FULL, {}):
        rendered = messages[key].render(key, channel, locale, {"profile": profile, "event": ORDER})
        assert rendered.locale == locale
        assert "고객님" not in rendered.text
        assert "ustomer" not in rendered.text
        assert "\n\n\n" not in rendered.text
        assert rendered.segments <= 2


@pytest.mark.parametrize(("key", "locale"), [(key, locale) for key in MESSAGES for locale in ("ko", "en")])
def test_every_email_is_accessible_and_made_for_light_and_dark(
    messages: dict[str, Messages], key: str, locale: str
) -> None:
    html = messages[key].render(key, EMAIL, locale, {"profile": FULL, "event": ORDER}).html
    assert 8_000 <= len(html.encode()) <= 10_500
    assert f'<html lang="{locale}"' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme:dark)" in html
    assert html.count("<table") == html.count('role="presentation"')
    assert "display:none" in html
    assert html.count("<h1") == 1
    assert html.count('class="button-link"') == 1
    assert "tagword" not in html


def test_second_person_facts_are_all_that_texts_read(messages: dict[str, Messages]) -> None:
    read = messages["newsletter"].variables("newsletter", EMAIL, "ko")
    assert read == {("profile", "name"), ("profile", "topics"), ("profile", "vip")}
    assert messages["win_back"].variables("win_back", SMS, "en-GB") == {("profile", "given_name")}
