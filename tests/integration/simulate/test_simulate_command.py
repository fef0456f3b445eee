"""``dangol simulate`` as a marketer calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from dangol.errors import DangolError, ProblemsFound, UsageError
from dangol.surfaces.cli.simulate import simulate
from tests.workspaces import note, scheduled, write_workspace

app = typer.Typer()
app.command()(simulate)


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = write_workspace(tmp_path / "shop", scheduled("daily", note("email")))
    monkeypatch.setenv("DANGOL_WORKSPACE", str(root))
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--people", "8", "--days", "1", "--start", "2026-11-02", *arguments])


def test_it_needs_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "8 people, one day, 2026-11-02: 4 messages to 4 of them" in said
    assert "Nothing was sent." in said
    assert not (tmp_path / "home").exists()


def test_the_answers_and_the_report_are_written_together(tmp_path: Path) -> None:
    result = run("--json", "--html", str(tmp_path / "report.html"), "--locale", "ko")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["people"], found["days"], found["variants"][0]["entries"]) == (8, 1, 8)
    assert '<html lang="ko">' in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "soon"], "--start"),
        (["--grain", "7 minutes"], "--grain"),
        (["--grain", "often"], "--grain"),
        (["--locale", "fr"], "--locale"),
        (["--audience", "none.csv"], "none.csv"),
        (["--audience", "people.txt"], "ends in .csv, .jsonl"),
        (["--events", "shop"], "is a folder"),
        (["--from-database", "nonsense"], "--from-database: expected"),
        (["--from-database", "mysql://x/y"], "--from-database: expected"),
        (["--shift-events"], "goes with --events"),
        (["--events", "none.jsonl"], "none.jsonl"),
        (["--behaviour", "none.yaml"], "--behaviour"),
        (["--consents", "none.csv"], "--audience"),
        (["--diff", "HEAD"], "no git repository"),
        (["--list", "changed.csv"], "goes with --diff"),
        (["weekly"], "there is no campaign 'weekly'"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(arguments: list[str], said: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_campaigns_with_mistakes_are_told_with_their_places(shop: Path) -> None:
    (shop / "campaigns" / "policies.yaml").write_text('{"timezone": "Mars/Olympus"}')
    error = run().exception
    assert isinstance(error, ProblemsFound)
    assert "campaigns/policies.yaml:1:" in str(error)


@pytest.mark.parametrize("option", ["--html", "--list"])
def test_a_file_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("")
    for path, said in [(tmp_path, "is a folder"), (tmp_path / "file" / "below", "is not a folder")]:
        error = run(option, str(path), "--diff", "HEAD").exception
        assert isinstance(error, UsageError)
        assert said in str(error)


def test_what_was_found_is_told_even_if_the_report_cannot_be_written_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dangol.surfaces.cli.simulate.check_writable", lambda *_: None)
    result = run("--html", str(tmp_path))
    assert isinstance(result.exception, DangolError)
    assert "--html" in str(result.exception)
    assert "4 messages to 4 of them" in " ".join(result.output.split())


def test_a_database_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    error = run("--from-database", f"sqlite:///{tmp_path / 'none.sqlite3'}").exception
    assert isinstance(error, DangolError)
    assert "there is no file" in str(error)
