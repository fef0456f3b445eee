"""The record is what a judge believes."""

from __future__ import annotations

import json
from pathlib import Path

from dangol.devproviders.record import Record


def test_entries_are_numbered_and_say_what_the_caller_heard(tmp_path: Path) -> None:
    record = Record()
    record.accept("sendgrid", "m-1", "anna@example.com", "r-1", "202")
    record.accept("twilio", "m-2", "+821012345678", "SM1", "timeout-after-accept")
    first, second = map(json.loads, record.after(0, 10).splitlines())
    assert (first["n"], first["provider"], first["message_id"], first["to"]) == (
        1,
        "sendgrid",
        "m-1",
        "anna@example.com",
    )
    assert (second["n"], second["reference"], second["answer"]) == (2, "SM1", "timeout-after-accept")
    assert [json.loads(line)["n"] for line in record.after(1, 10).splitlines()] == [2]


def test_a_message_that_comes_again_is_marked_and_counted() -> None:
    record = Record()
    for _ in range(2):
        record.accept("sendgrid", "m-1", "anna@example.com", "r", "202")
    record.accept("sendgrid", "", "anna@example.com", "r", "202")
    record.accept("sendgrid", "", "anna@example.com", "r", "202")
    assert [json.loads(line)["again"] for line in record.after(0, 10).splitlines()] == [False, True, False, False]
    assert record.told() == {"sendgrid": {"accepted": 4, "again": 1}}


def test_the_file_has_what_was_written_and_is_never_shortened(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text('{"n": 0}\n')
    record = Record(path)
    record.accept("sendgrid", "m-1", "anna@example.com", "r-1", "202")
    assert len(path.read_text().splitlines()) == 1, "nothing is written before the turn ends"
    record.write()
    record.accept("sendgrid", "m-2", "anna@example.com", "r-2", "202")
    record.reset()
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [0, 1, 2]
    record.accept("sendgrid", "m-3", "anna@example.com", "r-3", "202")
    record.close()
    assert [json.loads(line)["message_id"] for line in path.read_text().splitlines()[1:]] == ["m-1", "m-2", "m-3"]


def test_refusals_are_counted_by_what_was_answered() -> None:
    record = Record()
    record.refuse("twilio", "21211")
    record.refuse("twilio", "21211")
    record.refuse("fcm", "hang")
    assert record.told() == {"twilio": {"accepted": 0, "21211": 2}, "fcm": {"accepted": 0, "hang": 1}}
