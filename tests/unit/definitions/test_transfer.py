"""Journeys go on at the step with the same ``ref``; nothing is guessed."""

from __future__ import annotations

import pytest

from dangol.definitions.transfer import still_to_come, transfer
from dangol.model.steps import END, START
from tests.unit.definitions.versions import listen, send, version, wait

OLD = version(wait("1 day"), send(ref="first"), listen(ref="order", then=[send("thanks")]), wait("2 days")).campaign


@pytest.mark.parametrize("position", [START, END])
def test_beginning_and_end_are_the_same_in_every_version(position: str) -> None:
    assert transfer(OLD, version().campaign, position, listening=False).to == position


def test_a_journey_goes_on_at_the_step_with_the_same_ref_wherever_that_is() -> None:
    new = version({"if": "profile.vip", "then": [wait("1 hour"), send("thanks", ref="first")]}).campaign
    assert transfer(OLD, new, "0.1", listening=False).to == "0.0.then.1"


@pytest.mark.parametrize(
    ("position", "why"),
    [("0.0", "has no `ref`"), ("0.1", "no step with `ref: first`"), ("7.7", "has no such step")],
)
def test_what_cannot_be_mapped_is_refused_with_what_to_do(position: str, why: str) -> None:
    going = transfer(OLD, version(send()).campaign, position, listening=False)
    assert going.to is None
    assert why in going.obstacle


def test_who_listens_goes_on_listening_to_the_same_event() -> None:
    same = version(send(ref="first"), listen(ref="order")).campaign
    assert transfer(OLD, same, "0.2", listening=True).to == "0.1"


@pytest.mark.parametrize("there", [listen("Checkout Started", ref="order"), wait("1 day", "order")])
def test_who_listens_is_not_put_anywhere_else(there: dict[str, object]) -> None:
    new = version(there).campaign
    assert "listen for Order Completed" in transfer(OLD, new, "0.2", listening=True).obstacle
    assert transfer(OLD, new, "0.2", listening=False).to == "0.0"


def test_what_is_still_to_come_is_what_any_branch_may_reach() -> None:
    campaign = version(
        send(ref="a"),
        {"if": "profile.vip", "then": [send(ref="b")], "else": [send(ref="c")]},
        send(ref="d"),
    ).campaign
    assert still_to_come(campaign, "0.0") == {"a", "b", "c", "d"}
    assert still_to_come(campaign, "0.1.then.0") == {"b", "d"}
    assert still_to_come(campaign, "0.2") == {"d"}
    assert still_to_come(campaign, END) == frozenset()
