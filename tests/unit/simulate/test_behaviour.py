"""What is assumed is read from a file, and a mistake in it is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from dangol.definitions.workspace import Workspace, load_workspace
from dangol.errors import ProblemsFound, UsageError
from dangol.model.vocabulary import Channel
from dangol.simulate.behaviour import parse_behaviour, read_behaviour, shipped_behaviour
from tests.workspaces import ROOT, campaign, write_workspace

RESPONSES = """
responses:
  - {open: 1%}
  - {channel: email, open: 2%}
  - {stage: purchase, open: 3%}
  - {channel: email, stage: purchase, open: 4%}
"""


@pytest.mark.parametrize(
    ("channel", "stage", "share"),
    [("sms", "loyalty", 0.01), ("email", "loyalty", 0.02), ("push", "purchase", 0.03), ("email", "purchase", 0.04)],
)
def test_the_response_that_says_most_about_a_message_counts(channel: str, stage: str, share: float) -> None:
    assert parse_behaviour("b.yaml", RESPONSES).response(channel, stage).open == share


def test_without_a_response_nobody_answers() -> None:
    response = parse_behaviour("b.yaml", "currency: EUR").response("email", "loyalty")
    assert (response.open, response.click, response.purchase) == (0, 0, 0)


def test_costs_are_per_part_per_thousand_or_per_message() -> None:
    costs = parse_behaviour(
        "b.yaml", "costs: {sms: {per_segment: 18}, email: {per_thousand: 900}, push: {per_message: 2}}"
    ).costs
    assert costs[Channel.SMS].of(10, 13) == 234
    assert costs[Channel.EMAIL].of(10, 0) == 9
    assert costs[Channel.PUSH].of(10, 0) == 20


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("currency: KRW\nevants: {}\n", "b.yaml:2:1", "did you mean `events`?"),
        ("events:\n  Bought:\n    rate: -1\n", "b.yaml:3:11", "found the number -1"),
        ("events:\n  Bought:\n    then:\n      - {event: Sent, share: 5%, after: 1 day}\n", "b.yaml:4:17", "`Sent`"),
        ("events:\n  Bought:\n    properties: {value: {from: 9, to: 1}}\n", "b.yaml:3:", ""),
        ("people: {consents: {marketing: {fax: 5%}}}\n", "b.yaml:1:", ""),
        ("costs: {sms: {per_segment: 1, per_thousand: 2}}\n", "b.yaml:1:", "say one of"),
        ("responses:\n  - {open: 120%}\n", "b.yaml:2:", ""),
        ("responses:\n  - {open: 2%, click: 3%}\n", "b.yaml:2:", "more click than open"),
        ("costs: {email: {per_segment: 3}}\n", "b.yaml:1:", "`per_segment` is for sms"),
        ("currency: [\n", "b.yaml:", ""),
        ("", "b.yaml:1:1", "the file is empty (leave --behaviour out"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, place: str, said: str) -> None:
    with pytest.raises(ProblemsFound) as found:
        parse_behaviour("b.yaml", text)
    assert place in str(found.value)
    assert said in str(found.value)


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_behaviour(tmp_path / "none.yaml", shop(tmp_path))


def shop(folder: Path) -> Workspace:
    return load_workspace(write_workspace(folder / "shop", campaign("thanks")))


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("responses:\n  - {stage: purchse, open: 5%}\n", "b.yaml:2:13", "purchase"),
        ("purchase: {event: Order Complete}\n", "b.yaml:1:19", "Order Completed"),
        ("people:\n  attributes: {birthdy: 1}\n", "b.yaml:2:16", "birthday"),
        ("people:\n  past: {Order Complete: 1}\n", "b.yaml:2:10", "Order Completed"),
        ("events:\n  Order Completed:\n    properties: {valu: 3}\n", "b.yaml:3:18", "value"),
        (
            "events:\n  Order Completed:\n    then:\n"
            "      - {event: Order Completed, share: 1%, after: 1 day, keeps: [x]}\n",
            "b.yaml:4:",
            "no property `x` to keep",
        ),
    ],
)
def test_what_the_workspace_does_not_have_is_told_with_its_place(
    tmp_path: Path, text: str, place: str, said: str
) -> None:
    with pytest.raises(ProblemsFound) as found:
        parse_behaviour("b.yaml", text, shop(tmp_path))
    assert place in str(found.value)
    assert said in str(found.value)


def test_events_that_the_tracking_plan_lacks_are_no_mistake(tmp_path: Path) -> None:
    text = "events: {Dance Danced: {rate: 1, properties: {tune: 3}}}"
    assert parse_behaviour("b.yaml", text, shop(tmp_path)).events["Dance Danced"].rate == 1


def test_what_ships_names_nothing_that_the_shop_does_not_have() -> None:
    workspace = load_workspace(ROOT)
    behaviour = shipped_behaviour()
    planned = {name: one for name, one in behaviour.events.items() if name in workspace.tracking_plan.events}
    for name, one in planned.items():
        assert one.properties.keys() <= workspace.tracking_plan.events[name].keys(), name
    stages = {stage.key for stage in workspace.journey_map.stages}
    assert {one.stage for one in behaviour.responses} - {None} <= stages
    assert behaviour.people.attributes.keys() <= workspace.tracking_plan.attributes.keys()


def test_what_ships_covers_every_channel() -> None:
    behaviour = shipped_behaviour()
    assert set(behaviour.costs) == set(behaviour.limits) == set(Channel)
    assert all(behaviour.response(channel, "loyalty").open > 0 for channel in Channel)
