"""Every kind of step, in the pipeline and on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dangol.model.people import IncomingEvent, ProfileChange
from dangol.profiles import people
from dangol.store.tables import arms, events
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def listening(*, then: Any = (), otherwise: Any = (), **awaited: Any) -> dict[str, Any]:
    """A step that waits a day for the checkout to be resumed."""
    return {
        "wait_for": {"event": "Checkout Resumed", "within": "1 day", **awaited},
        "then": list(then),
        "else": list(otherwise),
    }


def leave(why: str) -> dict[str, str]:
    return {"exit": why}


class TestWaitFor:
    def test_the_event_takes_the_journey_into_then_and_the_time_out_into_else(self, house: House) -> None:
        step = listening(then=[leave("resumed")], otherwise=[leave("silent")])
        house.opens_with(campaign("cart", step, event="Checkout Started")).knows("ana", "bob")
        house.happens("Checkout Started", "ana")
        house.happens("Checkout Started", "bob")
        house.pass_time(HOUR)
        house.happens("Checkout Resumed", "ana")
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "resumed"}]
        house.pass_time(DAY)
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "resumed"}, {"exit": "silent"}]

    def test_only_events_that_meet_where_count(self, house: House) -> None:
        step = listening(where="event.cart_id == entry.cart_id", then=[leave("resumed")], otherwise=[leave("silent")])
        house.opens_with(campaign("cart", step, event="Checkout Started")).knows("ana")
        house.happens("Checkout Started", "ana", cart_id="c1")
        house.pass_time(HOUR)
        house.happens("Checkout Resumed", "ana", cart_id="c2")
        assert house.log("journey_ended") == []
        house.happens("Checkout Resumed", "ana", cart_id="c1")
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "resumed"}]

    @pytest.mark.parametrize(("since", "why"), [("step", "silent"), ("entry", "resumed")])
    def test_what_happened_between_entry_and_the_wait_counts_if_since_says_so(
        self, house: House, since: str, why: str
    ) -> None:
        step = listening(since=since, then=[leave("resumed")], otherwise=[leave("silent")])
        house.opens_with(campaign("cart", {"wait": "2 hours"}, step, event="Checkout Started")).knows("ana")
        house.happens("Checkout Started", "ana")
        house.pass_time(HOUR)
        house.happens("Checkout Resumed", "ana")
        house.pass_time(2 * DAY)
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": why}]

    def test_an_event_that_arrives_late_counts_by_when_it_occurred(self, house: House) -> None:
        step = listening(then=[leave("resumed")], otherwise=[leave("silent")])
        house.opens_with(campaign("cart", {"wait": "2 hours"}, step, event="Checkout Started")).knows("ana", "bob")
        began = house.clock.now()
        house.happens("Checkout Started", "ana")
        house.happens("Checkout Started", "bob")
        house.pass_time(5 * HOUR)
        house.happens("Checkout Resumed", "ana", at=began + HOUR)  # before the wait began
        house.happens("Checkout Resumed", "bob", at=began + 3 * HOUR)
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "resumed"}]
        assert house.log("journey_ended")[0].profile_id == house.id_of("bob")

    def test_an_event_after_the_time_out_changes_nothing(self, house: House) -> None:
        step = listening(then=[leave("resumed")], otherwise=[{"wait": "1 day"}])
        house.opens_with(campaign("cart", step, event="Checkout Started")).knows("ana")
        began = house.clock.now()
        house.happens("Checkout Started", "ana")
        house.pass_time(DAY + MINUTE)
        house.happens("Checkout Resumed", "ana", at=began + HOUR)
        house.pass_time(2 * DAY)
        assert house.told("journey_ended") == [("journey_ended", "completed")]

    def test_the_event_that_let_the_person_in_does_not_end_the_wait(self, house: House) -> None:
        step = listening(event="Checkout Started", since="entry", then=[leave("again")], otherwise=[leave("silent")])
        house.opens_with(campaign("cart", step, event="Checkout Started")).knows("ana")
        house.happens("Checkout Started", "ana")
        house.pass_time(2 * DAY)
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "silent"}]

    def test_entry_and_awaited_event_in_one_batch_end_as_one_after_the_other(self, house: House) -> None:
        step = listening(then=[leave("resumed")], otherwise=[leave("silent")])
        house.opens_with(campaign("cart", step, event="Checkout Started")).knows("ana")
        house.sleep(DAY)
        now = house.clock.now()
        house.pipeline.ingest(
            [
                house.event("Checkout Resumed", "ana", at=now - MINUTE),
                house.event("Checkout Started", "ana", at=now - 2 * MINUTE),
            ]
        )
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "resumed"}]


class TestTwoCarts:
    def test_each_key_is_a_journey_of_its_own_and_ends_by_its_own_order(self, house: House) -> None:
        cart = campaign(
            "cart",
            {"wait": "2 hours"},
            note(),
            entry={"event": "Checkout Started", "key": "event.cart_id", "again": "never"},
            exit=[{"event": "Order Completed", "where": "event.cart_id == entry.cart_id"}],
        )
        house.opens_with(cart).knows("ana")
        house.happens("Checkout Started", "ana", cart_id="c1")
        house.happens("Checkout Started", "ana", cart_id="c2")
        house.happens("Checkout Started", "ana", cart_id="c1")
        assert house.told("journey_") == [
            ("journey_entered", "event_matched"),
            ("journey_entered", "event_matched"),
            ("journey_refused", "already_in_journey"),
        ]
        house.pass_time(HOUR)
        house.orders("ana", cart_id="c2")
        house.pass_time(2 * HOUR)
        assert sorted((row.correlation, row.end_reason) for row in house.journeys) == [
            ("c1", "completed"),
            ("c2", "exit_event"),
        ]
        assert len(house.sent) == 1

    def test_an_event_without_the_key_is_refused(self, house: House) -> None:
        cart = campaign("cart", entry={"event": "Checkout Started", "key": "event.cart_id"})
        house.opens_with(cart).knows("ana")
        house.happens("Checkout Started", "ana")
        assert house.told("journey_") == [("journey_refused", "key_missing")]

    def test_an_exit_meant_for_another_cart_does_not_stop_a_planned_message(self, house: House) -> None:
        cart = campaign(
            "cart",
            note(),
            entry={"event": "Checkout Started", "key": "event.cart_id"},
            exit=[{"event": "Order Completed", "where": "event.cart_id == entry.cart_id"}],
        )
        house.opens_with(cart).knows("ana")
        house.happens("Checkout Started", "ana", cart_id="c1")
        house.sleep(MINUTE)
        house.orders("ana", cart_id="c2")
        house.work()
        assert house.states == [("accepted", "accepted_by_provider")]


class TestBranches:
    def test_if_asks_when_the_step_is_reached(self, house: House) -> None:
        step = {"if": 'count("Order Completed") >= 2', "then": [leave("regular")], "else": [leave("new")]}
        house.opens_with(campaign("thanks", {"wait": "1 hour"}, step, event="Checkout Started")).knows("ana", "bob")
        house.happens("Checkout Started", "ana")
        house.happens("Checkout Started", "bob")
        house.orders("ana", "ana", "bob")
        house.pass_time(2 * HOUR)
        ended = {entry.profile_id: entry.evidence["exit"] for entry in house.log("journey_ended")}
        assert ended == {house.id_of("ana"): "regular", house.id_of("bob"): "new"}

    def test_after_a_branch_the_journey_goes_on_behind_it(self, house: House) -> None:
        step = {"if": "profile.vip", "then": [note(ref="inside")]}
        house.opens_with(campaign("thanks", step, note(ref="after"), event="Checkout Started"))
        house.knows("ana", attributes={"vip": True}).happens("Checkout Started", "ana")
        assert sorted(row.step for row in house.messages) == ["after", "inside"]


class TestSplit:
    def halves(self, plain: int, story: int) -> dict[str, Any]:
        return campaign(
            "welcome",
            {
                "split": {"copy": {"plain": plain, "story": story}},
                "plain": [note(ref="plain")],
                "story": [note(ref="story")],
            },
        )

    def test_people_are_divided_by_the_weights(self, house: House) -> None:
        names = [f"p{number}" for number in range(200)]
        house.opens_with(self.halves(25, 75)).knows(*names, agreeing_to=())
        house.orders(*names)
        drawn = [row.arm for row in house.rows(arms)]
        assert len(drawn) == 200
        assert 30 <= drawn.count("plain") <= 70

    def test_whoever_had_an_arm_keeps_it_when_the_weights_change(self, house: House) -> None:
        names = [f"p{number}" for number in range(40)]
        house.opens_with(self.halves(50, 50)).knows(*names)
        house.orders(*names)
        before = {row.profile_id: row.arm for row in house.rows(arms)}
        house.work()
        house.opens_with(self.halves(1, 99))
        house.sleep(DAY)
        house.orders(*names)
        assert {row.profile_id: row.arm for row in house.rows(arms)} == before
        second = {row.profile_id: row.step for row in house.messages if row.planned_at == house.clock.now()}
        assert second == before

    def test_the_draw_is_on_record(self, house: House) -> None:
        house.opens_with(self.halves(50, 50)).knows("ana").orders("ana")
        (entry,) = house.log("arm_assigned")
        assert entry.evidence == {"experiment": "copy", "arm": house.rows(arms)[0].arm}


class TestSet:
    def profile(self, house: House) -> dict[str, Any]:
        with house.database.read() as tx:
            return dict(people.load(tx, [house.id_of("ana")])[house.id_of("ana")].attributes)

    def test_attributes_are_written_and_the_next_step_sees_them(self, house: House) -> None:
        steps = (
            {"set": {"vip": True, "last_cart": {"from": "entry.cart_id"}, "tags": {"add": ["regular", "cd"]}}},
            {"if": 'profile.vip and "regular" in profile.tags', "then": [leave("seen")]},
        )
        house.opens_with(campaign("thanks", *steps, event="Checkout Started"))
        house.knows("ana", attributes={"name": "Ana", "tags": ["cd"]})
        house.happens("Checkout Started", "ana", cart_id="c1")
        assert self.profile(house) == {"name": "Ana", "vip": True, "last_cart": "c1", "tags": ["cd", "regular"]}
        assert [entry.evidence for entry in house.log("journey_ended")] == [{"exit": "seen"}]

    def test_nothing_removes_an_attribute_and_a_field_without_a_value_leaves_it(self, house: House) -> None:
        step = {"set": {"vip": None, "last_cart": {"from": "entry.cart_id"}, "tags": {"remove": ["new"]}}}
        house.opens_with(campaign("thanks", step, event="Checkout Started"))
        house.knows("ana", attributes={"vip": True, "last_cart": "old", "tags": ["new", "cd"]})
        house.happens("Checkout Started", "ana")
        assert self.profile(house) == {"last_cart": "old", "tags": ["cd"]}

    def test_the_log_names_the_attributes_and_not_their_values(self, house: House) -> None:
        house.opens_with(campaign("thanks", {"set": {"last_cart": "secret"}}, event="Checkout Started"))
        house.knows("ana").happens("Checkout Started", "ana")
        (entry,) = house.log("profile_changed")
        assert entry.evidence == {"attributes": ["last_cart"]}

    def test_what_is_so_already_is_not_written(self, house: House) -> None:
        house.opens_with(campaign("thanks", {"set": {"vip": True}}, event="Checkout Started"))
        house.knows("ana", attributes={"vip": True}).happens("Checkout Started", "ana")
        assert house.log("profile_changed") == []


EMIT = {"emit": "Regular Recognised", "properties": {"orders": 3}}


class TestEmit:
    def test_an_emitted_event_opens_another_campaign_in_the_same_transaction(self, house: House) -> None:
        house.opens_with(
            campaign("recognise", EMIT),
            campaign("thank", note(), event="Regular Recognised", where="event.orders == 3"),
        )
        house.knows("ana").orders("ana")
        assert {row.campaign_key for row in house.journeys} == {"recognise", "thank"}
        stored = {row.name: row.hops for row in house.rows(events)}
        assert stored == {"Order Completed": 0, "Regular Recognised": 1}
        house.work()
        assert len(house.sent) == 1

    def test_an_emitted_event_is_heard_by_journeys_that_wait_for_it(self, house: House) -> None:
        waits = {"wait_for": {"event": "Regular Recognised", "within": "9 days"}, "then": [leave("heard")]}
        house.opens_with(campaign("recognise", EMIT), campaign("patient", waits, event="Checkout Started"))
        house.knows("ana").happens("Checkout Started", "ana")
        house.pass_time(HOUR)
        house.orders("ana")
        assert ("journey_ended", "exit_step") in house.told("journey_ended")

    def test_a_chain_is_cut_after_eight_hops(self, house: House) -> None:
        house.opens_with(campaign("recognise", EMIT)).knows("ana")
        house.pipeline.ingest([IncomingEvent("m1", "ana", "Order Completed", {}, house.clock.now(), "tests", hops=8)])
        assert house.told("event_") == [("event_refused", "too_many_hops")]
        assert [row.name for row in house.rows(events)] == ["Order Completed"]


class TestUntil:
    def test_until_a_time_of_day_on_the_persons_clock(self, house: House) -> None:
        house.opens_with(campaign("morning", {"wait": {"until": "09:00"}}, note()))
        house.knows("ana", timezone="Asia/Seoul").knows("bob", timezone="America/New_York")
        house.orders("ana", "bob")
        mornings = {
            row.profile_id: row.wake_at.astimezone(ZoneInfo(zone)).strftime("%H:%M")
            for row in house.journeys
            for zone in ["Asia/Seoul" if row.profile_id == house.id_of("ana") else "America/New_York"]
        }
        assert mornings == dict.fromkeys(map(house.id_of, ("ana", "bob")), "09:00")
        assert all(house.clock.now() <= row.wake_at < house.clock.now() + DAY for row in house.journeys)

    def test_a_moment_that_has_gone_by_ends_the_journey_unless_its_author_says_otherwise(self, house: House) -> None:
        past = {"wait": {"until": "1 day before entry.starts_at"}}
        house.opens_with(
            campaign("strict", past, note(), event="Gathering Announced"),
            campaign("easy", {"wait": {**past["wait"], "if_past": "continue"}}, note(), event="Gathering Announced"),
        )
        soon = (house.clock.now() + HOUR).isoformat()
        house.knows("ana").happens("Gathering Announced", "ana", starts_at=soon)
        assert {row.campaign_key: row.end_reason for row in house.journeys} == {
            "strict": "moment_past",
            "easy": "completed",
        }

    def test_a_moment_that_nobody_can_tell_ends_the_journey(self, house: House) -> None:
        until = {"wait": {"until": "profile.birthday", "yearly": True, "if_past": "continue"}}
        house.opens_with(campaign("birthday", until, note())).knows("ana").orders("ana")
        assert [row.end_reason for row in house.journeys] == ["moment_unknown"]


class TestExitsFirst:
    def test_an_exit_wins_over_a_send_due_at_the_same_instant(self, house: House) -> None:
        house.opens_with(
            campaign("cart", {"wait": "2 hours"}, note(), event="Checkout Started", exit=["Order Completed"])
        )
        began = house.clock.now()
        house.knows("ana").happens("Checkout Started", "ana")
        house.sleep(2 * HOUR)
        house.orders("ana", at=began + 2 * HOUR)
        house.work()
        assert (house.sent, house.told("journey_ended")) == ([], [("journey_ended", "exit_event")])


class TestPeriod:
    def test_nobody_enters_before_the_first_and_after_the_last_day(self, house: House) -> None:
        today = house.clock.now().astimezone(UTC).date()
        period = {"starts": (today + 2 * DAY).isoformat(), "ends": (today + 3 * DAY).isoformat()}
        house.opens_with(campaign("season", note(), **period)).knows("ana")
        house.orders("ana")
        house.pass_time(2 * DAY + 12 * HOUR)
        house.orders("ana")
        house.pass_time(3 * DAY)
        house.orders("ana")
        assert house.told("journey_", campaign_key="season") == [
            ("journey_refused", "not_started"),
            ("journey_entered", "event_matched"),
            ("journey_ended", "completed"),
            ("journey_refused", "campaign_over"),
        ]

    def test_the_end_ends_journeys_and_cancels_what_has_not_gone(self, house: House) -> None:
        today = house.clock.now().astimezone(UTC).date()
        ends = (today + DAY).isoformat()
        house.opens_with(
            campaign("season", note(), {"wait": "30 days"}, note(ref="late"), ends=ends),
            policies={"on_capped": "defer"},
        )
        house.knows("ana").orders("ana")
        house.pass_time(3 * DAY)
        (journey,) = house.journeys
        assert journey.end_reason == "campaign_over"
        assert journey.ended_at <= datetime.combine(today + 2 * DAY, datetime.min.time(), UTC)

    def test_a_message_still_waiting_when_the_campaign_is_over_is_cancelled(self, house: House) -> None:
        today = house.clock.now().astimezone(UTC).date()
        house.opens_with(campaign("season", note(), ends=(today + DAY).isoformat()))
        house.knows("ana").orders("ana")
        house.sleep(4 * DAY)
        house.work()
        assert house.states == [("cancelled", "campaign_over")]


class TestHoldout:
    def test_the_hold_out_of_all_campaigns_gets_nothing_from_any(self, house: House) -> None:
        names = [f"p{number}" for number in range(60)]
        house.opens_with(campaign("one", note()), campaign("two", note()), policies={"holdout": "50%"}).knows(*names)
        house.orders(*names)
        house.work()
        held = {row.profile_id for row in house.messages if row.reason == "held_out"}
        sent = {row.profile_id for row in house.messages if row.state == "accepted"}
        assert held
        assert sent
        assert not held & sent


class TestClock:
    def test_a_clock_that_jumps_back_wakes_nobody_early_and_repeats_nothing(self, house: House) -> None:
        house.opens_with(campaign("cart", note(), {"wait": "2 hours"}, note(ref="second")))
        house.knows("ana").orders("ana")
        house.work()
        began = house.clock.now()
        house.clock.move_to(began - 5 * HOUR)
        house.work()
        assert len(house.sent) == 1
        house.clock.move_to(began)
        house.pass_time(3 * HOUR)
        assert len(house.sent) == 2


class TestProfileZone:
    def test_somebody_without_a_zone_waits_by_the_workspaces(self, house: House) -> None:
        house.opens_with(campaign("morning", {"wait": {"until": "09:00"}}, note()))
        house.pipeline.identify([ProfileChange("ana", email="ana@example.com")])
        house.orders("ana")
        (journey,) = house.journeys
        assert journey.wake_at.astimezone(ZoneInfo("Asia/Seoul")).strftime("%H:%M") == "09:00"
