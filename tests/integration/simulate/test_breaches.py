"""Everybody in a simulation is held to what the scenario files say must never happen."""

from __future__ import annotations

import json
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.workspace import load_workspace
from dangol.errors import ProblemsFound
from dangol.scenarios.never import rules
from dangol.simulate.never import Rule
from dangol.simulate.part import Variant
from dangol.simulate.report import html_report
from dangol.simulate.words import rule_told
from tests.integration.simulate.test_simulate_command import run
from tests.integration.simulate.test_simulate_command import shop as shop
from tests.integration.simulate.world import events_file, happened, people_file, simulated, workspace
from tests.workspaces import campaign, note, write_workspace

SCENARIO = """
customers: {ana: {consents: {marketing: [email]}}}
scenarios:
  - {name: nothing happens, at: 2026-03-02 10:00, until: 1 hour, expect: []}
"""


@pytest.fixture
def cart(tmp_path: Path) -> Variant:
    key = {"event": "Checkout Started", "key": "event.cart_id", "again": "always"}
    return workspace(tmp_path, campaign("cart", {"wait": "2 hours"}, note(), entry=key), campaign("thanks"))


def held_to(rule: Rule, variant: Variant, folder: Path, *calls: dict[str, Any], **others: Any) -> dict[str, Any]:
    events, people = events_file(folder, *calls), people_file(folder, ["ana", "bo"], **others.pop("fields", {}))
    found = simulated(variant, audience=people, events=events, never=(rule,), **others)
    [answer] = found["variants"][-1]["never"]
    return dict(answer)


def test_who_got_too_many_is_told_with_the_message_and_the_time(cart: Variant, tmp_path: Path) -> None:
    carts = [
        happened(who, "Checkout Started", hours, cart_id=f"{who}{hours}") for who, hours in [("ana", 0), ("ana", 5)]
    ]
    rule = Rule(campaign="cart", more_than=1, within=timedelta(days=1))
    answer = held_to(rule, cart, tmp_path, *carts, happened("bo", "Checkout Started", 1, cart_id="b"))
    assert (answer["rule"], answer["times"]) == ("more than 1 message of cart within 1 day", 1)
    assert answer["first"] == [
        {"profile": "ana", "at": "2026-11-02T07:00+09:00", "campaign": "cart", "message": "note", "channel": "email"}
    ]


def test_an_event_of_an_earlier_journey_breaks_nothing(cart: Variant, tmp_path: Path) -> None:
    before = [happened("ana", "Complaint Raised", 0), happened("ana", "Checkout Started", 1, cart_id="a")]
    during = [happened("bo", "Checkout Started", 1, cart_id="b"), happened("bo", "Complaint Raised", 2)]
    answer = held_to(Rule(campaign="cart", after="Complaint Raised"), cart, tmp_path, *before, *during)
    assert [one["profile"] for one in answer["first"]] == ["bo"]


def test_an_event_at_the_very_instant_of_a_message_comes_before_it(cart: Variant, tmp_path: Path) -> None:
    calls = [happened("ana", "Checkout Started", 0, cart_id="a"), happened("ana", "Complaint Raised", 2)]
    assert held_to(Rule(campaign="cart", after="Complaint Raised"), cart, tmp_path, *calls)["times"] == 1


def test_the_event_that_begins_a_journey_breaks_nothing(cart: Variant, tmp_path: Path) -> None:
    order = happened("ana", "Order Completed", 1, order_id="1")
    assert held_to(Rule(campaign="thanks", after="Order Completed"), cart, tmp_path, order)["times"] == 0


def test_a_rule_may_be_about_the_cart_that_the_journey_is_about(cart: Variant, tmp_path: Path) -> None:
    rule = Rule(campaign="cart", after="Order Completed", where="event.cart_id == entry.cart_id")
    calls = [happened(who, "Checkout Started", 0, cart_id="mine") for who in ("ana", "bo")]
    calls += [happened("ana", "Order Completed", 1, cart_id="mine"), happened("bo", "Order Completed", 1, cart_id="x")]
    answer = held_to(rule, cart, tmp_path, *calls)
    assert [one["profile"] for one in answer["first"]] == ["ana"]


def test_the_texts_that_were_rendered_are_searched(cart: Variant, tmp_path: Path) -> None:
    order = happened("ana", "Order Completed", 0)
    assert held_to(Rule(contains="How are you?"), cart, tmp_path, order)["times"] == 1
    assert held_to(Rule(contains="Who are you?"), cart, tmp_path, order)["times"] == 0


