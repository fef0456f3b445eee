"""pytest collects scenarios of a workspace, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dangol.scenarios import run as run_module
from tests.integration.scenarios.conftest import Shop
from tests.integration.scenarios.test_command import TEXT
from tests.workspaces import campaign

pytest_plugins = ["pytester"]
Open = Callable[..., Shop]
HEAVY = ("sqlalchemy", "pydantic", "dramatiq", "rich", "dangol.bootstrap", "dangol.scenarios")


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the entry point is installed or not, the plug-in is loaded once."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "dangol.testing.plugin", "-p", "no:cacheprovider", *words)


def test_each_scenario_is_a_test_and_a_failure_shows_its_timeline(
    shop: Open, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    house = shop(campaign("thanks")).tests(TEXT)
    result = run(pytester, str(house.root), "-rA")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*FAILED thanks › says <nothing> & no more", "*thanks.yaml:10*", "*note · email · en*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.fnmatch_lines(["FAILED *thanks.yaml::* - *note*"])


def test_scenarios_are_chosen_by_name(shop: Open, pytester: pytest.Pytester) -> None:
    house = shop(campaign("thanks")).tests(TEXT)
    run(pytester, str(house.root), "-k", "once").assert_outcomes(passed=1, deselected=1)


def test_a_mistake_in_a_file_is_an_error_with_its_place(shop: Open, pytester: pytest.Pytester) -> None:
    house = shop(campaign("thanks")).tests(TEXT.replace("message: note", "message: nota"))
    result = run(pytester, str(house.root))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*thanks.yaml:*unknown-message*"])


def test_a_mistake_in_one_file_is_told_there_alone_and_the_others_run(
    shop: Open, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = shop(campaign("thanks"), campaign("later"), campaign("other"))
    house.tests(TEXT)
    house.tests(TEXT.replace("message: note", "message: nota"), name="later")
    house.tests(TEXT.replace("message: note", "message: noto"), name="other")
    read: list[Path] = []
    attempt = run_module.attempt
    monkeypatch.setattr(run_module, "attempt", lambda root: read.append(root) or attempt(root))
    result = run(pytester, str(house.root), "--continue-on-collection-errors")
    result.assert_outcomes(passed=1, failed=1, errors=2)
    assert result.stdout.str().count("nota") == 1
    assert read == [house.root]


def test_a_workspace_that_cannot_be_used_is_told_once(shop: Open, pytester: pytest.Pytester) -> None:
    house = shop(campaign("thanks"), campaign("later"))
    house.tests(TEXT)
    house.tests(TEXT, name="later")
    (house.root / "campaigns" / "policies.yaml").write_text('{"timezone": "Mars/Olympus"}')
    result = run(pytester, str(house.root))
    result.assert_outcomes(errors=2)
    assert result.stdout.str().count("Mars/Olympus") == 1


def test_other_yaml_files_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", scenarios="not: ours")
    pytester.makepyfile("def test_own(): pass")
    run(pytester).assert_outcomes(passed=1)


def test_loading_the_plug_in_costs_projects_without_scenarios_nothing() -> None:
    code = f"import sys, dangol.testing.plugin; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
