"""docs/messages.md is true: its examples run, and it names everything there is."""

from __future__ import annotations

import re

import pytest
from babel.core import Locale

from dangol.content.filters import TESTS, filters_for
from dangol.content.messages import Messages, compile_messages
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
LINES = {"lines": [{"title": "Kind of Blue", "price": 35000}, {"title": "Pink Moon", "price": 28000}]}
LONG = {
    "title": "Music for Eighteen Musicians, in the recording of 1978 with a booklet in three languages",
    "until": "2026-12-24",
}
TEMPLATES = {path.split("/")[1] for path in EXAMPLES}
PARTICLES = re.findall(r"^\| ([^|`]+) \| ([^|`]+) \| [^|]*\|$", MANUAL.partition("### Particles")[2], re.MULTILINE)


def compiled() -> Messages:
    return compile_messages(
        {**BRAND, **EXAMPLES}, templates=TEMPLATES, purpose=Purpose.TRANSACTIONAL, default_locale="en"
    )


@pytest.mark.parametrize(
    ("channel", "locale", "text"), [(*title, text) for title, text in RESULTS if title[0] in set(Channel)]
)
def test_every_example_gives_what_the_manual_shows(channel: str, locale: str, text: str) -> None:
    rendered = compiled().render("thanks", Channel(channel), locale, {"profile": PERSON, "event": ORDER})
    shown = [rendered.subject, rendered.text, rendered.link] if channel == "push" else [rendered.text]
    assert "\n".join(shown) == text.rstrip("\n")


def test_the_example_in_html_has_the_twin_that_the_manual_shows() -> None:
    (shown,) = [text for (what, _), text in RESULTS if what == "twin"]
    rendered = compiled().render("thanks_table", Channel.EMAIL, "en", {"profile": PERSON, "event": {**ORDER, **LINES}})
    assert shown.rstrip("\n") in rendered.text
    assert "See your order" in compiled().render("thanks_parts", Channel.EMAIL, "en", {"event": ORDER}).html


def test_the_example_of_a_digest_gives_what_the_manual_shows() -> None:
    (shown,) = [text for (what, _), text in RESULTS if what == "digest"]
    items = [
        {
            "subject": "New in jazz",
            "preheader": "Three records that came this week.",
            "link": "https://dangol.example/new",
        },
        {"subject": "An evening of winter records", "preheader": "Friday at seven, second floor.", "link": ""},
    ]
    told = {"profile": PERSON, "digest": {"items": items, "count": 2}}
    assert shown.rstrip("\n") in compiled().render("digest", Channel.EMAIL, "en", told).text
    assert "이번 주 소식 2가지" in compiled().render("digest", Channel.EMAIL, "ko", told).subject


def test_the_example_of_a_shorter_text_gives_what_the_manual_shows() -> None:
    (shown,) = [text for (what, _), text in RESULTS if what == "here"]
    assert compiled().render("here", Channel.SMS, "en", {"event": LONG}).text == shown.rstrip("\n")
    short = compiled().render("here", Channel.SMS, "en", {"event": {**LONG, "title": "Blue"}}).text
    assert '"Blue" is here - we keep it for you until December 24, 2026.' in short


@pytest.mark.parametrize(("word", "result"), PARTICLES)
def test_particles_follow_the_rules_that_the_manual_shows(word: str, result: str) -> None:
    assert render(f"{{{{ '{word}' | josa('은') }}}}", channel="sms", locale="ko").text.startswith(
        f"[단골레코드] {result}\n"
    )


@pytest.mark.parametrize(("example", "result"), FILTERS)
def test_every_filter_gives_what_the_manual_shows(example: str, result: str) -> None:
    rendered = render(example.replace("\\|", "|"), channel="sms").text
    assert rendered == f"Dangol Records: {result}\nQuestions: 02-000-0000"


def test_the_manual_has_examples() -> None:
    assert len(RESULTS) == 6
    assert len(PARTICLES) == 11
    assert len(FILTERS) == 10


def test_the_manual_names_everything() -> None:
    words = {
        *filters_for(Locale("en")),
        *TESTS,
        *(key for channel in Channel for key in (*REQUIRED[channel], *OPTIONAL[channel])),
        *re.findall(r"macro (\w+)\(", BRAND["templates/brand/macros.j2"]),
    }
    assert {word for word in words if not re.search(rf"\b{word}\b", MANUAL)} == set()
