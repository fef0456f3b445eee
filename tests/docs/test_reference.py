"""Reasons, decisions and settings: docs and code name the same, both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dangol.model.vocabulary import Channel, Decision, MessageState, Purpose, Reason
from dangol.settings import Settings
from tests.docs.pages import PAGES, ROOT, name, read, table

REASONS = read("docs/reasons.md")
SECTIONS = ("Journeys", "Messages that wait or go", "Messages that are not sent", "People", "Calls to other systems")
TEST_VARIABLES = {
    "DANGOL_TEST_POSTGRES_URL",
    "DANGOL_TEST_REDIS_URL",
    "DANGOL_TEST_RABBITMQ_URL",
    "DANGOL_REQUIRE_SERVICES",
}


def code(cell: str) -> str:
    return cell.strip("|` ")


def test_every_reason_is_explained_once_with_its_meaning_and_what_to_do() -> None:
    rows = [cells for section in SECTIONS for cells in table(REASONS, section)]
    assert {code(reason): meaning for reason, meaning, _ in rows} == {reason.value: reason.meaning for reason in Reason}
    assert len(rows) == len(Reason)
    assert all(advice for _, _, advice in rows)


def test_every_decision_is_explained_with_reasons_that_exist() -> None:
    rows = {code(cells[0]): cells[-1] for cells in table(REASONS, "Decisions")}
    assert list(rows) == [decision.value for decision in Decision]
    named = {word for cell in rows.values() for word in re.findall(r"`(\w+)`", cell)}
    assert named == {reason.value for reason in Reason}


def test_every_setting_has_one_row_with_its_default() -> None:
    rows = re.findall(r"^\| `(DANGOL_\w+)` \| (\S+) \| \S", read("docs/settings.md"), re.MULTILINE)
    defaults = Settings.model_construct().model_dump(mode="json")
    assert {name: default.strip("`") for name, default in rows} == {
        f"DANGOL_{name.upper()}": str(default) if default not in ("", None) else "empty"
        for name, default in defaults.items()
    }
    assert len(rows) == len(defaults)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_setting_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"\bDANGOL_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named <= {f"DANGOL_{setting.upper()}" for setting in Settings.model_fields} | TEST_VARIABLES


def test_the_test_services_are_told_with_their_defaults() -> None:
    told = dict(re.findall(r"^\| `(DANGOL_TEST_\w+)` \| `(\S+)` \|", read("CONTRIBUTING.md"), re.MULTILINE))
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    used = {pair for text in tests for pair in re.findall(r'environ\.get\("(DANGOL_TEST_\w+)", "([^"]+)"\)', text)}
    assert set(told.items()) == used


def test_the_architecture_explains_every_message_state() -> None:
    rows = table(read("ARCHITECTURE.md"), "A message's life")
    told = {code(word) for cells in rows for word in cells[0].split(",")}
    assert told == {state.value for state in MessageState}


def test_the_glossary_names_each_term_once() -> None:
    terms = [
        term
        for line in read("docs/glossary.md").splitlines()
        if line.startswith("| ") and not line.startswith("| term")
        for term in line.strip("|").split(" | ")[0].strip().split(", ")
    ]
    assert len(terms) == len(set(terms)) > 50


def test_the_glossary_names_every_channel_and_purpose() -> None:
    text = read("docs/glossary.md")
    assert not [word for word in (*Channel, *Purpose) if f"`{word}`" not in text]
