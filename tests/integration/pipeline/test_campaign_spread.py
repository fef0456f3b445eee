"""What a campaign sends to many goes out over a time: evenly, each journey at its own instant, decided only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dangol.model.vocabulary import Channel
from dangol.policy.spread import share
from tests.integration.pipeline.house import House
from tests.workspaces import note, scheduled

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
PEOPLE = [f"person{n:02}" for n in range(12)]


def spread(*steps: dict[str, Any], **others: Any) -> dict[str, Any]:
    return scheduled("news", *steps, **{"spread": "6 hours", **others})


@pytest.fixture
def shop(house: House) -> House:
    return house.opens_with(spread()).knows(*PEOPLE)


def due(house: House) -> dict[str, timedelta]:
    """Journey → how long after noon its message is due."""
    return {row.journey_id: row.due_at - NOON for row in house.messages}


def starts(house: House, at: datetime = NOON) -> House:
    house.clock.move_to(at)
    house.work()
    return house


def test_each_journey_has_an_instant_of_its_own_within_the_spread(shop: House) -> None:
    starts(shop)
    expected = {one: timedelta(seconds=int(6 * 3600 * share(one))) for one in due(shop)}
    assert due(shop) == expected
    assert len(set(expected.values())) == len(PEOPLE)


def test_they_go_out_when_their_instant_comes(shop: House) -> None:
    starts(shop)
    assert shop.sent == []
    shop.pass_time(3 * HOUR)
    assert 0 < len(shop.sent) < len(PEOPLE)
    shop.pass_time(3 * HOUR)
    assert len(shop.sent) == len(PEOPLE)


def test_nothing_is_decided_before(shop: House) -> None:
    starts(shop)
    for name in PEOPLE:
        shop.withdraws(name, Channel.EMAIL)
    shop.pass_time(6 * HOUR)
    assert {row.reason for row in shop.messages} == {"consent_withdrawn"}


def test_a_late_start_makes_nothing_later(shop: House) -> None:
    starts(shop, NOON + 4 * HOUR)
    assert all(timedelta() <= row.due_at - (NOON + 4 * HOUR) < 2 * HOUR for row in shop.messages)
    shop.pass_time(2 * HOUR)
    assert len(shop.sent) == len(PEOPLE)


def test_the_log_tells_from_when_it_was_spread(shop: House) -> None:
    starts(shop)
    told = [entry.evidence for entry in shop.log("message_planned")]
    assert {one["spread_from"] for one in told} == {NOON.isoformat()}
    assert {one["due_at"] for one in told} == {row.due_at.isoformat() for row in shop.messages}


def test_messages_of_a_journey_keep_their_distance(house: House) -> None:
    steps = [note(ref="first"), {"wait": "1 hour"}, note(ref="second")]
    house.opens_with(spread(*steps)).knows(*PEOPLE)
    starts(house)
    house.pass_time(HOUR)
    by_step: dict[str, dict[str, datetime]] = {"first": {}, "second": {}}
    for row in house.messages:
        by_step[row.step][row.journey_id] = row.due_at
    assert {by_step["second"][one] - at for one, at in by_step["first"].items()} == {HOUR}


def test_no_message_is_due_past_its_expiry(house: House) -> None:
    # A check refuses this; a version from before may have it.
    house.opens_with(spread(note(expires_after="6 hours"))).knows(*PEOPLE)
    starts(house)
    assert all(row.due_at < row.expires_at for row in house.messages)


def test_quiet_hours_are_kept_afterwards(house: House) -> None:
    evening = spread(entry={"schedule": "0 20 * * *", "audience": "true", "again": "always"})
    house.opens_with(evening, policies={"quiet_hours": [{"from": "21:00", "to": "08:00"}]}).knows(*PEOPLE)
    starts(house, NOON + 8 * HOUR)
    house.pass_time(6 * HOUR)
    assert {row.reason for row in house.messages} == {"quiet_hours", "accepted_by_provider"}
    house.pass_time(6 * HOUR)
    assert len(house.sent) == len(PEOPLE)


def test_an_audience_that_people_join_is_spread_too(house: House) -> None:
    house.knows(*PEOPLE)
    house.opens_with(spread(entry={"audience": "true", "existing": "enter", "again": "always"}))
    house.pass_time(timedelta(minutes=30))
    begun = {row.id: row.entered_at for row in house.journeys}
    assert len(house.messages) == len(PEOPLE)
    assert all(timedelta() <= row.due_at - begun[row.journey_id] < 6 * HOUR for row in house.messages)
    assert len({row.due_at for row in house.messages}) == len(PEOPLE)
