"""Every campaign that ships has scenarios, and they can be read."""

from __future__ import annotations

from dangol.definitions.workspace import load_workspace
from dangol.scenarios.cases import collect
from tests.workspaces import ROOT


def test_every_shipped_campaign_has_scenarios_without_mistakes() -> None:
    workspace = load_workspace(ROOT)
    found = collect(ROOT, workspace)
    assert found.problems == ()
    assert {suite.campaign for suite in found.suites} == set(workspace.campaigns)
    assert [suite.path for suite in found.suites if len(suite.cases) < 2] == []
