"""Pausing, resuming and stopping campaigns and journeys: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dangol.errors import UnknownCampaign, UnknownProfile
from dangol.model.vocabulary import Control
from dangol.steering import Steering
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, scheduled

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def steering(house: House) -> Steering:
    return Steering(house.pipeline)


def cart(*steps: Any, **others: Any) -> dict[str, Any]:
    return campaign("cart", *steps, event="Checkout Started", **others)


def steer(steering: Steering, control: Control, key: str = "cart") -> None:
    steering.campaign(key, control, by="kim", note="a wrong price")


class TestCampaigns:
    def test_a_paused_campaign_lets_nobody_in_and_says_so(self, house: House, steering: Steering) -> None:
        house.opens_with(cart()).knows("ana")
        steer(steering, Control.PAUSE)
        house.happens("Checkout Started", "ana")
        assert house.told("journey_") == [("journey_refused", "campaign_paused")]

    def test_who_paused_it_and_why_is_on_record(self, house: House, steering: Steering) -> None:
        house.opens_with(cart())
        steer(steering, Control.PAUSE)
        steer(steering, Control.PAUSE)
        steer(steering, Control.RESUME)
        steer(steering, Control.RESUME)
        assert house.told("campaign_") == [("campaign_paused", "by_hand"), ("campaign_resumed", "by_hand")]
        assert house.log("campaign_paused")[0].evidence == {"by": "kim", "note": "a wrong price"}

    def test_what_comes_due_is_held_and_goes_out_once_when_it_is_resumed(
        self, house: House, steering: Steering
    ) -> None:
        house.opens_with(cart(note(ref="first"), {"wait": "2 hours"}, note(ref="second"))).knows("ana", "bob")
        house.happens("Checkout Started", "ana")
        house.work()
        house.happens("Checkout Started", "bob")
        steer(steering, Control.PAUSE)
        house.pass_time(5 * HOUR)
        assert len(house.sent) == 1
        assert sorted(house.states) == [("accepted", "accepted_by_provider"), ("held", "campaign_paused")]
        assert {row.status for row in house.journeys} == {"held"}
        steer(steering, Control.RESUME)
        house.pass_time(DAY)
        assert len(house.sent) == 4
        assert {row.end_reason for row in house.journeys} == {"completed"}
        house.pass_time(DAY)
        assert len(house.sent) == 4

    def test_a_message_whose_time_passed_in_the_pause_expires(self, house: House, steering: Steering) -> None:
        house.opens_with(cart({"wait": "1 hour"}, note(expires_after="2 hours"))).knows("ana")
        house.happens("Checkout Started", "ana")
        steer(steering, Control.PAUSE)
        house.pass_time(DAY)
        steer(steering, Control.RESUME)
        house.work()
        assert (house.sent, house.states) == ([], [("expired", "expired")])

    def test_an_exit_in_the_pause_ends_the_journey(self, house: House, steering: Steering) -> None:
        house.opens_with(cart({"wait": "1 hour"}, note(), exit=["Order Completed"])).knows("ana")
        house.happens("Checkout Started", "ana")
        steer(steering, Control.PAUSE)
        house.pass_time(2 * HOUR)
        house.orders("ana")
        steer(steering, Control.RESUME)
        house.pass_time(DAY)
        assert (house.sent, house.told("journey_ended")) == ([], [("journey_ended", "exit_event")])

    def test_what_a_journey_waited_for_in_the_pause_was_heard(self, house: House, steering: Steering) -> None:
        listening = {
            "wait_for": {"event": "Checkout Resumed", "within": "9 days"},
            "then": [{"exit": "resumed"}],
            "else": [note()],
        }
        house.opens_with(cart(listening)).knows("ana")
        house.happens("Checkout Started", "ana")
        steer(steering, Control.PAUSE)
        house.sleep(HOUR)
        house.happens("Checkout Resumed", "ana")
        assert house.told("journey_ended") == []
        house.sleep(HOUR)
        steer(steering, Control.RESUME)
        house.work()
        assert house.told("journey_ended") == [("journey_ended", "exit_step")]

    def test_firings_in_the_pause_are_not_made_up_for(self, house: House, steering: Steering) -> None:
        house.opens_with(scheduled("daily")).knows("ana")
        house.pass_time(DAY)
        before = len(house.sent)
        steer(steering, Control.PAUSE, "daily")
        house.pass_time(3 * DAY)
        steer(steering, Control.RESUME, "daily")
        house.work()
        assert len(house.sent) == before
        house.pass_time(DAY)
        assert len(house.sent) == before + 1

    def test_stopping_ends_journeys_and_cancels_messages(self, house: House, steering: Steering) -> None:
        names = [f"p{number}" for number in range(25)]  # batches of 10
        house.opens_with(cart(note(), {"wait": "2 hours"}, note(ref="second"))).knows(*names)
        for name in names:
            house.happens("Checkout Started", name)
        assert steering.campaign("cart", Control.STOP, by="kim").journeys == 25
        house.pass_time(DAY)
        assert house.sent == []
        assert {row.end_reason for row in house.journeys} == {"campaign_stopped"}
        assert set(house.states) == {("cancelled", "campaign_stopped")}
        house.happens("Checkout Started", "p1")
        assert house.told("journey_refused") == [("journey_refused", "campaign_stopped")]

    def test_a_stopped_campaign_can_be_resumed_and_old_journeys_stay_ended(
        self, house: House, steering: Steering
    ) -> None:
        house.opens_with(cart(note())).knows("ana", "bob")
        house.happens("Checkout Started", "ana")
        steer(steering, Control.STOP)
        steer(steering, Control.RESUME)
        house.happens("Checkout Started", "bob")
        house.work()
        assert house.sent == [("email", "bob@example.com")]

    def test_a_campaign_that_nobody_knows_cannot_be_steered(self, house: House, steering: Steering) -> None:
        house.opens_with(cart())
        with pytest.raises(UnknownCampaign, match="curt"):
            steer(steering, Control.PAUSE, "curt")


class TestOnePerson:
    def test_a_paused_journey_stands_still_and_others_go_on(self, house: House, steering: Steering) -> None:
        house.opens_with(cart(note(), {"wait": "2 hours"}, note(ref="second"))).knows("ana", "bob")
        house.happens("Checkout Started", "ana")
        house.happens("Checkout Started", "bob")
        assert steering.journeys("ana", Control.PAUSE, by="kim").journeys == 1
        house.pass_time(DAY)
        assert house.sent == [("email", "bob@example.com")] * 2
        assert sorted(row.status for row in house.journeys) == ["ended", "paused"]
        assert steering.journeys("ana", Control.RESUME, by="kim").journeys == 1
        house.pass_time(DAY)
        assert house.sent[2:] == [("email", "ana@example.com")] * 2

    def test_one_persons_pause_outlasts_the_campaigns(self, house: House, steering: Steering) -> None:
        house.opens_with(cart({"wait": "2 hours"}, note())).knows("ana")
        house.happens("Checkout Started", "ana")
        steering.journeys("ana", Control.PAUSE, by="kim")
        steer(steering, Control.PAUSE)
        steer(steering, Control.RESUME)
        house.pass_time(DAY)
        assert [row.status for row in house.journeys] == ["paused"]

    def test_a_stopped_journey_takes_its_messages_with_it(self, house: House, steering: Steering) -> None:
        steps = note(), {"wait": "2 hours"}
        house.opens_with(cart(*steps), campaign("other", *steps, event="Checkout Started")).knows("ana")
        house.happens("Checkout Started", "ana")
        steering.journeys("ana", Control.STOP, campaign="cart", by="kim", note="asked by phone")
        house.work()
        assert {(row.campaign_key, row.state) for row in house.messages} == {
            ("cart", "cancelled"),
            ("other", "accepted"),
        }
        (entry,) = house.log("journey_ended", campaign_key="cart")
        assert (entry.reason, entry.evidence) == ("journey_stopped", {"by": "kim", "note": "asked by phone"})

    def test_somebody_unknown_is_an_error(self, house: House, steering: Steering) -> None:
        with pytest.raises(UnknownProfile, match="nobody"):
            steering.journeys("nobody", Control.PAUSE, by="kim")


class TestThroughTheApi:
    def gifts(self) -> dict[str, Any]:
        return campaign("gift", note(), entry={"api": "Gift Requested", "again": "never"})

    def test_a_request_starts_a_journey_and_asked_again_answers_the_same(self, house: House) -> None:
        house.opens_with(self.gifts()).knows("ana")
        request = house.event("", "ana", id="r1", gift="record")
        started = house.pipeline.start("gift", request)
        assert started.journey_id == house.journeys[0].id
        assert house.pipeline.start("gift", request) == started
        assert house.told("journey_entered") == [("journey_entered", "api_requested")]

    def test_a_refused_request_says_why_every_time(self, house: House) -> None:
        house.opens_with(self.gifts()).knows("ana")
        house.pipeline.start("gift", house.event("", "ana", id="r1"))
        second = house.event("", "ana", id="r2")
        assert [house.pipeline.start("gift", second).refused for _ in range(2)] == ["entered_before"] * 2

    def test_the_event_alone_does_not_open_it(self, house: House) -> None:
        house.opens_with(self.gifts()).knows("ana")
        house.happens("Gift Requested", "ana")
        assert house.journeys == []

    def test_a_campaign_with_another_entry_cannot_be_started(self, house: House) -> None:
        house.opens_with(cart()).knows("ana")
        for key in ("cart", "nowhere"):
            with pytest.raises(UnknownCampaign, match=key):
                house.pipeline.start(key, house.event("", "ana"))
