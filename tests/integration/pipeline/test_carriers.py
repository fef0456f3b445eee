"""Carriers that are away: messages wait without losing an attempt, in every process, and come back by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dangol.batch.carriers import Carriers
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.provider import NothingSent
from dangol.delivery.standing import FAILING
from dangol.model.message import Accepted, Refused
from dangol.model.vocabulary import Channel
from dangol.store import carriers as carrier_rows
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

MINUTE, HALF = timedelta(minutes=1), timedelta(seconds=30)
PEOPLE = ["kim", "lee", "park", "choi"]


@pytest.fixture
def shop(house: House) -> House:
    return house.opens_with(campaign("a", note("email", expires_after="1 hour"))).knows(*PEOPLE)


def away(house: House) -> list[tuple[str, str, int]]:
    with house.database.read() as tx:
        return [(row.name, row.why, row.failures) for row in carrier_rows.standing(tx)]


def fails_for(shop: House, *names: str) -> None:
    """One hand-over each, of which nothing comes."""
    for name in names:
        shop.carrier.script(f"{name}@example.com", NothingSent())
        shop.orders(name)
        shop.work()


def test_after_three_failures_in_a_row_messages_wait_without_an_attempt(shop: House) -> None:
    fails_for(shop, "kim", "lee", "park")
    assert away(shop) == [("fake", FAILING, 3)]
    shop.orders("choi")
    shop.work()
    (row,) = [row for row in shop.messages if row.profile_id == shop.id_of("choi")]
    assert (row.state, row.reason, row.attempt, row.channel) == ("planned", "carrier_away", 0, None)
    assert HALF <= row.due_at - shop.clock.now() <= 2 * HALF
    assert shop.told("message_deferred", profile_id=row.profile_id) == [("message_deferred", "carrier_away")]


def test_they_come_back_by_themselves_and_the_carrier_is_well_again(shop: House) -> None:
    fails_for(shop, "kim", "lee", "park")
    shop.orders("choi")
    shop.pass_time(10 * MINUTE)
    assert {row.state for row in shop.messages} == {"accepted"}
    assert away(shop) == []


def test_what_a_carrier_asks_for_holds_for_all_its_messages(shop: House) -> None:
    shop.carrier.script("kim@example.com", Refused(False, "busy", retry_after=5 * MINUTE))
    shop.orders("kim", "lee")
    shop.work()
    shop.orders("park")
    shop.work()
    assert sorted(row.reason for row in shop.messages) == ["accepted_by_provider", "carrier_away", "provider_busy"]
    shop.pass_time(4 * MINUTE)
    assert len(shop.sent) == 1
    shop.pass_time(2 * MINUTE)
    assert len(shop.sent) == 3


def test_another_process_knows_what_this_one_learned(shop: House) -> None:
    fails_for(shop, "kim", "lee", "park")
    other = Dispatcher({Channel.EMAIL: shop.carrier}, shop.clock)
    assert other.away(Channel.EMAIL, shop.clock.now()) is None
    with shop.database.read() as tx:
        Carriers(other).hear(tx)
    assert other.away(Channel.EMAIL, shop.clock.now()) is not None


def test_nobody_waits_beyond_the_end_of_a_message(house: House) -> None:
    shop = house.opens_with(campaign("a", note("email", expires_after="10 seconds"))).knows(*PEOPLE)
    fails_for(shop, "kim", "lee", "park")
    shop.orders("choi")
    shop.pass_time(MINUTE)
    (row,) = [row for row in shop.messages if row.profile_id == shop.id_of("choi")]
    assert row.state == "expired"


def test_one_carrier_stands_in_for_another_and_the_log_says_so(shop: House) -> None:
    spare = FakeProvider(channels=[Channel.EMAIL])
    spare.name = "spare"
    shop.pipeline.dispatcher = Dispatcher({Channel.EMAIL: [shop.carrier, spare]}, shop.clock)
    shop.carrier.script("kim@example.com", NothingSent())
    spare.script("kim@example.com", Accepted("s-1"))
    shop.orders("kim")
    shop.work()
    (row,) = shop.messages
    assert (row.state, row.provider, row.provider_reference, row.attempt) == ("accepted", "spare", "s-1", 1)
    (entry,) = shop.log("message_accepted")
    assert entry.evidence["tried"] == ["fake: fake was not reached"]
