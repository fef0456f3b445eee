"""``dangol policy duties``: what is due by law, and the exit code that tells of what is overdue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.settings import Settings
from tests.commands import app


@pytest.mark.parametrize(("days", "code"), [(1, 0), (20, 1)])
def test_what_is_open_is_listed_and_what_is_overdue_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    at = datetime.now(UTC) - timedelta(days=days)
    with Dangol(Settings(), clock=VirtualClock(at)) as dangol:
        dangol.pipeline.identify([ProfileChange("ana", email="ana@example.com", country="KR")])
        agrees = ConsentChange("ana", Channel.EMAIL, Purpose.MARKETING, ConsentAction.GRANTED, at, "form")
        dangol.pipeline.record_consents([agrees])
        dangol.duties.run()
    listed = CliRunner().invoke(app, ["policy", "duties"])
    assert listed.exit_code == code
    assert "ana" in listed.output
    assert f"1 raised in the last 90 days: 0 told, 1 open, {code} overdue" in listed.output
    [told] = json.loads(CliRunner().invoke(app, ["policy", "duties", "--json"]).output)
    assert (told["rule"], told["standing"], told["overdue"]) == ("KR-outcome-notice", "nobody", bool(code))
