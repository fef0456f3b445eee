"""What was kept long enough goes, with an entry that says so; what anything still hangs on stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dangol.errors import UnknownVersion
from dangol.intake import Intake
from dangol.model.duty import DUTY_SOURCE
from dangol.model.vocabulary import Reason
from dangol.retention.kinds import Keep, Kind, Removed
from dangol.retention.rounds import Retention
from dangol.store.tables import events, messages, rejected_events
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, cap, note

DAYS = timedelta(days=1)
LONG = 200 * DAYS


def retention(house: House, *, page: int = 3, **keep: timedelta) -> Retention:
    return Retention(
        database=house.database,
        clock=house.clock,
        releases=house.dangol.releases,
        keep=Keep(**keep),
        by="kim",
        page=page,
    )


def removed(steps: Any) -> dict[str, int]:
    """Kind → how many went."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.kind.value] = counts.get(step.kind.value, 0) + step.count
    return {kind: count for kind, count in counts.items() if count}


def left(house: House) -> list[str]:
    """The events that are there, by the id their reporter gave."""
    return sorted(row.message_id for row in house.rows(events))


def test_events_go_when_they_were_kept_long_enough_and_the_log_says_so(house: House) -> None:
    house.opens_with(campaign("cart", event="Checkout Started")).knows("ana", "ben")
    for number in range(7):
        house.happens("Order Completed", "ana", id=f"old-{number}")
    house.sleep(LONG)
    house.happens("Order Completed", "ben", id="new")
    before = house.clock.now() - 120 * DAYS
    assert removed(retention(house, events=120 * DAYS).run()) == {"events": 7}
    assert left(house) == ["new"]
    told = house.log("records_removed")
    assert [entry.reason for entry in told] == [Reason.KEPT_LONG_ENOUGH] * 3
    assert [entry.evidence["removed"] for entry in told] == [3, 3, 1]
    rest = {key: value for key, value in told[0].evidence.items() if key != "removed"}
    assert rest == {
        "kind": "events",
        "before": before.isoformat(),
        "setting": "DANGOL_KEEP_EVENTS=P120D",
        "by": "kim",
    }


def test_nothing_goes_unless_a_setting_says_so(house: House) -> None:
    house.opens_with(campaign("cart")).knows("ana").orders("ana")
    house.work()
    house.sleep(3000 * DAYS)
    everything = left(house), house.journeys, house.messages, house.log()
    assert removed(retention(house).run()) == {}
    assert retention(house).turn() == []
    assert (left(house), house.journeys, house.messages, house.log()) == everything


def test_what_happened_long_ago_and_was_reported_lately_stays(house: House) -> None:
    house.opens_with(campaign("cart", event="Checkout Started")).knows("ana")
    house.sleep(LONG)
    house.happens("Order Completed", "ana", id="imported", at=house.clock.now() - LONG)
    assert removed(retention(house, events=120 * DAYS).run()) == {}


@pytest.mark.parametrize(
    ("condition", "stays"),
    [
        ('count("Order Completed") >= 2', True),
        ('count("Order Completed", "300 days") >= 2', True),
        ('count("Order Completed", "199 days") >= 2', True),
        ('count("Order Completed", "150 days") >= 2', False),
        ('days_since(last("Order Completed")) > 3', True),
        ('count("Gift Requested") >= 2', False),
    ],
)
def test_events_stay_as_long_as_a_campaign_in_service_looks_back_at_them(
    house: House, condition: str, stays: bool
) -> None:
    house.opens_with(campaign("cart", event="Checkout Started", where=condition)).knows("ana")
    house.happens("Order Completed", "ana", id="old")
    house.sleep(LONG)
    retention(house, events=120 * DAYS).turn()
    assert (left(house) == ["old"]) is stays


def test_events_by_which_a_complaint_is_open_stay(house: House) -> None:
    hold = {"key": "complaint", "opens": "Complaint Raised", "closes": ["Gift Requested"], "at_most": "365 days"}
    house.opens_with(campaign("cart", event="Checkout Started"), policies={"holds": [hold]}).knows("ana")
    house.happens("Complaint Raised", "ana", id="raised")
    house.happens("Order Completed", "ana", id="ordered")
    house.sleep(LONG)
    retention(house, events=120 * DAYS).turn()
    assert left(house) == ["raised"]


def test_events_of_people_on_a_journey_stay_and_so_does_the_one_that_let_a_person_in(house: House) -> None:
    steps = {"wait": "150 days"}, note()
    house.opens_with(campaign("cart", *steps)).knows("ana", "ben")
    house.happens("Checkout Started", "ana", id="before")
    house.happens("Order Completed", "ana", id="let in")
    house.sleep(140 * DAYS)
    retention(house, events=120 * DAYS).turn()
    assert left(house) == ["before", "let in"]
    house.pass_time(20 * DAYS)
    assert removed(retention(house, events=120 * DAYS).run()) == {"events": 1}
    assert left(house) == ["let in"]


def test_events_of_duties_stay_so_that_no_notice_is_asked_for_twice(house: House) -> None:
    house.opens_with(campaign("cart", event="Checkout Started")).knows("ana")
    house.happens("Order Completed", "ana", id="duty:1")
    with house.database.write() as tx:
        tx.execute(events.update().values(source=DUTY_SOURCE))
    house.sleep(LONG)
    assert removed(retention(house, events=120 * DAYS).run()) == {}


def test_a_version_that_people_are_on_is_asked_too_and_one_that_cannot_be_read_keeps_everything(house: House) -> None:
    house.opens_with(campaign("cart", event="Checkout Started")).knows("ana").happens("Order Completed", "ana")
    house.sleep(LONG)
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE deployments SET version_id = 'gone'")
    with pytest.raises(UnknownVersion, match="gone"):
        list(retention(house, events=120 * DAYS).run())
    assert len(left(house)) == 1


