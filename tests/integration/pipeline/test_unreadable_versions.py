"""A version that this release cannot read, as after an upgrade: its work waits, and holds up nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from dangol.definitions import versions
from dangol.errors import UnknownVersion
from dangol.release import Releases
from dangol.store.tables import versions as version_rows
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
Break = Callable[[House, str], None]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Makes a campaign's versions unreadable to a process that starts now."""
    load = versions.load

    def break_(house: House, campaign_key: str) -> None:
        gone = {row.id for row in house.rows(version_rows, campaign_key=campaign_key)}

        def load_others(connection: Connection, version_id: str) -> Any:
            if version_id in gone:
                raise UnknownVersion(f"this release of dangol cannot read version {version_id}")
            return load(connection, version_id)

        monkeypatch.setattr(versions, "load", load_others)
        house.pipeline.releases = house.sweeper.releases = Releases()

    return break_


def test_its_messages_and_journeys_wait_and_those_of_others_go(house: House, broken: Break) -> None:
    house.opens_with(
        campaign("good", note(), {"wait": "1 day"}, note("sms")),
        campaign("bad", note(), {"wait": "1 day"}, note("sms")),
    )
    house.knows("kim").orders("kim")
    broken(house, "bad")
    house.work()
    house.sleep(DAY)
    house.work()
    states = [(row.campaign_key, row.channels, row.state) for row in house.messages]
    assert sorted(states) == [("bad", "email", "due"), ("good", "email", "accepted"), ("good", "sms", "accepted")]
    assert [row.status for row in house.journeys if row.campaign_key == "bad"] == ["waiting"]


def test_its_work_goes_on_when_it_can_be_read_again(
    house: House, broken: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.opens_with(campaign("bad", note(), {"wait": "1 day"}, note("sms"))).knows("kim").orders("kim")
    broken(house, "bad")
    house.work()
    assert house.sent == []
    monkeypatch.undo()
    house.sleep(house.dangol.timing.queue_lease)
    house.work()
    house.pass_time(DAY)
    assert [row.state for row in house.messages] == ["accepted", "accepted"]


def test_other_schedules_fire(house: House, broken: Break) -> None:
    house.opens_with(scheduled("good"), scheduled("bad")).knows("kim")
    broken(house, "bad")
    house.sleep(DAY)
    house.work()
    assert {row.campaign_key for row in house.journeys} == {"good"}


def test_no_event_is_accepted_that_might_open_it(house: House, broken: Break) -> None:
    """Whoever reports it keeps it and tries again; accepted and lost would be worse (G1)."""
    house.opens_with(campaign("good"), campaign("bad")).knows("kim")
    broken(house, "bad")
    with pytest.raises(UnknownVersion):
        house.orders("kim", id="o")
    assert house.journeys == []


def test_an_exit_event_that_came_meanwhile_still_counts(
    house: House, broken: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.opens_with(campaign("bad", note(), event="Checkout Started", exit=["Order Completed"])).knows("kim")
    house.happens("Checkout Started", "kim")
    house.opens_with()
    broken(house, "bad")
    house.sleep(MINUTE)
    house.orders("kim")
    monkeypatch.undo()
    house.work()
    assert house.states == [("cancelled", "exit_event")]
