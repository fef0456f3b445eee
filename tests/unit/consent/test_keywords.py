"""What people who answer a text message want, told from keywords and from sentences in Korean and English."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.consent.answers import LANGUAGES, text_of
from dangol.consent.keywords import KEYWORDS, LONGEST, Intent, Understood, in_french, understand
from dangol.content.sms import size
from dangol.definitions.yaml import read_yaml
from dangol.model.workspace import SmsEncoding

SEEDS = Path(__file__).parent / "replies.yaml"


def seeded() -> list[tuple[str, Intent]]:
    document, problems = read_yaml("replies.yaml", SEEDS.read_text(encoding="utf-8"))
    assert document is not None
    assert problems == []
    return [(str(text), Intent(intent)) for intent, texts in document.value.items() for text in texts]


@pytest.mark.parametrize(("text", "intent"), seeded())
def test_a_reply_is_understood(text: str, intent: Intent) -> None:
    assert understand(text).intent is intent, understand(text)


def test_there_are_enough_of_them_in_both_languages() -> None:
    texts = [text for text, _ in seeded()]
    korean = [text for text in texts if any("가" <= one <= "힣" for one in text)]
    assert len(texts) >= 200
    assert len(korean) >= 80
    assert len(texts) - len(korean) >= 100


@pytest.mark.parametrize(("intent", "word"), [(intent, word) for intent, words in KEYWORDS.items() for word in words])
def test_a_keyword_alone_is_that_keyword(intent: Intent, word: str) -> None:
    for written in (word, word.lower(), f" {word}. ", f"“{word}”", f"{word} {word}"):
        assert understand(written) == Understood(intent, word)


@given(st.text(max_size=200))
def test_any_text_means_something_and_tells_nothing_of_itself(text: str) -> None:
    found = understand(text)
    assert isinstance(found.intent, Intent)
    assert found.intent in {Intent.UNCLEAR, Intent.OTHER} or found.by


@given(
    st.sampled_from(["stop texting me", "문자 그만 보내주세요", "수신거부"]),
    st.sampled_from(["!", "…", " ^^", "ㅠㅠ", "\n"]),
)
def test_what_stands_behind_a_wish_to_leave_does_not_hide_it(wish: str, behind: str) -> None:
    assert understand(wish + behind).intent is Intent.STOP


def test_however_long_and_odd_a_reply_is_it_is_read_at_once() -> None:
    for text in ("stop " * 5_000, "그만" * 5_000, "please " * 400, "a" * 100_000, "문자" * 1_000, "don't " * 400):
        understand(text)
    assert understand("x" * LONGEST + " STOP").intent is Intent.OTHER


def test_an_answer_is_in_french_to_whom_a_french_word_was_the_keyword() -> None:
    for text in ("AIDE", "arrêt", "Début svp", "aidez-moi svp", "Arrêtez de m'envoyer ces messages"):
        assert in_french(understand(text)), text
    for text in ("STOP", "INFO", "help please", "수신거부", "hello"):
        assert not in_french(understand(text)), text


@pytest.mark.parametrize("answer", ["stopped", "started", "help"])
@pytest.mark.parametrize("language", sorted(LANGUAGES - {"ko"}))
def test_an_answer_needs_no_letter_that_makes_a_text_message_dearer(answer: str, language: str) -> None:
    text = text_of(answer, language, brand="Dangol", phone="+1 415 555 0100")
    assert size(text, SmsEncoding.GSM).alphabet == "GSM-7"
    assert size(text, SmsEncoding.GSM).parts == 1
