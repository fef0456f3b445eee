"""Every kind of step, with every mistake an author can make in it: told once, at its place, in the author's words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.definitions.schema import FILES, json_schema
from dangol.definitions.workspace import Workspace, parse_workspace
from dangol.definitions.yaml import read_yaml
from dangol.model.problem import Problem
from dangol.model.steps import MAX_NESTING, STEP_TYPES
from tests.unit.definitions.samples import SHARED, TEMPLATES
from tests.unit.definitions.test_schema import accepts

PLAN = """\
attributes: {name: string, vip: boolean, tier: string, birthday: date, points: number, tags: list}
events:
  Checkout Started: {cart_id: string, value: number, until: datetime, gift: boolean, items: list}
  Checkout Resumed: {cart_id: string}
  Order Completed: {order_id: string, cart_id: string, value: number, paid_on: date}
  Regular Recognised: {orders: number, since: date}
"""
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BY_EVENT = "{event: Checkout Started}"
SEND = "- send: nudge\n  channels: [email]\n"

EVERY_STEP = """\
key: cart
name: Cart
purpose: marketing
entry: {event: Checkout Started, where: event.value >= 30000, key: event.cart_id, again: {after: 7 days}}
exit:
  - {event: Order Completed, where: event.cart_id == entry.cart_id}
goal: {event: Order Completed, where: event.cart_id == entry.cart_id, within: 3 days}
holdout: 10%
starts: 2026-12-01
ends: 2027-01-31
stages:
  - stage: purchase
    steps:
      - wait: 2 hours
      - wait: {until: "09:00"}
      - wait: {until: "tuesday, thursday 10:00"}
      - wait: {until: 2 days before entry.until, at: "10:00", if_past: continue}
      - wait: {until: profile.birthday, yearly: true}
      - send: nudge
        ref: first_nudge
        channels: [push, email]
        expires_after: 12 hours
      - wait_for: {event: Checkout Resumed, where: event.cart_id == entry.cart_id, within: 1 day, since: entry}
        then: [{exit: resumed}]
        else: []
      - if: count("Order Completed") >= 3 and entry.value > 50000
        then: [{send: nudge, channels: {all: [email, push]}, on_capped: defer}]
        else: [{wait: 1 day}]
      - split: {copy: {plain: 50, story: 30, quiet: 20}}
        plain: [{send: nudge, channels: [email]}]
        story:
          - if: profile.vip
            then: [{send: nudge, channels: [push]}]
        quiet: []
  - stage: loyalty
    steps:
      - set: {tier: {from: entry.cart_id}, vip: true, points: 3, birthday: "1990-02-28", tags: {add: [regular, 7]}}
      - set: {tags: {remove: [newcomer]}, name: null, tier: {from: profile.created_at}}
      - set: {tags: [a, b]}
      - emit: Regular Recognised
        properties: {orders: {from: entry.value}, since: "2026-01-01"}
      - webhook: https://crm.example/hook
        payload: {cart_id: {from: entry.cart_id}, who: {from: profile.id}, kind: [cart, 1, true]}
        expires_after: 1 day
        ref: told
      - exit: no_answer
