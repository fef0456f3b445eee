"""A simulator in a process of its own, shared by the tests of a file and emptied before each."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dangol.devproviders import Options, Sim, running


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    """One request; ``body`` is sent as JSON unless it is bytes. Header names of the answer are in lower case."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, path, data, given | (headers or {}))
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def letter(to: str, message_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    return {
        "personalizations": [{"to": [{"email": to}], "custom_args": {"dangol_message_id": message_id}}],
        "from": {"email": "shop@example.com"},
        "subject": "Hello",
        "content": [{"type": "text/html", "value": '<a href="https://example.com/cart">Cart</a>'}],
    } | changes


@pytest.fixture(scope="module")
def record_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record") / "record.jsonl"


@pytest.fixture(scope="module")
def started(record_file: Path) -> Iterator[Sim]:
    with running(Options(record=record_file)) as sim:
        yield sim


@pytest.fixture
def sim(started: Sim) -> Sim:
    started.reset()
    return started


@pytest.fixture
def send(sim: Sim) -> Callable[..., Answer]:
    """Send a letter through SendGrid, with the right key."""
    key = sim.credentials()["sendgrid"]["api_key"]

    def send(to: str, message_id: str = "m-1", **changes: Any) -> Answer:
        body = letter(to, message_id, **changes)
        return ask(sim.url, "POST", "/v3/mail/send", body, {"Authorization": f"Bearer {key}"})

    return send
