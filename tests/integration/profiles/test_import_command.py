"""``dangol import`` from the outside: exit codes, the summary, history against triggers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dangol.errors import UsageError
from dangol.surfaces.cli.imports import app

ORDERS = "profile_id,event,timestamp\nc-1,Order Completed,2026-01-01\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DANGOL_DATABASE_URL", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_all_good_is_exit_code_0_and_some_rejected_is_1(home: Path) -> None:
    (home / "people.csv").write_text("profile_id,email\nc-1,kim@example.com\n")
    assert run("profiles", "people.csv").exit_code == 0
    (home / "people.csv").write_text("profile_id,email\nc-1,kim@example.com\nc-2,nonsense\n")
    result = run("profiles", "people.csv", "--reject-file", "bad.jsonl")
    assert result.exit_code == 1
    assert "1 of 2 profiles imported, 1 rejected" in result.stdout
    assert "line 3: invalid_email" in result.stdout
    assert json.loads((home / "bad.jsonl").read_text())["line"] == 3


def test_the_summary_is_one_json_object(home: Path) -> None:
    (home / "orders.csv").write_text(ORDERS)
    summary = {"kind": "events", "file": "orders.csv", "rows": 1, "imported": 1, "rejected": 0, "reject_file": None}
    assert json.loads(run("events", "orders.csv", "--json").stdout) == summary | {"known": 0}
    assert json.loads(run("events", "orders.csv", "--json").stdout) == summary | {"known": 1}


def test_triggered_events_are_recorded_too_and_known_events_trigger_nothing(home: Path) -> None:
    (home / "orders.csv").write_text(ORDERS)
    assert json.loads(run("events", "orders.csv", "--trigger", "--json").stdout)["known"] == 0
    assert json.loads(run("events", "orders.csv", "--json").stdout)["known"] == 1
    assert json.loads(run("events", "orders.csv", "--trigger", "--json").stdout)["known"] == 1


def test_a_file_that_will_not_do_is_refused_before_the_database_is_opened(home: Path) -> None:
    result = run("consents", "absent.csv")
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2
    assert not (home / "home").exists()
