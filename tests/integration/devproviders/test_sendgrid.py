"""SendGrid as its own library and plain HTTP meet it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from dangol.devproviders import Sim
from tests.integration.devproviders.conftest import Answer, ask, letter

Send = Callable[..., Answer]


def test_sendgrids_own_library_sends(sim: Sim) -> None:
    client = SendGridAPIClient(sim.credentials()["sendgrid"]["api_key"], host=sim.url)
    response = client.send(Mail("shop@example.com", "anna@example.com", "Hello", "Hello", "<p>Hello</p>"))
    assert response.status_code == 202
    assert response.body == b""
    (entry,) = sim.record()
    assert response.headers["X-Message-Id"] == entry["reference"]
    assert client.client.scopes.get().status_code == 200


def test_an_accepted_message_is_recorded_with_our_id(sim: Sim, send: Send) -> None:
    before = time.time()
    answer = send("anna@example.com", "01KK5RM0G0ZJ9V3Q4F8TC2H7XB")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (202, b"", "0")
    (entry,) = sim.record()
    assert before - 1 < entry.pop("at") < time.time() + 1
    assert entry == {
        "n": 1,
        "provider": "sendgrid",
        "message_id": "01KK5RM0G0ZJ9V3Q4F8TC2H7XB",
        "to": "anna@example.com",
        "reference": answer.headers["x-message-id"],
        "outcome": "accepted",
        "answer": "202",
        "again": False,
    }


def test_every_personalization_is_a_message(sim: Sim, send: Send) -> None:
    people = [
        {"to": [{"email": f"{number}@example.com"}], "custom_args": {"dangol_message_id": f"m-{number}"}}
        for number in range(3)
    ]
    assert send("", personalizations=people).status == 202
    assert [(entry["message_id"], entry["to"]) for entry in sim.record()] == [
        (f"m-{number}", f"{number}@example.com") for number in range(3)
    ]


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer SG.wrong", "Basic SG.wrong"])
def test_without_the_key_nothing_is_accepted(sim: Sim, key: str) -> None:
    headers = {"Authorization": key} if key else {}
    answer = ask(sim.url, "POST", "/v3/mail/send", letter("anna@example.com"), headers)
    assert answer.status == 401
    assert answer.json()["errors"][0]["field"] is None
    assert ask(sim.url, "GET", "/v3/scopes", headers=headers).status == 401
    assert sim.record() == []


def test_mistakes_are_told_with_their_fields(sim: Sim, send: Send) -> None:
    answer = send("nobody", subject="")
    assert answer.status == 400
    assert [one["field"] for one in answer.json()["errors"]] == ["personalizations.0.to.0.email", "subject"]
    assert sim.counts()["providers"] == {"sendgrid": {"accepted": 0, "400": 1}}


def test_what_is_no_json_is_refused(sim: Sim) -> None:
    headers = {"Authorization": f"Bearer {sim.credentials()['sendgrid']['api_key']}"}
    assert ask(sim.url, "POST", "/v3/mail/send", b"{", headers).json()["errors"][0]["message"] == "Bad Request"
    assert ask(sim.url, "POST", "/v3/mail/send", b"{}", headers | {"Content-Type": "text/plain"}).status == 415
    assert ask(sim.url, "GET", "/v3/mail/send", headers=headers).status == 405


def test_what_is_too_large_is_refused(sim: Sim, send: Send) -> None:
    content = [{"type": "text/plain", "value": "x" * (31 << 20)}]
    assert send("anna@example.com", content=content).status == 413
    assert sim.record() == []


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500, 502, 503])
def test_an_address_names_the_status(sim: Sim, send: Send, status: int) -> None:
    answer = send(f"anna+{status}@example.com")
    assert answer.status == status
    assert answer.json()["errors"][0]["message"]
    assert sim.record() == []
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_too_many_requests_say_when_to_come_again(send: Send) -> None:
    headers = send("anna+429-7s@example.com").headers
    assert headers["retry-after"] == "7"
    assert headers["x-ratelimit-remaining"] == "0"
    assert 5 <= int(headers["x-ratelimit-reset"]) - time.time() <= 8


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("timeout-after-accept", TimeoutError),
        ("reset-after-body", ConnectionResetError),
        ("cut", http.client.BadStatusLine),
    ],
)
def test_a_message_can_be_accepted_without_an_answer(sim: Sim, word: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        impatient(sim, f"{word}@example.com")
    assert [entry["answer"] for entry in sim.record()] == [word]


@pytest.mark.parametrize(("word", "error"), [("hang", TimeoutError), ("reset-before", ConnectionResetError)])
def test_a_request_can_break_before_anything_is_accepted(sim: Sim, word: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        impatient(sim, f"{word}@example.com")
    assert sim.record() == []
    assert sim.counts()["providers"]["sendgrid"] == {"accepted": 0, word: 1}


def test_an_accepted_message_can_be_answered_with_an_error_or_junk(sim: Sim, send: Send) -> None:
    assert send("500-after-accept@example.com").status == 500
    junk = send("junk@example.com")
    assert (junk.status, junk.body[:6]) == (202, b"<html>")
    assert [entry["answer"] for entry in sim.record()] == ["500-after-accept", "junk"]


def test_trouble_can_happen_once(sim: Sim, send: Send) -> None:
    assert [send("anna+once-503@example.com").status for _ in range(2)] == [503, 202]


def test_the_answer_takes_its_time_and_the_message_is_accepted_before(sim: Sim) -> None:
    sending = threading.Thread(target=impatient, args=(sim, "slow1s@example.com", 5.0))
    began = time.monotonic()
    sending.start()
    while not sim.record():
        assert time.monotonic() - began < 0.9, "nothing is recorded before the answer"
    sending.join()
    assert time.monotonic() - began >= 1.0


def test_behaviour_is_set_at_run_time(sim: Sim, send: Send) -> None:
    sim.behave("sendgrid", outage=True, retry_after="7s")
    answer = send("anna@example.com")
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    sim.behave("sendgrid", outage=False)
    sim.behave(addresses={"Anna@example.com": "429"})
    assert [send(f"{name}@example.com").status for name in ("anna", "bob")] == [429, 202]
    sim.behave(addresses={"anna@example.com": None})
    assert send("anna@example.com").status == 202
    sim.behave(rate_limit="10/s")
    assert 429 in {send("anna@example.com").status for _ in range(10)}


def test_every_accepted_message_is_in_the_file_when_the_answer_is_there(
    sim: Sim, send: Send, record_file: Path
) -> None:
    for number in range(5):
        assert send("anna@example.com", f"file-{number}").status == 202
        assert json.loads(record_file.read_text().splitlines()[-1])["message_id"] == f"file-{number}"


def test_requests_that_come_together_are_answered_in_their_order(sim: Sim) -> None:
    key = sim.credentials()["sendgrid"]["api_key"]
    data = b"".join(raw(key, to) for to in ("slow200ms@example.com", "429@example.com", "anna@example.com"))
    host, port = urlsplit(sim.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        for start in range(0, len(data), 97):  # in pieces that respect nothing
            connection.sendall(data[start : start + 97])
        received = b""
        while received.count(b"HTTP/1.1 ") < 3 or not received.endswith(b"\r\n\r\n"):
            received += connection.recv(65536)
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"202", b"429", b"202"]


def test_what_is_no_http_is_told_so(sim: Sim) -> None:
    host, port = urlsplit(sim.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"HELO example.com\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")


def test_an_unknown_path_says_what_was_found(sim: Sim) -> None:
    answer = ask(sim.url, "GET", "/v3/nothing")
    assert answer.status == 404
    assert "GET /v3/nothing" in answer.json()["errors"][0]
    assert b"Nothing leaves this machine" in ask(sim.url, "GET", "/").body


def impatient(sim: Sim, to: str, seconds: float = 0.4) -> http.client.HTTPResponse:
    """Send a letter and read the whole answer, or raise what a caller sees."""
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc, timeout=10)
    key: Any = sim.credentials()["sendgrid"]["api_key"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.connect()
        connection.sock.settimeout(seconds)
        connection.request("POST", "/v3/mail/send", json.dumps(letter(to)), headers)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def raw(key: str, to: str) -> bytes:
    body = json.dumps(letter(to)).encode()
    head = (
        f"POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
