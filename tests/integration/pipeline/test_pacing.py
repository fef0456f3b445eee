"""Carriers at a rate: turns are shared through the database, and whoever has none waits with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dangol.batch.turns import Pacing
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.pacing import parse_pace
from dangol.delivery.provider import NothingSent
from dangol.delivery.standing import FAILING
from dangol.model.message import Accepted, Refused
from dangol.model.vocabulary import Channel
from dangol.store import carriers as carrier_rows
from dangol.store import paces as pace_rows
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PEOPLE = [f"p{number}" for number in range(8)]


def paced(house: House, pace: str) -> House:
    house.pipeline.pacing = Pacing(house.pipeline.dispatcher, parse_pace(pace, ["fake", "spare"]))
    return house


@pytest.fixture
def shop(house: House) -> House:
    return house.opens_with(campaign("a", note("email", expires_after="1 hour"))).knows(*PEOPLE)


def reasons(shop: House) -> list[str]:
    return sorted(row.reason for row in shop.messages)


def test_the_rate_is_kept_and_everybody_gets_a_turn(shop: House) -> None:
    paced(shop, "fake=1/minute")
    shop.orders(*PEOPLE)
    shop.work()
    assert len(shop.sent) == 1
    for minute in range(2, 9):
        shop.pass_time(MINUTE)
        assert len(shop.sent) == min(minute, len(PEOPLE))
    shop.pass_time(MINUTE)
    assert {row.state for row in shop.messages} == {"accepted"}


def test_a_message_is_put_off_once_to_a_turn_of_its_own(shop: House) -> None:
    paced(shop, "fake=1/minute")
    shop.orders(*PEOPLE)
    shop.work()
    waiting = [row for row in shop.messages if row.reason == "paced"]
    assert [row.attempt for row in waiting] == [0] * 7
    assert sorted(row.due_at for row in waiting) == [shop.clock.now() + n * MINUTE for n in range(1, 8)]
    shop.pass_time(10 * MINUTE)
    told = shop.log("message_deferred")
    assert len(told) == 7
    assert {entry.reason for entry in told} == {"paced"}
    assert {entry.evidence["line"] for entry in told} == {"fake"}


def test_a_turn_beyond_the_end_of_the_message_is_told_at_once(house: House) -> None:
    shop = house.opens_with(campaign("a", note("email", expires_after="3 minutes"))).knows(*PEOPLE[:4])
    paced(shop, "fake=1/minute")
    shop.orders(*PEOPLE[:4])
    shop.work()
    assert reasons(shop) == ["accepted_by_provider", "pace_outlasts_expiry", "paced", "paced"]
    assert shop.told("message_suppressed") == [("message_suppressed", "pace_outlasts_expiry")]


def test_what_somebody_waits_for_goes_at_once_in_the_middle_of_a_blast(house: House) -> None:
    blast = campaign("blast", note("email"))
    order = campaign("order", note("email"), purpose="transactional", entry={"event": "Checkout Started"})
    shop = paced(house.opens_with(blast, order).knows(*PEOPLE), "fake=1/minute")
    shop.orders(*PEOPLE)
    shop.work()
    shop.happens("Checkout Started", "p7")
    shop.work()
    (row,) = [row for row in shop.messages if row.campaign_key == "order"]
    assert row.state == "accepted"


def test_consent_is_asked_again_when_the_turn_comes(shop: House) -> None:
    paced(shop, "fake=1/minute")
    shop.orders("p0", "p1")
    shop.work()
    shop.withdraws("p0")
    shop.withdraws("p1")
    shop.pass_time(5 * MINUTE)
    assert reasons(shop) == ["accepted_by_provider", "consent_withdrawn"]


def test_a_sender_has_a_rate_of_its_own_beside_its_carriers(shop: House) -> None:
    paced(shop, "fake=100/s, fake:hello@dangol.example=1/minute, fake:elsewhere@dangol.example=1/day")
    shop.orders(*PEOPLE)
    shop.work()
    assert len(shop.sent) == 1
    assert {entry.evidence["line"] for entry in shop.log("message_deferred")} == {"fake:hello@dangol.example"}


def test_two_processes_share_the_turns(shop: House) -> None:
    paced(shop, "fake=1/minute")
    shop.orders("p0")
    shop.work()
    paced(shop, "fake=1/minute")  # another one, that knows nothing but the database
    shop.orders("p1")
    shop.work()
    assert reasons(shop) == ["accepted_by_provider", "paced"]


def test_messages_of_an_installation_that_stood_still_do_not_go_all_at_once(shop: House) -> None:
    paced(shop, "fake=1/minute")
    shop.orders(*PEOPLE)
    shop.work()
    shop.sleep(30 * MINUTE)
    shop.work()
    assert len(shop.sent) == 2
    shop.pass_time(10 * MINUTE)
    assert len(shop.sent) == 8


def test_who_stands_in_keeps_its_own_rate(shop: House) -> None:
    spare = FakeProvider(channels=[Channel.EMAIL])
    spare.name = "spare"
    shop.pipeline.dispatcher = Dispatcher({Channel.EMAIL: [shop.carrier, spare]}, shop.clock)
    paced(shop, "spare=1/minute")
    for who in ("p0", "p1"):
        shop.carrier.script(f"{who}@example.com", NothingSent())
        spare.script(f"{who}@example.com", Accepted(who))
    shop.orders("p0", "p1")
    shop.work()
    assert sorted((row.provider, row.state, row.reason) for row in shop.messages) == [
        ("spare", "accepted", "accepted_by_provider"),
        ("spare", "planned", "provider_busy"),
    ]
    (entry,) = shop.log("message_retried")
    assert entry.evidence["detail"] == "not begun: spare has no turn free"


def test_a_trial_keeps_the_carriers_rate(shop: House) -> None:
    paced(shop, "fake=1/minute")
    with shop.database.write() as tx:
        carrier_rows.leave_alone(tx, "fake", shop.clock.now(), FAILING, 3, now=shop.clock.now())
    shop.orders(*PEOPLE)
    assert shop.pipeline.deliver(list(shop.sweeper.sweep().messages)) == 1
    assert reasons(shop) == ["accepted_by_provider", *["paced"] * 7]


def test_what_another_thread_learns_in_mid_decision_refuses_no_message(
    shop: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The carrier that is to have it now may be one whose line this transaction has not locked."""
    paced(shop, "fake=1/s")
    shop.orders("p0")
    monkeypatch.setattr(shop.pipeline.pacing, "_candidates", lambda *_: [])
    shop.work()
    assert shop.states == [("planned", "carrier_away")]
    monkeypatch.undo()
    shop.pass_time(MINUTE)
    assert len(shop.sent) == 1