"""


def campaign(steps: str = "", head: str = "", entry: str = BY_EVENT, last: str = SEND) -> str:
    """A campaign whose first step stands in line 8 and column 9, and whose last one sends; ``head`` comes last."""
    begin = f"key: cart\nname: Cart\npurpose: marketing\nentry: {entry}\nstages:\n  - stage: purchase\n    steps:\n"
    return begin + indent(dedent(steps) + last, "      ") + head


def parsed(text: str, **others: str) -> tuple[Workspace | None, list[Problem]]:
    campaigns = {f"campaigns/{name}.yaml": other for name, other in {"cart": text, **others}.items()}
    files = {**SHARED, **TEMPLATES, "campaigns/tracking-plan.yaml": PLAN, **campaigns}
    return parse_workspace(files, now=NOW)


def told(text: str) -> list[str]:
    return [str(problem).removeprefix("campaigns/cart.yaml:") for problem in parsed(text)[1]]


def test_a_campaign_with_every_step_has_no_problems() -> None:
    workspace, problems = parsed(EVERY_STEP)
    assert problems == []
    assert workspace is not None
    used = {type(placed.step) for placed in workspace.campaigns["cart"].placed}
    assert used == set(STEP_TYPES.values())


def test_a_campaign_with_every_step_meets_the_schema() -> None:
    document, _ = read_yaml("cart.yaml", EVERY_STEP)
    schema = json_schema(FILES["campaign"])
    assert document is not None
    assert accepts(schema, schema, document.value)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("yearly: true", "yearly: twice"),
        ('until: "09:00"', "untill: 9"),
        ("since: entry", "since: yesterday"),
        ("within: 1 day", "within: soon"),
        ("else: []", "elze: []"),
        ("plain: 50,", "plain: 0,"),
        ("then: [{exit: resumed}]", "then: [{exit: Not A Word}]"),
        ("story: 30", "story: x"),
        ("from: entry.cart_id}, vip", "from: event.cart_id}, vip"),
        ("add: [regular, 7]", "add: []"),
        ("https://crm", "ftp://crm"),
        ("key: event.cart_id", "key: cart_id"),
        ("starts: 2026-12-01", "starts: tomorrow"),
    ],
)
def test_the_schema_refuses_what_the_check_refuses(right: str, wrong: str) -> None:
    assert right in EVERY_STEP
    text = EVERY_STEP.replace(right, wrong, 1)
    document, _ = read_yaml("cart.yaml", text)
    schema = json_schema(FILES["campaign"])
    assert document is not None
    assert not accepts(schema, schema, document.value)
    assert [line for line in told(text) if "error" in line]


@dataclass(frozen=True)
class Mistake:
    """One paragraph of mistakes.txt: what an author wrote, and every line that `dangol check` answers."""

    text: str
    told: list[str]

    @classmethod
    def read(cls, paragraph: str) -> Mistake:
        lines = [line for line in paragraph.splitlines() if not line.startswith("# ")]
        given: dict[str, list[str]] = {"steps": [], "entry": [], "head": []}
        for line in lines:
            kind = "steps" if line[0] in "- " else "entry" if line.startswith("entry: ") else "head"
            given[kind] += [line] if line[0] != "!" else []
        more = {"entry": given["entry"][0].removeprefix("entry: ")} if given["entry"] else {}
        last = "" if "# nothing follows" in paragraph else SEND
        text = campaign(_lines(given["steps"]), _lines(given["head"]), last=last, **more)
        return cls(text, [line.removeprefix("! ") for line in lines if line[0] == "!"])


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


PARAGRAPHS = (Path(__file__).parent / "mistakes.txt").read_text(encoding="utf-8").split("\n\n")[1:]


@pytest.mark.parametrize("paragraph", PARAGRAPHS, ids=lambda text: " ".join(text.split("\n!")[0].split())[:90])
def test_a_mistake_is_told_once_at_its_place_in_an_authors_words(paragraph: str) -> None:
    mistake = Mistake.read(paragraph)
    assert mistake.told
    assert told(mistake.text) == mistake.told


@pytest.mark.parametrize(
    "entry",
    [
        "{api: Checkout Started, key: event.cart_id, where: event.value > 3}",
        "{audience: profile.vip, every: 1 minute, existing: enter}",
        '{schedule: "0 10 * * *", audience: profile.vip, timezone: recipient}',
        '{schedule: "0 9 29 2 *", audience: profile.vip, again: always}',
    ],
)
def test_there_are_four_ways_in(entry: str) -> None:
    assert told(campaign(entry=entry)) == []


def test_everyone_may_get_a_message_that_is_not_marketing() -> None:
    everyone = campaign(entry="{audience: 'true'}")
    assert told(everyone.replace("marketing", "service")) == []


def test_a_goal_may_be_an_exit_too_if_no_journey_outlasts_its_time() -> None:
    head = "exit: [Order Completed]\ngoal: {event: Order Completed, within: 1 day}\n"
    assert told(campaign("- wait: 24 hours\n", head)) == []


def test_without_a_clock_no_day_has_gone_by() -> None:
    text = campaign("- wait: {until: 2020-01-01}\n", "ends: 2020-02-01\n")
    files = {**SHARED, **TEMPLATES, "campaigns/tracking-plan.yaml": PLAN, "campaigns/cart.yaml": text}
    assert parse_workspace(files)[1] == []


def test_today_is_told_in_the_workspaces_zone() -> None:
    text = campaign(head="ends: 2026-11-22\n")
    files = {**SHARED, **TEMPLATES, "campaigns/tracking-plan.yaml": PLAN, "campaigns/cart.yaml": text}
    seoul_midnight = datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert parse_workspace(files, now=seoul_midnight.replace(hour=14))[1] == []
    assert [problem.code for problem in parse_workspace(files, now=seoul_midnight)[1]] == ["campaign-over"]


def test_a_step_may_stand_in_four_branches_and_no_more() -> None:
    def nested(depth: int) -> list[Any]:
        return [{"if": "profile.vip", "then": nested(depth - 1)}] if depth else [{"wait": "1 day"}]

    for depth, expected in ((MAX_NESTING, []), (MAX_NESTING + 1, ["too-deep"])):
        steps = "".join(f"- {json.dumps(step)}\n" for step in nested(depth))
        assert [problem.code for problem in parsed(campaign(steps))[1]] == expected


def test_steps_in_branches_count_towards_the_limit() -> None:
    branch = ", ".join(["{wait: 1 hour}"] * 99)
    fork = f"- if: profile.vip\n  then: [{branch}]\n  else: [{branch}]\n"
    assert told(campaign(fork)) == []
    (problem,) = told(campaign(fork + "- wait: 1 day\n"))
    assert problem.endswith("error[too-many-steps] found 201 steps; expected at most 200")


# Campaigns that set one another off.


def emitter(key: str, hears: str, emits: str, again: str = "always") -> str:
    return dedent(f"""\
        key: {key}
        name: {key}
        purpose: service
        entry: {{event: {hears}, again: {again}}}
        stages:
          - stage: purchase
            steps:
              - emit: {emits}
        """)


def chains(**campaigns: str) -> list[str]:
    others = {name: text for name, text in campaigns.items() if name != "cart"}
    return [str(problem) for problem in parsed(campaigns["cart"], **others)[1]]


def test_campaigns_that_set_one_another_off_without_end_are_told_with_the_chain() -> None:
    found = chains(
        cart=emitter("cart", "Checkout Started", "Order Completed"),
        thanks=emitter("thanks", "Order Completed", "Regular Recognised"),
        vip=emitter("vip", "Regular Recognised", "Checkout Started"),
    )
    assert len(found) == 3
    assert found[0] == (
        "campaigns/cart.yaml:8:15: error[emit-cycle] campaigns set one another off without end: "
        "campaigns/cart.yaml:8 emits `Order Completed`, which begins campaigns/thanks.yaml:4; "
        "campaigns/thanks.yaml:8 emits `Regular Recognised`, which begins campaigns/vip.yaml:4; "
        "campaigns/vip.yaml:8 emits `Checkout Started`, which begins campaigns/cart.yaml:4 "
        "(take one `emit` out, or let one campaign take each person once (`again: never`))"
    )


def test_a_circle_is_told_in_each_of_its_campaigns_beginning_there() -> None:
    found = chains(
        cart=emitter("cart", "Checkout Started", "Order Completed"),
        thanks=emitter("thanks", "Order Completed", "Checkout Started"),
        other=emitter("other", "Checkout Resumed", "Checkout Started"),
    )
    told = "error[emit-cycle] campaigns set one another off without end:"
    assert [line.partition(" emits")[0] for line in found] == [
        f"campaigns/{key}.yaml:8:15: {told} campaigns/{key}.yaml:8" for key in ("cart", "thanks")
    ]


def test_a_campaign_that_sets_itself_off_is_a_circle() -> None:
    (found,) = chains(cart=emitter("cart", "Checkout Started", "Checkout Started"))
    assert found.startswith("campaigns/cart.yaml:8:15: error[emit-cycle] campaigns set one another off without end")


def test_a_circle_that_takes_each_person_once_is_a_warning() -> None:
    found = chains(
        cart=emitter("cart", "Checkout Started", "Order Completed", again="never"),
        thanks=emitter("thanks", "Order Completed", "Checkout Started"),
    )
    assert [line.partition(" campaigns lead")[0] for line in found] == [
        f"campaigns/{key}.yaml:8:15: warning[emit-cycle]" for key in ("cart", "thanks")
    ]


def test_once_for_every_cart_is_time_and_again() -> None:
    keyed = emitter("cart", "Checkout Started", "Checkout Started", again="never")
    keyed = keyed.replace("again: never", "again: never, key: event.cart_id")
    assert ["error[emit-cycle]" in line for line in chains(cart=keyed)] == [True]


def test_a_circle_through_a_wait_for_comes_to_rest_and_is_a_warning() -> None:
    cart = emitter("cart", "Checkout Started", "Order Completed")
    waiting = emitter("thanks", "Checkout Resumed", "Checkout Started").replace(
        "- emit", "- wait_for: {event: Order Completed, within: 1 day}\n      - emit"
    )
    found, _ = chains(cart=cart, thanks=waiting)
    assert "warning[emit-cycle] campaigns lead back to one another" in found
    assert "which goes on in campaigns/thanks.yaml:8" in found


def test_a_chain_that_ends_is_fine() -> None:
    assert (
        chains(
            cart=emitter("cart", "Checkout Started", "Order Completed"),
            thanks=emitter("thanks", "Order Completed", "Regular Recognised"),
        )
        == []
    )


# Whatever stands in a file.

WORDS = [*STEP_TYPES, "ref", "then", "else", "until", "at", "event", "where", "within", "from", "add", "a", "copy"]
LEAVES = st.sampled_from(
    ["2 hours", "09:00", "Order Completed", "profile.vip", "entry.x", "entry.until", "2026-12-24", "nudge", "", "é"]
) | st.sampled_from([None, True, 0, 50, 100, -1, 1.5])
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(VALUES, max_size=4), entry=VALUES, exits=VALUES, goal=VALUES)
def test_whatever_stands_in_a_campaign_it_is_checked_to_the_end(steps: Any, entry: Any, exits: Any, goal: Any) -> None:
    values = {"key": "cart", "name": "x", "purpose": "marketing", "entry": entry, "exit": exits, "goal": goal}
    text = json.dumps({**values, "stages": [{"stage": "purchase", "steps": steps}]}, ensure_ascii=False)
    workspace, problems = parsed(text)
    assert (workspace is None) == any(problem.severity == "error" for problem in problems)
    assert all(problem.line == 1 and problem.column >= 1 and problem.message for problem in problems)
    assert len({(problem.column, problem.message) for problem in problems}) == len(problems)
