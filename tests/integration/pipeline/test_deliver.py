"""The gate at work: what may go goes once, what must wait waits, and the rest is refused with a reason."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from dangol import pipeline as pipeline_module
from dangol.batch.handover import Handover
from dangol.model.message import Unknown
from dangol.model.vocabulary import Channel
from tests.integration.pipeline.house import House
from tests.workspaces import NIGHT, campaign, cap, note

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
EVENING = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""21:00 in Seoul."""
MORNING = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)


def refused(house: House) -> list[tuple[str, str, str | None]]:
    return [(entry.decision, entry.reason, entry.channel) for entry in house.log("message")][1:]


def test_a_message_goes_through_its_states_one_commit_at_a_time(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim").orders("kim")
    (planned,) = house.messages
    assert (planned.state, planned.attempt, planned.channel) == ("planned", 0, None)
    (message_id,) = house.sweeper.sweep().messages
    (due,) = house.messages
    assert (due.state, due.lease_until) == ("due", house.clock.now() + house.dangol.timing.queue_lease)
    seen = []
    house.carrier.script(message_id, OSError())  # an answer of any kind; what matters is what was committed before
    send = house.carrier.send_many
    house.carrier.send_many = lambda batch: (seen.extend(house.messages), send(batch))[1]  # type: ignore[method-assign]
    house.pipeline.deliver([message_id])
    (sending,) = seen
    assert (sending.state, sending.attempt, sending.channel) == ("sending", 1, "email")
    assert sending.lease_until == house.clock.now() + house.dangol.timing.send_lease
    assert house.messages[0].state == "unknown"


def test_what_is_delivered_is_the_rendered_message_with_its_id_and_address(house: House) -> None:
    house.opens_with(campaign("a", {"send": "receipt", "channels": ["email"]}, purpose="transactional")).knows("kim")
    house.orders("kim", order_id="A-1", value=30)
    house.work()
    (envelope,) = house.carrier.accepted
    assert (envelope.message_id, envelope.to) == (house.messages[0].id, "kim@example.com")
    assert envelope.rendered.subject == "Your order A-1"
    assert "You paid 30." in envelope.rendered.text


def test_deliver_called_twice_sends_once(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim").orders("kim")
    (message_id,) = house.sweeper.sweep().messages
    assert house.pipeline.deliver([message_id, message_id]) == 1
    before = house.log()
    assert house.pipeline.deliver([message_id]) == 0
    assert house.log() == before
    assert len(house.carrier.handed_over) == 1


def orders_told(house: House, *names: str) -> tuple[str, ...]:
    house.opens_with(campaign("a", note("email"), purpose="transactional")).knows(*names).orders(*names)
    return house.sweeper.sweep().first


def test_transactional_messages_that_workers_were_told_of_go_out_together_and_once(house: House) -> None:
    first, *others = orders_told(house, "kim", "lee", "park")
    assert house.pipeline.deliver_first([first]) == 3
    before = house.log()
    assert [house.pipeline.deliver_first([one]) for one in others] == [0, 0]
    assert house.log() == before
    assert len(house.carrier.handed_over) == 3


def test_what_is_due_to_others_and_not_transactional_does_not_go_along(house: House) -> None:
    house.opens_with(campaign("news"), campaign("a", note("email"), event="Checkout Started", purpose="transactional"))
    house.knows("kim", "lee").orders("lee")
    house.happens("Checkout Started", "kim")
    due = house.sweeper.sweep()
    assert (len(due.first), len(due.messages)) == (1, 1)
    assert house.pipeline.deliver_first(due.first) == 1


def test_transactional_messages_go_alone_if_others_cannot_be_decided(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = orders_told(house, "kim", "lee")
    decide = house.pipeline._decide

    def refuses_several(tx: Connection, message_ids: Sequence[str]) -> Handover:
        if len(message_ids) > 1:
            raise ValueError("nobody knows why")
        return decide(tx, message_ids)

    monkeypatch.setattr(house.pipeline, "_decide", refuses_several)
    assert [house.pipeline.deliver_first([one]) for one in (first, second)] == [1, 1]


def test_transactional_messages_do_not_wait_until_a_blast_is_decided(house: House) -> None:
    house.pipeline._deciding = threading.Semaphore(0)
    first, *_ = orders_told(house, "kim", "lee")
    assert house.pipeline.deliver_first([first]) == 2


def test_transactional_messages_go_alone_if_others_take_long_to_decide(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "_GATHERING", 0.01)
    first, _ = orders_told(house, "kim", "lee")
    with house.pipeline._gathering:
        assert house.pipeline.deliver_first([first]) == 1


def test_a_message_that_is_not_due_is_left_alone(house: House) -> None:
    house.opens_with(campaign("a"), policies={"quiet_hours": NIGHT}).knows("kim")
    house.clock.move_to(EVENING)
    house.orders("kim")
    house.work()
    before = (house.messages, house.log())
    house.pipeline.deliver([row.id for row in house.messages])
    assert (house.messages, house.log()) == before


def test_the_first_allowed_channel_is_taken_and_those_passed_over_are_logged(house: House) -> None:
    house.opens_with(campaign("a", note("push", "sms", "email"))).knows("kim", agreeing_to=[EMAIL], device_token=None)
    house.orders("kim")
    house.work()
    assert house.sent == [("email", "kim@example.com")]
    assert refused(house)[:2] == [
        ("message_rerouted", "address_missing", "push"),
        ("message_rerouted", "consent_missing", "sms"),
    ]
    assert house.messages[0].channel == "email"


def test_a_message_that_no_channel_allows_is_refused_for_what_its_first_channel_lacks(house: House) -> None:
    house.opens_with(campaign("a", note("push", "email"))).knows("kim", agreeing_to=[], device_token=None).orders("kim")
    house.work()
    assert house.states == [("suppressed", "address_missing")]
    assert refused(house) == [
        ("message_rerouted", "consent_missing", "email"),
        ("message_suppressed", "address_missing", "push"),
    ]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"agreeing_to": []}, "consent_missing"),
        ({"email": None}, "address_missing"),
        ({"timezone": None, "phone": None}, "timezone_unknown"),
    ],
)
def test_whoever_lacks_something_gets_nothing(house: House, known: dict[str, object], reason: str) -> None:
    house.opens_with(campaign("a"), policies={"quiet_hours": NIGHT}).knows("kim", **known).orders("kim")  # type: ignore[arg-type]
    house.work()
    assert house.states == [("suppressed", reason)]
    assert house.sent == []


