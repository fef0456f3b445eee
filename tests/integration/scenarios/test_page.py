"""docs/testing.md is true: its example passes, and its tables name what the models know."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dangol.model.steps import Definition
from dangol.scenarios.model import EXPECTATIONS, HAPPENINGS, Customer, ExpectedMessage, Never, Scenario, ScenarioFile
from dangol.scenarios.run import programme
from tests.docs.pages import ROOT, read, table, titled

PAGE = read("docs/testing.md")


def test_the_example_passes_with_the_shipped_campaign(tmp_path: Path) -> None:
    for folder in ("campaigns", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.rmtree(tmp_path / "campaigns" / "tests", ignore_errors=True)
    (tmp_path / "campaigns" / "tests").mkdir()
    for path, text in titled("yaml", PAGE).items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    found = programme(tmp_path)
    results = [one.result for one in found.play(found.cases())]
    assert len(results) == 3
    assert [line.summary for result in results for line in result.failures] == []


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("A file", set(ScenarioFile.model_fields)),
        ("Customers", set(Customer.model_fields)),
        ("Scenarios", set(Scenario.model_fields)),
        ("What happens: `happens`", set(HAPPENINGS)),
        ("What must never happen: `never`", set(Never.model_fields)),
    ],
)
def test_the_tables_name_every_key(heading: str, names: set[str]) -> None:
    told = {name for cells in table(PAGE, heading) for name in re.findall(r"`(\w+)`", cells[0])}
    assert told == names


def test_the_expectations_are_told() -> None:
    told = {name for cells in table(PAGE, "What follows: `expect`") for name in re.findall(r"`(\w+)`", cells[0])}
    message: type[Definition] = ExpectedMessage
    assert told == set(message.model_fields) | set(EXPECTATIONS)
