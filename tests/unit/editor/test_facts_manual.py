"""docs/facts.md is true: its notations are the same facts, its example is what is said, and it names every rule."""

from __future__ import annotations

import re

import pytest

from dangol.editor.facts import SEVERITY, WordPlaces, extract, review, shown
from dangol.editor.facts.roles import ROLES
from dangol.model.vocabulary import Channel
from tests.unit.editor.test_fact_findings import renderings
from tests.workspaces import ROOT

MANUAL = (ROOT / "docs/facts.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [a-z][^|]* \| (`[^|]*) \| `([^`|]+)` \|$", MANUAL, re.MULTILINE)
NOTATIONS = [(written, value) for many, value in ROWS for written in re.findall("`([^`]+)`", many)]


@pytest.mark.parametrize(("written", "value"), NOTATIONS)
def test_every_notation_of_the_manual_is_the_fact_it_says(written: str, value: str) -> None:
    assert value in [shown(fact) for fact in extract({"body": written}, "ko")]


def test_the_manual_has_every_kind() -> None:
    assert len(ROWS) == 16
    assert len(NOTATIONS) >= 60


def test_the_manual_names_every_rule_with_its_severity_and_every_role() -> None:
    for rule, severity in SEVERITY.items():
        assert f"| `{rule.value}` | {severity} |" in MANUAL
    assert {role for role in ROLES if f"`{role}`" not in MANUAL} == set()


def test_the_example_is_what_is_said() -> None:
    sources = {
        "templates/thanks/email.en.md.j2": "---\nsubject: S\npreheader: P\ntitle: T\n---\nYou paid 30,000 won.\n",
        "templates/thanks/sms.en.txt.j2": "We received: ₩40,000.\n",
    }
    email, sms = renderings({"email.en": "You paid 30,000 won.", "sms.en": "We received: ₩40,000."})
    paths = dict(zip((Channel.EMAIL, Channel.SMS), sources, strict=True))
    told = [
        type(one)(one.template, one.channel, one.locale, one.sample, one.parts, paths[one.channel])
        for one in (email, sms)
    ]
    (problem,) = review(told, WordPlaces(sources), default_locale="en").problems
    assert f"```text\n{problem}\n```" in MANUAL
