"""Every example of docs/triggers.md works as it stands, and what the page says about limits and codes is true."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from dramatiq import Message, Worker
from dramatiq.brokers import redis as dramatiq_redis
from dramatiq.brokers.stub import StubBroker
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.client import EVENTS_ACTOR, EVENTS_QUEUE, NAMESPACE
from dangol.intake import Intake
from dangol.profiles.shape import MAX_BYTES, MAX_DEPTH
from dangol.queue.actors import Actors
from dangol.queue.broker import make_broker
from dangol.store.tables import events, journeys, profiles
from dangol.surfaces.api.body import MAX_BODY
from dangol.surfaces.api.calls import MAX_ITEMS
from dangol.surfaces.cli import trigger as trigger_module
from tests.integration.api.conftest import WRITE_KEY, basic, rows
from tests.workspaces import campaign, write_workspace

TEXT = (Path(__file__).parents[3] / "docs" / "triggers.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


CURLS = [block for block in blocks("sh") if block.startswith("curl")]
COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("dangol trigger")]

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def curl(client: TestClient, block: str) -> Any:
    """Send what this curl command would send."""
    command, url, *options = shlex.split(block.replace("\\\n", " "))
    assert command == "curl"
    told = dict(zip(options[::2], options[1::2], strict=True))
    assert told["--user"] == "$DANGOL_WRITE_KEY:"
    name, _, value = told["--header"].partition(": ")
    headers = {name: value, **basic(WRITE_KEY)}
    return client.post(url.removeprefix("http://127.0.0.1:8000"), content=told["--data"].encode(), headers=headers)


@pytest.fixture
def broker(dangol: Dangol) -> Iterator[StubBroker]:
    """dangol's actors at work on a broker in memory."""
    made = make_broker("")
    assert isinstance(made, StubBroker)
    Actors(made, dangol.pipeline, Intake(dangol.pipeline), max_age=timedelta(minutes=2), batch_size=500)
    worker = Worker(made, worker_timeout=10, worker_threads=1)
    worker.start()
    yield made
    worker.stop()


@SQLITE
def test_every_curl_example_is_accepted(client: TestClient, dangol: Dangol, tmp_path: Path) -> None:
    gift = campaign("gift_wrapping", entry={"api": "Gift Requested", "again": "always"})
    dangol.deploy(by="tests", root=write_workspace(tmp_path / "shop", gift))
    assert len(CURLS) == 4
    for block in CURLS:
        answer = curl(client, block)
        assert (answer.status_code, answer.json()["success"]) == (200, True), block
    [journey] = rows(dangol, journeys)
    assert answer.json()["journey"] == journey.id
    assert curl(client, block).json() == answer.json()  # asked again with the same id, the answer is the same
    told = {event.message_id for event in rows(dangol, events) if event.name != "Gift Requested"}
    assert told == {"order-A-7-completed", "visit-19"}
    people = {profile.external_id: profile for profile in rows(dangol, profiles)}
    assert people["c-1042"].phone == "+821012345678"
    assert people["c-7"].timezone == "Asia/Seoul"


@SQLITE
def test_the_python_example_enqueues_what_dangol_commits(
    broker: StubBroker, dangol: Dangol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dramatiq_redis, "RedisBroker", lambda url: broker)
    [example] = blocks("python")
    # the clock of the tests stands still in the past
    exec(compile(example.replace("    message_id=", "    timestamp=now,\n    message_id="), "triggers.md", "exec"),
         {"now": dangol.clock.now()})  # fmt: skip
    broker.join(EVENTS_QUEUE, timeout=10_000)
    [event] = rows(dangol, events)
    assert (event.message_id, event.properties["value"]) == ("order-A-7-completed", 29.3)


@SQLITE
def test_the_json_example_is_a_message_that_dangol_commits(broker: StubBroker, dangol: Dangol) -> None:
    [example] = blocks("json")
    message = Message.decode(example.encode())
    assert (message.queue_name, message.actor_name) == (EVENTS_QUEUE, EVENTS_ACTOR)
    assert set(json.loads(example)) == set(message.asdict())
    broker.enqueue(message)
    broker.join(EVENTS_QUEUE, timeout=10_000)
    assert [event.message_id for event in rows(dangol, events)] == ["order-A-7-completed"]


def test_the_keys_in_redis_are_the_ones_that_dramatiq_uses() -> None:
    [example] = blocks("text")
    assert [line.split()[1] for line in example.splitlines()] == [
        f"{NAMESPACE}:{EVENTS_QUEUE}.msgs",
        f"{NAMESPACE}:{EVENTS_QUEUE}",
    ]


@SQLITE
def test_every_command_example_runs(client: TestClient, dangol: Dangol, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(trigger_module.trigger)
    app.callback()(lambda: None)
    monkeypatch.setattr(trigger_module, "open_dangol", lambda _: dangol)
    assert curl(client, CURLS[1]).status_code == 200
    assert len(COMMANDS) == 3
    for line in COMMANDS:
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert (result.exit_code, result.exception) == (0, None), line
        assert result.stdout.startswith("accepted: ")


def test_the_page_states_the_limits_that_hold() -> None:
    [limits] = re.findall(r"\*\*Limits\*\*: (.*?)\n", TEXT)
    assert limits.startswith(f"{MAX_BYTES // 1024} KB a call")
    assert f"{MAX_BODY // 1024} KB a body, {MAX_ITEMS:,} calls a batch, {MAX_DEPTH} levels" in limits


def test_the_page_lists_every_option_of_the_command() -> None:
    named = set(re.findall(r"--[a-z-]+", "\n".join(COMMANDS)))
    app = typer.Typer()
    app.command()(trigger_module.trigger)
    options = {option for parameter in typer.main.get_command(app).params for option in parameter.opts}
    assert {option for option in options if option.startswith("--")} - {
        "--install-completion",
        "--show-completion",
    } == named
