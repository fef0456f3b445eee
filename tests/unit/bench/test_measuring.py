"""What the benchmark rests on: aims that are compared the right way round, readers where it is day, orders by reach."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bench.installation import SMS_ONE_IN, occasion
from bench.population import SUPPRESSED, Occasion, phone
from bench.table import Measure, at_least, at_most
from bench.urgent import Triggers, readers_needed
from dangol.devproviders.words import PHONE_MARK

NOW = datetime(2026, 11, 28, 15, 42, 55, tzinfo=UTC)


@pytest.mark.parametrize(
    ("aim", "value", "met"),
    [
        (at_least(6_000), 6_000, True),
        (at_least(6_000), 5_999, False),
        (at_most(250), 250, True),
        (at_most(250), 251, False),
        (at_most(250), None, None),
        (None, 1, None),
    ],
)
def test_an_aim_is_met_missed_or_not_measured(aim: object, value: float | None, met: bool | None) -> None:
    one = Measure("", value, aim=aim)  # type: ignore[arg-type]
    assert one.met is met
    assert one.as_json()["met"] is met


@pytest.mark.parametrize("hour", range(24))
def test_at_any_hour_readers_live_where_it_is_day_for_four_hours_to_come(hour: int) -> None:
    told = occasion(NOW.replace(hour=hour))
    assert told.at == NOW.replace(hour=hour, second=0)
    assert len(told.zones) >= 3
    for zone in told.zones:
        local = told.at.astimezone(ZoneInfo(zone))
        assert local.hour >= 9
        assert (local + timedelta(hours=4)).hour < 21


def test_no_phone_number_is_a_sign_to_misbehave() -> None:
    everybody = Occasion(sms=SMS_ONE_IN)
    numbers = [number for number in range(1_000_000) if everybody.by_phone(number)]
    assert len(numbers) == 1_000_000 // SMS_ONE_IN
    assert not [number for number in numbers if phone(number)[-7:].startswith(PHONE_MARK)]


def test_orders_come_from_readers_who_can_be_reached_each_once_until_none_is_left() -> None:
    triggers, everybody = Triggers(1_000), Occasion(sms=SMS_ONE_IN)
    numbers = [triggers.next() for _ in range(readers_needed([]) // 2)]
    assert len(set(numbers)) == len(numbers)
    assert not any(everybody.by_phone(number) for number in numbers)
    assert all(random.Random(f"lot {number}").random() <= 1 - SUPPRESSED for number in numbers)
    rest = triggers.anew()
    assert not {rest.next() for _ in range(100)} & set(numbers)
    few = Triggers(3)
    for _ in range(3):
        few.next()
    with pytest.raises(RuntimeError, match="more triggers than readers"):
        few.next()
