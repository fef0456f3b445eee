"""What goes wrong where two things happen to one person at once, or halfway: each of these was wrong once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from dangol import pipeline
from dangol.journeys.machine import advance
from dangol.model.vocabulary import Control
from dangol.steering import Steering
from dangol.store.tables import arms, calls, events, members, profiles, schedule_runs
from dangol.triggers.entries import MOST_JOURNEYS
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
VIPS = {"audience": "profile.vip", "again": "always"}


class TestOneEventForTwoJourneys:
    def test_what_the_one_sets_is_not_lost_to_what_the_other_sets(self, house: House) -> None:
        waiting = {"wait_for": {"event": "Order Completed", "within": "1 day"}, "then": [{"set": {"vip": True}}]}
        entering = {"set": {"last_cart": {"from": "entry.cart_id"}}}
        house.opens_with(campaign("one", waiting, event="Checkout Started"), campaign("two", entering)).knows("ana")
        house.happens("Checkout Started", "ana")
        house.sleep(HOUR)
        house.orders("ana", cart_id="c1")
        attributes = house.rows(profiles, external_id="ana")[0].attributes
        assert (attributes["vip"], attributes["last_cart"]) == (True, "c1")

    def test_both_get_the_arm_that_the_first_of_them_draws(self, house: House) -> None:
        halves = {"split": {"copy": {"a": 50, "b": 50}}, "a": [note(ref="a")], "b": [note(ref="b")]}
        waits = {"wait_for": {"event": "Order Completed", "within": "5 days"}}
        entry = {"event": "Checkout Started", "key": "event.cart_id", "again": "always"}
        house.opens_with(campaign("one", waits, halves, entry=entry)).knows("ana")
        for cart in ("c1", "c2"):
            house.happens("Checkout Started", "ana", cart_id=cart)
        house.sleep(MINUTE)
        house.orders("ana")
        assert len(house.rows(arms)) == 1
        assert len({row.step for row in house.messages}) == 1


class TestTheInstantOfTheEntry:
    CROWD = tuple(f"p{number}" for number in range(12))

    def test_what_another_campaign_emits_at_once_is_heard_by_everybody(self, house: House) -> None:
        awaited = {"event": "Regular Recognised", "within": "1 day", "since": "entry"}
        house.opens_with(
            campaign("tells", {"emit": "Regular Recognised"}, event="Checkout Started"),
            campaign("hears", {"wait_for": awaited, "then": [note()]}, event="Checkout Started"),
        )
        house.knows(*self.CROWD)
        for who in self.CROWD:
            house.happens("Checkout Started", who)
        assert len(house.messages) == len(self.CROWD)

    def test_what_set_the_entry_off_does_not_reach_the_goal(self, house: House) -> None:
        goal = {"event": "Order Completed", "within": "30 days"}
        house.opens_with(
            campaign("tells", {"emit": "Regular Recognised"}),
            campaign("thanks", {"wait": "1 day"}, note(), event="Regular Recognised", goal=goal),
        )
        house.knows(*self.CROWD).orders(*self.CROWD)
        house.pass_time(2 * DAY)
        assert len(house.sent) == len(self.CROWD)


class TestHearing:
    def test_a_second_wait_hears_what_occurred_right_after_the_first_however_late_both_arrive(
        self, house: House
    ) -> None:
        second = {"wait_for": {"event": "Checkout Resumed", "within": "1 day"}, "then": [{"exit": "resumed"}]}
        first = {"wait_for": {"event": "Checkout Started", "within": "1 day"}, "then": [second]}
        house.opens_with(campaign("cart", first)).knows("ana").orders("ana")
        house.sleep(HOUR)
        at = house.clock.now()
        told = [
            house.event("Checkout Started", "ana", at=at),
            house.event("Checkout Resumed", "ana", at=at + timedelta(seconds=2)),
        ]
        house.sleep(MINUTE)
        house.pipeline.ingest(told)
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "resumed"}]

    def test_one_event_ends_one_wait(self, house: House) -> None:
        second = {"wait_for": {"event": "Checkout Started", "within": "1 day"}, "then": [{"exit": "twice"}]}
        first = {"wait_for": {"event": "Checkout Started", "within": "1 day"}, "then": [second]}
        house.opens_with(campaign("cart", first)).knows("ana").orders("ana")
        house.sleep(HOUR)
        house.happens("Checkout Started", "ana")
        assert house.log("journey_ended") == []

    def test_a_journey_that_heard_in_a_pause_goes_on_even_if_the_wake_up_is_lost(self, house: House) -> None:
        listening = {"wait_for": {"event": "Checkout Resumed", "within": "20 days"}, "then": [note()]}
        house.opens_with(campaign("cart", listening)).knows("ana").orders("ana")
        steering = Steering(house.pipeline)
        steering.campaign("cart", Control.PAUSE, by="kim")
        house.happens("Checkout Resumed", "ana")
        steering.campaign("cart", Control.RESUME, by="kim")
        assert house.sweeper.sweep().journeys  # told, and nobody did it
        house.pass_time(HOUR)
        assert len(house.sent) == 1


class TestMornings:
    @pytest.mark.parametrize("lag", [0.0, 0.3])
    def test_three_mornings_are_three_days(self, house: House, lag: float) -> None:
        nine = {"wait": {"until": "09:00"}}
        house.opens_with(campaign("letters", nine, note(ref="a"), nine, note(ref="b"), nine, note(ref="c")))
        house.knows("ana").orders("ana")
        house.clock.move_to(datetime(2026, 3, 3, 0, 0, tzinfo=UTC) + timedelta(seconds=lag))  # 09:00 in Seoul
        house.pipeline.plan(house.sweeper.sweep().journeys)
        assert [row.step for row in house.messages] == ["a"]

    def test_a_firing_by_everyones_own_clock_reaches_those_whose_morning_is_still_to_come(self, house: House) -> None:
        for name, zone in (("ana", "Asia/Seoul"), ("bob", "America/Los_Angeles"), ("cy", "Pacific/Auckland")):
            house.knows(name, timezone=zone)
        house.sleep(19 * HOUR)  # 05:00 on the 3rd in Seoul, 09:00 in Auckland
        entry = {"schedule": "0 9 3 3 *", "audience": "true", "timezone": "recipient", "again": "always"}
        house.opens_with(scheduled("letter", note(), entry=entry))
        house.pass_time(40 * HOUR)
        assert sorted(address for _, address in house.sent) == ["ana@example.com", "bob@example.com"]


class TestAudiences:
    def test_a_first_look_that_was_stopped_is_no_look(self, house: House) -> None:
        names = [f"p{number:02}" for number in range(25)]
        house.opens_with(campaign("vips", note(), entry=VIPS)).knows(*names, attributes={"vip": True})
        house.sleep(20 * MINUTE)
        (run,) = house.sweeper.sweep().runs
        assert house.pipeline.fan_out(run)
        steering = Steering(house.pipeline)
        steering.campaign("vips", Control.STOP, by="kim")
        assert not house.pipeline.fan_out(run)
        steering.campaign("vips", Control.RESUME, by="kim")
        house.pass_time(20 * MINUTE)
        assert house.journeys == []
        assert len(house.rows(members)) == 25

    def test_firings_of_a_schedule_are_no_looks(self, house: House) -> None:
        house.knows("ana", attributes={"vip": True})
        entry = {"schedule": "0 * * * *", "audience": "profile.vip", "again": "always"}
        house.opens_with(campaign("vips", note(), entry=entry))
        house.pass_time(2 * HOUR)
        before = len(house.journeys)
        house.opens_with(campaign("vips", note(), entry=VIPS))
        house.pass_time(40 * MINUTE)
        assert len(house.journeys) == before

    def test_there_is_one_look_at_a_time(self, house: House) -> None:
        house.opens_with(campaign("vips", note(), entry=VIPS)).knows("ana")
        house.sleep(20 * MINUTE)
        house.sweeper.sweep()
        house.sleep(HOUR)
        house.sweeper.sweep()
        assert len(house.rows(schedule_runs)) == 1


class TestErased:
    def test_nothing_new_is_stored_about_somebody_who_was_erased_on_their_way(self, house: House) -> None:
        steps = (
            {"wait": "1 hour"},
            {"set": {"last_cart": {"from": "entry.cart_id"}}},
            {"emit": "Checkout Resumed", "properties": {"cart_id": {"from": "entry.cart_id"}}},
            {"webhook": "https://crm.example/hook", "payload": {"cart_id": {"from": "entry.cart_id"}}},
        )
        house.opens_with(campaign("cart", *steps)).knows("ana").orders("ana", cart_id="secret")
        house.erases("ana")
        house.pass_time(2 * HOUR)
        assert house.rows(profiles, external_id="ana")[0].attributes == {}
        assert ([row.name for row in house.rows(events)], house.rows(calls)) == (["Order Completed"], [])
        assert house.told("journey_ended") == [("journey_ended", "profile_erased")]


class TestBadApples:
    def test_a_journey_that_breaks_our_code_holds_up_no_other(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.opens_with(campaign("cart", {"wait": "1 hour"}, note())).knows("ana", "bob").orders("ana", "bob")
        ana = house.id_of("ana")

        def breaks(flow: Any, state: Any, known: Any, now: Any, **others: Any) -> Any:
            if known.profile_id == ana:
                raise OverflowError
            return advance(flow, state, known, now, **others)

        monkeypatch.setattr(pipeline, "advance", breaks)
        house.sleep(2 * HOUR)
        house.pipeline.plan(house.sweeper.sweep().journeys)
        assert [row.profile_id for row in house.messages] == [house.id_of("bob")]
        monkeypatch.undo()
        house.pass_time(HOUR)
        assert len(house.sent) == 2

    def test_a_batch_that_the_database_refuses_is_tried_in_halves(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [f"p{number}" for number in range(7)]
        house.opens_with(campaign("cart", {"wait": "1 hour"}, note())).knows(*names).orders(*names)
        bad, plan = house.journeys[3].id, house.pipeline._plan

        def refuses(journey_ids: Any) -> None:
            if bad in journey_ids:
                raise ValueError("a constraint")
            plan(journey_ids)

        monkeypatch.setattr(house.pipeline, "_plan", refuses)
        house.sleep(2 * HOUR)
        house.pipeline.plan(house.sweeper.sweep().journeys)
        assert len(house.messages) == 6

    def test_nobody_is_on_more_journeys_of_one_campaign_than_a_customer_can_be(self, house: House) -> None:
        entry = {"event": "Checkout Started", "key": "event.cart_id"}
        house.opens_with(campaign("cart", {"wait": "1 day"}, note(), entry=entry)).knows("ana")
        carts = [house.event("Checkout Started", "ana", cart_id=f"c{number}") for number in range(MOST_JOURNEYS + 3)]
        house.pipeline.ingest(carts[:30])
        house.pipeline.ingest(carts[30:])
        assert len(house.journeys) == MOST_JOURNEYS
        assert house.told("journey_refused") == [("journey_refused", "too_many_journeys")] * 3


class TestSteering:
    def test_a_campaign_that_has_left_service_can_still_be_stopped(self, house: House) -> None:
        house.opens_with(campaign("cart", note())).knows("ana").orders("ana")
        house.opens_with(campaign("other"))
        Steering(house.pipeline).campaign("cart", Control.STOP, by="kim")
        house.work()
        assert house.states == [("cancelled", "campaign_stopped")]

    def test_one_request_id_starts_one_journey_in_each_campaign(self, house: House) -> None:
        entry = {"api": "Gift Requested", "again": "always"}
        house.opens_with(campaign("one", note(), entry=entry), campaign("two", note(), entry=entry)).knows("ana")
        started = [house.pipeline.start(key, house.event("", "ana", id="r1")) for key in ("one", "two")]
        assert all(one.journey_id for one in started)
        assert len(house.journeys) == 2


class TestWhenThingsHappen:
    def test_an_order_of_the_same_second_as_the_checkout_stops_the_reminder_for_everybody(self, house: House) -> None:
        names = [f"p{number}" for number in range(12)]
        house.opens_with(
            campaign("cart", {"wait": "3 hours"}, note(), event="Checkout Started", exit=["Order Completed"])
        ).knows(*names)
        at = house.clock.now()
        for name in names:
            house.happens("Checkout Started", name, at=at)
        house.sleep(timedelta(seconds=1))
        for name in names:
            house.happens("Order Completed", name, at=at)
        house.pass_time(timedelta(days=1))
        assert {journey.end_reason for journey in house.journeys} == {"exit_event"}
        assert house.messages == []

    def test_what_happened_later_does_not_count_for_an_event_that_was_waited_for(self, house: House) -> None:
        second = {"event": "Order Completed", "where": 'count("Order Completed") >= 2', "within": "9 days"}
        heard = {"wait_for": second, "then": [note(expires_after="2 hours")]}
        house.opens_with(campaign("loyal", heard, event="Checkout Started")).knows("ana")
        house.happens("Checkout Started", "ana")
        for _ in range(2):
            house.pass_time(timedelta(days=2))
            house.orders("ana")
        house.work()
        assert house.states == [("accepted", "accepted_by_provider")]


class TestEveryonesOwnClock:
    """A schedule by the recipient's clock fires at 09:00 on Kiritimati, 04:00 in Seoul, and reaches Honolulu last."""

    FIRED = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    ENTRY: ClassVar = {"schedule": "0 9 * * *", "audience": "true", "timezone": "recipient", "again": "always"}

    def daily(self, *steps: Any, **others: Any) -> dict[str, Any]:
        return scheduled("daily", *steps, entry={**self.ENTRY, **others.pop("entry", {})}, **others)

    def test_a_deployment_between_the_firing_and_a_late_worker_loses_nobody(self, house: House) -> None:
        house.opens_with(self.daily(note())).knows("seoul", timezone="Asia/Seoul")
        house.clock.move_to(self.FIRED + 6 * HOUR)  # nothing ran meanwhile
        house.opens_with(self.daily(note(), priority=70))
        house.work()
        assert house.states == [("accepted", "accepted_by_provider")]

    def test_whose_time_came_before_the_campaign_was_in_service_is_told_so(self, house: House) -> None:
        house.knows("auckland", timezone="Pacific/Auckland").knows("seoul", timezone="Asia/Seoul")
        house.clock.move_to(self.FIRED + 3 * HOUR)  # past nine in Auckland, seven in Seoul
        house.opens_with(self.daily(note()))
        house.pass_time(6 * HOUR)
        told = {entry.profile_id: entry.reason for entry in house.log("journey_") if entry.decision != "journey_ended"}
        assert told == {house.id_of("auckland"): "before_service", house.id_of("seoul"): "audience_matched"}

    def test_a_version_that_comes_back_does_not_make_up_for_what_another_one_left_out(self, house: House) -> None:
        eight = self.daily(note(), entry={"schedule": "0 8 * * *"})
        house.opens_with(eight).knows("seoul", timezone="Asia/Seoul")
        house.sleep(MINUTE)
        house.opens_with(self.daily(note()))
        house.clock.move_to(self.FIRED + 5 * HOUR + MINUTE)  # nine in Seoul, all of it was missed
        house.dangol.rollback("daily", by="tests")
        house.work()
        assert len(house.messages) == 1

    def test_a_daily_letter_is_daily_wherever_somebody_lives(self, house: House) -> None:
        zones = {"honolulu": "Pacific/Honolulu", "baker": "Etc/GMT+12", "seoul": "Asia/Seoul"}
        for name, zone in zones.items():
            house.knows(name, timezone=zone)
        house.opens_with(self.daily(note()))
        house.pass_time(10 * DAY)
        got = Counter(row.profile_id for row in house.messages)
        assert {name: got[house.id_of(name)] for name in zones} == {"honolulu": 10, "baker": 10, "seoul": 10}

    def test_who_is_still_on_the_journey_of_the_day_before_begins_no_other(self, house: House) -> None:
        house.opens_with(self.daily(note(), {"wait": "30 hours"}))
        house.knows("honolulu", timezone="Pacific/Honolulu")
        house.clock.move_to(self.FIRED)
        house.pass_time(4 * DAY)
        assert [row.planned_at.day for row in house.messages] == [3, 5]
        ended = [entry.reason for entry in house.log("journey_ended")]
        assert sorted(ended) == ["already_in_journey", "already_in_journey", "completed"]

    def test_the_goal_counts_from_when_the_letter_is_due(self, house: House) -> None:
        goal = {"event": "Order Completed", "within": "1 day"}
        house.opens_with(self.daily(note(), {"wait": "3 days"}, goal=goal, entry={"again": "never"}))
        house.knows("early", "late", timezone="Pacific/Honolulu")
        house.clock.move_to(self.FIRED)
        house.pass_time(10 * HOUR)
        house.orders("early")  # fourteen hours before nine in Honolulu
        house.pass_time(15 * HOUR)
        house.orders("late")  # an hour after it, more than a day after the firing
        reasons = {row.profile_id: row.end_reason for row in house.journeys}
        assert reasons == {house.id_of("early"): None, house.id_of("late"): "goal_reached"}
        assert len(house.sent) == 2

    def test_an_exit_before_their_time_ends_it_before_it_begins(self, house: House) -> None:
        house.opens_with(self.daily(note(), exit=["Order Completed"], entry={"again": "never"}))
        house.knows("honolulu", "other", timezone="Pacific/Honolulu").orders("other")
        house.clock.move_to(self.FIRED)
        house.pass_time(10 * HOUR)
        house.orders("honolulu")
        house.pass_time(20 * HOUR)
        reasons = {row.profile_id: row.end_reason for row in house.journeys}
        assert reasons == {house.id_of("honolulu"): "exit_event", house.id_of("other"): "completed"}

    def test_freshness_counts_from_their_own_time(self, house: House) -> None:
        house.opens_with(self.daily(note(expires_after="2 hours"))).knows("seoul", timezone="Asia/Seoul")
        house.clock.move_to(self.FIRED + 6 * HOUR)  # an hour past nine in Seoul
        house.work()
        assert house.states == [("accepted", "accepted_by_provider")]


class TestLateEvents:
    def test_what_happened_before_the_campaign_was_in_service_lets_nobody_in(self, house: House) -> None:
        house.knows("ana").opens_with(campaign("c", note()))
        house.orders("ana", at=house.clock.now() - 700 * DAY)
        assert house.told("journey") == [("journey_refused", "before_service")]
        assert house.messages == []

    def test_a_new_version_takes_in_what_happened_in_the_days_of_the_old_one(self, house: House) -> None:
        house.knows("ana").opens_with(campaign("c", note()))
        house.sleep(DAY)
        house.opens_with(campaign("c", note("sms")))
        house.orders("ana", at=house.clock.now() - HOUR)
        assert [row.channels for row in house.messages] == ["sms"]

    def test_what_happened_while_it_was_out_of_service_lets_nobody_in(self, house: House) -> None:
        house.knows("ana").opens_with(campaign("c", note()))
        for others in (campaign("other", note(), event="Complaint Raised"), campaign("c", note())):
            house.sleep(DAY)
            house.opens_with(others)
        house.orders("ana", at=house.clock.now() - HOUR)
        assert house.told("journey") == [("journey_refused", "before_service")]
