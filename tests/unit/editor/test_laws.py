"""A workspace tightens the law's rules freely and loosens one only with a reason and a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dangol.checking import look_through
from dangol.definitions.workspace import load_workspace
from dangol.editor.laws import check_laws, loosened
from dangol.jurisdictions import packs
from dangol.model.jurisdiction import Jurisdictions
from dangol.model.problem import Problem
from tests.workspaces import campaign, write_workspace

WHY = {"reason": "Our counsel reads it otherwise.", "by": "Legal"}


def problems(folder: Path, jurisdictions: dict[str, Any]) -> list[Problem]:
    root = write_workspace(folder, campaign("a"), policies={"jurisdictions": jurisdictions})
    return check_laws(load_workspace(root).sources)


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
    assert [(rule, told.by) for rule, told in loosened(packs(), asked)] == [("KR-night", "Legal")]


def test_all_that_is_wrong_about_laws_is_told_at_once_with_the_rest_of_the_file(tmp_path: Path) -> None:
    asked = {
        "serves": ["ZZ", "kr"],
        "rules": [{"id": "KR-nigth", "off": True}, {"id": "KR-night", "off": True}, {"id": "KR-name", "frm": "20:00"}],
    }
    root = write_workspace(tmp_path, campaign("a"), policies={"jurisdictions": asked, "spread": "long"})
    told = {problem.code for problem in look_through(root).problems if problem.path == "campaigns/policies.yaml"}
    assert {"unknown-pack", "unknown-rule", "loosened-without-reason", "unknown-key"} <= told
    places = [(one.line, one.column) for one in look_through(root).problems if one.path == "campaigns/policies.yaml"]
    assert len([one for one in look_through(root).problems if "`ZZ`" in one.message]) == 1
    assert len(places) >= 6


def test_a_form_names_a_place_whose_law_is_known(tmp_path: Path) -> None:
    root = write_workspace(tmp_path, campaign("a"))
    forms = (
        "forms:\n  news:\n    channels: [email]\n    jurisdiction: ZZ\n    wording: {en: {title: News, text: Yes.}}\n"
    )
    (root / "campaigns/consent-forms.yaml").write_text(forms, encoding="utf-8")
    [problem] = check_laws(load_workspace(root).sources)
    assert (problem.code, problem.line, problem.path) == ("unknown-pack", 4, "campaigns/consent-forms.yaml")
