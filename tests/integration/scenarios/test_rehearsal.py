"""Scenarios are played by the real pipeline: each says what it expects, and what fails is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dangol.scenarios.cases import check_scenarios
from tests.integration.scenarios.conftest import Shop
from tests.workspaces import NIGHT, campaign, cap, note, scheduled

Open = Callable[..., Shop]
ORDER = "[{event: Order Completed}]"


def scenario(text: str) -> str:
    """One scenario that begins at ten in the morning of a Monday."""
    lines = "".join(f"    {line}\n" for line in text.strip().splitlines())
    return f"scenarios:\n  - name: one\n    at: 2026-03-02 10:00\n{lines}"


def test_a_message_is_expected_with_its_time_channel_and_text(shop: Open) -> None:
    house = shop(campaign("thanks", {"wait": "2 hours"}, note("push", "email", ref="first")))
    house.tests(
        scenario(
            f"happens: {ORDER}\nexpect: [{{message: note, channel: push, step: first, at: 2026-03-02 12:00,"
            " locale: en, subject: A note, contains: [How are you]}]\nends: completed"
        )
    )
    assert house.failures() == []


def test_nobody_has_agreed_to_anything_unless_it_is_said(shop: Open) -> None:
    house = shop(campaign("thanks"))
    house.tests("customers: {ada: {}}\n" + scenario(f"happens: {ORDER}\nexpect: [{{refused: consent_missing}}]"))
    assert house.failures() == []


def test_what_was_agreed_to_is_confirmed_where_a_rule_requires_a_double_opt_in(shop: Open) -> None:
    strict = {"jurisdictions": {"serves": ["DE"], "rules": [{"id": "DE-doi", "double_opt_in": "required"}]}}
    house = shop(campaign("thanks"), policies=strict)
    agreed = "customers: {ada: {country: DE, consents: {marketing: [email]}}}\n"
    house.tests(agreed + scenario(f"happens: {ORDER}\nexpect: [{{message: note}}]"))
    assert house.failures() == []


def test_a_customer_can_be_described_after_another(shop: Open) -> None:
    house = shop(campaign("thanks", note("email", "sms")))
    house.tests(
        scenario(
            f"customer: {{like: jimin, email: null}}\nhappens: {ORDER}\n"
            "expect: [{refused: address_missing, channel: email}, {message: note, channel: sms}]"
        )
    )
    assert house.failures() == []


def test_times_are_those_of_the_customers_clock(shop: Open) -> None:
    house = shop(campaign("thanks"), policies={"quiet_hours": NIGHT})
    text = """
    customers:
      grace: {timezone: America/New_York, consents: {marketing: [email]}}
    scenarios:
      - name: it is night in New York
        at: 2026-03-02 22:00
        happens: [{event: Order Completed}]
        expect:
          - {deferred: quiet_hours, message: note}
          - {message: note, at: 2026-03-03 08:00}
      - name: it is ten in the evening in Seoul, and day in New York
        at: 2026-03-02T22:00+09:00
        happens: [{event: Order Completed}]
        expect: [{message: note, after: 0 minutes}]
    """
    assert house.tests(text).failures() == []


def test_what_happened_before_counts_and_begins_no_journey(shop: Open) -> None:
    house = shop(campaign("thanks", where='count("Order Completed") == 2'))
    house.tests(
        scenario(
            "history: [{event: Order Completed, before: 40 days}]\n"
            f"happens: {ORDER}\nexpect: [{{message: note}}]\nends: completed"
        )
    )
    assert house.failures() == []


def test_what_happens_at_an_instant_comes_before_what_is_due_at_it(shop: Open) -> None:
    house = shop(campaign("thanks", {"wait": "2 hours"}, note(), event="Checkout Started", exit=["Order Completed"]))
    house.tests(
        scenario(
            "happens: [{event: Checkout Started}, {event: Order Completed, after: 2 hours}]\n"
            "expect: []\nends: exit_event"
        )
    )
    assert house.failures() == []


def test_all_that_happens_at_an_instant_comes_before_what_is_due_at_it(shop: Open) -> None:
    house = shop(campaign("thanks", {"wait": "2 hours"}, note(), event="Checkout Started", exit=["Order Completed"]))
    house.tests(
        scenario(
            "happens: [{event: Checkout Started}, {event: Complaint Raised, after: 2 hours},"
            " {event: Order Completed, after: 2 hours}]\nexpect: []\nends: exit_event"
        )
    )
    assert house.failures() == []


def test_an_event_may_be_heard_of_late(shop: Open) -> None:
    house = shop(campaign("thanks", {"wait": "2 hours"}, note(), event="Checkout Started", exit=["Order Completed"]))
    house.tests(
        scenario(
            "happens: [{event: Checkout Started}, {event: Order Completed, after: 1 hour, late: 3 hours}]\n"
            "expect: [{message: note, after: 2 hours}]"
        )
    )
    assert house.failures() == []


def test_consents_profile_and_addresses_change_on_the_way(shop: Open) -> None:
    steps = [{"wait": "1 day"}, note("email", "sms"), {"wait": "1 day"}, note("sms", "push"), {"wait": "1 day"}, note()]
    house = shop(campaign("thanks", *steps))
    text = scenario(
        """
