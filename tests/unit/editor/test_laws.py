"""A workspace tightens the law's rules freely and loosens one only with a reason and a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.workspace import load_workspace
from dangol.editor.laws import check_laws, loosened
from dangol.model.jurisdiction import Jurisdictions
from dangol.model.problem import Problem
from tests.workspaces import campaign, write_workspace

WHY = {"reason": "Our counsel reads it otherwise.", "by": "Legal"}


def problems(folder: Path, jurisdictions: dict[str, Any]) -> list[Problem]:
    root = write_workspace(folder, campaign("a"), policies={"jurisdictions": jurisdictions})
    return check_laws(load_workspace(root))


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"id": "KR-night", "from": "20:00"}],
        [{"id": "KR-night", "off": True, **WHY}],
        [{"id": "CA-consent", "accepts": {"consent": "always"}}],
    ],
)
def test_what_may_be_said_of_rules(tmp_path: Path, rules: list[dict[str, Any]]) -> None:
    assert problems(tmp_path, {"serves": ["KR", "US-FL", "FR"], "rules": rules}) == []


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        ({"rules": [{"id": "KR-night", "off": True}]}, "loosened-without-reason", "found no `reason`"),
        ({"rules": [{"id": "KR-night", "from": "22:00", "reason": "x"}]}, "loosened-without-reason", "no `by`"),
        ({"rules": [{"id": "KR-nigth", "off": True, **WHY}]}, "unknown-rule", "the unknown rule `KR-nigth`"),
        (
            {"rules": [{"id": "KR-name", "from": "20:00"}]},
            "not-for-this-rule",
            "of the kind `say`, which has no `from`",
        ),
        ({"rules": [{"id": "US-FL-limit", "most": 2}] * 2}, "duplicate-rule", "a second change"),
        ({"serves": ["ZZ"]}, "unknown-pack", "the place `ZZ`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, asked: dict[str, Any], code: str, told: str) -> None:
    found = [problem for problem in problems(tmp_path, asked) if problem.code == code]
    assert any(told in problem.message for problem in found)
    assert all(problem.path == "campaigns/policies.yaml" and problem.column > 1 for problem in found)


def test_what_is_loosened_is_known_by_its_id() -> None:
    asked = Jurisdictions.model_validate(
        {"rules": [{"id": "KR-night", "off": True, **WHY}, {"id": "US-FL-limit", "most": 1}]}
    )
    assert [(rule, told.by) for rule, told in loosened(asked)] == [("KR-night", "Legal")]
