"""Events come in: each ends in one journey or one logged refusal for every campaign it opens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from dangol.intake import Intake
from dangol.model.vocabulary import Channel
from dangol.pipeline import Ingested
from dangol.profiles import people
from dangol.store.tables import events, profiles, rejected_events
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WAIT = {"wait": "1 day"}
IN, OUT, NOT_IN = "journey_entered", "journey_ended", "journey_refused"


def test_an_event_begins_one_journey_in_every_campaign_that_it_opens(house: House) -> None:
    house.opens_with(campaign("a", WAIT), campaign("b", WAIT), campaign("c", WAIT, event="Complaint Raised"))
    assert house.knows("kim").orders("kim") == Ingested(received=1, new=1, journeys=2)
    assert [(row.campaign_key, row.status) for row in house.journeys] == [("a", "waiting"), ("b", "waiting")]
    assert house.told("journey") == [(IN, "event_matched")] * 2


def test_an_event_that_opens_nothing_is_kept(house: House) -> None:
    house.opens_with(campaign("a"))
    assert house.happens("Never Heard Of", "kim") == Ingested(1, 1, 0)
    assert len(house.rows(events)) == 1
    assert house.log() == []


def test_an_event_known_by_its_message_id_changes_nothing(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim", "lee")
    house.orders("kim", id="one", order_id="1")
    before = (house.journeys, house.messages, house.log(), house.rows(events))
    assert house.orders("kim", id="one", order_id="2") == Ingested(1, 0, 0)
    assert house.orders("lee", id="one") == Ingested(1, 0, 0)
    assert (house.journeys, house.messages, house.log(), house.rows(events)) == before


def test_one_message_id_twice_in_a_batch_is_one_event(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim")
    assert house.orders("kim", "kim", id="one") == Ingested(2, 1, 1)
    assert len(house.journeys) == 1


def test_an_empty_batch_is_no_trouble(house: House) -> None:
    house.opens_with(campaign("a"))
    assert house.pipeline.ingest([]) == Ingested(0, 0, 0)


ON_POSTGRESQL = pytest.mark.parametrize(
    "database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def test_whoever_would_not_wait_has_not_to_while_nobody_is_held(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim")
    told = [house.event("Order Completed", who) for who in ("kim", "stranger")]
    assert house.pipeline.ingest(told, patient=False) == Ingested(2, 2, 2)


@ON_POSTGRESQL
def test_events_about_people_whom_somebody_holds_are_left_to_whoever_will_not_wait(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim", "lee")
    of_kim, of_lee = (house.event("Order Completed", who) for who in ("kim", "lee"))
    with house.database.write() as tx:
        people.lock(tx, people.find(tx, ["kim"]).values())
        assert house.pipeline.ingest([of_kim, of_lee], patient=False) == Ingested(1, 1, 1, (of_kim,))
    assert house.pipeline.ingest([of_kim], patient=False) == Ingested(1, 1, 1)


def test_a_person_nobody_told_about_gets_a_profile_and_a_journey(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).orders("stranger")
    assert [row.external_id for row in house.rows(profiles)] == ["stranger"]
    assert house.told() == [(IN, "event_matched")]


@pytest.mark.parametrize(("value", "journeys"), [(30_000, 1), (29_999, 0), (None, 0)])
def test_where_looks_at_the_event(house: House, value: int | None, journeys: int) -> None:
    house.opens_with(campaign("a", WAIT, where="event.value >= 30000")).knows("kim")
    assert house.orders("kim", **({} if value is None else {"value": value})).journeys == journeys
    assert len(house.log()) == journeys


def test_where_counts_what_had_happened_by_then_and_no_more(house: House) -> None:
    house.opens_with(campaign("second", WAIT, where='count("Order Completed") == 2')).knows("kim")
    house.sleep(DAY)
    now = house.clock.now()
    house.orders("kim", at=now - HOUR)
    assert house.journeys == []
    house.orders("kim", at=now - 2 * HOUR)
    assert house.journeys == [], "an order that is told late was the first one then"
    house.orders("kim", at=now)
    assert house.journeys == [], "this is the third"


def test_where_counts_the_events_of_its_own_batch_in_their_order(house: House) -> None:
    house.opens_with(campaign("second", WAIT, where='count("Order Completed") == 2')).knows("kim")
    house.sleep(DAY)
    now = house.clock.now()
    batch = [house.event("Order Completed", "kim", id=str(n), at=now - n * HOUR) for n in range(3)]
    assert house.pipeline.ingest(batch).journeys == 1
    assert house.journeys[0].entered_at == now - HOUR


def test_again_never_takes_a_person_once(house: House) -> None:
    house.opens_with(campaign("a", again="never")).knows("kim")
    house.orders("kim")
    house.sleep(400 * DAY)
    house.orders("kim")
    assert house.told("journey") == [(IN, "event_matched"), (OUT, "completed"), (NOT_IN, "entered_before")]


def test_again_always_takes_a_person_whenever_out(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim")
    house.orders("kim")
    house.orders("kim")
    assert [kind for kind, _ in house.told("journey")] == [IN, OUT, IN, OUT]


@pytest.mark.parametrize(("later", "told"), [(7 * DAY - MINUTE, NOT_IN), (7 * DAY, IN)])
def test_again_after_counts_from_the_last_entry(house: House, later: timedelta, told: str) -> None:
    house.opens_with(campaign("a", again={"after": "7 days"})).knows("kim")
    house.orders("kim")
    house.sleep(later)
    house.orders("kim")
    assert house.told("journey")[2][0] == told


def test_whoever_is_inside_does_not_enter_again(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim")
    house.orders("kim")
    house.orders("kim")
    assert house.told() == [(IN, "event_matched"), (NOT_IN, "already_in_journey")]
    assert house.log(NOT_IN)[0].evidence == {"occasion": house.rows(events, message_id="e2")[0].id}


def test_two_entries_in_one_batch_are_decided_one_after_the_other(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim")
    assert house.orders("kim", "kim") == Ingested(2, 2, 1)
    assert house.told() == [(IN, "event_matched"), (NOT_IN, "already_in_journey")]


def test_an_exit_event_ends_the_journey_and_cancels_what_was_not_under_way(house: House) -> None:
    house.opens_with(campaign("a", note(), WAIT, note(), event="Checkout Started", exit=["Order Completed"]))
    house.knows("kim").happens("Checkout Started", "kim")
    house.sleep(MINUTE)
    house.orders("kim")
    assert house.told() == [
        (IN, "event_matched"),
        ("message_planned", "step_reached"),
        (OUT, "exit_event"),
        ("message_cancelled", "exit_event"),
    ]
    assert house.states == [("cancelled", "exit_event")]
    house.pass_time(3 * DAY)
    assert house.sent == []


def test_an_exit_event_leaves_what_was_sent_as_it_is(house: House) -> None:
    house.opens_with(campaign("a", note(), WAIT, event="Checkout Started", exit=["Order Completed"]))
    house.knows("kim").happens("Checkout Started", "kim")
    house.work()
    house.sleep(MINUTE)
    house.orders("kim")
    assert house.states == [("accepted", "accepted_by_provider")]


def test_the_goal_ends_the_journey_within_its_time_only(house: House) -> None:
    goal = {"event": "Order Completed", "within": "3 days"}
    house.opens_with(campaign("a", {"wait": "30 days"}, event="Checkout Started", goal=goal)).knows("kim", "lee")
    house.happens("Checkout Started", "kim")
    house.happens("Checkout Started", "lee")
    house.sleep(3 * DAY)
    house.orders("kim")
    house.sleep(MINUTE)
    house.orders("lee")
    assert house.told(OUT) == [(OUT, "goal_reached")]
    assert house.log(OUT)[0].profile_id == house.id_of("kim")


def test_the_event_that_let_a_person_in_does_not_end_the_journey(house: House) -> None:
    house.opens_with(campaign("a", WAIT, exit=["Order Completed"])).knows("kim")
    house.orders("kim")
    assert [row.status for row in house.journeys] == ["waiting"]


def test_an_event_can_end_a_journey_and_begin_the_next(house: House) -> None:
    house.opens_with(campaign("a", WAIT, exit=["Order Completed"])).knows("kim")
    house.orders("kim")
    house.sleep(HOUR)
    house.orders("kim")
    assert house.told() == [(IN, "event_matched"), (OUT, "exit_event"), (IN, "event_matched")]


def test_an_exit_event_from_before_the_entry_ends_nothing(house: House) -> None:
    house.opens_with(campaign("a", WAIT, event="Checkout Started", exit=["Order Completed"])).knows("kim")
    house.happens("Checkout Started", "kim")
    house.orders("kim", at=house.clock.now() - MINUTE)
    assert [row.status for row in house.journeys] == ["waiting"]


def test_an_entry_that_is_told_after_its_exit_ends_at_once_and_plans_nothing(house: House) -> None:
    house.opens_with(campaign("a", note(), WAIT, event="Checkout Started", exit=["Order Completed"])).knows("kim")
    house.sleep(DAY)
    house.orders("kim")
    house.happens("Checkout Started", "kim", at=house.clock.now() - MINUTE)
    assert house.told() == [(IN, "event_matched"), (OUT, "exit_event")]
    assert house.messages == []


def test_an_exit_between_the_last_step_and_the_sending_cancels_the_message(house: House) -> None:
    house.opens_with(campaign("a", note(), event="Checkout Started", exit=["Order Completed"])).knows("kim")
    house.happens("Checkout Started", "kim")
    house.sleep(MINUTE)
    house.orders("kim")
    house.work()
    assert house.states == [("cancelled", "exit_event")]
    assert house.sent == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_a_batch_does_not_matter(house: House, order: tuple[int, ...]) -> None:
    house.opens_with(campaign("a", WAIT, event="Checkout Started", exit=["Order Completed"])).knows("kim")
    house.sleep(DAY)
    now = house.clock.now()
    batch = [
        house.event("Checkout Started", "kim", at=now - 3 * HOUR),
        house.event("Order Completed", "kim", at=now - 2 * HOUR),
        house.event("Checkout Started", "kim", at=now - HOUR),
    ]
    house.pipeline.ingest([batch[place] for place in order])
    assert house.told() == [(IN, "event_matched"), (OUT, "exit_event"), (IN, "event_matched")]
    assert [row.status for row in house.journeys] == ["ended", "waiting"]


def test_events_of_the_same_instant_have_one_order_whatever_the_batch(house: House) -> None:
    house.opens_with(campaign("a", WAIT, event="Checkout Started", exit=["Order Completed"])).knows("kim", "lee")
    start, order = ("Checkout Started", "s"), ("Order Completed", "o")
    for who, told in (("kim", [start, order]), ("lee", [order, start])):
        house.pipeline.ingest([house.event(name, who, id=id_) for name, id_ in told if who == "kim"])
        house.pipeline.ingest([house.event(name, who, id=f"{id_}{id_}") for name, id_ in told if who == "lee"])
    assert [row.end_reason for row in house.journeys] == ["exit_event", "exit_event"]


def test_an_entry_long_ago_is_taken_in_but_its_message_has_expired(house: House) -> None:
    house.opens_with(campaign("a", note(expires_after="1 day"))).knows("kim")
    house.sleep(9 * DAY)
    house.orders("kim", at=house.clock.now() - 2 * DAY)
    house.work()
    assert house.states == [("expired", "expired")]
    assert house.told("message") == [("message_planned", "step_reached"), ("message_expired", "expired")]


def test_all_channels_are_one_message_each(house: House) -> None:
    house.opens_with(campaign("a", {"send": "note", "channels": {"all": ["email", "sms"]}})).knows("kim")
    house.orders("kim")
    assert sorted(row.channels for row in house.messages) == ["email", "sms"]


def test_what_cannot_be_an_event_is_kept_aside_and_harms_no_other(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim")
    good = {"userId": "kim", "event": "Order Completed", "messageId": "m"}
    Intake(house.pipeline).accept([good, {"event": "Order Completed"}, "what?"], source="queue")
    assert [row.message_id for row in house.rows(events)] == ["m"]
    assert len(house.journeys) == 1
    assert len(house.rows(rejected_events)) == 2


def test_a_bug_of_ours_costs_no_event_that_came_over_the_queue(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim")
    monkeypatch.setattr(house.pipeline, "ingest", lambda _events: 1 / 0)
    Intake(house.pipeline).accept([{"userId": "kim", "event": "Order Completed", "messageId": "m"}], source="queue")
    assert [(row.code, "Order Completed" in row.payload) for row in house.rows(rejected_events)] == [("failed", True)]


def test_nothing_is_stored_about_a_person_who_was_erased(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim").erases("kim")
    told = house.orders("kim", order_id="of somebody")
    assert (told.new, told.journeys) == (0, 0)
    assert (house.rows(events), house.journeys) == ([], [])
    assert [(row.code, row.payload) for row in house.rows(rejected_events)] == [("erased", "")]


def test_a_campaign_out_of_service_lets_nobody_in_and_goes_on_with_those_inside(house: House) -> None:
    house.opens_with(campaign("a", WAIT, note()), campaign("b")).knows("kim", "lee", agreeing_to=[Channel.EMAIL])
    house.orders("kim")
    house.opens_with(campaign("b"))
    house.orders("lee")
    house.pass_time(2 * DAY)
    assert [(row.campaign_key, row.state) for row in house.messages if row.campaign_key == "a"] == [("a", "accepted")]
    assert {row.profile_id for row in house.journeys if row.campaign_key == "a"} == {house.id_of("kim")}


def test_instants_keep_their_microseconds(house: House) -> None:
    house.opens_with(campaign("a", WAIT)).knows("kim")
    at = datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC)
    house.sleep(DAY)
    house.orders("kim", at=at)
    assert house.journeys[0].entered_at == at
