"""The benchmark runs and prints its ratios. How fast it is, no test asserts: that is for docs/performance.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import blast, journeys


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
