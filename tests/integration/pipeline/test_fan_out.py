"""A schedule fires once and takes in its whole audience, each person once, whatever happens in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import Connection

from dangol.store import journeys as journey_rows
from dangol.store.tables import deployments, schedule_runs
from tests.integration.pipeline.house import House
from tests.workspaces import note, scheduled

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
PEOPLE = [f"person{n:02}" for n in range(25)]
"""Two chunks and a half; see ``batch_size`` in the fixtures."""


@pytest.fixture
def noon(house: House) -> House:
    """A shop with 25 customers, a newsletter, and nothing running when the newsletter came due."""
    house.opens_with(scheduled("news")).knows(*PEOPLE)
    house.clock.move_to(NOON)
    return house


def the_run(house: House) -> str:
    (run,) = house.sweeper.sweep().runs
    return run


def taken_in(house: House) -> list[str]:
    return sorted(row.profile_id for row in house.journeys)


def everyone(house: House) -> list[str]:
    return sorted(house.id_of(name) for name in PEOPLE)


def test_the_whole_audience_is_taken_in_once_in_chunks(noon: House) -> None:
    run = the_run(noon)
    counts = []
    while noon.pipeline.fan_out(run):
        counts.append(len(noon.journeys))
    assert counts == [10, 20]
    assert taken_in(noon) == everyone(noon)
    assert noon.pipeline.fan_out(run) is False
    assert taken_in(noon) == everyone(noon)
    assert noon.rows(schedule_runs)[0].finished_at == NOON


def test_nobody_is_taken_in_before_the_schedule_is_due(house: House) -> None:
    house.opens_with(scheduled("news")).knows("kim")
    assert house.sweeper.next_due() == NOON
    house.clock.move_to(NOON - timedelta(microseconds=1))
    assert not house.sweeper.sweep()


def test_a_crash_inside_a_chunk_repeats_and_skips_nobody(noon: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = the_run(noon)
    noon.pipeline.fan_out(run)
    move_run = journey_rows.move_run

    def crash(*args: Any, **values: Any) -> None:
        move_run(*args, **values)
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr(journey_rows, "move_run", crash)
        with pytest.raises(SystemExit):
            noon.pipeline.fan_out(run)
    assert len(noon.journeys) == 10
    while noon.pipeline.fan_out(run):
        pass
    assert taken_in(noon) == everyone(noon)
    assert len(noon.log("journey_entered")) == 25


def test_a_crash_between_chunks_is_picked_up_by_a_later_sweep(noon: House) -> None:
    run = the_run(noon)
    noon.pipeline.fan_out(run)
    assert noon.sweeper.sweep().runs == ()
    noon.sleep(noon.dangol.timing.queue_lease)
    noon.work()
    assert taken_in(noon) == everyone(noon)
    assert len(noon.sent) == 25


def test_many_workers_on_one_run_repeat_and_skip_nobody(noon: House) -> None:
    run = the_run(noon)
    together = Barrier(4)

    def work(_: int) -> None:
        together.wait(timeout=30)
        for _turn in range(10):
            noon.pipeline.fan_out(run)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert taken_in(noon) == everyone(noon)
    assert len(noon.log("journey_entered")) == 25


def test_two_sweepers_fire_a_schedule_once(noon: House, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(2)
    last_firings = journey_rows.last_firings

    def read_together(connection: Connection) -> dict[str, datetime]:
        found = last_firings(connection)
        with suppress(BrokenBarrierError):  # on SQLite they cannot be in there together
            together.wait(timeout=0.5)
        return found

    monkeypatch.setattr(journey_rows, "last_firings", read_together)
    with ThreadPoolExecutor(2) as threads:
        dues = list(threads.map(lambda _: noon.sweeper.sweep(), range(2)))
    assert sorted(len(due.runs) for due in dues) == [0, 1]
    assert noon.told("schedule") == [("schedule_fired", "due_by_schedule")]


def test_after_an_outage_the_latest_firing_is_run_and_the_missed_ones_are_logged(house: House) -> None:
    house.opens_with(scheduled("news")).knows("kim")
    house.clock.move_to(NOON + 3 * DAY + HOUR)
    house.work()
    assert house.told("schedule") == [("schedule_missed", "missed_while_down"), ("schedule_fired", "due_by_schedule")]
    missed, fired = house.log("schedule")
    assert missed.evidence == {
        "missed": 3,
        "first": NOON.isoformat(),
        "run": (NOON + 3 * DAY).isoformat(),
    }
    assert fired.evidence == {"fire_at": (NOON + 3 * DAY).isoformat()}
    assert [row.entered_at for row in house.journeys] == [NOON + 3 * DAY]


def test_a_campaign_deployed_after_its_hour_does_not_fire_for_it(house: House) -> None:
    house.clock.move_to(NOON)
    house.opens_with(scheduled("news")).knows("kim")
    house.work()
    assert house.log() == []
    assert house.sweeper.next_due() == NOON + DAY


def test_after_a_campaigns_last_day_its_schedule_comes_due_no_more(house: House) -> None:
    house.opens_with(scheduled("news", ends=NOON.date().isoformat())).knows("kim")
    house.clock.move_to(NOON)
    house.work()
    assert house.sweeper.next_due() is None
    house.clock.advance(3 * DAY)
    assert house.sweeper.next_due() is None


def test_a_firing_that_came_due_before_a_deploy_is_not_lost_with_the_version_it_belonged_to(noon: House) -> None:
    (before,) = {row.version_id for row in noon.rows(deployments)}
    noon.clock.advance(timedelta(seconds=1))
    noon.opens_with(scheduled("news", note("sms")))
    assert [(row.fire_at, row.version_id) for row in noon.rows(schedule_runs)] == [(NOON, before)]


def test_every_firing_takes_everybody_in_again(house: House) -> None:
    house.opens_with(scheduled("news")).knows("kim")
    house.clock.move_to(NOON)
    house.pass_time(2 * DAY)
    assert [row.entered_at for row in house.journeys] == [NOON, NOON + DAY, NOON + 2 * DAY]
    assert len(house.sent) == 3


def test_whoever_is_inside_or_has_been_in_is_refused_with_a_reason(house: House) -> None:
    house.opens_with(
        scheduled("inside", {"wait": "2 days"}),
        scheduled("before", entry={"schedule": "0 12 * * *", "audience": "true", "again": "never"}),
    ).knows("kim")
    house.clock.move_to(NOON)
    house.pass_time(DAY)
    refused = {entry.campaign_key: entry.reason for entry in house.log("journey_refused")}
    assert refused == {"inside": "already_in_journey", "before": "entered_before"}


def test_the_audience_is_who_meets_its_condition_when_it_fires(house: House) -> None:
    entry = {"schedule": "0 12 * * *", "audience": 'count("Order Completed") >= 1', "again": "always"}
    house.opens_with(scheduled("news", entry=entry)).knows("kim", "lee")
    house.orders("kim")
    house.clock.move_to(NOON)
    house.work()
    assert taken_in(house) == [house.id_of("kim")]


def test_an_erased_person_is_in_no_audience(noon: House) -> None:
    noon.erases(PEOPLE[3])
    noon.work()
    assert len(noon.journeys) == 24
    assert noon.id_of(PEOPLE[3]) not in taken_in(noon)


def test_a_late_fan_out_does_not_send_what_has_expired(house: House) -> None:
    house.opens_with(scheduled("news", note(expires_after="2 hours"))).knows("kim")
    house.clock.move_to(NOON + 2 * HOUR)
    house.work()
    assert house.states == [("expired", "expired")]


def test_an_empty_audience_finishes_at_once(house: House) -> None:
    house.opens_with(scheduled("news"))
    house.clock.move_to(NOON)
    house.work()
    assert house.rows(schedule_runs)[0].finished_at == NOON
    assert house.told() == [("schedule_fired", "due_by_schedule")]
