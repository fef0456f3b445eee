"""The page on the simulated carriers: its words do what it says, its names are all there are, its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dangol.devproviders import Behaviour
from dangol.devproviders.events import MAIL_LIVES, text_life
from dangol.devproviders.words import (
    EMAIL_FATES,
    ORDINARY,
    PHONE_MARK,
    PHONES,
    TOKEN_REFUSALS,
    by_words,
    of_email,
    of_phone,
    of_token,
)
from tests.docs.pages import blocks, read

PAGE = read("docs/dev-providers.md")


def rows(head: str) -> list[list[str]]:
    """The cells of the table with this head."""
    body = PAGE.split(f"| {head} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


TROUBLE = [(word, cells[2].strip(" |")) for cells in rows("word | what happens | accepted") for word in words(cells[0])]


@pytest.mark.parametrize(("word", "accepted"), TROUBLE)
def test_every_word_for_trouble_is_known_on_all_channels(word: str, accepted: str) -> None:
    act = of_email(f"anna+{word}@example.com")
    assert act != ORDINARY
    assert of_token(f"{word}-abc") == by_words(word) == act
    if accepted:
        taken = not act.refusal and (act.fault is None or act.fault.accepted)
        assert taken == (accepted == "yes")


def test_every_fate_of_an_email_is_told_with_its_events() -> None:
    told = {word: cells[1] for cells in rows("word | events") for word in words(cells[0])}
    assert told.keys() == EMAIL_FATES.keys()
    for word in told.keys() - {"machine-open", "silent"}:
        listed = [re.match(r"\s*(\w+)", event)[1] for event in told[word].split(":")[0].split(",")]  # type: ignore[index]
        events = ["bounce" if name == "blocked" else name for name in MAIL_LIVES[EMAIL_FATES[word]]]
        assert [event for event in listed if event != "without"] == events


def test_every_word_for_tokens_is_told() -> None:
    assert {word for cells in rows("word | FCM | push service") for word in words(cells[0])} == TOKEN_REFUSALS.keys()


def test_every_number_is_told_with_what_happens() -> None:
    told = {words(cells[0])[0]: cells for cells in rows("ends in | what happens | accepted")}
    assert list(told) == [f"{PHONE_MARK}{ending}" for ending in PHONES]
    for ending, (_, what, accepted) in told.items():
        act = of_phone(f"+1202{ending}")
        taken = not act.refusal and (act.fault is None or act.fault.accepted)
        assert taken == (accepted.strip(" |") == "yes"), ending
        for name in (act.refusal, act.fault.value if act.fault else "", act.fate if act.fate.isdigit() else ""):
            assert name in what, ending
        if act.fate.isdigit():
            assert what.startswith(text_life(act.fate)[-1]), ending


def test_every_behaviour_is_told() -> None:
    assert {name for cells in rows("name |") for name in words(cells[0])} == Behaviour.model_fields.keys()


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = (text for language, text in blocks(PAGE) if language == "python")
    exec(compile(example, "docs/dev-providers.md", "exec"), {})
    assert (tmp_path / "accepted.jsonl").read_text() == ""
