"""The tables of docs/voice-rules.md, made from the registry: ``python -m tests.docs.rules_table`` writes them there."""

from __future__ import annotations

import re
from pathlib import Path

import dangol.editor.rules  # noqa: F401 - registers the rules
from dangol.editor.registry import RULES, Rule

PAGE = Path(__file__).parents[2] / "docs" / "voice-rules.md"
_TABLE = re.compile(r"^\| rule \| severity \|.*\n\|---.*\n(?:\|.*\n)+", re.MULTILINE)


def table() -> str:
    """Every rule in the order of ids."""
    head = "| rule | severity | looks for | why | not so | rather so |\n|---|---|---|---|---|---|\n"
    return head + "".join(_row(RULES[id]) for id in sorted(RULES))


def _row(rule: Rule) -> str:
    cells = (f"`{rule.id}`", rule.severity.value, rule.looks_for, rule.why, rule.bad, rule.better)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |\n"


def _cell(text: str) -> str:
    for mark in "|[]<":
        text = text.replace(mark, f"\\{mark}")
    return text


def on_page() -> str:
    """The table as the page has it; empty if it has none."""
    match = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    return match[0] if match else ""


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(on_page(), table()), encoding="utf-8")
