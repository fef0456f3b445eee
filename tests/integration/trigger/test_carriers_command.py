"""``dangol carriers``: who carries what, who is left alone, and giving a carrier messages again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dangol.bootstrap import open_dangol
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.store import carriers as carrier_rows
from dangol.store import paces as pace_rows
from tests.commands import app


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["carriers", *arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_it_says_who_is_left_alone_and_for_how_long() -> None:
    assert run().split() == [
        "channel",
        "carrier",
        "now",
        *"email mailbox well sms mailbox well push mailbox well".split(),
    ]
    with open_dangol(Settings()) as dangol, dangol.database.write() as tx:
        now = dangol.clock.now()
        carrier_rows.leave_alone(tx, "mailbox", now + timedelta(seconds=90), "failing", 3, now=now)
    assert "failing, for " in run()
    with open_dangol(Settings()) as dangol, dangol.database.write() as tx:
        carrier_rows.leave_alone(tx, "mailbox", now, "failing", 3, now=now)
    assert "failing, next tried" in run()
    with open_dangol(Settings()) as dangol, dangol.database.write() as tx:
        carrier_rows.begin_trials(tx, ["mailbox"], "failing", now, now + timedelta(minutes=10))
    assert "failing, being tried" in run()
    assert run("again", "mailbox") == "mailbox is given messages again.\n"
    assert run("again", "mailbox") == "mailbox was not left alone.\n"


def test_it_says_how_fast_messages_go_out_and_until_when_turns_are_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANGOL_PACE", "mailbox=100/s, mailbox:hello@dangol.example=30/minute")
    assert "mailbox:hello@dangol.example  30/minute  as they come" in run()
    with open_dangol(Settings()) as dangol, dangol.database.write() as tx:
        now = dangol.clock.now()
        times = ("free_at", "promised_until", "again_until", "first_until", "updated_at")
        pace_rows.write(tx, [{"line": "mailbox", **dict.fromkeys(times, now + timedelta(hours=1))}])
        then = f"{now + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    assert f"until {then} UTC" in run()
    run("again", "mailbox")
    assert "until" not in run().partition("turns are given out")[2]


def test_a_rate_for_a_carrier_that_is_not_chosen_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANGOL_PACE", "sendgird=100/s")
    with pytest.raises(UsageError, match="carrier 'sendgird' is not chosen, which are mailbox"):
        run()


def test_a_carrier_that_is_not_chosen_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'sendgird' is not chosen; expected mailbox"):
        run("again", "sendgird")
