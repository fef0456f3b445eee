"""``dangol retention``: what would go, what went, and the proof of it; and what the settings refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from pydantic import ValidationError
from typer.testing import CliRunner

from dangol.retention.rounds import Retention
from dangol.settings import Settings
from dangol.surfaces.cli import retention as module
from tests.integration.pipeline.house import House
from tests.integration.retention.test_retention import retention
from tests.workspaces import campaign

Run = Callable[..., Result]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def run(house: House, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Two years after ana and ben ordered, where journeys are kept for 120 days and the log for a year."""
    house.opens_with(campaign("cart")).knows("ana", "ben").orders("ana", "ben")
    house.work()
    house.sleep(timedelta(days=730))
    house.orders("ana")
    keeping: Retention = retention(house, journeys=timedelta(days=120), log=timedelta(days=366))
    monkeypatch.setattr(house.dangol, "retention", keeping)
    monkeypatch.setattr(module, "open_dangol", lambda _: house.dangol)
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: CliRunner().invoke(module.app, list(words))


def _lines(result: Result) -> dict[str, dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return {line["kind"]: line for line in map(json.loads, result.stdout.splitlines())}


def test_the_plan_tells_what_run_removes(run: Run, house: House) -> None:
    entries = sum(entry.at < house.clock.now() - timedelta(days=366) for entry in house.log())
    told = _lines(run("plan", "--json"))
    assert told == _lines(run("run", "--dry-run", "--json"))
    assert {kind: (line["kept_for"], line["count"]) for kind, line in told.items()} == {
        "rejected": (None, 0),
        "events": (None, 0),
        "journeys": ("120 days", 2),
        "log": ("366 days", entries),
    }
    done = _lines(run("run", "--json"))
    assert {kind: line["count"] for kind, line in done.items()} == {kind: line["count"] for kind, line in told.items()}
    assert done["journeys"]["with_them"] == {"slots": 2, "messages": 2, "calls": 0}


def test_people_read_it_in_a_table(run: Run) -> None:
    shown = run("plan").stdout
    assert "would go" in shown
    assert any(line.split()[:4] == ["journeys", "120", "days", "2"] for line in shown.splitlines())
    assert any(line.split()[:2] == ["events", "ever"] for line in shown.splitlines())


def test_the_proof_lists_what_was_removed_from_the_log(run: Run, house: House) -> None:
    assert "Nothing was ever removed" in run("proof").stdout
    run("run")
    (record,) = map(json.loads, run("proof", "--json").stdout.splitlines())
    assert (record["first_seq"], record["rule"], record["removed_by"]) == (1, "DANGOL_KEEP_LOG=P366D", "kim")
    assert record["hash"][:16] in run("proof").stdout


def test_a_log_that_does_not_begin_as_the_records_say_is_a_problem(run: Run, house: House) -> None:
    run("run")
    with house.database.write() as tx:
        tx.exec_driver_sql("DROP TRIGGER log_refuses_delete")
        tx.exec_driver_sql("DELETE FROM log")
    result = run("proof")
    assert result.exit_code == 1
    assert "error: the log is empty" in result.output


@pytest.mark.parametrize(
    ("setting", "least"),
    [("keep_events", 120), ("keep_messages", 120), ("keep_rejected", 1), ("keep_log", 366)],
)
def test_nothing_is_kept_for_less_than_the_product_looks_back(database: object, setting: str, least: int) -> None:
    enough = timedelta(days=least)
    assert getattr(Settings(_env_file=None, **{setting: enough}), setting) == enough
    with pytest.raises(ValidationError, match=f"greater than or equal to {least} day"):
        Settings(_env_file=None, **{setting: enough - timedelta(seconds=1)})
