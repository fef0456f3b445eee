"""What a carrier's refusal says about an address is kept to from then on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dangol.consent import ledger, suppressions
from dangol.model.message import Refused
from dangol.model.people import ProfileChange
from dangol.model.vocabulary import Channel, ConsentStatus, Purpose, RefusalCause
from dangol.pipeline import Reply
from dangol.store.tables import devices
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

KIM = "kim@example.com"
PHONE = "+821012345678"


@pytest.fixture
def shop(house: House) -> House:
    return house.opens_with(campaign("a"))


def refusal(cause: RefusalCause | None) -> Refused:
    return Refused(permanent=True, detail="no", cause=cause)


def causes(house: House, channel: Channel, address: str) -> list[str]:
    with house.database.read() as tx:
        held = suppressions.active(tx, [house.pipeline.hasher.hash(channel, address)])
    return [one.cause for one in held]


def status(house: House, name: str, channel: Channel) -> ConsentStatus:
    with house.database.read() as tx:
        return ledger.states(tx, [house.id_of(name)])[house.id_of(name)][channel, Purpose.MARKETING].status


def test_a_dead_address_is_suppressed_with_the_outcome_and_not_written_to_again(shop: House) -> None:
    shop.knows("kim").orders("kim")
    shop.carrier.script(KIM, refusal(RefusalCause.DEAD_ADDRESS))
    shop.work()
    assert shop.states == [("failed", "provider_refused")]
    assert causes(shop, Channel.EMAIL, KIM) == ["hard_bounce"]
    assert shop.told("suppression_added") == [("suppression_added", "reported")]
    assert shop.log("message_failed")[0].evidence["cause"] == "dead_address"
    shop.sleep(timedelta(days=30))
    shop.orders("kim")
    shop.work()
    assert shop.messages[-1].reason == "address_suppressed"
    assert shop.sent == []


@pytest.mark.parametrize("cause", [None, RefusalCause.CONTENT, RefusalCause.ACCOUNT])
def test_a_refusal_that_says_nothing_about_the_address_leaves_it_alone(shop: House, cause: RefusalCause | None) -> None:
    shop.knows("kim").orders("kim")
    shop.carrier.script(KIM, refusal(cause))
    shop.work()
    assert causes(shop, Channel.EMAIL, KIM) == []
    assert status(shop, "kim", Channel.EMAIL) is ConsentStatus.GRANTED


def test_who_opted_out_at_the_carrier_has_withdrawn_and_so_has_the_whole_household(house: House) -> None:
    house.opens_with(campaign("a", note("sms"))).knows("kim", "lee", phone=PHONE).orders("kim")
    house.carrier.script(PHONE, refusal(RefusalCause.OPTED_OUT))
    house.work()
    assert causes(house, Channel.SMS, PHONE) == ["stop"]
    for name in ("kim", "lee"):
        assert status(house, name, Channel.SMS) is ConsentStatus.WITHDRAWN
        assert status(house, name, Channel.EMAIL) is ConsentStatus.GRANTED


def test_a_start_takes_back_what_an_opt_out_at_the_carrier_did(house: House) -> None:
    house.opens_with(campaign("a", note("sms"))).knows("kim", phone=PHONE)
    house.sleep(timedelta(hours=1))
    house.orders("kim")
    house.carrier.script(PHONE, refusal(RefusalCause.OPTED_OUT))
    house.work()
    house.sleep(timedelta(hours=1))
    house.pipeline.reply(Reply(Channel.SMS, PHONE, "START", "r-1", house.clock.now()))
    assert causes(house, Channel.SMS, PHONE) == []
    assert status(house, "kim", Channel.SMS) is ConsentStatus.GRANTED


def test_a_dead_device_is_forgotten_and_the_next_one_is_written_to(house: House) -> None:
    house.opens_with(campaign("a", note("push"))).knows("kim")
    house.pipeline.identify([ProfileChange("kim", device_token="old", device_platform="ios")])
    house.sleep(timedelta(seconds=1))
    house.pipeline.identify([ProfileChange("kim", device_token="new", device_platform="ios")])
    house.orders("kim")
    house.carrier.script("new", Refused(permanent=False, detail="gone", cause=RefusalCause.DEAD_TOKEN))
    house.work()
    assert "new" not in {row.token for row in house.rows(devices)}
    assert house.told("profile_changed") == [("profile_changed", "reported")]
    house.pass_time(timedelta(minutes=2))
    assert house.sent == [("push", "old")]
