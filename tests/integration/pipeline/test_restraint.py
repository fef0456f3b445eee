"""Restraint end to end: who gets the room, what waits behind what, and what a complaint or a pause does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dangol.consent import preferences
from dangol.model.message import Refused, Unknown
from dangol.model.people import Preferences
from dangol.policy import caps
from dangol.proof import reproduce
from dangol.store.tables import profiles
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, cap, note

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOLD = {
    "key": "complaint",
    "opens": "Complaint Raised",
    "closes": ["Gift Requested"],
    "at_most": "10 days",
    "resume_after": "1 day",
}


def of(house: House, key: str) -> list[Any]:
    return [row for row in house.messages if row.campaign_key == key]


def of_kim(house: House) -> str | None:
    phone: str | None = house.rows(profiles, external_id="kim")[0].phone
    return phone


def counting(name: str, work: Callable[..., Any], calls: Counter[str]) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        calls[name] += 1
        return work(*arguments)

    return counted


def reasons_by_step(house: House) -> dict[str, str | None]:
    return {row.step: row.reason for row in house.messages}


def reasons(house: House, key: str) -> list[str | None]:
    return [row.reason for row in of(house, key)]


class TestRoom:
    def test_the_more_important_message_gets_the_last_room_whichever_a_worker_was_told_of_first(
        self, house: House
    ) -> None:
        house.opens_with(campaign("news", priority=20), campaign("cart", priority=60), policies={"caps": [cap(1)]})
        house.knows("kim").orders("kim")
        [news], [cart] = of(house, "news"), of(house, "cart")
        house.pipeline.deliver([news.id])
        assert (reasons(house, "cart"), reasons(house, "news")) == (["accepted_by_provider"], ["capped"])
        [refusal] = house.log("message_suppressed")
        assert refusal.evidence["winner"] == cart.id

    def test_room_is_kept_for_what_is_planned_to_be_due_in_time(self, house: House) -> None:
        morning = [{"from": "09:00", "to": "12:00", "channels": ["sms"]}]
        policies = {"caps": [cap(1, reserve="12 hours")], "quiet_hours": morning}
        news = campaign("news", event="Checkout Started", priority=20)
        house.opens_with(campaign("cart", note("sms"), priority=60), news, policies=policies)
        house.knows("kim").orders("kim")
        house.work()
        assert house.states == [("planned", "quiet_hours")]
        house.happens("Checkout Started", "kim", value=1)
        house.work()
        [refusal] = house.log("message_suppressed")
        assert (refusal.reason, refusal.evidence["winner"]) == ("yielded", of(house, "cart")[0].id)
        house.pass_time(3 * HOUR)
        assert house.sent == [("sms", of_kim(house))]

    def test_the_worthier_of_two_messages_of_one_priority_goes_first(self, house: House) -> None:
        entry = {"event": "Order Completed", "key": "event.order_id", "again": "always"}
        house.opens_with(campaign("cart", value="entry.value", entry=entry), policies={"caps": [cap(1)]})
        house.knows("kim")
        house.pipeline.ingest(
            [
                house.event("Order Completed", "kim", order_id=order, value=value)
                for order, value in (("a", 10), ("b", 30), ("c", 20))
            ]
        )
        house.work()
        went = [row.value for row in house.messages if row.reason == "accepted_by_provider"]
        assert went == [30]
        assert sorted(row.value for row in house.messages) == [10, 20, 30]

    @pytest.mark.parametrize(("counted", "second"), [(True, "capped"), (False, "accepted_by_provider")])
    def test_what_nobody_can_tell_counts_unless_the_policies_say_otherwise(
        self, house: House, counted: bool, second: str
    ) -> None:
        house.opens_with(campaign("news"), policies={"caps": [cap(1)], "count_unknown": counted})
        house.knows("kim").carrier.script("kim@example.com", Unknown("who knows"))
        for _ in range(2):
            house.orders("kim")
            house.work()
            house.pass_time(HOUR)
        assert [row.reason for row in house.messages] == ["outcome_unknown", second]

    def test_a_worker_that_vanished_gives_the_slot_back_only_where_unknown_does_not_count(self, house: House) -> None:
        house.opens_with(campaign("news"), policies={"caps": [cap(1)], "count_unknown": False})
        house.knows("kim").orders("kim")
        with house.database.write() as tx:
            handover = house.pipeline._decide(tx, [house.messages[0].id])
            handover.write(tx)
        assert len(house.slots) == 1
        house.sleep(DAY)
        house.sweeper.sweep()
        assert (house.states, house.slots) == ([("unknown", "lease_lost")], [])

    def test_a_person_with_hundreds_of_waiting_messages_holds_nobody_up(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is found out about a rival is found out once for all that contend with it, and not for every pair."""
        caps_and_reserve = [cap(1, reserve="1 hour"), cap(3, key="second", window="rolling 30 days")]
        rare = campaign("rare", note("email", on_capped="defer"), priority=10)
        often = campaign("often", note("email", on_capped="defer"), priority=60)
        house.opens_with(rare, often, policies={"caps": caps_and_reserve})
        house.knows("kim", "lee")
        house.pipeline.ingest([house.event("Order Completed", "kim") for _ in range(200)])
        house.orders("lee")
        asked = Counter[str]()
        monkeypatch.setattr(caps, "_reaches", counting("rivals", caps._reaches, asked))
        monkeypatch.setattr(caps, "ahead", counting("orders", caps.ahead, asked))
        house.pipeline.deliver([row.id for row in house.messages])
        assert len(house.messages) == 402
        assert asked["rivals"] <= 2 * 402
        assert asked["orders"] <= 402
        assert sorted(to for _, to in house.sent) == ["kim@example.com", "lee@example.com"]


