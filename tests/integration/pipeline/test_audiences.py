"""People who join an audience, and schedules that run by everyone's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from dangol.model.people import ProfileChange
from dangol.store.tables import members, schedule_runs
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def joining(**entry: Any) -> dict[str, Any]:
    return campaign("vips", note(), entry={"audience": "profile.vip", "again": "always", **entry})


def becomes(house: House, name: str, *, vip: bool) -> None:
    house.pipeline.identify([ProfileChange(name, attributes={"vip": vip})])


class TestJoining:
    def test_whoever_comes_to_be_in_the_audience_enters_once(self, house: House) -> None:
        house.opens_with(joining()).knows("ana", "bob")
        house.pass_time(HOUR)
        becomes(house, "ana", vip=True)
        house.pass_time(3 * HOUR)
        assert house.told("journey_entered") == [("journey_entered", "audience_joined")]
        assert house.journeys[0].profile_id == house.id_of("ana")

    def test_those_who_are_in_it_when_the_campaign_comes_into_service_are_passed_over(self, house: House) -> None:
        house.opens_with(joining()).knows("ana", attributes={"vip": True})
        house.pass_time(3 * HOUR)
        assert house.journeys == []
        assert len(house.rows(members)) == 1

    def test_unless_their_author_lets_them_in(self, house: House) -> None:
        house.opens_with(joining(existing="enter")).knows("ana", attributes={"vip": True})
        house.pass_time(3 * HOUR)
        assert len(house.journeys) == 1

    def test_leaving_and_joining_again_is_joining(self, house: House) -> None:
        house.opens_with(joining()).knows("ana")
        house.pass_time(HOUR)
        for vip in (True, False, True):
            becomes(house, "ana", vip=vip)
            house.pass_time(HOUR)
        assert len(house.journeys) == 2

    def test_again_holds_for_joining_too(self, house: House) -> None:
        house.opens_with(joining(again="never")).knows("ana")
        house.pass_time(HOUR)
        for vip in (True, False, True):
            becomes(house, "ana", vip=vip)
            house.pass_time(HOUR)
        assert house.told("journey_refused") == [("journey_refused", "entered_before")]

    def test_it_is_looked_at_as_often_as_its_author_says(self, house: House) -> None:
        house.opens_with(joining(every="1 day")).knows("ana")
        house.pass_time(DAY)
        becomes(house, "ana", vip=True)
        house.pass_time(DAY - HOUR)
        before = len(house.journeys)
        house.pass_time(2 * HOUR)
        assert (before, len(house.journeys)) == (0, 1) or len(house.journeys) == 1

    def test_a_large_audience_is_looked_at_in_parts_and_completely(self, house: House) -> None:
        names = [f"p{number:02}" for number in range(35)]  # batches of 10
        house.opens_with(joining()).knows(*names, agreeing_to=())
        house.pass_time(HOUR)
        for name in names[::2]:
            becomes(house, name, vip=True)
        house.pass_time(HOUR)
        for name in names:
            becomes(house, name, vip=name not in names[::2])
        house.pass_time(HOUR)
        entered = [row.profile_id for row in house.journeys]
        assert sorted(entered) == sorted(house.id_of(name) for name in names)
        assert {row.profile_id for row in house.rows(members)} == {house.id_of(name) for name in names[1::2]}

    def test_looking_leaves_no_entries_and_no_heap_of_runs(self, house: House) -> None:
        house.opens_with(joining()).knows("ana")
        house.pass_time(2 * DAY)
        assert house.log() == []
        with house.database.read() as tx:
            assert (
                tx.execute(select(func.count()).select_from(schedule_runs)).scalar_one() <= 4 * 24 + 2
            )  # a day of looks

    def test_after_being_out_of_service_the_audience_is_only_written_down_again(self, house: House) -> None:
        house.opens_with(joining()).knows("ana")
        house.pass_time(HOUR)
        house.opens_with(campaign("other"))
        becomes(house, "ana", vip=True)
        house.pass_time(DAY)
        house.opens_with(joining())
        house.pass_time(DAY)
        assert house.journeys == []


class TestEveryonesMorning:
    MONDAY_MORNING = "0 9 * * MON"

    def opened(self, house: House) -> None:
        house.clock.move_to(datetime(2026, 3, 6, 12, tzinfo=UTC))  # a Friday
        entry = {"schedule": self.MONDAY_MORNING, "audience": "true", "timezone": "recipient", "again": "always"}
        house.opens_with(campaign("letter", note(), entry=entry))

    def test_each_gets_it_at_nine_on_their_own_clock(self, house: House) -> None:
        self.opened(house)
        zones = {"ana": "Asia/Seoul", "bob": "America/New_York", "cy": "Pacific/Kiritimati", "di": "Pacific/Pago_Pago"}
        for name, zone in zones.items():
            house.knows(name, timezone=zone)
        house.pass_time(4 * DAY)
        of = {house.id_of(name): zone for name, zone in zones.items()}
        assert len(house.messages) == 4
        for row in house.messages:
            assert row.planned_at.astimezone(ZoneInfo(of[row.profile_id])).strftime("%a %H:%M") == "Mon 09:00"

    def test_daylight_saving_is_kept(self, house: House) -> None:
        self.opened(house)  # New York changes on Sunday, 8 March 2026
        house.knows("bob", timezone="America/New_York")
        house.pass_time(4 * DAY)
        assert [row.planned_at for row in house.messages] == [datetime(2026, 3, 9, 13, tzinfo=UTC)]

    def test_an_exit_before_the_morning_comes_counts(self, house: House) -> None:
        house.clock.move_to(datetime(2026, 3, 6, 12, tzinfo=UTC))
        entry = {"schedule": self.MONDAY_MORNING, "audience": "true", "timezone": "recipient", "again": "always"}
        house.opens_with(campaign("letter", note(), entry=entry, exit=["Complaint Raised"]))
        house.knows("bob", timezone="America/New_York")
        house.pass_time(2 * DAY + 8 * HOUR)  # Sunday evening in UTC: Monday has begun where days begin first
        assert [row.status for row in house.journeys] == ["waiting"]
        house.happens("Complaint Raised", "bob")
        house.pass_time(2 * DAY)
        assert (house.messages, house.told("journey_ended")) == ([], [("journey_ended", "exit_event")])


def test_a_new_rule_takes_in_who_comes_to_meet_it_and_not_who_did_already(house: House) -> None:
    house.knows("ana", "bob", "cy", attributes={"vip": False})
    rules = ("profile.vip", "profile.vip or profile.last_cart != none")
    joins = [campaign("vips", note(), entry={"audience": rule, "again": "always"}) for rule in rules]
    house.opens_with(joins[0])
    house.knows("ana", attributes={"last_cart": "c1"})
    house.pass_time(timedelta(hours=1))
    house.opens_with(joins[1])
    house.pass_time(timedelta(hours=1))
    house.knows("bob", attributes={"last_cart": "c2"})
    house.pass_time(timedelta(hours=1))
    assert [row.profile_id for row in house.journeys] == [house.id_of("bob")]


def test_going_back_to_a_wider_rule_takes_in_nobody_who_met_it_meanwhile(house: House) -> None:
    house.knows("ana", "bob", attributes={"vip": False})
    wide, narrow = (
        campaign("vips", note(), entry={"audience": rule, "again": "always"})
        for rule in ("profile.vip or profile.last_cart != none", "profile.vip")
    )
    for rule in (wide, narrow):
        house.opens_with(rule)
        house.pass_time(timedelta(hours=1))
    house.knows("ana", attributes={"last_cart": "c1"})
    house.pass_time(timedelta(hours=1))
    house.dangol.rollback("vips", by="tests")
    house.pass_time(timedelta(hours=1))
    assert house.journeys == []


def test_a_new_version_with_the_same_rule_goes_on_where_the_old_one_was(house: House) -> None:
    house.knows("ana", "bob", attributes={"vip": False})
    for words in (note(), note("sms")):
        house.opens_with(campaign("vips", words, entry={"audience": "profile.vip", "again": "always"}))
        house.pass_time(timedelta(hours=1))
    house.opens_with(campaign("vips", note("push"), entry={"audience": "profile.vip", "again": "always"}))
    house.knows("bob", attributes={"vip": True})
    house.pass_time(timedelta(hours=1))
    assert [row.profile_id for row in house.journeys] == [house.id_of("bob")]
