"""What processes print: one object a line, from libraries too, and never an address or a number."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from dramatiq import Message
from hypothesis import given
from hypothesis import strategies as st

from dangol.settings import Settings
from dangol.surfaces import logs
from dangol.surfaces.logs import REMOVED, masked

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def lines() -> Lines:
    out = io.StringIO()
    logs.configure(Settings(_env_file=None), process="worker", stream=out)
    return lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def mask(**line: Any) -> dict[str, Any]:
    return dict(masked(None, "", line))


@pytest.mark.parametrize(
    "text",
    [
        "kim@example.com",
        "Kim.Min-ji+shop@mail.example.co.kr",
        "kim%40example.com",
        "민지@예시.한국",
        "mailto:kim@example.com",
        "/forms/x?email=kim@example.com",
        "+821012345678",
        "+82 10-1234-5678",
        "010-1234-5678",
        "01012345678",
        "02 123 4567",
        "(415) 555-0100",
        "415.555.0100",
        "14155550100",
    ],
)
def test_what_looks_like_an_address_or_a_number_is_taken_out(text: str) -> None:
    told = mask(event=f"could not write to {text}: refused", error=f"<{text}>")
    kept = {"could", "not", "write", "to", "refused"}
    assert REMOVED in told["event"]
    assert REMOVED in told["error"]
    assert text not in str(told)
    assert kept <= set(told["event"].replace(":", " ").split())


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://dangol@db.example.com:5432/shop",
        "database postgresql://dangol:***@db.example.com/shop: nothing answers there",
        "127.0.0.1:5432",
        "192.168.100.200",
        "2026-03-02T01:00:00.123456+00:00",
        "2026-03-02 01:00:00",
        "01JNX2S3V4W5X6Y7Z8A9B0C1D2",
        "550e8400-e29b-41d4-a716-446655440000",
        "src/dangol/pipeline.py:560",
        "took 12345 ms for 500 messages",
        "version 3f2c9a",
        "@contextmanager",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert mask(event=text)["event"] == text


@pytest.mark.parametrize("name", ["email", "to", "token", "payload", "subject", "password"])
def test_some_fields_are_left_out_whatever_they_hold(name: str) -> None:
    assert mask(**{name: "x"}) == {name: REMOVED}


def test_the_token_of_a_recipients_page_is_taken_out() -> None:
    told = mask(path="/u/01JNX2S3V4W5X6Y7Z8A9B0C1D2.18f.abcdefghijklmnop")
    assert told == {"path": f"/u/{REMOVED}"}


def test_lists_objects_and_strangers_are_looked_into() -> None:
    class Stranger:
        def __str__(self) -> str:
            return "kim@example.com"

    told = mask(a=["kim@example.com", {"b": ("010-1234-5678",), "email": "x"}], c=Stranger(), n=821012345678, t=True)
    assert told == {"a": [REMOVED, {"b": [REMOVED], "email": REMOVED}], "c": REMOVED, "n": 821012345678, "t": True}


@given(
    local=st.from_regex(r"[a-z][a-z0-9._-]{0,20}[a-z0-9]", fullmatch=True),
    around=st.sampled_from(["", "'", "<", " ", "="]),
)
def test_no_plain_address_gets_through(local: str, around: str) -> None:
    address = f"{local}@example.com"
    assert address not in mask(event=f"x {around}{address}{around} y")["event"]


@given(number=st.from_regex(r"\+[1-9]\d{7,13}", fullmatch=True))
def test_no_number_in_the_form_we_store_gets_through(number: str) -> None:
    assert number not in mask(event=f"to {number}, again")["event"]


def test_a_line_says_when_how_bad_and_which_process(lines: Lines) -> None:
    structlog.get_logger("x").warning("events are held", events=3)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert isinstance(line.pop("pid"), int)
    assert line == {"event": "events are held", "events": 3, "level": "warning", "process": "worker"}


def test_what_is_less_than_the_level_is_not_printed(lines: Lines) -> None:
    structlog.get_logger("x").info("handed_over")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert lines() == []


def test_libraries_print_the_same_way(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").error("refused %s", "kim@example.com")
    (line,) = lines()
    assert (line["logger"], line["process"], line["event"]) == ("uvicorn.error", "worker", f"refused {REMOVED}")


def test_an_exception_is_printed_without_what_it_quotes(lines: Lines) -> None:
    try:
        int("no such mailbox: kim@example.com")
    except ValueError:
        structlog.get_logger("x").exception("failed")
        logging.getLogger("redis").exception("failed")
    for line in lines():
        assert "ValueError" in line["exception"]
        assert "test_logs.py" in line["exception"]
        assert "kim" not in str(line)


def test_dramatiq_names_its_messages_by_id_alone(lines: Lines) -> None:
    message: Message[Any] = Message("dangol-events", "dangol.events", ([{"userId": "kim", "name": "Kim"}],), {}, {})
    logging.getLogger("dramatiq.worker.WorkerThread").warning("Failed to process message %s.", message)
    (line,) = lines()
    assert line["event"] == f"Failed to process message {message.message_id}."


def test_context_is_on_every_line_within_it(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(work="deliver", wake_up="w1"):
        structlog.get_logger("x").error("a message could not be decided", message_id="m1")
    (line,) = lines()
    assert (line["work"], line["wake_up"], line["message_id"]) == ("deliver", "w1", "m1")


def test_console_is_for_people(lines: Lines) -> None:
    out = io.StringIO()
    logs.configure(Settings(_env_file=None, log_format="console", log_level="info"), stream=out)
    structlog.get_logger("x").info("handed_over", messages=3)
    assert "handed_over" in out.getvalue()
    assert "messages=3" in out.getvalue()
    assert "\x1b" not in out.getvalue()