def test_a_withdrawal_before_the_claim_wins(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim").orders("kim")
    (message_id,) = house.sweeper.sweep().messages
    house.sleep(MINUTE)
    house.withdraws("kim")
    house.pipeline.deliver([message_id])
    assert house.states == [("suppressed", "consent_withdrawn")]
    assert house.carrier.calls == []


def test_a_transactional_message_needs_no_consent(house: House) -> None:
    house.opens_with(campaign("a", purpose="transactional")).knows("kim", agreeing_to=[]).orders("kim")
    house.work()
    assert house.states == [("accepted", "accepted_by_provider")]


def test_a_suppressed_address_gets_nothing_whatever_the_purpose(house: House) -> None:
    house.opens_with(campaign("a", purpose="transactional")).knows("kim").bounces(EMAIL, "KIM@example.com")
    house.orders("kim")
    house.work()
    assert house.states == [("suppressed", "address_suppressed")]


def test_an_erased_person_gets_nothing(house: House) -> None:
    house.opens_with(campaign("a", note(), {"wait": "1 day"}, note(ref="later"))).knows("kim").orders("kim")
    house.erases("kim")
    house.pass_time(2 * DAY)
    assert house.states == [("suppressed", "profile_erased")]
    assert house.told("journey_ended") == [("journey_ended", "profile_erased")]


def test_a_message_at_night_waits_for_the_morning_and_is_then_sent(house: House) -> None:
    house.opens_with(campaign("a"), policies={"quiet_hours": NIGHT}).knows("kim")
    house.clock.move_to(EVENING)
    house.orders("kim")
    house.work()
    (waiting,) = house.messages
    assert (waiting.state, waiting.reason, waiting.due_at) == ("planned", "quiet_hours", MORNING)
    assert house.log("message_deferred")[0].evidence["until"] == MORNING.isoformat()
    assert house.slots == []
    house.pass_time(DAY)
    assert house.log("message_accepted")[0].at == MORNING
    assert house.log("message_sending")[0].evidence["local"] == "2026-03-03T08:00+09:00"


def test_a_night_longer_than_the_message_lives_is_a_refusal(house: House) -> None:
    house.opens_with(campaign("a", note(expires_after="11 hours")), policies={"quiet_hours": NIGHT}).knows("kim")
    house.clock.move_to(EVENING)
    house.orders("kim")
    house.work()
    assert house.states == [("suppressed", "quiet_hours_outlast_expiry")]


def test_a_message_that_expired_while_it_waited_is_not_sent(house: House) -> None:
    house.opens_with(campaign("a", note(expires_after="2 hours"))).knows("kim").orders("kim")
    house.sleep(2 * HOUR)
    house.work()
    assert house.states == [("expired", "expired")]
    assert house.carrier.calls == []


def test_the_hold_out_gets_nothing_and_is_always_the_same_people(house: House) -> None:
    names = [f"p{n}" for n in range(30)]
    house.opens_with(campaign("a", holdout="50%")).knows(*names)
    house.orders(*names)
    house.work()
    first = {row.profile_id for row in house.messages if row.reason == "held_out"}
    assert 5 < len(first) < 25
    house.orders(*names)
    house.work()
    assert {row.profile_id for row in house.messages if row.reason == "held_out"} == first


def test_a_text_that_cannot_be_rendered_is_a_refusal_that_harms_no_other(house: House) -> None:
    receipt = {"send": "receipt", "channels": ["email"]}
    house.opens_with(campaign("a", receipt)).knows("kim", "lee")
    house.pipeline.ingest(
        [
            house.event("Order Completed", "kim", value=1),
            house.event("Order Completed", "lee", order_id="A-2", value=2),
        ]
    )
    house.work()
    assert sorted(row.reason for row in house.messages) == ["accepted_by_provider", "render_failed"]
    assert house.sent == [("email", "lee@example.com")]
    assert len(house.slots) == 1, "what is not sent takes no slot"


def test_a_text_that_is_too_long_is_a_refusal(house: House) -> None:
    texts = {"note/sms.en.txt.j2": "{{ event.order_id }}\n"}
    house.opens_with(campaign("a", note("sms")), texts=texts).knows("kim").orders("kim", order_id="x" * 2000)
    house.work()
    assert house.states == [("suppressed", "content_too_long")]


# Frequency caps.


def capped(house: House, on_capped: str, *channels: str, **step: object) -> House:
    """Kim has had one message, and a cap allows no second."""
    steps = (note(*channels, on_capped=on_capped, **step),)
    house.opens_with(
        campaign("first", note(), event="Checkout Started"),
        campaign("second", *steps),
        policies={"caps": [cap(1, applies_to='message.channel == "email"')]},
    )
    house.knows("kim").happens("Checkout Started", "kim")
    house.work()
    house.sleep(HOUR)
    house.orders("kim")
    house.work()
    return house


def second(house: House) -> tuple[str, str | None]:
    return next((row.state, row.reason) for row in house.messages if row.campaign_key == "second")


def test_a_capped_message_is_dropped_with_the_count(house: House) -> None:
    assert second(capped(house, "drop", "email", "sms")) == ("suppressed", "capped")
    assert house.log("message_suppressed")[0].evidence == {"caps": {"cap": "1/1"}, "cap": "cap"}
    assert len(house.sent) == 1


def test_a_capped_message_is_rerouted_to_a_channel_that_is_not_capped(house: House) -> None:
    assert second(capped(house, "reroute", "email", "sms")) == ("accepted", "accepted_by_provider")
    assert [channel for channel, _ in house.sent] == ["email", "sms"]
    assert house.told("message_rerouted") == [("message_rerouted", "capped")]


def test_a_capped_message_is_deferred_until_the_cap_frees_up(house: House) -> None:
    capped(house, "defer", "email")
    assert second(house) == ("planned", "capped")
    first_sent = house.log("message_sending")[0].at
    assert house.log("message_deferred")[0].evidence["until"] == (first_sent + 7 * DAY).isoformat()
    house.pass_time(8 * DAY)
    assert second(house) == ("accepted", "accepted_by_provider")
    assert [entry.at for entry in house.log("message_sending")] == [first_sent, first_sent + 7 * DAY]


def test_a_deferral_never_outlasts_the_message(house: House) -> None:
    assert second(capped(house, "defer", "email", expires_after="3 days")) == ("suppressed", "cap_outlasts_expiry")


def test_the_last_slot_goes_to_the_most_important_message_of_a_batch(house: House) -> None:
    house.opens_with(
        *(campaign(key, priority=priority) for key, priority in (("a", 10), ("b", 90), ("c", 50))),
        policies={"caps": [cap(1)]},
    )
    house.knows("kim").orders("kim")
    house.work()
    assert {row.campaign_key: row.reason for row in house.messages} == {
        "a": "capped",
        "b": "accepted_by_provider",
        "c": "capped",
    }


def test_all_channels_of_one_step_count_one_by_one(house: House) -> None:
    all_channels = {"send": "note", "channels": {"all": ["email", "sms", "push"]}}
    house.opens_with(campaign("a", all_channels), policies={"caps": [cap(2)]}).knows("kim").orders("kim")
    house.work()
    assert sorted(row.state for row in house.messages) == ["accepted", "accepted", "suppressed"]


def test_a_message_in_doubt_keeps_its_slot(house: House) -> None:
    house.opens_with(campaign("a"), policies={"caps": [cap(1)]}).knows("kim")
    house.carrier.script("kim@example.com", Unknown("lost"))
    house.orders("kim")
    house.work()
    house.sleep(HOUR)
    house.orders("kim")
    house.work()
    assert [row.state for row in house.messages] == ["unknown", "suppressed"]
