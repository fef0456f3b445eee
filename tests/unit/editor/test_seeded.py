"""The editor finds what is badly said, and leaves alone what only looks like it. The figures are asserted here."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dangol.editor.registry import RULES, Scope
from tests.unit.editor.desk import ROOT, Case, review_cases, seeded

WANTED = 0.95
BAD, GOOD = seeded()
LANGUAGES = ("en", "ko")


@pytest.fixture(scope="module")
def found() -> dict[int, set[str]]:
    by_case, _ = review_cases(BAD)
    return {number: {problem.code for problem in problems} for number, problems in by_case.items()}


def recall(found: dict[int, set[str]], language: str = "") -> tuple[int, int]:
    """How many of the bad texts were found by their rule, and how many there are."""
    asked = [number for number, case in enumerate(BAD) if language in {"", case.locale}]
    return sum(BAD[number].rule in found.get(number, set()) for number in asked), len(asked)


def told(found: dict[int, set[str]]) -> str:
    """The figures and what was missed, for whoever has to mend it."""
    shares = {name or "all": recall(found, name) for name in ("", *LANGUAGES)}
    figures = ", ".join(f"{name}: {hit} of {asked} ({hit / asked:.1%})" for name, (hit, asked) in shares.items())
    missed = [case for number, case in enumerate(BAD) if case.rule not in found.get(number, set())]
    return "\n".join([figures, *(f"missed {case.rule} in {case.locale}: {case.said['body']}" for case in missed)])


def test_the_seeded_set_is_as_large_as_it_has_to_be() -> None:
    counted = Counter(case.locale for case in BAD)
    assert len(BAD) >= 150, len(BAD)
    assert min(counted.values()) >= 0.4 * len(BAD), counted
    assert len(GOOD) >= 80, len(GOOD)


def test_recall_is_at_least_95_percent_overall_and_in_each_language(found: dict[int, set[str]]) -> None:
    for language in ("", *LANGUAGES):
        hit, asked = recall(found, language)
        assert hit / asked >= WANTED, told(found)


def test_good_sentences_that_look_dangerous_are_left_alone() -> None:
    by_case, _ = review_cases(GOOD)
    false = [f"{GOOD[number].said['body']}: {problem}" for number, found in by_case.items() for problem in found]
    assert not false, f"{len(false)} false alarms in {len(GOOD)} good texts\n" + "\n".join(false)


def test_every_rule_on_words_has_seeds() -> None:
    seeded_rules = {case.rule for case in BAD}
    scopes = {Scope.SENTENCE, Scope.MESSAGE, Scope.SOURCE}
    without = {rule.id for rule in RULES.values() if rule.scope in scopes} - seeded_rules
    assert without == {"information-balance"}, "its own tests are in test_review.py"


def test_the_figures_in_the_docs_are_those_of_the_tests(found: dict[int, set[str]]) -> None:
    page = (ROOT / "docs" / "voice-rules.md").read_text(encoding="utf-8")
    for language in ("", *LANGUAGES):
        hit, asked = recall(found, language)
        row = f"| {language or 'together'} | {asked} | {hit} | {hit / asked:.1%} |"
        assert row in page, f"docs/voice-rules.md should say {row}\n{told(found)}"
    assert re.search(rf"\b{len(GOOD)} good texts", page), len(GOOD)


def test_no_two_seeds_say_the_same() -> None:
    said = Counter((case.locale, case.rule, *sorted(case.said.items())) for case in [*BAD, *GOOD])
    assert not [text for text, count in said.items() if count > 1]


def test_a_case_is_the_file_that_its_author_would_have_written() -> None:
    case = Case("en", "", {"body": "It is here."})
    assert Path(case.path(3)).name == "email.en.md.j2"
    assert case.source().startswith("---\nsubject: 'A letter from the shop'\n")