class TestOrder:
    TWO = (note("sms", ref="first"), note("email", ref="second"))

    def test_an_email_stays_behind_the_text_message_that_waits_for_the_morning(self, house: House) -> None:
        night = [{"from": "21:00", "to": "08:00", "channels": ["sms"]}]
        house.opens_with(campaign("two", *self.TWO), policies={"quiet_hours": night})
        house.knows("kim").sleep(14 * HOUR)  # midnight in Seoul
        house.orders("kim")
        house.work()
        assert {row.step: row.reason for row in house.messages} == {"first": "quiet_hours", "second": "earlier_waits"}
        house.pass_time(8 * HOUR)
        assert [channel for channel, _ in house.sent] == ["sms", "email"]

    def test_what_the_provider_refuses_for_the_moment_holds_back_what_follows_in_the_same_batch(
        self, house: House
    ) -> None:
        house.opens_with(campaign("two", *self.TWO))
        house.knows("kim").carrier.script(of_kim(house) or "", Refused(permanent=False, detail="busy"))
        house.orders("kim")
        house.work()
        assert (house.sent, reasons_by_step(house)["second"]) == ([], "earlier_waits")
        house.pass_time(HOUR)
        assert [channel for channel, _ in house.sent] == ["sms", "email"]

    def test_what_follows_goes_out_at_once_when_the_provider_has_the_earlier_one(self, house: House) -> None:
        house.opens_with(campaign("two", *self.TWO))
        house.knows("kim", "lee").orders("kim", "lee")
        house.work()
        assert [channel for channel, _ in house.sent] == ["sms", "sms", "email", "email"]
        assert house.log("message_deferred") == []

    def test_what_another_worker_is_handing_over_holds_back_what_follows_until_its_outcome_is_known(
        self, house: House
    ) -> None:
        house.opens_with(campaign("two", *self.TWO))
        house.knows("kim").orders("kim")
        first, second = (next(row.id for row in house.messages if row.step == step) for step in ("first", "second"))
        with house.database.write() as tx:
            house.pipeline._decide(tx, [first]).write(tx)
        house.pipeline.deliver([second])
        assert (house.sent, reasons_by_step(house)["second"]) == ([], "earlier_waits")
        [waits] = house.log("message_deferred")
        assert waits.evidence["behind"] == first
        house.pass_time(HOUR)  # nobody heard of that worker again
        assert reasons_by_step(house)["first"] == "lease_lost"
        assert [channel for channel, _ in house.sent] == ["email"]

    def test_messages_of_one_step_go_out_together_whatever_becomes_of_one(self, house: House) -> None:
        house.opens_with(campaign("all", {"send": "note", "channels": {"all": ["sms", "email"]}}))
        house.knows("kim").carrier.script(of_kim(house) or "", Refused(permanent=False, detail="busy"))
        house.orders("kim")
        house.work()
        assert [channel for channel, _ in house.sent] == ["email"]


