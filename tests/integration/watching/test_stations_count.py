"""What the stations count while messages go out: batch by batch, after the commit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dangol.ledger.entries import Journal, Subject
from dangol.model.message import Refused, Unknown
from dangol.model.vocabulary import Decision, Reason
from tests.integration.pipeline.house import House
from tests.integration.watching.conftest import Seen
from tests.workspaces import campaign, cap, note


def test_a_blast_is_counted_by_provider_channel_and_outcome(house: House, seen: Seen) -> None:
    house.opens_with(campaign("shop", note())).knows("alice", "bob").knows("carol", agreeing_to=())
    house.orders("alice", "bob", "carol")
    house.work()
    assert seen("dangol_events_total", result="new") == 3
    assert seen("dangol_handovers_total", provider="fake", channel="email", outcome="accepted") == 2
    assert seen("dangol_decisions_total", decision="message_accepted", channel="email") == 2
    assert seen("dangol_decisions_total", decision="message_suppressed", reason="consent_missing") == 1
    assert seen("dangol_provider_seconds_count", provider="fake") == 1


def test_an_event_that_was_reported_before_is_told_apart(house: House, seen: Seen) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    for _ in range(2):
        house.happens("Order Completed", "alice", id="e-once")
    assert (seen("dangol_events_total", result="new"), seen("dangol_events_total", result="known")) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "outcome", "decision"),
    [
        (Refused(permanent=True, detail="no"), "refused", "message_failed"),
        (Refused(permanent=False, detail="later"), "busy", "message_retried"),
        (Unknown(detail="?"), "unknown", "message_unknown"),
    ],
)
def test_what_a_provider_does_not_accept_is_counted_by_how(
    house: House, seen: Seen, answer: Refused | Unknown, outcome: str, decision: str
) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    house.carrier.script("alice@example.com", answer)
    house.orders("alice")
    house.work()
    assert seen("dangol_handovers_total", outcome=outcome) == 1
    assert seen("dangol_decisions_total", decision=decision) == 1


def test_what_a_cap_holds_back_is_counted_by_its_reason(house: House, seen: Seen) -> None:
    house.opens_with(campaign("shop", note()), policies={"caps": [cap(1)]}).knows("alice")
    house.orders("alice")
    house.work()
    house.orders("alice")
    house.work()
    assert seen("dangol_decisions_total", reason="capped") == 1


def test_how_long_messages_had_been_due_is_told(house: House, seen: Seen) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    house.orders("alice")
    house.sleep(timedelta(seconds=40))
    house.work()
    assert seen("dangol_due_lag_seconds_count") == 1
    assert seen("dangol_due_lag_seconds_sum") == pytest.approx(40, abs=2)


def test_what_is_rolled_back_is_not_counted(house: House, seen: Seen) -> None:
    def failing() -> None:
        with house.database.write() as tx:
            journal = Journal(house.clock.now())
            journal.add(Decision.DATA_EXPORTED, Reason.BY_HAND, Subject(occasion="x"))
            journal.write(tx)
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    assert seen("dangol_decisions_total") == 0
