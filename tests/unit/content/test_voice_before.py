"""Versions that are deployed have the voice as it was: it still loads, and says the same to the letter (G7)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dangol.content.check import Sent, check_messages
from dangol.content.messages import compile_messages
from dangol.content.sources import MACROS
from dangol.content.voice import PATH, read_voice
from dangol.jurisdictions import packs
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import BRAND, message

BEFORE = Path(__file__).parent / "before"
OLD = {PATH: (BEFORE / "voice.yaml").read_text("utf-8"), MACROS: (BEFORE / "macros.j2").read_text("utf-8")}
SAID = json.loads((BEFORE / "said.json").read_text("utf-8"))
BODY = "{{ voice.thanks }} {{ amount(event.value, event.currency) }}"
WHO = {"named": {"name": "김하나", "given_name": "Hana"}, "nameless": {}}
ORDER = {"value": 35000, "currency": "KRW"}


@pytest.mark.parametrize("case", sorted(SAID))
@pytest.mark.parametrize("stage", ["", "after_service"])
def test_a_voice_of_old_says_what_it_said(case: str, stage: str) -> None:
    purpose, channel, locale, who = case.split()
    messages = compile_messages(
        {**BRAND, **OLD, **message(BODY, channel=channel, locale=locale)},
        templates=["note"],
        purpose=Purpose(purpose),
        default_locale=locale,
        stages={"note": ["after_service"]},
    )
    rendered = messages.render("note", Channel(channel), locale, {"profile": WHO[who], "event": ORDER}, stage)
    assert [rendered.subject, rendered.text] == SAID[case]


def test_a_voice_of_old_is_read_without_a_problem() -> None:
    file, problems = read_voice(OLD[PATH], packs())
    assert problems == []
    assert file is not None
    assert all(not told.glossary and not told.stages for told in file.voice.locales.values())


def test_a_check_of_it_tells_what_to_do() -> None:
    sends = [Sent("note", purpose, tuple(Channel), "Order Completed") for purpose in Purpose]
    texts = {k: v for channel in Channel for k, v in message("x", channel=channel.value, locale="ko").items()}
    plan = TrackingPlan.model_validate(
        {"attributes": {"name": "string", "given_name": "string"}, "events": {"Order Completed": {}}}
    )
    problems = check_messages({**BRAND, **OLD, **texts}, sends=sends, plan=plan, default_locale="ko")
    assert [(one.code, one.severity) for one in problems] == [
        ("label-by-hand", "warning"),
        ("label-by-hand", "warning"),
        ("label-by-hand", "warning"),
        ("missing-disclosure", "error"),
    ]
    assert "by push in `ko` has to say how to reach the sender" in problems[3].message
