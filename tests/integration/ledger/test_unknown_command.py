"""``dangol log unknown``: nobody has to look through the log for what nobody knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dangol.model.message import Unknown
from tests.commands import app
from tests.integration.pipeline.house import House
from tests.integration.pipeline.reports import comes, report
from tests.workspaces import campaign


def test_messages_are_listed_until_their_carrier_reports_something(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.carrier.script("kim@example.com", Unknown("no answer"))
    house.opens_with(campaign("letters")).knows("kim").orders("kim")
    house.work()
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path))
    monkeypatch.setenv("DANGOL_DATABASE_URL", house.database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("DANGOL_SECRET_KEY", "s")
    found = CliRunner().invoke(app, ["log", "unknown", "--json"])
    (told,) = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    assert (found.exit_code, told["id"], told["provider"]) == (1, house.messages[0].id, "fake")
    all_of_them = CliRunner().invoke(app, ["log", "unknown", "--json", "--limit", "1000000"])
    assert all_of_them.stdout == found.stdout
    assert "letters · 0.0" in CliRunner().invoke(app, ["log", "unknown"]).stdout
    comes(house, report(house, "delivered"))
    settled = CliRunner().invoke(app, ["log", "unknown"])
    assert (settled.exit_code, "known" in settled.stdout) == (0, True)
