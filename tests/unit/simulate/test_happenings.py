"""What happens to simulated people, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dangol.model.people import IncomingEvent
from dangol.model.workspace import TrackingPlan
from dangol.simulate.behaviour import parse_behaviour
from dangol.simulate.draws import Draws
from dangol.simulate.happenings import Happenings, Someone

START = datetime(2026, 11, 1, 15, tzinfo=UTC)
END = START + timedelta(days=30)
GRAIN = timedelta(minutes=30)
PLAN = TrackingPlan.model_validate(
    {
        "events": {
            "Checkout Started": {"cart_id": "string", "value": "number", "url": "string"},
            "Order Completed": {"order_id": "string", "cart_id": "string", "value": "number", "on": "date"},
        }
    }
)
LIVELY = """
people: {activity: 0.5, past: {Order Completed: 1}, past_days: 90}
events:
  Checkout Started:
    rate: 3
    properties: {cart_id: {id: cart}, value: {from: 10, to: 20, step: 5}}
    then: [{event: Order Completed, share: 40%, after: 1 hour, keeps: [cart_id, value]}]
  Order Completed: {properties: {order_id: {id: order}, on: {days_later: 2}}}
  Unplanned: {rate: 50}
"""
PEOPLE = [Someone(f"id{number}", f"p{number}", "Asia/Seoul") for number in range(400)]


def happenings(text: str = LIVELY, seed: int = 0) -> Happenings:
    return Happenings(parse_behaviour("b.yaml", text), PLAN, Draws(seed), start=START, end=END, grain=GRAIN)


def all_of(found: Happenings) -> list[IncomingEvent]:
    events = []
    while (at := found.next_at()) is not None:
        events += found.until(at)
    return events


def lived(seed: int = 0, people: list[Someone] = PEOPLE) -> list[IncomingEvent]:
    found = happenings(seed=seed)
    found.live(people)
    return all_of(found)


def test_events_come_in_order_on_the_grid_and_within_the_window() -> None:
    times = [event.occurred_at for event in lived()]
    assert times == sorted(times)
    assert all(START <= at < END and at.minute in (0, 30) and not at.second for at in times)


def test_rates_and_shares_are_kept_on_average() -> None:
    names = [event.name for event in lived()]
    assert abs(names.count("Checkout Started") / 400 - 3) < 0.4
    assert abs(names.count("Order Completed") / names.count("Checkout Started") - 0.4) < 0.08


def test_events_that_nobody_planned_do_not_happen() -> None:
    assert {event.name for event in lived()} == {"Checkout Started", "Order Completed"}


def test_a_persons_luck_does_not_depend_on_the_others() -> None:
    alone = lived(people=PEOPLE[7:8])
    assert alone == [event for event in lived() if event.external_id == "p7"]
    assert alone != [event for event in lived(seed=1) if event.external_id == "p7"]


def test_what_follows_keeps_what_it_is_told_to_and_comes_later() -> None:
    events = lived()
    carts = {event.properties["cart_id"]: event for event in events if event.name == "Checkout Started"}
    orders = [event for event in events if event.name == "Order Completed"]
    assert orders
    for order in orders:
        cart = carts[order.properties["cart_id"]]
        assert order.properties["value"] == cart.properties["value"]
        assert order.occurred_at > cart.occurred_at


def test_every_planned_property_has_a_value_of_its_type() -> None:
    for event in lived():
        assert set(event.properties) == set(PLAN.events[event.name])
        assert event.properties["value"] in (10, 15, 20) or event.name == "Order Completed"
    order = next(event for event in lived() if event.name == "Order Completed")
    assert datetime.fromisoformat(order.properties["on"]).date() == (order.occurred_at + timedelta(days=2)).date()


def test_ids_are_never_given_twice() -> None:
    events = lived()
    assert len({event.message_id for event in events}) == len(events)
    carts = [event.properties["cart_id"] for event in events if event.name == "Checkout Started"]
    assert len(set(carts)) == len(carts)


def test_the_past_lies_before_the_start() -> None:
    past = list(happenings().past(PEOPLE))
    assert abs(len(past) / 400 - 3) < 0.4
    assert all(START - timedelta(days=91) <= event.occurred_at < START for event in past)


def test_what_is_bought_is_about_what_the_journey_began_with() -> None:
    found = happenings()
    found.buy(START + timedelta(hours=1), "p1", "message cart.nudge 1", {"cart_id": "c9", "url": "x"})
    (order,) = all_of(found)
    assert (order.name, order.properties["cart_id"]) == ("Order Completed", "c9")
    assert "url" not in order.properties


def test_nothing_is_bought_after_the_end() -> None:
    found = happenings()
    found.buy(END, "p1", "message cart.nudge 1", {})
    assert found.next_at() is None


def test_reported_events_keep_their_own_time() -> None:
    found = happenings()
    at = START + timedelta(minutes=47)
    event = IncomingEvent("m", "p1", "Order Completed", {}, at, "tests")
    found.report([event])
    assert found.next_at() == START + timedelta(minutes=30)
    assert found.until(START + timedelta(minutes=30)) == [event]
