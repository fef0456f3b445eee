"""``dangol test``, ``dangol check`` and ``dangol schema``, as a marketer and a CI server call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from dangol.errors import UsageError
from tests.commands import app
from tests.integration.scenarios.conftest import Shop
from tests.workspaces import campaign, note

Open = Callable[..., Shop]
TEXT = """
scenarios:
  - name: thanks at once
    at: 2026-03-02 10:00
    happens: [{event: Order Completed}]
    expect: [{message: note}]
  - name: says <nothing> & no more
    at: 2026-03-02 10:00
    happens: [{event: Order Completed}]
    expect: []
"""


@pytest.fixture
def thanks(shop: Open, monkeypatch: pytest.MonkeyPatch) -> Shop:
    house = shop(campaign("thanks", note()), campaign("plain")).tests(TEXT)
    monkeypatch.setenv("DANGOL_WORKSPACE", str(house.root))
    monkeypatch.chdir(house.root)
    return house


def dangol(*words: str) -> Result:
    with capture_logs():
        return CliRunner().invoke(app, words, env={"COLUMNS": "120"})


def test_a_failure_shows_the_timeline_and_exits_with_1(thanks: Shop) -> None:
    answer = dangol("test")
    assert answer.exit_code == 1
    told = ("FAILED thanks › says <nothing> & no more", "thanks.yaml:10", "note · email · en", "1 passed, 1 failed")
    assert [part for part in told if part not in answer.output] == []


def test_what_passes_is_one_line_and_exits_with_0(thanks: Shop) -> None:
    answer = dangol("test", "thanks", "--scenario", "AT ONCE")
    assert answer.exit_code == 0
    assert "1 scenario of 1 campaign: 1 passed" in answer.output
    assert "note" not in answer.output


@pytest.mark.parametrize("words", [("thank",), ("plain",), ("thanks", "-k", "nowhere")])
def test_scenarios_that_are_not_there_are_wrong_usage(thanks: Shop, words: tuple[str, ...]) -> None:
    answer = dangol("test", *words)
    assert isinstance(answer.exception, UsageError)
    assert answer.exception.exit_code == 2


def test_a_mistake_in_a_file_is_told_like_in_a_check(thanks: Shop) -> None:
    thanks.tests(TEXT.replace("message: note", "message: nota"))
    answer = dangol("test")
    assert answer.exit_code == 1
    assert "error[unknown-message]" in answer.output
    assert "did you mean `note`?" in answer.output


def test_a_mistake_in_a_file_is_told_to_tools_too(thanks: Shop, tmp_path: Path) -> None:
    thanks.tests(TEXT.replace("message: note", "message: nota"))
    file = tmp_path / "junit.xml"
    answer = dangol("test", "thanks", "--json", "--junit", str(file))
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert (told["passed"], told["failed"], told["scenarios"]) == (0, 0, [])
    (problem,) = told["problems"]
    assert (problem["code"], problem["path"]) == ("unknown-message", "campaigns/tests/thanks.yaml")
    root = ET.parse(file).getroot()
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "1",
        "failures": "0",
        "errors": "1",
    }
    (error,) = root.findall("testsuite/testcase/error")
    assert error.get("type") == "unknown-message"
    assert "did you mean `note`?" in (error.text or "")


def test_a_mistake_in_another_file_does_not_matter_to_a_campaign_that_is_named(thanks: Shop) -> None:
    thanks.tests("scenarios: 5", name="plain")
    assert "error[" not in dangol("test", "thanks").output
    assert "error[" in dangol("test").output


def test_json_holds_every_line(thanks: Shop) -> None:
    told: dict[str, Any] = json.loads(dangol("test", "--json").output)
    assert (told["passed"], told["failed"]) == (1, 1)
    failed = told["scenarios"][1]
    assert failed["path"] == "campaigns/tests/thanks.yaml"
    assert failed["failures"]
    assert [line["mark"] for line in failed["timeline"] if line["mark"] not in {"note", "input"}] == ["unexpected"]
    assert failed["timeline"][0]["at"] == "2026-03-02T10:00:00+09:00"


def test_junit_has_a_suite_a_file_and_the_timeline_of_a_failure(thanks: Shop, tmp_path: Path) -> None:
    file = tmp_path / "reports" / "junit.xml"
    assert dangol("test", "--junit", str(file)).exit_code == 1
    root = ET.parse(file).getroot()
    assert {name: root.get(name) for name in ("tests", "failures")} == {"tests": "2", "failures": "1"}
    (suite,) = root
    assert suite.get("name") == "campaigns/tests/thanks.yaml"
    good, bad = suite
    assert (good.get("name"), bad.get("name")) == ("thanks at once", "says <nothing> & no more")
    assert list(good) == []
    (failure,) = bad
    assert "note · email · en" in (failure.text or "")
    assert "was not expected" in failure.get("message", "")


def test_a_check_reads_scenarios_too(thanks: Shop) -> None:
    assert dangol("check").exit_code == 0
    thanks.tests(TEXT.replace("Order Completed", "Order Complete"))
    answer = dangol("check")
    assert answer.exit_code == 1
    assert "campaigns/tests/thanks.yaml:" in answer.output
    assert "Order Complete" in answer.output
    assert dangol("check", "campaigns/thanks.yaml").exit_code == 0
    assert dangol("check", "campaigns/tests/thanks.yaml").exit_code == 1


def test_the_format_is_published(thanks: Shop, tmp_path: Path) -> None:
    schema = json.loads(dangol("schema", "scenarios").output)
    assert set(schema["properties"]) == {"campaign", "beside", "customers", "scenarios", "never"}
    dangol("schema", "--output", str(tmp_path))
    assert (tmp_path / "scenarios.schema.json").is_file()
