"""Facts that differ between the texts of a message are found, and nothing else is: a set of seeded texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dangol.editor.facts import Comparison, Finding, Rendering, Rule, compare
from dangol.model.vocabulary import Channel

SEEDED: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("facts.yaml").read_text(encoding="utf-8"))


def renderings(texts: Mapping[str, str | Mapping[str, str]]) -> list[Rendering]:
    told = []
    for name, text in texts.items():
        channel, locale = name.split(".")
        parts = {"body": text} if isinstance(text, str) else dict(text)
        told.append(Rendering("thanks", Channel(channel), locale, "hangul", parts, f"{name}.j2", ("thanks",)))
    return told


def compared(case: Mapping[str, Any]) -> Comparison:
    texts = {name: text for name, text in case.items() if "." in name}
    return compare(renderings(texts), default_locale="ko")


def told(finding: Finding) -> str:
    said = (finding.fact or finding.expected).written.strip().strip("()")
    text = f"{finding.rendering.channel.value}.{finding.rendering.locale}"
    return f"{text} {said}" if finding.rule is Rule.MISSING else f"{finding.rule.value} {text} {said}"


def named(case: Mapping[str, Any]) -> str:
    first = next(text for name, text in case.items() if "." in name)
    return str(first if isinstance(first, str) else first["body"])[:24]


@pytest.mark.parametrize("case", SEEDED, ids=named)
def test_what_differs_is_found_and_nothing_else(case: Mapping[str, Any]) -> None:
    findings = compared(case).findings
    assert sorted(told(one) for one in findings if one.rule is not Rule.MISSING) == sorted(case.get("find", []))
    if "notes" in case:
        assert sorted(told(one) for one in findings if one.rule is Rule.MISSING) == sorted(case["notes"])


def test_the_seeded_set_is_found_to_at_least_95_percent_without_a_false_alarm() -> None:
    expected = [(number, one) for number, case in enumerate(SEEDED) for one in case.get("find", [])]
    found = [
        (number, told(one))
        for number, case in enumerate(SEEDED)
        for one in compared(case).findings
        if one.rule is not Rule.MISSING
    ]
    assert len(SEEDED) >= 60
    assert len(expected) >= 40
    assert len(set(expected) & set(found)) >= 0.95 * len(expected)
    assert set(found) - set(expected) == set()
