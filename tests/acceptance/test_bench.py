"""The benchmark runs and prints its ratios. How fast it is, no test asserts: that is for docs/performance.md."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from bench import blast, gate, journeys, leaving
from bench.leavers import Left, Taken, breaches, lags
from bench.measure import Sample, in_child
from dangol.store.database import Database


def in_this_process(phase: str, *, of: str = "bench.phases", **arguments: Any) -> Sample:
    """A phase without a process of its own, in which it would first import everything; arguments as they would come."""
    work = importlib.import_module(of).PHASES[phase]
    return work(**json.loads(json.dumps(arguments)))  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for bench in (blast, journeys):
        monkeypatch.setattr(bench, "in_child", in_this_process)


def test_a_phase_runs_in_a_process_of_its_own_and_tells_what_went_wrong_in_it() -> None:
    sample = in_child("jinja", recipients=20)
    assert sample.messages == 20
    assert sample.cpu > 0
    with pytest.raises(RuntimeError, match=r"phase jinja failed:\n(.|\n)*TypeError"):
        in_child("jinja", readers=20)


def test_a_quick_run_prints_the_ratios_and_writes_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    blast.main(["--recipients", "80", "--quick", "--profile", "--json", str(figures)])
    printed = capsys.readouterr().out
    for said in ("× one actor a message", "× Jinja2 alone", "drift with old log rows", "render (Jinja)"):
        assert said in printed
    found = json.loads(figures.read_text())
    assert found["ratios"]["rival"]["cpu"] > 0
    assert found["pipeline"]["notes"]["accepted"] > 60
    assert 8_000 <= found["pipeline"]["notes"]["html_bytes"] <= 10_240
    assert set(found["recipients"]) == {"20", "80", "200"}
    assert set(found["old_rows"]) == {"0", "2000"}


def test_a_quick_run_among_waiting_journeys_prints_rates_growth_and_query_plans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    journeys.main(["--journeys", "1600", "--database", "sqlite", "--quick", "--json", str(figures)])
    printed = capsys.readouterr().out
    for said in ("events/s", "timers/s", "× row at a time", "doubling", "ix_journeys_profile", "ix_journeys_due"):
        assert said in printed
    found = json.loads(figures.read_text())
    assert set(found["rounds"]) == {"160", "1600"}
    (among_all,) = found["rounds"]["1600"]
    assert among_all["heard"]["notes"]["moved"] == among_all["rival"]["notes"]["moved"] == 18
    assert len(among_all["backlog"]["notes"]["sweeps"]) == 5
    assert found["per_doubling"]["heard"] > 0


def test_a_quick_run_of_the_gate_prints_what_a_message_costs_at_each_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    gate.main(["--consents", "400", "--database", "sqlite", "--quick", "--json", str(figures)])
    assert "largest against smallest" in capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert set(found["sizes"]) == {"40", "400"}
    assert 0 < found["sizes"]["400"]["allowed"] < found["sizes"]["400"]["messages"] == 100


def test_people_who_leave_in_the_middle_of_a_blast_get_nothing_that_was_claimed_after_they_were_told(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    kind = "postgresql" if database.is_postgresql else "sqlite"
    leaving.main(["--database", kind, "--quick", "--json", str(figures)])
    assert "(must be 0): 0" in capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert found["breaches"] == 0
    assert found["handed_over"] + found["kept_back"] == found["load"]["messages"] == 800
    assert found["ms"]["post"]["n"] == found["load"]["leavers"] == 20


def test_what_was_claimed_after_somebody_was_told_that_they_left_is_found_out() -> None:
    left = [Left(person=1, asked=100_000_000, answered=200_000_000)]
    before, meanwhile = Taken(1, 50_000_000, 80_000_000), Taken(1, 150_000_000, 203_000_000)
    after, another = Taken(1, 200_000_001, 200_000_002), Taken(2, 300_000_000, 300_000_001)
    assert breaches([before, meanwhile, another], left) == []
    assert breaches([before, after, another], left) == [after]
    assert lags([before, meanwhile, another], left) == [3.0]
