"""``dangol map`` and ``dangol graph`` as an author and a CI job meet them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dangol.errors import DangolError, ProblemsFound, UsageError
from tests.commands import app
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, write_workspace

Workspace = Callable[..., Path]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    def write(*campaigns: dict[str, object]) -> Path:
        root = write_workspace(tmp_path / "shop", *campaigns)
        monkeypatch.delenv("DANGOL_WORKSPACE", raising=False)
        monkeypatch.chdir(root)
        return root

    return write


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


class TestMap:
    def test_shows_stages_messages_and_gaps(self, workspace: Workspace) -> None:
        workspace(campaign("hello", note("email", "sms")))
        result = run("map")
        assert result.exit_code == 0
        assert "Loyalty · no owner" in result.output
        assert "hello: note" in result.output
        assert "no-message" in result.output
        assert "campaign-without-owner" in result.output

    def test_is_a_report_unless_it_is_to_be_strict(self, workspace: Workspace) -> None:
        workspace(campaign("hello"))
        assert run("map", "--strict").exit_code == 1

    def test_strict_is_content_without_gaps(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note(), note("push", ref="again"), owner="crm"))
        kpi = {"name": "K", "expression": "profile.vip", "target": "40%"}
        stage = {"key": "loyalty", "name": "Loyalty", "intent": "Be known.", "owner": "crm", "kpi": kpi}
        (root / "campaigns/journey-map.yaml").write_text(json.dumps({"stages": [stage]}))
        result = run("map", "--strict")
        assert (result.exit_code, "No gaps." in result.output) == (0, True)

    def test_json_has_every_cell_and_every_gap(self, workspace: Workspace) -> None:
        workspace(campaign("hello", note("email", "sms", ref="first")))
        told = json.loads(run("map", "--json").output)
        (_, loyalty) = told["stages"]
        cell = [{"campaign": "hello", "step": "first", "message": "note"}]
        assert loyalty["messages"] == {"email": cell, "sms": cell, "push": []}
        assert {gap["code"] for gap in told["gaps"]} == {"no-message", "no-owner", "no-kpi", "campaign-without-owner"}

    def test_another_workspace_can_be_named(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        root = workspace(campaign("hello"))
        monkeypatch.chdir(root.parent)
        assert "hello: note" in run("map", str(root)).output

    def test_a_workspace_with_mistakes_is_refused_with_all_of_them(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello"))
        (root / "campaigns/journey-map.yaml").write_text("stages:\n  - {key: loyalty, intent: x, colour: red}\n")
        error = run("map").exception
        assert isinstance(error, ProblemsFound)
        assert len(error.problems) == 2


class TestGraph:
    def test_text_is_printed_unless_something_else_is_asked_for(self, workspace: Workspace) -> None:
        workspace(campaign("hello", {"wait": "2 hours"}, note()))
        assert run("graph", "hello").output.splitlines()[2:] == [
            "Loyalty",
            "  - Wait 2 hours",
            "  - Send note: email",
            "End",
        ]

    def test_the_name_of_the_file_decides_its_format(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello"))
        assert run("graph", "hello", "--output", "hello.svg").output == "hello.svg\n"
        assert ET.parse(root / "hello.svg").getroot().get("role") == "img"
        run("graph", "hello", "--output", "hello.mmd")
        assert (root / "hello.mmd").read_text().startswith("flowchart TD\n")
        run("graph", "hello", "--output", "hello.svg", "--format", "text")
        assert (root / "hello.svg").read_text().startswith("hello (hello)\n")

    def test_a_name_that_tells_no_format_is_wrong_usage(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello"))
        error = run("graph", "hello", "--output", "hello.png").exception
        assert isinstance(error, UsageError)
        assert "expected a name in .svg, .mmd or .txt, or say --format; found 'hello.png'" in str(error)
        assert not (root / "hello.png").exists()
        assert run("graph", "hello", "--output", "hello.txt").exit_code == 0
        assert run("graph", "hello", "--output", "hello.md", "--format", "mermaid").exit_code == 0

    def test_formats_can_be_printed(self, workspace: Workspace) -> None:
        workspace(campaign("hello"))
        assert run("graph", "hello", "--format", "mermaid").output.startswith("flowchart TD\n")
        assert run("graph", "hello", "--format", "svg").output.startswith("<svg ")

    def test_an_unknown_campaign_is_wrong_usage_with_a_guess(self, workspace: Workspace) -> None:
        workspace(campaign("hello"))
        error = run("graph", "helo").exception
        assert isinstance(error, UsageError)
        assert str(error) == "the workspace has no campaign 'helo'; did you mean `hello`?"

    def test_a_file_that_cannot_be_written_is_told(self, workspace: Workspace) -> None:
        workspace(campaign("hello"))
        error = run("graph", "hello", "--output", "nowhere/hello.svg").exception
        assert isinstance(error, UsageError)
        assert "cannot write nowhere/hello.svg" in str(error)


class TestGraphWithPeople:
    @pytest.fixture
    def shop(self, house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
        house.opens_with(campaign("hello", {"wait": "2 days"}, note())).knows("alice")
        house.orders("alice")
        house.work()
        monkeypatch.setenv("DANGOL_DATABASE_URL", house.dangol.settings.database_url)
        monkeypatch.setenv("DANGOL_HOME", str(tmp_path))
        key = house.dangol.settings.secret_key
        assert key is not None
        monkeypatch.setenv("DANGOL_SECRET_KEY", key.get_secret_value())
        return house

    def test_draws_what_is_in_service_with_those_who_wait(self, shop: House) -> None:
        assert "  - Send note: email (1 person waits before this)" in run("graph", "hello", "--people").output

    def test_a_campaign_that_never_ran_is_told(self, shop: House) -> None:
        error = run("graph", "helo", "--people").exception
        assert isinstance(error, DangolError)
        assert "did you mean `hello`?" in str(error)