def test_the_night_is_that_of_the_person(cart: Variant, tmp_path: Path) -> None:
    order, night = happened("ana", "Order Completed", 12), Rule(between=(time(21), time(8)))
    assert held_to(night, cart, tmp_path, order)["times"] == 0
    away = {"timezone": "America/New_York"}
    assert held_to(night, cart, tmp_path, order, fields=away)["times"] == 1


def test_one_process_finds_what_two_find(cart: Variant, tmp_path: Path) -> None:
    names = [f"p{number:05}" for number in range(11_000)]
    calls = [happened(who, "Order Completed", 0) for who in names[::500]]
    events, people = events_file(tmp_path, *calls), people_file(tmp_path, names)
    rule, alike = Rule(campaign="thanks"), []
    for processes in (1, 2):
        found = simulated(cart, audience=people, events=events, never=(rule,), days=1, processes=processes)
        alike.append(found["variants"][-1]["never"])
    assert alike[0] == alike[1]
    assert alike[0][0]["times"] == len(calls)
    assert len(alike[0][0]["first"]) == 5


def test_rules_of_campaigns_that_do_not_run_are_left_out(cart: Variant, tmp_path: Path) -> None:
    rules = (Rule(campaign="cart"), Rule(campaign="thanks"))
    found = simulated(cart, people=4, days=1, campaigns=("thanks",), never=rules)
    assert [rule["campaign"] for rule in found["variants"][-1]["never"]] == ["thanks"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_report_says_what_was_broken_or_that_nothing_was(cart: Variant, tmp_path: Path, language: Any) -> None:
    words = {"en": "a message of thanks", "ko": "캠페인 thanks"}[language]
    people, events = people_file(tmp_path, ["ana"]), events_file(tmp_path, happened("ana", "Order Completed", 0))
    for rule, said in [(Rule(campaign="thanks"), words), (Rule(campaign="cart"), None)]:
        page = html_report(simulated(cart, audience=people, events=events, never=(rule,)), language)
        assert (f'<span class="over">{words}</span>' in page) == (said is not None)


def test_a_rule_is_told_in_korean_with_all_that_it_says() -> None:
    about = {"campaign": "cart", "channel": "sms", "more_than": 1, "within": "2 days", "between": ["21:00", "08:00"]}
    assert rule_told({"rule": "", "about": about}, "ko") == "캠페인 cart, 문자, 21:00~08:00 사이, 2일 동안, 1건 넘게"


class TestRulesOfFiles:
    def test_a_rule_that_names_no_campaign_is_about_that_of_its_file(self, tmp_path: Path) -> None:
        root = write_workspace(tmp_path / "shop", campaign("cart"), campaign("thanks"))
        tests = root / "campaigns" / "tests"
        tests.mkdir()
        (tests / "cart.yaml").write_text(SCENARIO + "never: [{channel: sms}, {campaign: thanks, contains: hey}]\n")
        assert rules(root, load_workspace(root)) == (
            Rule(campaign="cart", channel="sms"),
            Rule(campaign="thanks", contains="hey"),
        )

    def test_a_file_with_a_mistake_is_told(self, tmp_path: Path) -> None:
        root = write_workspace(tmp_path / "shop", campaign("cart"))
        tests = root / "campaigns" / "tests"
        tests.mkdir()
        (tests / "cart.yaml").write_text(SCENARIO + "never: [{chanel: sms}]\n")
        with pytest.raises(ProblemsFound, match=r"campaigns/tests/cart.yaml:5:"):
            rules(root, load_workspace(root))


class TestTheCommand:
    def test_a_broken_rule_is_exit_code_1_and_says_to_whom_it_happened(self, shop: Path) -> None:
        tests = shop / "campaigns" / "tests"
        tests.mkdir()
        (tests / "daily.yaml").write_text(SCENARIO + "never: [{message: note}]\n")
        result = run()
        assert result.exit_code == 1
        said = " ".join(result.output.split())
        assert "What must never happen, and did" in said
        assert "note of daily" in said
        asked = run("--json")
        assert asked.exit_code == 1
        assert json.loads(asked.stdout)["variants"][0]["never"][0]["times"] == 4

    def test_rules_that_hold_are_counted(self, shop: Path) -> None:
        tests = shop / "campaigns" / "tests"
        tests.mkdir()
        (tests / "daily.yaml").write_text(SCENARIO + "never: [{channel: sms}]\n")
        result = run()
        assert result.exit_code == 0
        assert "The one rule of what must never happen held." in " ".join(result.output.split())
