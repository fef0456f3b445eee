"""``python -m bench.fairness`` counts receipts only, each once, and only while the blast ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bench.fairness import waits

SENT = {"a@example.com": 10.0, "b@example.com": 12.0, "c@example.com": 20.0}
RECEIPTS = [("a@example.com", 10.5, "r1"), ("b@example.com", 12.25, "r2"), ("c@example.com", 20.5, "r3")]
BLAST = [("x@example.com", 9.0, "l0"), ("a@example.com", 10.25, "l1"), ("x@example.com", 14.0, "l2")]


def record(*entries: tuple[str, float, str]) -> list[Mapping[str, Any]]:
    return [{"to": to, "at": at, "message_id": message_id} for to, at, message_id in entries]


def test_in_quiet_all_orders_count() -> None:
    found = waits("quiet", SENT, [], record(*RECEIPTS), {"r1", "r2", "r3"})
    assert (found.lags, found.blast, found.late) == ([0.5, 0.25, 0.5], 0.0, 0)


def test_a_letter_to_somebody_who_ordered_is_no_receipt_and_orders_after_the_last_letter_do_not_count() -> None:
    found = waits("in a blast", SENT, [], record(*RECEIPTS, *BLAST), {"r1", "r2", "r3"})
    assert (found.lags, found.blast, found.late) == ([0.5, 0.25], 0.5, 1)


@pytest.mark.parametrize("seen", [RECEIPTS[:2], [*RECEIPTS, RECEIPTS[0]]], ids=["missing", "twice"])
def test_a_receipt_that_is_missing_or_came_twice_is_no_result(seen: list[tuple[str, float, str]]) -> None:
    with pytest.raises(RuntimeError, match="3 orders"):
        waits("quiet", SENT, [], record(*seen), {"r1", "r2", "r3"})


def test_a_blast_that_was_over_before_the_orders_shows_nothing() -> None:
    with pytest.raises(RuntimeError, match="--recipients"):
        waits("in a blast", SENT, [], record(*RECEIPTS, BLAST[0]), {"r1", "r2", "r3"})
