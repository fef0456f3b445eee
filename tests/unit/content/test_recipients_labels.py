"""The label is that of the recipient's jurisdictions beside that of the text's language, and stands there once."""

from __future__ import annotations

import pytest

from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import compiled, message

BEGINS = {Channel.EMAIL: "(광고) S", Channel.SMS: "(광고)Dangol Records: ", Channel.PUSH: "(광고) Dangol Records · S"}


def said(channel: Channel, *codes: str, locale: str = "en", purpose: Purpose = Purpose.MARKETING) -> Rendered:
    made = compiled(message("Hello.", channel=channel.value, locale=locale), purpose=purpose, locale=locale)
    return made.render("note", channel, locale, {"profile": {}, "event": {}}, jurisdictions=codes)


def beginning(channel: Channel, rendered: Rendered) -> str:
    return rendered.text if channel is Channel.SMS else rendered.subject


@pytest.mark.parametrize("channel", Channel)
def test_english_advertising_to_korea_carries_the_korean_label(channel: Channel) -> None:
    assert beginning(channel, said(channel, "KR")).startswith(BEGINS[channel])
    assert beginning(channel, said(channel, "US", "KR")).startswith(BEGINS[channel])
    for codes in ((), ("US",), ("XX",), ("US", "CA")):
        assert "(광고)" not in beginning(channel, said(channel, *codes))


@pytest.mark.parametrize("channel", Channel)
def test_no_label_stands_there_twice(channel: Channel) -> None:
    usual = said(channel, locale="ko")
    assert beginning(channel, usual).count("(광고)") == 1
    assert said(channel, "KR", locale="ko").content() == usual.content()
    assert said(channel, "US", locale="ko").content() == usual.content()


@pytest.mark.parametrize("purpose", [Purpose.SERVICE, Purpose.TRANSACTIONAL])
def test_what_is_no_advertising_has_no_label(purpose: Purpose) -> None:
    assert "(광고)" not in beginning(Channel.SMS, said(Channel.SMS, "KR", purpose=purpose))
