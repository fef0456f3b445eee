"""docs/messages.md is true: its examples run, and it names everything there is."""

from __future__ import annotations

import re

import pytest
from babel.core import Locale

from dangol.content.filters import TESTS, filters_for
from dangol.content.messages import compile_messages
from dangol.content.sources import OPTIONAL, REQUIRED
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import BRAND, ROOT, render

MANUAL = (ROOT / "docs/messages.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ([^\n]+)\n(.*?)^```$", MANUAL, re.DOTALL | re.MULTILINE)
EXAMPLES = {title: text for language, title, text in BLOCKS if language == "jinja"}
RESULTS = [(title.split(), text) for language, title, text in BLOCKS if language == "text"]
FILTERS = re.findall(r"^\| `[^`]+`[^|]*\| `(\{\{ (?:[^`])+ \}\})` \| `([^`]+)`", MANUAL, re.MULTILINE)
PERSON = {"name": "김하나", "given_name": "Hana", "topics": ["jazz", "soul"]}
ORDER = {"order_id": "A-1042", "value": 35000, "currency": "KRW", "quantity": 2}


@pytest.mark.parametrize(("channel", "locale", "text"), [(*title, text) for title, text in RESULTS])
def test_every_example_gives_what_the_manual_shows(channel: str, locale: str, text: str) -> None:
    made = compile_messages(
        {**BRAND, **EXAMPLES}, templates=["thanks"], purpose=Purpose.TRANSACTIONAL, default_locale="en"
    )
    rendered = made.render("thanks", Channel(channel), locale, {"profile": PERSON, "event": ORDER})
    shown = [rendered.subject, rendered.text, rendered.link] if channel == "push" else [rendered.text]
    assert "\n".join(shown) == text.rstrip("\n")


@pytest.mark.parametrize(("example", "result"), FILTERS)
def test_every_filter_gives_what_the_manual_shows(example: str, result: str) -> None:
    rendered = render(example.replace("\\|", "|"), channel="sms").text
    assert rendered == f"Dangol Records: {result}\nQuestions: 02-000-0000"


def test_the_manual_has_examples() -> None:
    assert len(RESULTS) == 3
    assert len(FILTERS) == 10


def test_the_manual_names_everything() -> None:
    words = {
        *filters_for(Locale("en")),
        *TESTS,
        *(key for channel in Channel for key in (*REQUIRED[channel], *OPTIONAL[channel])),
        *re.findall(r"macro (\w+)\(", BRAND["templates/brand/macros.j2"]),
    }
    assert {word for word in words if not re.search(rf"\b{word}\b", MANUAL)} == set()
