"""A campaign that can never reach part of its audience lawfully is a mistake, and the rule is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.workspace import load_workspace
from dangol.editor.lawful import check_lawful
from dangol.model.problem import Problem
from tests.workspaces import campaign, note, write_workspace

NIGHTLY = {"schedule": "0 22 * * *", "audience": "true"}


def problems(folder: Path, entry: dict[str, Any], *steps: dict[str, Any], **changes: Any) -> list[Problem]:
    shown = {**campaign("letter", *steps, **changes), "entry": entry}
    return check_lawful(load_workspace(write_workspace(folder, shown)))


def test_a_text_that_is_due_at_night_and_over_before_the_morning_names_the_rule(tmp_path: Path) -> None:
    [found] = problems(tmp_path, NIGHTLY, note("sms", expires_after="2 hours"))
    assert (found.path, found.code, found.severity) == ("campaigns/letter.yaml", "never-lawful", "error")
    assert "KR-night" in found.message
    assert "South Korea" in found.message


@pytest.mark.parametrize(
    ("entry", "step", "changes"),
    [
        (NIGHTLY, note("sms", expires_after="11 hours"), {}),
        (NIGHTLY, note("sms"), {}),
        (NIGHTLY, note("email", expires_after="2 hours"), {}),
        (NIGHTLY, note("sms", "email", expires_after="2 hours"), {}),
        (NIGHTLY, note("sms", expires_after="2 hours"), {"purpose": "service"}),
        ({**NIGHTLY, "schedule": "0 20 * * *"}, note("sms", expires_after="2 hours"), {}),
        ({**NIGHTLY, "timezone": "America/New_York"}, note("sms", expires_after="2 hours"), {}),
    ],
)
def test_what_gets_through_on_some_channel_or_some_day_is_none(
    tmp_path: Path, entry: dict[str, Any], step: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert problems(tmp_path, entry, step, **changes) == []


def test_a_schedule_by_the_recipients_clock_is_looked_at_there(tmp_path: Path) -> None:
    entry = {**NIGHTLY, "timezone": "recipient"}
    assert len(problems(tmp_path, entry, note("sms", expires_after="2 hours"))) == 1


def test_what_follows_a_wait_may_come_at_any_time(tmp_path: Path) -> None:
    assert problems(tmp_path, NIGHTLY, {"wait": "12 hours"}, note("sms", expires_after="2 hours")) == []