class TestComplaint:
    def test_marketing_waits_while_a_case_is_open_and_goes_on_after_it(self, house: House) -> None:
        house.opens_with(campaign("news"), policies={"holds": [HOLD]})
        house.knows("kim", "lee").happens("Complaint Raised", "kim", topic="late")
        house.orders("kim", "lee")
        house.work()
        assert [to for _, to in house.sent] == ["lee@example.com"]
        house.pass_time(DAY)
        house.happens("Gift Requested", "kim", gift="x")
        resumes = house.clock.now() + DAY
        [waiting] = [row for row in house.messages if row.state == "planned"]
        assert (waiting.reason, waiting.due_at) == ("case_open", resumes)
        house.pass_time(DAY + HOUR)
        assert [to for _, to in house.sent] == ["lee@example.com", "kim@example.com"]
        assert house.told("message_deferred") == [("message_deferred", "case_open")] * 2

    def test_a_case_that_nobody_closes_ends_by_itself(self, house: House) -> None:
        house.opens_with(campaign("news"), policies={"holds": [HOLD]})
        house.knows("kim").happens("Complaint Raised", "kim", topic="late")
        house.orders("kim")
        house.pass_time(11 * DAY)
        assert len(house.sent) == 1


def test_who_paused_hears_nothing_until_the_pause_ends_or_is_ended(house: House) -> None:
    house.opens_with(campaign("news"))
    house.knows("kim", "lee")
    owners = {name: house.id_of(name) for name in ("kim", "lee")}
    paused = Preferences(house.clock.now() + 3 * DAY)
    with house.database.write() as tx:
        preferences.save(tx, dict.fromkeys(owners.values(), paused), now=house.clock.now())
    house.orders("kim", "lee")
    house.work()
    assert reasons(house, "news") == ["paused_by_recipient"] * 2
    with house.database.write() as tx:
        preferences.save(tx, {owners["lee"]: Preferences()}, now=house.clock.now())
    house.work()
    assert [to for _, to in house.sent] == ["lee@example.com"]
    house.pass_time(3 * DAY)
    assert [to for _, to in house.sent] == ["lee@example.com", "kim@example.com"]


class TestPush:
    """A carrier that holds a push back for a device out of reach drops it before the night, and before its expiry."""

    NIGHT = ({"from": "21:00", "to": "08:00", "channels": ["push"]},)

    def at(self, house: House, hours: float) -> House:
        """So many hours of the day in UTC; Seoul is nine ahead."""
        house.sleep((house.clock.now().replace(hour=0, minute=0, second=0) + hours * HOUR - house.clock.now()) % DAY)
        return house

    @pytest.mark.parametrize("minutes", [60, 5, 0.05])
    def test_it_lives_no_longer_than_until_the_night_and_the_log_still_proves_it(
        self, house: House, minutes: float
    ) -> None:
        house.opens_with(campaign("p", note("push")), policies={"quiet_hours": list(self.NIGHT)}).knows("kim")
        self.at(house, 12 - minutes / 60).orders("kim")
        night = house.clock.now() + timedelta(minutes=minutes)
        house.work()
        [pushed] = house.carrier.accepted
        assert pushed.not_after is not None
        assert pushed.rendered.ttl is not None
        assert pushed.rendered.ttl >= timedelta()
        assert pushed.not_after + pushed.rendered.ttl <= night
        [entry] = house.log("message_sending")
        with house.database.read() as tx:
            assert reproduce(tx, house.pipeline.releases, entry).matches is True

    def test_it_lives_no_longer_than_its_own_expiry(self, house: House) -> None:
        house.opens_with(campaign("p", note("push", expires_after="1 hour"))).knows("kim")
        self.at(house, 1).orders("kim")
        house.work()
        [pushed] = house.carrier.accepted
        assert pushed.rendered.ttl is not None
        assert pushed.rendered.ttl <= HOUR