happens:
  - event: Order Completed
  - consents: {withdrawn: {marketing: [email]}}
    after: 1 hour
  - bounced: sms
    after: 30 hours
  - consents: {given: {marketing: [email]}}
    after: 50 hours
  - profile: {email: new@example.com, attributes: {vip: true, given_name: null}}
    after: 51 hours
expect:
  - {message: note, channel: sms, after: 1 day}
  - {refused: address_suppressed, channel: sms}
  - {message: note, channel: push, after: 2 days}
  - {message: note, channel: email, after: 3 days}
  - profile: {vip: true, given_name: null, email: new@example.com}
"""
    )
    assert house.tests(text).failures() == []


def test_only_the_campaign_under_test_is_in_service_unless_others_are_named(shop: Open) -> None:
    house = shop(campaign("thanks"), campaign("letters", {"send": "letter", "channels": ["email"]}))
    alone = scenario(f"happens: {ORDER}\nexpect: [{{message: note}}]")
    assert house.tests(alone).failures() == []
    for beside in ("all", "[letters]"):
        both = scenario(
            f"beside: {beside}\nhappens: {ORDER}\nexpect: [{{message: letter, campaign: letters}}, {{message: note}}]"
        )
        assert house.tests(both).failures() == []
    forgotten = scenario(f"beside: all\nhappens: {ORDER}\nexpect: [{{message: note}}]")
    (failure,) = house.tests(forgotten).failures()
    assert failure.startswith("letter · email · en was not expected")


def test_campaigns_compete_for_the_workspaces_own_caps(shop: Open) -> None:
    house = shop(
        campaign("thanks", priority=10),
        campaign("letters", {"send": "letter", "channels": ["email"]}, priority=90),
        policies={"caps": [cap(1, "calendar day")]},
    )
    house.tests(
        scenario(f"beside: all\nhappens: {ORDER}\nexpect: [{{message: letter}}, {{refused: capped, campaign: thanks}}]")
    )
    assert house.failures() == []


@pytest.mark.parametrize(("arm", "message"), [("", "note"), ("arms: {copy: story}", "letter")])
def test_a_scenario_draws_the_arm_that_it_names_else_the_first(shop: Open, arm: str, message: str) -> None:
    letter = {"send": "letter", "channels": ["email"]}
    split = {"split": {"copy": {"plain": 5, "story": 95}}, "plain": [note()], "story": [letter]}
    house = shop(campaign("thanks", split))
    house.tests(scenario(f"{arm}\nhappens: {ORDER}\nexpect: [{{message: {message}}}]"))
    assert house.failures() == []


@pytest.mark.parametrize(
    ("held", "expected"), [("false", "{message: note}"), ("true", "{refused: held_out, message: note}")]
)
def test_nobody_is_held_out_unless_the_scenario_says_so(shop: Open, held: str, expected: str) -> None:
    house = shop(campaign("thanks", holdout="50%"), policies={"holdout": "50%"})
    house.tests(scenario(f"holdout: {held}\nhappens: {ORDER}\nexpect: [{expected}]"))
    assert house.failures() == []


def test_a_schedule_that_fires_when_the_scenario_begins_is_part_of_it(shop: Open) -> None:
    house = shop(scheduled("thanks", cron="0 10 * * MON"))
    house.tests(scenario("until: 8 days\nexpect: [{message: note, after: 0 minutes}, {message: note, after: 1 week}]"))
    assert house.failures() == []


def test_steps_that_send_nothing_are_expected_by_what_they_do(shop: Open) -> None:
    house = shop(
        campaign(
            "thanks",
            {"set": {"vip": True}},
            {"emit": "Complaint Raised", "properties": {"topic": "none"}},
            {"webhook": "https://crm.example/hook", "payload": {"order": {"from": "entry.order_id"}}},
            {"exit": "noted"},
        )
    )
    text = scenario(
        """
happens: [{event: Order Completed, properties: {order_id: A-7}}]
expect:
  - profile: {vip: true}
  - {emitted: Complaint Raised, properties: {topic: none}, after: 0 minutes}
  - {webhook: "https://crm.example/hook", payload: {order: A-7}}
