"""``on_failed: next_channel``: what a carrier refuses for good because of the address goes on by the next channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dangol.model.message import Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from dangol.store.tables import feedback
from tests.integration.pipeline.house import House
from tests.integration.pipeline.reports import comes, report
from tests.integration.pipeline.test_digests import opened
from tests.workspaces import campaign, cap, note

HOUR = timedelta(hours=1)
GONE = Refused(True, "the device is gone", cause=RefusalCause.DEAD_TOKEN)
NO_MAILBOX = Refused(True, "no such mailbox", cause=RefusalCause.DEAD_ADDRESS)
ELSEWHERE = Refused(True, "this number is not ours", cause=RefusalCause.ELSEWHERE)


def falls_back(*channels: str, **others: Any) -> dict[str, Any]:
    return note(*channels, on_failed="next_channel", **others)


@pytest.fixture
def shop(house: House) -> House:
    return house.opens_with(campaign("a", falls_back("push", "email", "sms"))).knows("kim")


def refuses(house: House, *answers: Outcome, channel: str = "push") -> House:
    """The carrier answers so about kim on this channel."""
    to = {"push": "device-kim", "email": "kim@example.com"}[channel]
    house.carrier.script(to, *answers)
    return house


def orders(house: House) -> None:
    house.orders("kim")
    house.work()
    house.pass_time(timedelta(seconds=5))


@pytest.mark.parametrize("answer", [GONE, NO_MAILBOX, ELSEWHERE], ids=["token", "address", "elsewhere"])
def test_a_refused_address_is_followed_by_the_next_channel(shop: House, answer: Refused) -> None:
    orders(refuses(shop, answer))
    assert shop.sent == [("email", "kim@example.com")]
    (row,) = shop.messages
    assert (row.state, row.channel, row.attempt) == ("accepted", "email", 2)
    assert (row.channels, row.refused) == ("push,email,sms", "push")


def test_the_log_tells_both_attempts_and_why(shop: House) -> None:
    orders(refuses(shop, GONE))
    told = [(entry.decision, entry.reason, entry.channel) for entry in shop.log("message")]
    assert told == [
        ("message_planned", "step_reached", None),
        ("message_sending", "allowed", "push"),
        ("message_rerouted", "provider_refused", "push"),
        ("message_sending", "allowed", "email"),
        ("message_accepted", "accepted_by_provider", "email"),
    ]
    (rerouted,) = shop.log("message_rerouted")
    told = {name: rerouted.evidence[name] for name in ("provider", "attempt", "cause", "channels")}
    assert told == {"provider": "fake", "attempt": 1, "cause": "dead_token", "channels": "email,sms"}


def test_it_goes_down_the_list_and_no_further(shop: House) -> None:
    refuses(refuses(shop, GONE), NO_MAILBOX, channel="email")
    orders(shop)
    assert [channel for channel, _ in shop.sent] == ["sms"]
    assert [row.refused for row in shop.messages] == ["push,email"]


def test_the_last_channels_refusal_fails_the_message(house: House) -> None:
    house.opens_with(campaign("a", falls_back("push", "email"))).knows("kim")
    refuses(refuses(house, GONE), NO_MAILBOX, channel="email")
    orders(house)
    assert house.states == [("failed", "provider_refused")]
    assert house.slots == []


@pytest.mark.parametrize(
    "answer",
    [
        Refused(True, "spam", cause=RefusalCause.CONTENT),
        Refused(True, "opted out", cause=RefusalCause.OPTED_OUT),
        Refused(True, "for a reason that it does not tell"),
    ],
    ids=["content", "opted_out", "untold"],
)
def test_a_refusal_that_is_not_about_the_address_is_final(shop: House, answer: Refused) -> None:
    orders(refuses(shop, answer))
    assert shop.sent == []
    assert shop.states == [("failed", "provider_refused")]


@pytest.mark.parametrize("answer", [Unknown("timeout"), RuntimeError("broke off")], ids=["unknown", "crash"])
def test_nothing_follows_what_nobody_can_tell(shop: House, answer: Any) -> None:
    orders(refuses(shop, answer))
    shop.pass_time(HOUR)
    assert shop.sent == []
    assert shop.states == [("unknown", "outcome_unknown")]
    assert len(shop.carrier.handed_over) == 1


def test_nothing_follows_an_answer_that_came_after_the_message_was_given_up(house: House) -> None:
    house.opens_with(campaign("a", falls_back("push", "email"))).knows("kim")

    def slow(_: Envelope) -> Outcome:
        house.sleep(HOUR)
        house.sweeper.sweep()
        return GONE

    house.carrier._answer = slow
    house.orders("kim")
    house.pipeline.deliver(list(house.sweeper.sweep().messages))
    house.pass_time(HOUR)
    assert ("message_unknown", "lease_lost") in house.told("message_unknown")
    assert house.states == [("failed", "provider_refused")]
    assert len(house.carrier.handed_over) == 1


def test_what_is_refused_for_the_moment_is_tried_again_on_its_channel(shop: House) -> None:
    orders(refuses(shop, Refused(False, "busy", cause=RefusalCause.ELSEWHERE)))
    shop.pass_time(HOUR)
    assert [channel for channel, _ in shop.sent] == ["push"]


def test_without_the_rule_the_message_has_failed(house: House) -> None:
    house.opens_with(campaign("a", note("push", "email"))).knows("kim")
    orders(refuses(house, GONE))
    assert house.sent == []
    assert house.states == [("failed", "provider_refused")]


def test_the_gate_decides_anew_about_the_next_channel(house: House) -> None:
    step = falls_back("push", "email", "sms")
    house.opens_with(campaign("a", step)).knows("kim", agreeing_to=[Channel.PUSH, Channel.SMS])
    orders(refuses(house, GONE))
    assert [channel for channel, _ in house.sent] == ["sms"]
    assert ("message_rerouted", "consent_missing") in house.told("message_rerouted")


def test_where_no_other_channel_is_allowed_the_log_says_why(house: House) -> None:
    house.opens_with(campaign("a", falls_back("push", "email"))).knows("kim", agreeing_to=[Channel.PUSH])
    orders(refuses(house, GONE))
    assert house.sent == []
    assert house.states == [("suppressed", "consent_missing")]
    assert house.told("message_rerouted") == [("message_rerouted", "provider_refused")]


def test_caps_of_the_next_channel_are_kept(house: House) -> None:
    no_email = cap(0, applies_to='message.channel == "email"')
    house.opens_with(campaign("a", falls_back("push", "email")), policies={"caps": [no_email]}).knows("kim")
    orders(refuses(house, GONE))
    assert house.states == [("suppressed", "capped")]


def test_the_refused_attempt_takes_no_slot(house: House) -> None:
    one = cap(1, key="one")
    house.opens_with(campaign("a", falls_back("push", "email")), policies={"caps": [one]}).knows("kim")
    orders(refuses(house, GONE))
    assert [row.channel for row in house.slots] == ["email"]


def test_a_late_message_goes_no_further(house: House) -> None:
    step = falls_back("push", "email", expires_after="1 minute")
    house.opens_with(campaign("a", step)).knows("kim")
    house.orders("kim")
    refuses(house, GONE)
    house.pipeline.deliver(list(house.sweeper.sweep().messages))
    house.sleep(HOUR)
    house.work()
    assert house.states == [("expired", "expired")]


def test_a_later_message_of_the_journey_waits_for_it(house: House) -> None:
    house.opens_with(campaign("a", falls_back("push", "email", ref="one"), note("sms", ref="two"))).knows("kim")
    orders(refuses(house, GONE))
    house.pass_time(timedelta(minutes=3))
    assert [channel for channel, _ in house.sent] == ["email", "sms"]


def test_a_late_report_about_the_first_attempt_says_nothing_of_the_second(shop: House) -> None:
    orders(refuses(shop, GONE))
    comes(shop, report(shop, "failed", channel=Channel.PUSH), report(shop, "bounced", channel=Channel.PUSH))
    assert shop.states == [("accepted", "accepted_by_provider")]
    assert [row.channel for row in shop.slots] == ["email"]
    assert {row.became for row in shop.rows(feedback)} == {"contradicted"}


def test_a_report_about_the_second_attempt_counts(shop: House) -> None:
    orders(refuses(shop, GONE))
    comes(shop, report(shop, "bounced"))
    assert shop.states == [("bounced", "reported")]


def test_what_a_digest_carried_goes_on_as_each_step_says(house: House) -> None:
    waits = {"digest": "weekly"}
    opened(
        house,
        campaign("a", falls_back("email", "sms", **waits)),
        campaign("b", falls_back("email", "push", **waits)),
        campaign("c", note("email", "sms", **waits)),
    ).knows("kim")
    refuses(house, NO_MAILBOX, channel="email")
    house.orders("kim")
    house.pass_time(timedelta(days=7))
    told = sorted((row.campaign_key, row.state, row.reason, row.channel) for row in house.messages)
    # Whose email carried the others depends on ids alone; all of them are told by their own step.
    assert told[:2] == [
        ("a", "accepted", "accepted_by_provider", "sms"),
        ("b", "accepted", "accepted_by_provider", "push"),
    ]
    assert told[2][:2] in {("c", "failed"), ("c", "suppressed")}
    assert sorted(channel for channel, _ in house.sent) == ["push", "sms"]
