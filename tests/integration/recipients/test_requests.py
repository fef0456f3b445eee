"""``dangol requests``: whoever answers for people's requests sees what is due, and when."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from dangol.clock import VirtualClock
from dangol.consent import asking
from dangol.surfaces.cli import requests as command
from tests.commands import app
from tests.integration.pipeline.house import House


@pytest.fixture
def run(house: House, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    class Opened:
        def __enter__(self) -> object:
            return house.dangol

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(command, "open_dangol", lambda _settings: Opened())
    return CliRunner()


def ask(house: House) -> str:
    with house.database.write() as tx:
        return asking.ask(
            tx, house.id_of("alice"), source="page:preferences", now=house.clock.now(), entropy=house.dangol.entropy
        ).id


def test_nothing_is_left_to_do_at_first(run: CliRunner) -> None:
    answer = run.invoke(app, ["requests", "list"])
    assert (answer.exit_code, answer.output) == (0, "nothing is left to do\n")


def test_a_request_is_listed_until_it_is_done(house: House, run: CliRunner) -> None:
    id_ = ask(house)
    listed = run.invoke(app, ["requests", "list"])
    assert listed.exit_code == 0
    assert id_ in listed.output
    assert "alice" in listed.output
    told = run.invoke(app, ["requests", "done", id_, "--by", "kim"])
    assert told.output.endswith("by kim\n")
    assert run.invoke(app, ["requests", "done", id_, "--by", "lee"]).output == told.output
    assert run.invoke(app, ["requests", "list"]).output == "nothing is left to do\n"
    assert id_ in run.invoke(app, ["requests", "list", "--all"]).output


def test_what_is_overdue_is_told_and_fails_the_command(house: House, run: CliRunner, clock: VirtualClock) -> None:
    ask(house)
    clock.advance(timedelta(days=32))
    answer = run.invoke(app, ["requests", "list"])
    assert (answer.exit_code, "overdue" in answer.output) == (1, True)
    data = json.loads(run.invoke(app, ["requests", "list", "--json"]).output)
    assert [one["overdue"] for one in data] == [True]


def test_a_request_that_is_not_there_is_told(run: CliRunner) -> None:
    answer = run.invoke(app, ["requests", "done", "x"])
    assert "no request has the id 'x'" in str(answer.exception)