def test_a_changed_rate_can_begin_anew(shop: House) -> None:
    paced(shop, "fake=1/hour")
    shop.orders(*PEOPLE[:5])
    shop.work()
    begins_anew(paced(shop, "fake=100/s"))
    shop.orders("p7")
    shop.work()
    shop.pass_time(2 * SECOND)
    assert len(shop.sent) == 2


def test_beginning_anew_is_no_second_burst(shop: House) -> None:
    paced(shop, "fake=1/minute")
    for who in PEOPLE[:4]:
        shop.orders(who)
        shop.work()
        begins_anew(shop)
    assert len(shop.sent) == 1
    assert sorted(row.due_at - shop.clock.now() for row in shop.messages if row.reason == "paced") == [MINUTE] * 3


def begins_anew(shop: House) -> None:
    with shop.database.write() as tx:
        shop.pipeline.pacing.begin_anew(tx, "fake", shop.clock.now())


def test_what_somebody_waits_for_has_its_turns_also_at_the_carrier_that_stands_in(house: House) -> None:
    blast = campaign("blast", note("email"))
    order = campaign("order", note("email"), purpose="transactional", entry={"event": "Checkout Started"})
    shop = house.opens_with(blast, order).knows(*PEOPLE)
    spare = FakeProvider(name="spare", channels=[Channel.EMAIL])
    shop.carrier._answer = lambda _: Refused(False, "busy")
    shop.pipeline.dispatcher = Dispatcher({Channel.EMAIL: [shop.carrier, spare]}, shop.clock)
    paced(shop, "spare=1/minute")
    for event, who in (("Order Completed", "p0"), ("Order Completed", "p1"), ("Checkout Started", "p2")):
        shop.happens(event, who)
        shop.work()
    told = [(row.campaign_key, row.reason) for row in shop.messages]
    assert sorted(told) == [
        ("blast", "accepted_by_provider"),
        ("blast", "provider_busy"),
        ("order", "accepted_by_provider"),
    ]


def test_without_rates_nothing_is_asked(shop: House) -> None:
    shop.orders(*PEOPLE)
    shop.work()
    assert shop.rows(pace_rows.paces) == []
    assert len(shop.sent) == 8