def test_journeys_that_are_over_go_with_what_belongs_to_them(house: House) -> None:
    house.opens_with(campaign("cart")).knows("ana", "ben").orders("ana", "ben")
    house.work()
    house.sleep(LONG)
    house.orders("ben")
    house.work()
    steps = list(retention(house, journeys=120 * DAYS).run())
    assert removed(steps) == {"journeys": 2}
    assert [dict(step.with_them) for step in steps if step.count] == [{"slots": 2, "messages": 2, "calls": 0}]
    assert len(house.journeys) == len(house.messages) == len(house.slots) == 1
    (told,) = house.log("records_removed")
    assert (told.evidence["kind"], told.evidence["messages"]) == ("journeys", 2)
    assert told.evidence["setting"] == "DANGOL_KEEP_MESSAGES=P120D"


def test_a_journey_under_way_stays_however_old(house: House) -> None:
    house.opens_with(campaign("cart", {"wait": "300 days"}, note())).knows("ana").orders("ana")
    house.sleep(LONG)
    assert removed(retention(house, journeys=120 * DAYS).run()) == {}


@pytest.mark.parametrize("state", ["planned", "held", "due", "sending", "unknown"])
def test_a_journey_with_a_message_that_is_not_settled_stays(house: House, state: str) -> None:
    house.opens_with(campaign("cart")).knows("ana").orders("ana")
    house.work()
    with house.database.write() as tx:
        tx.exec_driver_sql(f"UPDATE messages SET state = '{state}'")
    house.sleep(LONG)
    assert removed(retention(house, journeys=120 * DAYS).run()) == {}


def test_a_journey_whose_message_changed_lately_stays(house: House) -> None:
    house.opens_with(campaign("cart")).knows("ana").orders("ana")
    house.work()
    house.sleep(LONG)
    with house.database.write() as tx:
        tx.execute(messages.update().values(updated_at=house.clock.now()))
    assert removed(retention(house, journeys=120 * DAYS).run()) == {}


def test_who_may_enter_once_is_still_refused_after_all_that_could_go_went(house: House) -> None:
    house.opens_with(campaign("cart", again="never"), campaign("letter", event="Gift Requested")).knows("ana")
    house.orders("ana")
    house.happens("Gift Requested", "ana")
    house.work()
    house.sleep(LONG)
    assert removed(retention(house, journeys=120 * DAYS).run()) == {"journeys": 1}
    house.orders("ana")
    assert house.told("journey_refused") == [("journey_refused", Reason.ENTERED_BEFORE)]


@pytest.mark.parametrize(("pause", "stays"), [("150 days", False), ("300 days", True)])
def test_an_entry_stays_for_as_long_as_the_next_one_may_be_refused_for_it(
    house: House, pause: str, stays: bool
) -> None:
    house.opens_with(campaign("cart", again={"after": pause})).knows("ana").orders("ana")
    house.work()
    house.sleep(LONG)
    assert (removed(retention(house, journeys=120 * DAYS).run()) == {}) is stays


@pytest.mark.parametrize(("window", "stays"), [("rolling 150 days", False), ("rolling 300 days", True)])
def test_slots_stay_for_as_long_as_a_cap_counts_them(house: House, window: str, stays: bool) -> None:
    house.opens_with(campaign("cart"), policies={"caps": [cap(1, window)]}).knows("ana").orders("ana")
    house.work()
    house.sleep(LONG)
    retention(house, journeys=120 * DAYS).turn()
    house.orders("ana")
    house.work()
    assert (house.states[-1] == ("suppressed", Reason.CAPPED)) is stays


def test_refused_reports_go(house: House) -> None:
    house.opens_with(campaign("cart"))
    intake = Intake(house.pipeline)
    intake.accept([{"no": "event"}] * 4, source="queue")
    house.sleep(31 * DAYS)
    intake.accept([{"no": "event"}], source="queue")
    assert removed(retention(house, rejected=30 * DAYS).run()) == {"rejected": 4}
    assert len(house.rows(rejected_events)) == 1


def test_a_dry_round_tells_the_same_and_changes_nothing(house: House) -> None:
    house.opens_with(campaign("cart")).knows("ana", "ben").orders("ana", "ben")
    house.work()
    house.sleep(LONG)
    keeping = retention(house, journeys=120 * DAYS)
    before = house.journeys, house.messages, house.slots, house.log()
    told = removed(keeping.run(dry=True))
    assert (house.journeys, house.messages, house.slots, house.log()) == before
    assert told == removed(keeping.run()) == {"journeys": 2}
    assert removed(keeping.run()) == {}


def test_the_scheduler_takes_a_few_pages_a_tick_and_begins_a_round_a_day_whoever_leads(house: House) -> None:
    house.opens_with(campaign("cart", event="Checkout Started")).knows("ana")
    for number in range(7):
        house.happens("Order Completed", "ana", id=f"old-{number}")
    house.sleep(LONG)
    leader = retention(house, events=120 * DAYS)
    assert removed(leader.turn(pages=1)) == {"events": 3}
    other = retention(house, events=120 * DAYS)
    assert other.turn(pages=9) == []
    assert removed(leader.turn(pages=1)) == {"events": 3}
    assert removed(leader.turn(pages=9)) == {"events": 1}
    assert leader.turn(pages=9) == []
    house.sleep(DAYS)
    assert other.turn(pages=9) == [Removed(Kind.EVENTS, house.clock.now() - 120 * DAYS)]
