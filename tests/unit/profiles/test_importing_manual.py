"""docs/importing.md names exactly the columns and codes that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dangol.profiles.importer import CONSENTS, EVENTS, PROFILES, Layout
from dangol.profiles.unwanted import UNWANTED

ROOT = Path(__file__).parents[3]
MANUAL = (ROOT / "docs/importing.md").read_text(encoding="utf-8")
SOURCES = [*(ROOT / "src/dangol/profiles").glob("*.py"), ROOT / "src/dangol/surfaces/cli/import_run.py"]
ONLY_ELSEWHERE = {"invalid_device", "invalid_traits", "invalid_context"}


def section(title: str) -> str:
    return MANUAL.split(f"\n## {title}\n")[1].split("\n## ")[0]


def codes_in_code() -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    raised = set(re.findall(r'InvalidEvent\(\s*"([a-z_]+)"', text)) | set(re.findall(r'code="([a-z_]+)"', text))
    rejected = set(re.findall(r'Rejected\((?:row\.)?line, "([a-z_]+)"', text))
    words = {f"invalid_{name}" for name in ("channel", "purpose", "action", "locale", "timezone")}
    words |= {f"invalid_{name}" for name in ("topic", "jurisdiction", "cause", "scope")}
    return raised | rejected | words | {"invalid_attributes", "invalid_properties"}


@pytest.mark.parametrize(
    ("title", "layout"),
    [("Profiles", PROFILES), ("Consents", CONSENTS), ("Suppressions", UNWANTED), ("Events", EVENTS)],
)
def test_every_column_is_in_the_manual(title: str, layout: Layout) -> None:
    rows = re.findall(r"^\| `([a-z_]+)`(?:, `[a-z_]+`)* \| (required)?", section(title), flags=re.MULTILINE)
    rows += [(name, "") for name in re.findall(r"^\| `[a-z_]+`, `([a-z_]+)` \|", section(title), flags=re.MULTILINE)]
    assert {name for name, _ in rows} == set(layout.fields)
    assert {name for name, required in rows if required} == set(layout.required)


def test_every_reason_is_in_the_manual() -> None:
    told = set(re.findall(r"`([a-z_]+)`", section("Reasons for rejecting a row"))) - {"profile_id"}
    assert told == codes_in_code() - ONLY_ELSEWHERE
