"""What the carrier answers, and what becomes of a message whose answer never comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from dangol.delivery.provider import NothingSent
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from tests.integration.pipeline.house import House
from tests.integration.pipeline.reports import comes, report
from tests.workspaces import campaign, cap, note

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
KIM = "kim@example.com"
BUSY = Refused(permanent=False, detail="busy")


@pytest.fixture
def shop(house: House) -> House:
    """Kim has ordered and a note to Kim is due; a cap allows one a week."""
    house.opens_with(campaign("a"), policies={"caps": [cap(1)]}).knows("kim").orders("kim")
    return house


def test_an_acceptance_is_final_and_keeps_the_carriers_reference(shop: House) -> None:
    shop.carrier.script(KIM, Accepted(reference="r-1"))
    shop.work()
    (row,) = shop.messages
    assert (row.state, row.provider, row.provider_reference, row.lease_until) == ("accepted", "fake", "r-1", None)
    assert shop.log("message_accepted")[0].evidence == {"provider": "fake", "attempt": 1, "reference": "r-1"}
    assert len(shop.slots) == 1


def test_a_permanent_refusal_is_final_and_gives_the_slot_back(shop: House) -> None:
    shop.carrier.script(KIM, Refused(permanent=True, detail="no such address"))
    shop.work()
    assert shop.states == [("failed", "provider_refused")]
    assert shop.slots == []
    shop.sleep(SECOND)
    shop.orders("kim")
    shop.work()
    assert [row.state for row in shop.messages] == ["failed", "accepted"]


def test_a_transient_refusal_waits_in_the_database_and_gives_the_slot_back(shop: House) -> None:
    shop.carrier.script(KIM, BUSY)
    began = shop.clock.now()
    shop.work()
    (row,) = shop.messages
    assert (row.state, row.reason, row.attempt, row.due_at) == ("planned", "provider_busy", 1, began + MINUTE)
    assert shop.slots == []
    assert shop.log("message_retried")[0].evidence["until"] == row.due_at.isoformat()
    shop.pass_time(MINUTE)
    assert shop.states == [("accepted", "accepted_by_provider")]
    assert shop.messages[0].attempt == 2


def test_pauses_double_and_the_attempts_run_out(shop: House) -> None:
    shop.carrier.script(KIM, *[BUSY] * 5)
    began = shop.clock.now()
    shop.pass_time(DAY)
    assert shop.states == [("failed", "retries_exhausted")]
    waited = [entry.at - began for entry in shop.log("message_sending")]
    assert waited == [0 * MINUTE, 1 * MINUTE, 3 * MINUTE, 7 * MINUTE, 15 * MINUTE]
    assert shop.slots == []


def test_a_pause_is_never_shorter_than_the_carrier_asked_for(shop: House) -> None:
    shop.carrier.script(KIM, Refused(permanent=False, retry_after=timedelta(hours=1)))
    began = shop.clock.now()
    shop.work()
    assert shop.messages[0].due_at == began + timedelta(hours=1)


def test_a_retry_does_not_outlive_the_message(house: House) -> None:
    house.opens_with(campaign("a", note(expires_after="2 minutes"))).knows("kim").orders("kim")
    house.carrier.script(KIM, *[BUSY] * 5)
    house.pass_time(DAY)
    assert house.states == [("expired", "expired")]


def test_a_retry_asks_the_gate_again(shop: House) -> None:
    shop.carrier.script(KIM, BUSY)
    shop.work()
    shop.sleep(SECOND)
    shop.withdraws("kim")
    shop.pass_time(DAY)
    assert shop.states == [("suppressed", "consent_withdrawn")]


def test_a_retry_is_cancelled_when_the_journey_ends_meanwhile(house: House) -> None:
    house.opens_with(campaign("a", note(), {"wait": "1 day"}, event="Checkout Started", exit=["Order Completed"]))
    house.knows("kim").happens("Checkout Started", "kim")
    answer = house.carrier.send_many

    def order_in_mid_call(batch: Sequence[Envelope]) -> Sequence[Outcome]:
        house.sleep(SECOND)
        house.orders("kim")
        return [BUSY for _ in batch]

    house.carrier.send_many = order_in_mid_call  # type: ignore[method-assign]
    house.work()
    house.carrier.send_many = answer  # type: ignore[method-assign]
    assert house.states == [("planned", "provider_busy")]
    house.pass_time(DAY)
    assert house.states == [("cancelled", "exit_event")]
    assert house.slots == []


def test_while_a_retry_waits_another_message_may_take_the_slot(shop: House) -> None:
    shop.carrier.script(KIM, BUSY)
    shop.work()
    shop.sleep(SECOND)
    shop.orders("kim")
    shop.work()
    shop.pass_time(MINUTE)
    assert [(row.state, row.reason) for row in shop.messages] == [
        ("suppressed", "capped"),
        ("accepted", "accepted_by_provider"),
    ]


@pytest.mark.parametrize("answer", [Unknown("lost"), OSError("the line went dead"), ValueError()])
def test_doubt_keeps_the_slot_and_is_never_sent_again(shop: House, answer: Outcome | Exception) -> None:
    shop.carrier.script(KIM, answer)
    shop.work()
    assert shop.states == [("unknown", "outcome_unknown")]
    assert len(shop.slots) == 1
    shop.pass_time(30 * DAY)
    assert shop.states == [("unknown", "outcome_unknown")]
    assert len(shop.carrier.handed_over) == 1


def test_a_carrier_that_was_not_reached_refused(shop: House) -> None:
    shop.carrier.script(KIM, NothingSent())
    shop.pass_time(MINUTE)
    assert shop.states == [("accepted", "accepted_by_provider")]


def test_every_message_of_a_batch_gets_its_own_outcome(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim", "lee", "park").orders("kim", "lee", "park")
    house.carrier.script("lee@example.com", Unknown())
    house.carrier.script("park@example.com", BUSY)
    house.work()
    assert {row.profile_id: row.state for row in house.messages} == {
        house.id_of("kim"): "accepted",
        house.id_of("lee"): "unknown",
        house.id_of("park"): "planned",
    }


def test_what_a_carrier_says_is_stored_whatever_bytes_it_holds(shop: House) -> None:
    shop.carrier.script(KIM, Refused(permanent=True, detail="550 no\0such \ud83d address"))
    shop.work()
    assert shop.states == [("failed", "provider_refused")]
    assert "such" in shop.log("message_failed")[0].evidence["detail"]


def test_a_reference_is_stored_whatever_bytes_it_holds(shop: House) -> None:
    shop.carrier.script(KIM, Accepted(reference="\0" + "r" * 1000))
    shop.work()
    assert shop.states == [("accepted", "accepted_by_provider")]


# The answer never comes.


class Killed(BaseException):
    """The process dies here."""


def die_in_mid_call(shop: House) -> None:
    """A worker is killed while the carrier has the message in hand."""

    def send(batch: Sequence[Envelope]) -> Sequence[Outcome]:
        raise Killed

    (message_id,) = shop.sweeper.sweep().messages
    working, shop.carrier.send_many = shop.carrier.send_many, send  # type: ignore[method-assign]
    with pytest.raises(Killed):
        shop.pipeline.deliver([message_id])
    shop.carrier.send_many = working  # type: ignore[method-assign]


def test_a_hand_over_whose_worker_died_is_unknown_when_its_lease_ends_and_never_sent_again(shop: House) -> None:
    die_in_mid_call(shop)
    lease_ends: datetime = shop.messages[0].lease_until
    shop.sleep(lease_ends - shop.clock.now() - SECOND)
    shop.work()
    assert shop.states == [("sending", "allowed")]
    shop.sleep(SECOND)
    shop.work()
    shop.pass_time(30 * DAY)
    shop.work()
    assert shop.states == [("unknown", "lease_lost")]
    assert shop.log("message_unknown")[0].evidence == {"attempt": 1, "lease_ended": lease_ends.isoformat()}
    assert len(shop.slots) == 1
    assert shop.carrier.handed_over == []


def test_a_worker_that_died_before_its_commit_left_nothing_and_the_message_is_sent(
    shop: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (message_id,) = shop.sweeper.sweep().messages
    before = (shop.messages, shop.log(), shop.slots)
    with monkeypatch.context() as patched:
        patched.setattr("dangol.batch.handover.Handover.write", _die)
        with pytest.raises(Killed):
            shop.pipeline.deliver([message_id])
    assert (shop.messages, shop.log(), shop.slots) == before
    shop.sleep(shop.dangol.timing.queue_lease)
    shop.work()
    assert shop.states == [("accepted", "accepted_by_provider")]


def _die(*_: object) -> None:
    raise Killed


def late(shop: House, outcome: Outcome, *, reported: str = "") -> None:
    """The carrier answers after the lease has ended and the sweeper has given up; before, it has ``reported`` this."""

    def answer(batch: Sequence[Envelope]) -> Sequence[Outcome]:
        shop.sleep(shop.dangol.timing.send_lease)
        shop.sweeper.sweep()
        assert shop.states == [("unknown", "lease_lost")]
        if reported:
            comes(shop, report(shop, reported))
        return [outcome for _ in batch]

    (message_id,) = shop.sweeper.sweep().messages
    working, shop.carrier.send_many = shop.carrier.send_many, answer  # type: ignore[method-assign]
    shop.pipeline.deliver([message_id])
    shop.carrier.send_many = working  # type: ignore[method-assign]


@pytest.mark.parametrize("outcome", [Unknown("no answer"), Accepted("r"), BUSY, Refused(permanent=True, detail="no")])
@pytest.mark.parametrize("reported", ["delivered", "bounced"])
def test_an_answer_after_the_lease_never_undoes_what_the_carrier_has_reported(
    shop: House, outcome: Outcome, reported: str
) -> None:
    late(shop, outcome, reported=reported)
    told = shop.told("message")
    shop.pass_time(DAY)
    assert shop.states == [(reported, "reported")]
    assert len(shop.slots) == 1
    assert shop.told("message") == told
    assert told[-1] == (f"message_{reported}", "reported")


def test_an_acceptance_after_the_lease_settles_what_was_unknown(shop: House) -> None:
    late(shop, Accepted("r"))
    assert shop.states == [("accepted", "accepted_by_provider")]
    assert shop.told("message")[1:] == [
        ("message_sending", "allowed"),
        ("message_unknown", "lease_lost"),
        ("message_accepted", "accepted_by_provider"),
    ]


def test_a_definite_refusal_after_the_lease_may_be_sent_again(shop: House) -> None:
    late(shop, BUSY)
    assert shop.states == [("planned", "provider_busy")]
    shop.pass_time(MINUTE)
    assert shop.states == [("accepted", "accepted_by_provider")]
    assert len(shop.carrier.accepted) == 1


def test_doubt_after_the_lease_stays_doubt(shop: House) -> None:
    late(shop, Unknown())
    assert shop.states == [("unknown", "outcome_unknown")]
    shop.pass_time(30 * DAY)
    assert shop.carrier.handed_over == []
