"""docs/jurisdictions.md lists every rule as the packs have it."""

from __future__ import annotations

from pathlib import Path

from dangol.jurisdictions import packs
from dangol.model.jurisdiction import KINDS, Jurisdictions, RuleChange

PAGE = (Path(__file__).parents[2] / "docs/jurisdictions.md").read_text(encoding="utf-8")


def test_the_table_is_the_packs() -> None:
    rows = [
        f"| `{rule.id}` | {rule.kind} | {', '.join(channel.value for channel in rule.channels)} | {rule.says.en} "
        f"| {rule.source} | {rule.mark} |"
        for pack in packs().values()
        for rule in pack.rules
    ]
    assert [line for line in PAGE.split("\n") if line.startswith("| `") and line.count("|") == 7] == rows


def test_rules_that_were_recalled_are_listed_for_the_lawyer() -> None:
    recalled = [f"- `{rule.id}`: {rule.says.en}" for pack in packs().values() for rule in pack.rules if rule.recalled]
    assert [line for line in PAGE.split("\n") if line.startswith("- `") and "`: " in line] == recalled
    assert "This is not legal advice." in PAGE


def test_every_kind_and_key_is_explained() -> None:
    for kind in KINDS:
        assert f"`{kind}`" in PAGE, kind
    for model in (Jurisdictions, RuleChange):
        for name, field in model.model_fields.items():
            written = field.alias or name
            assert f"`{written}`" in PAGE or f"{written}: " in PAGE, written
