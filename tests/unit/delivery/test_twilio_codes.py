"""A code of Twilio's means the same at the hand-over and in a later report."""

from __future__ import annotations

import pytest

from dangol.delivery.feedback.twilio import parse_listed
from dangol.delivery.twilio_codes import CODES, finding
from dangol.model.feedback import Feedback, Finding
from dangol.model.vocabulary import RefusalCause

_OF_CAUSE = {
    RefusalCause.OPTED_OUT: {Finding.OPTED_OUT},
    RefusalCause.DEAD_ADDRESS: {Finding.INVALID, Finding.HARD},
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_what_suppresses_a_number_at_the_hand_over_does_so_in_a_report_and_nothing_else_does(code: int) -> None:
    meaning = CODES[code]
    suppressing = {Finding.OPTED_OUT, Finding.INVALID, Finding.HARD}
    assert meaning.finding in _OF_CAUSE.get(meaning.cause, set(Finding) - suppressing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (21211, Finding.INVALID),
        (21610, Finding.OPTED_OUT),
        (30003, Finding.SOFT),
        (30005, Finding.SOFT),
        (30006, Finding.HARD),
        (30007, Finding.BLOCKED),
        (30008, Finding.NONE),
        (99999, Finding.NONE),
        (None, Finding.NONE),
    ],
)
def test_what_a_failed_message_says_of_the_number(code: int | None, found: Finding) -> None:
    told = parse_listed({"sid": "SM1", "status": "undelivered", "error_code": code, "to": "+14155550100"})
    assert isinstance(told, Feedback)
    assert told.finding is found


@pytest.mark.parametrize("code", ["", "x", "٣٠٠٠٦", "3" * 64, "-1"])
def test_what_is_no_code_says_nothing(code: str) -> None:
    assert finding(code) is Finding.NONE


def test_a_message_that_arrived_says_nothing_bad_of_the_number() -> None:
    told = parse_listed({"sid": "SM1", "status": "delivered", "error_code": 30006, "to": "+14155550100"})
    assert isinstance(told, Feedback)
    assert told.finding is Finding.NONE