ends: noted
"""
    )
    assert house.tests(text).failures() == []


def test_a_back_end_starts_a_journey(shop: Open) -> None:
    house = shop(campaign("thanks", entry={"api": "Order Completed", "again": "always"}))
    house.tests(scenario("happens: [{start: thanks, properties: {order_id: A-7}}]\nexpect: [{message: note}]"))
    assert house.failures() == []


@pytest.mark.parametrize(
    ("happens", "broken"),
    [
        ("{event: Complaint Raised, after: 2 hours}", True),
        ("{event: Complaint Raised, after: 3 hours}", False),
        ("{event: Complaint Raised, after: 1 hour, late: 5 hours}", False),
        ("{event: Checkout Started, after: 1 hour}", True),
    ],
)
def test_a_message_comes_after_what_dangol_had_heard_of_when_it_was_sent(
    shop: Open, happens: str, broken: bool
) -> None:
    tell = {"emit": "Complaint Raised", "properties": {}}
    house = shop(campaign("thanks", {"wait": "2 hours"}, note()), campaign("teller", tell, event="Checkout Started"))
    text = scenario(f"beside: all\nhappens: [{{event: Order Completed}}, {happens}]\nexpect: [{{message: note}}]")
    assert bool(house.tests(text + "never: [{after: Complaint Raised}]").failures()) is broken


def test_neither_history_nor_the_entry_itself_is_what_a_message_comes_after(shop: Open) -> None:
    house = shop(campaign("thanks", {"wait": "2 hours"}, note()))
    past = "history: [{event: Order Completed, before: 3 days}]"
    text = scenario(f"{past}\nhappens: [{{event: Order Completed}}]\nexpect: [{{message: note}}]")
    assert house.tests(text + "never: [{after: Order Completed}]").failures() == []


def test_a_rule_may_say_of_which_order_it_speaks(shop: Open) -> None:
    house = shop(campaign("cart", {"wait": "2 hours"}, note(), event="Checkout Started"))
    rule = "never: [{after: Order Completed, where: event.cart_id == entry.cart_id}]"
    for cart, broken in (("a", True), ("b", False)):
        order = f"{{event: Order Completed, after: 1 hour, properties: {{cart_id: {cart}}}}}"
        begins = "{event: Checkout Started, properties: {cart_id: a}}"
        text = scenario(f"happens: [{begins}, {order}]\nexpect: [{{message: note}}]")
        assert bool(house.tests(text + rule, name="cart").failures()) is broken


def test_rules_hold_in_every_scenario_of_the_file(shop: Open) -> None:
    house = shop(campaign("thanks", note(), note("sms", ref="again")))
    text = scenario(f"happens: {ORDER}\nexpect: [{{message: note}}, {{message: note}}]")
    assert house.tests(text).failures() == []
    (failure,) = house.tests(text + "never: [{channel: sms}]").failures()
    assert failure.startswith("expected never: a message on sms")


def test_scenarios_leave_nothing_behind_for_the_next(shop: Open) -> None:
    house = shop(campaign("thanks", again="never"), policies={"caps": [cap(1, "rolling 30 days")]})
    once = f"    at: 2026-03-02 10:00\n    happens: {ORDER}\n    expect: [{{message: note}}]\n    ends: completed\n"
    house.tests(f"scenarios:\n  - name: one\n{once}  - name: two\n{once}  - name: three\n{once}")
    assert [result.passed for result in house.results()] == [True, True, True]


def test_playing_twice_tells_the_same(shop: Open) -> None:
    house = shop(campaign("thanks", {"wait": "1 day"}, note("push", "email")))
    house.tests(scenario(f"happens: {ORDER}\nexpect: []"))
    assert [result.lines for result in house.results()] == [result.lines for result in house.results()]


def test_what_a_campaign_spreads_may_be_expected_at_the_firing(shop: Open) -> None:
    blast = scheduled("thanks", note(), spread="6 hours")
    tested = shop(blast).tests(
        """
        scenarios:
          - name: at noon
            at: 2026-03-02 10:00
            until: 20 hours
            expect: [{message: note, at: 2026-03-02 12:00}]
          - name: at another time
            at: 2026-03-02 10:00
            until: 20 hours
            expect: [{message: note, at: 2026-03-02 12:01}]
        """
    )
    fine, wrong = tested.results()
    assert fine.passed
    assert not wrong.passed


@pytest.mark.parametrize(
    ("why", "follows"),
    [
        ("", "{message: note, channel: email}"),
        (", because: content", "{refused: provider_refused, message: note}"),
    ],
)
def test_a_carrier_refuses_a_channel_and_the_next_one_follows(shop: Open, why: str, follows: str) -> None:
    house = shop(campaign("thanks", note("push", "email", on_failed="next_channel")))
    house.tests(
        scenario(
            f"happens: [{{refuses: push{why}}}, {{event: Order Completed}}]\n"
            f"expect: [{{refused: provider_refused, channel: push}}, {follows}]"
        )
    )
    assert house.failures() == []


def test_what_one_scenario_refuses_the_next_one_takes(shop: Open) -> None:
    house = shop(campaign("thanks", note("push"))).tests(
        f"""
        scenarios:
          - name: refused
            at: 2026-03-02 10:00
            happens: [{{refuses: push}}, {{event: Order Completed}}]
            expect: [{{refused: provider_refused}}]
          - name: taken
            at: 2026-03-02 10:00
            happens: {ORDER}
            expect: [{{message: note, channel: push}}]
        """
    )
    assert house.failures() == []


def test_a_carrier_refuses_channels_that_there_are(shop: Open) -> None:
    house = shop(campaign("thanks")).tests(scenario("happens: [{refuses: psuh}]\nexpect: []"))
    assert [one.code for one in check_scenarios(house.root)] == ["unknown-word"]
