"""Journeys go on: they wait, wake once, and ask for their messages once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WAIT = {"wait": "1 day"}


def due_journeys(house: House) -> list[str]:
    return list(house.sweeper.sweep().journeys)


def test_a_journey_sleeps_until_its_wait_is_over(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note())).knows("kim").orders("kim")
    assert house.sweeper.next_due() == house.clock.now() + DAY
    house.sleep(DAY - MINUTE)
    assert due_journeys(house) == []
    house.sleep(MINUTE)
    house.work()
    assert house.told() == [
        ("journey_entered", "event_matched"),
        ("message_planned", "step_reached"),
        ("journey_ended", "completed"),
        ("message_sending", "allowed"),
        ("message_accepted", "accepted_by_provider"),
    ]


def test_journeys_of_transactional_campaigns_are_told_apart(house: House) -> None:
    house.opens_with(campaign("news", WAIT, note()), campaign("order", WAIT, note(), purpose="transactional"))
    house.knows("kim").orders("kim")
    house.sleep(DAY)
    due, of = house.sweeper.sweep(), {row.campaign_key: row.id for row in house.journeys}
    assert (due.first_journeys, due.other_journeys) == ((of["order"],), (of["news"],))


def test_plan_leaves_alone_what_is_not_due(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note())).knows("kim").orders("kim")
    before = house.journeys
    house.pipeline.plan([row.id for row in before])
    assert (house.journeys, house.messages) == (before, [])


def test_plan_called_twice_plans_once(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note())).knows("kim").orders("kim")
    house.sleep(DAY)
    ids = due_journeys(house)
    house.pipeline.plan(ids)
    before = (house.messages, house.log())
    house.pipeline.plan(ids)
    assert (house.messages, house.log()) == before
    assert len(house.messages) == 1


def test_plan_called_by_many_workers_at_once_plans_once(house: House) -> None:
    names = [f"person{n}" for n in range(20)]
    house.opens_with(campaign("a", WAIT, note(), WAIT)).knows(*names).orders(*names)
    house.sleep(DAY)
    ids = due_journeys(house)
    together = Barrier(6)

    def work(turn: int) -> None:
        together.wait(timeout=30)
        house.pipeline.plan(ids if turn % 2 else ids[::-1])

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert len(house.messages) == len(house.log("message_planned")) == 20


def test_a_journey_that_was_told_about_is_told_about_again_when_nobody_came(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note())).knows("kim").orders("kim")
    house.sleep(DAY)
    first = due_journeys(house)
    assert due_journeys(house) == []
    house.sleep(house.dangol.timing.queue_lease)
    assert due_journeys(house) == first


def test_an_exit_event_that_came_while_nothing_ran_ends_the_journey_before_its_next_step(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note(), event="Checkout Started", exit=["Order Completed"])).knows("kim")
    house.happens("Checkout Started", "kim")
    house.sleep(2 * DAY)
    house.opens_with(campaign("a", WAIT, note(), event="Checkout Started"))
    house.orders("kim")
    house.work()
    assert house.told()[1:] == [("journey_ended", "exit_event")]
    assert house.messages == [], "the journey keeps the version that it began with"


def test_a_late_worker_sends_what_is_still_fresh(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note(expires_after="12 hours"))).knows("kim").orders("kim")
    house.sleep(DAY + 11 * HOUR)
    house.work()
    assert house.states == [("accepted", "accepted_by_provider")]
    assert house.messages[0].expires_at == house.journeys[0].entered_at + DAY + 12 * HOUR


def test_a_late_worker_does_not_send_what_expired_since_its_step_was_due(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note(expires_after="12 hours"))).knows("kim").orders("kim")
    house.sleep(DAY + 12 * HOUR)
    house.work()
    assert house.states == [("expired", "expired")]
    assert house.sent == []
    assert house.log("message_expired")[0].evidence["expired_at"] == house.messages[0].expires_at.isoformat()


def test_after_an_outage_nobody_gets_two_messages_of_one_journey_at_once(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note(ref="one"), WAIT, note(ref="two"))).knows("kim").orders("kim")
    house.sleep(10 * DAY)
    house.work()
    assert [row.step for row in house.messages] == ["one"]
    house.pass_time(DAY)
    assert [row.step for row in house.messages] == ["one", "two"]


def test_an_exit_step_ends_the_journey_with_its_authors_word(house: House) -> None:
    house.opens_with(campaign("a", note(), {"exit": "enough"})).knows("kim").orders("kim")
    assert house.told("journey_ended") == [("journey_ended", "exit_step")]
    assert house.log("journey_ended")[0].evidence == {"exit": "enough"}


def test_an_unknown_id_is_no_trouble(house: House) -> None:
    house.opens_with(campaign("a"))
    house.pipeline.plan(["nobody"])
    assert house.pipeline.deliver(["nobody"]) == 0
    assert house.pipeline.fan_out("nothing") is False
    assert house.log() == []


@pytest.mark.parametrize("step", ["plan", "deliver"])
def test_an_empty_batch_is_no_trouble(house: House, step: str) -> None:
    house.opens_with(campaign("a"))
    getattr(house.pipeline, step)([])
    assert house.log() == []
