"""A workspace with scenarios, written by the test."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dangol.scenarios.compare import Result
from dangol.scenarios.run import programme
from tests.workspaces import write_workspace

CUSTOMERS = """
customers:
  jimin: {consents: {marketing: [email, sms, push]}}
"""


class Shop:
    """Campaigns in a folder, and scenarios about them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder

    def with_campaigns(self, *campaigns: Mapping[str, Any], **workspace: Any) -> Shop:
        write_workspace(self.root, *campaigns, **workspace)
        return self

    def tests(self, text: str, *, name: str = "thanks") -> Shop:
        """Write ``campaigns/tests/<name>.yaml``; without customers of its own it gets jimin, who agreed to all."""
        text = textwrap.dedent(text)
        file = self.root / "campaigns" / "tests" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text if "customers:" in text else CUSTOMERS + text, encoding="utf-8")
        return self

    def results(self) -> list[Result]:
        found = programme(self.root)
        return [one.result for one in found.play(found.cases())]

    def failures(self) -> list[str]:
        """Every failure of every scenario, in one line each."""
        return [line.summary for result in self.results() for line in result.failures]


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Shop]:
    return Shop(tmp_path / "workspace").with_campaigns
