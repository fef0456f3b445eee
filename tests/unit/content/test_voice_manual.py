"""docs/voice.md is true: its example runs, and it names every key, macro and rule of disclosure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dangol import jurisdictions
from dangol.content import voice_check
from dangol.content.check import Sent, check_messages
from dangol.content.disclosures import rule_of
from dangol.content.messages import compile_messages
from dangol.content.voice import PATH
from dangol.content.voice_model import (
    Banned,
    Brand,
    Disclosure,
    LocaleVoice,
    Salutation,
    SentenceLimits,
    StageShare,
    StageWording,
    Term,
    Voice,
)
from dangol.definitions.workspace import load_workspace
from dangol.model.jurisdiction import DEFAULT
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import BRAND, ROOT, message

MANUAL = (ROOT / "docs/voice.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ([^\n]+)\n(.*?)^```$", MANUAL, re.DOTALL | re.MULTILINE)
EXAMPLE = {title: text for language, title, text in BLOCKS if language in {"yaml", "jinja"}}
RESULTS = [(title, text) for language, title, text in BLOCKS if language == "text" and title != "check"]
MACROS = re.findall(r"^\| `(\{\{ .+? \}\})` \| (.*?) \| (.*?) ?\|$", MANUAL, re.MULTILINE)
WORKSPACE = load_workspace(ROOT)
SAID: dict[str, dict[str, Any]] = {
    "ko": {
        "reason": "기다려 주셔서",
        "cause": "상자가 젖었습니다.",
        "remedy": "다시 보냈습니다.",
        "next": "내일 도착합니다.",
    },
    "en": {
        "reason": "waiting",
        "cause": "The box was wet.",
        "remedy": "We sent another.",
        "next": "It comes tomorrow.",
    },
}
FACTS = {"value": 35000, "currency": "KRW", "on": "2026-12-24", "name": "파란 기차"}


def check(voice: str) -> list[Problem]:
    sends = [Sent("thanks", purpose, (Channel.EMAIL,), None, "after_service") for purpose in Purpose]
    return check_messages(
        {**BRAND, **EXAMPLE, PATH: voice},
        sends=sends,
        plan=WORKSPACE.tracking_plan,
        default_locale="ko",
        stages=frozenset(stage.key for stage in WORKSPACE.journey_map.stages),
        rules=frozenset({"reading-ease"}),
    )


@pytest.mark.parametrize(("title", "text"), RESULTS)
def test_the_example_gives_what_the_manual_shows(title: str, text: str) -> None:
    channel, locale, stage, *nameless = title.split()
    messages = compile_messages(
        {**BRAND, **EXAMPLE},
        templates=["thanks"],
        purpose=Purpose.SERVICE,
        default_locale="ko",
        stages={"thanks": ["after_service", "purchase"]},
    )
    who = {} if nameless else {"name": "김하나"}
    rendered = messages.render("thanks", Channel(channel), locale, {"profile": who, "event": {}}, stage)
    assert rendered.text.rstrip("\n") == text.rstrip("\n")


def test_the_example_has_no_problem_and_the_mistake_is_told_as_shown() -> None:
    assert check(EXAMPLE[PATH]) == []
    mistaken = (
        EXAMPLE[PATH]
        .replace("thanks: {hapsyo: 고맙", "thanks: {hapsyo: '고객님, 고맙")
        .replace("습니다., haeyo: 고마워요.}", "습니다.', haeyo: 고마워요.}", 1)
    )
    shown = next(text for language, title, text in BLOCKS if title == "check")
    assert [str(problem) for problem in check(mistaken)] == shown.splitlines()


@pytest.mark.parametrize(("call", "korean", "english"), MACROS)
def test_the_macros_say_what_the_manual_shows(call: str, korean: str, english: str) -> None:
    for locale, said in (("ko", korean), ("en", english)):
        if said:
            sources = message(call, channel="sms", locale=locale)
            messages = compile_messages(
                {**BRAND, PATH: EXAMPLE[PATH], **sources},
                templates=["note"],
                purpose=Purpose.SERVICE,
                default_locale=locale,
            )
            context = {"profile": {}, "event": {**FACTS, **SAID[locale]}}
            rendered = messages.render("note", Channel.SMS, locale, context).text
            assert rendered.removeprefix("[단골레코드] ").removeprefix("Dangol Records: ").split("\n")[0] == said


def test_the_table_of_disclosures_is_the_pack() -> None:
    rows = [
        f"| {language} | {channel.value} | {label} | {', '.join(need.part.value for need in rule.needs)} |"
        for pack in (jurisdictions.packs()["KR"], jurisdictions.packs()[DEFAULT])
        for language in ([f"`{name}`" for name in pack.languages] or ["others"])
        for channel in Channel
        for rule in [rule_of(pack, Purpose.MARKETING, channel)]
        for label in [f"`{rule.label.text}` before the {rule.label.at}" if rule.label else "none"]
    ]
    assert [line for line in MANUAL.split("\n") if line in rows] == rows


def test_the_manual_has_examples() -> None:
    assert len(RESULTS) == 2
    assert len(MACROS) == 7


def test_the_manual_names_everything() -> None:
    models = (
        Banned, Brand, Disclosure, LocaleVoice, Salutation, SentenceLimits, StageShare, StageWording, Term, Voice,
    )  # fmt: skip
    room = Path(voice_check.__file__).parent
    written = "".join(
        (room / f"{name}.py").read_text("utf-8") for name in ("voice", "voice_check", "terms", "required")
    )
    words = {
        *(field.alias or name for model in models for name, field in model.model_fields.items()),
        *re.findall(r"macro (\w+)\(", BRAND["templates/brand/macros.j2"]),
        *re.findall(r"\"([a-z]+(?:-[a-z]+)+)\"", written),
    }
    assert {word for word in words if not re.search(rf"(?<![\w-]){word}(?![\w-])", MANUAL)} == set()
