"""What an in-memory broker forgot with its process is told again at once, not when the marks run out."""

from __future__ import annotations

from datetime import timedelta

from dangol.store.housekeeping import forget_wakeups, take_lease
from tests.integration.pipeline.conftest import carrier, dangol, house
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled

__all__ = ["carrier", "dangol", "house"]


def test_marked_work_is_found_again_by_the_next_sweep(house: House) -> None:
    campaigns = (campaign("now"), campaign("later", {"wait": "1 hour"}, note()), scheduled("noon"))
    house.opens_with(*campaigns).knows("alice")
    house.orders("alice")
    house.sleep(timedelta(days=1))
    told = house.sweeper.sweep()
    assert (len(told.messages), len(told.journeys), len(told.runs)) == (1, 1, 1)
    assert not house.sweeper.sweep()
    with house.database.write() as tx:
        forget_wakeups(tx, house.clock.now())
    assert house.sweeper.sweep() == told


def test_what_was_handed_over_is_left_alone(house: House) -> None:
    house.opens_with(campaign("now")).knows("alice")
    house.orders("alice")
    house.work()
    with house.database.write() as tx:
        forget_wakeups(tx, house.clock.now())
    assert not house.sweeper.sweep()
    assert [state for state, _ in house.states] == ["accepted"]


def test_when_the_clock_is_set_back_somebody_leads_again(house: House) -> None:
    now, lasts = house.clock.now(), timedelta(seconds=10)
    with house.database.write() as tx:
        assert take_lease(tx, "scheduler", "one", now, lasts) == "one"
        assert take_lease(tx, "scheduler", "two", now - timedelta(seconds=2), lasts) == "one", "clocks differ a little"
        assert take_lease(tx, "scheduler", "two", now - timedelta(days=1), lasts) == "two"
