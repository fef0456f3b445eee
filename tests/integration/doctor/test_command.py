"""``dangol doctor`` as an operator meets it: readable in a narrow terminal, and its exit code says how it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.queue.scheduler import LEASE
from dangol.settings import Settings
from dangol.store.housekeeping import take_lease
from tests.commands import app
from tests.workspaces import campaign, note, write_workspace

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["doctor", "--offline", *arguments])
        return result.exit_code, result.output

    return ask


@pytest.fixture
def well(tmp_path: Path) -> None:
    """An installation that has all it needs, at the machine's own time."""
    workspace = write_workspace(tmp_path / "workspace", campaign("shop", note()))
    with Dangol(Settings(_env_file=None, home=tmp_path)) as dangol:
        dangol.deploy(by="tests", root=workspace)
        with dangol.database.write() as tx:
            take_lease(tx, LEASE, "here:7", dangol.clock.now(), timedelta(minutes=10))


@pytest.mark.usefixtures("well")
def test_an_installation_that_is_well_exits_with_0(run: Run) -> None:
    code, told = run()
    assert (code, "0 problems, 0 could not be asked, 0 warnings" in told) == (0, True), told


def test_a_database_that_is_not_there_exits_with_3(run: Run) -> None:
    code, told = run()
    assert code == 3
    assert "there is no such file yet" in told
    assert "not looked at, the database does not answer" in " ".join(told.split())


@pytest.mark.usefixtures("well")
def test_problems_exit_with_1_and_say_how_to_mend_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANGOL_EMAIL_PROVIDER", "smtp")
    monkeypatch.setenv("DANGOL_SMTP_USERNAME", "shop")
    code, told = run()
    assert code == 1
    assert "PROBLEM  settings: DANGOL_SMTP_PASSWORD is not set" in told
    assert "         do:  set DANGOL_SMTP_PASSWORD, or neither" in told


def test_a_setting_that_cannot_be_read_is_wrong_usage(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--processes", "none")[0] == 2


@pytest.mark.usefixtures("well")
def test_every_line_fits_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DANGOL_EMAIL_PROVIDER", "smtp")
    monkeypatch.setenv("DANGOL_BROKER_URL", "redis://127.0.0.1:1")
    long = [line for line in run()[1].splitlines() if len(line) > 80 and str(tmp_path) not in line]
    assert long == []


@pytest.mark.usefixtures("well")
def test_as_json_every_finding_has_its_check_verdict_and_advice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANGOL_EMAIL_PROVIDER", "smtp")
    code, told = run("--json")
    found = json.loads(told)
    assert code == 1
    assert {tuple(one) for one in found} == {("check", "verdict", "what", "why", "fix")}
    lacking = [one for one in found if one["verdict"] in {"problem", "warning"} and not (one["why"] and one["fix"])]
    assert lacking == []
    assert any("DANGOL_PUBLIC_URL" in one["what"] for one in found if one["verdict"] == "problem")


@pytest.mark.usefixtures("well")
def test_no_secret_is_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WRITE_KEY", "SECRET_KEY", "WEBHOOK_SECRET", "SMTP_PASSWORD"):
        monkeypatch.setenv(f"DANGOL_{name}", "hush-hush-hush")
    monkeypatch.setenv("DANGOL_BROKER_URL", "redis://:hush-hush-hush@127.0.0.1:1")
    assert "hush" not in run()[1] + run("--json")[1]
