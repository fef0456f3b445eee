"""Steps are the same by ``ref``, else by what they say, else by verb and place; the rest came or went."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.definitions.fields import FieldChange
from dangol.definitions.step_diff import StepChange, same_steps, says, step_changes
from tests.unit.definitions.versions import listen, send, version, wait


def changes(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> tuple[StepChange, ...]:
    return step_changes(version(*old).campaign.placed, version(*new).campaign.placed)


def told(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(change.became, change.says) for change in changes(old, new)]


def test_nothing_is_told_of_what_stays() -> None:
    steps = [wait("1 hour"), send(), send("thanks"), listen(then=[send()], **{"else": [wait("1 day")]})]
    assert changes(steps, steps) == ()


def test_a_step_with_the_same_ref_is_the_same_however_much_of_it_changed() -> None:
    (change,) = changes([send(ref="first")], [send("thanks", ref="first", expires_after="1 day")])
    assert (change.became, change.step) == ("changed", "first")
    assert change.fields == (
        FieldChange("send", "nudge", "thanks"),
        FieldChange("expires_after", "none", "1 day"),
    )


def test_a_wait_of_another_length_at_the_same_place_is_a_change_and_not_two() -> None:
    (change,) = changes([wait("2 hours"), send(ref="a")], [wait("1 hour"), send(ref="a")])
    assert (change.became, change.fields) == ("changed", (FieldChange("wait", "2 hours", "1 hour"),))


def test_what_comes_and_goes_is_told_with_its_words() -> None:
    assert told([wait("1 day"), send(ref="a")], [send(ref="a"), {"exit": "done"}]) == [
        ("removed", "wait 1 day"),
        ("added", "exit done"),
    ]


def test_a_step_that_was_put_ahead_of_others_is_told_as_moved_earlier() -> None:
    old = [send(ref="a"), wait("1 day", "pause"), send("thanks", ref="b")]
    new = [send("thanks", ref="b"), send(ref="a"), wait("1 day", "pause")]
    (change,) = changes(old, new)
    assert (change.became, change.step, change.old, change.new, change.earlier) == ("moved", "b", "0.2", "0.0", True)


def test_a_step_that_was_put_behind_others_is_moved_and_not_earlier() -> None:
    old = [send(ref="a"), wait("1 day", "pause"), send("thanks", ref="b")]
    (change,) = changes(old, [wait("1 day", "pause"), send("thanks", ref="b"), send(ref="a")])
    assert (change.became, change.step, change.earlier) == ("moved", "a", False)


def test_a_step_that_went_into_a_branch_has_moved() -> None:
    old = [listen(ref="w"), send(ref="a")]
    (change,) = changes(old, [listen(ref="w", then=[send(ref="a")])])
    assert (change.became, change.new) == ("moved", "0.0.then.0")


def test_what_a_moved_step_holds_is_not_told_again() -> None:
    held = listen(ref="w", then=[send(ref="x"), wait("3 days", "y")])
    old = [held, send(ref="a"), wait("1 day", "b"), send("thanks", ref="c"), wait("2 days", "d")]
    (change,) = changes(old, [*old[1:], held])
    assert (change.became, change.step) == ("moved", "w")


def test_steps_that_moved_to_another_position_because_one_was_added_before_have_not_moved() -> None:
    assert told([send(ref="a"), wait("1 day")], [wait("1 hour"), send(ref="a"), wait("1 day")]) == [
        ("added", "wait 1 hour")
    ]


def test_weights_are_told_arm_by_arm() -> None:
    def split(plain: int) -> dict[str, Any]:
        return {"split": {"copy": {"plain": plain, "story": 100 - plain}}, "plain": [send()], "story": []}

    (change,) = changes([split(50)], [split(80)])
    assert change.fields == (
        FieldChange("split.copy.plain", "50", "80"),
        FieldChange("split.copy.story", "50", "20"),
    )


def test_an_attribute_that_a_step_takes_away_is_told() -> None:
    old, new = {"set": {"vip": True}, "ref": "s"}, {"set": {"vip": True, "name": None}, "ref": "s"}
    (change,) = changes([old], [new])
    assert change.fields == (FieldChange("set.name", None, "(removed)"),)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (wait("90 minutes"), "wait 90 minutes"),
        ({"wait": {"until": "monday 10:00"}}, "wait until monday 10:00"),
        (listen(), "wait for Order Completed within 1 day"),
        ({"if": "profile.vip", "then": []}, "if profile.vip"),
        ({"split": {"copy": {"a": 30, "b": 70}}, "a": [], "b": []}, "split copy (a 30, b 70)"),
        ({"send": "nudge", "channels": ["push", "email"]}, "send nudge by push, then email"),
        ({"send": "nudge", "channels": {"all": ["push", "email"]}}, "send nudge by push and email"),
        ({"set": {"vip": True}}, "set vip"),
        ({"emit": "Order Completed"}, "emit Order Completed"),
        ({"webhook": "https://crm.example/x"}, "webhook https://crm.example/x"),
        ({"exit": "done"}, "exit done"),
    ],
)
def test_every_step_can_be_told_in_a_few_words(step: dict[str, Any], words: str) -> None:
    assert says(version(step).campaign.placed[0].step) == words


LEAVES = st.sampled_from([wait("1 hour"), wait("2 hours"), send(), send("thanks"), {"exit": "done"}])
STEPS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3).map(lambda steps: {"if": "profile.vip", "then": steps})
)


@given(st.lists(STEPS, min_size=1, max_size=6), st.lists(STEPS, min_size=1, max_size=6))
def test_every_step_is_the_same_as_at_most_one_other_and_else_came_or_went(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    before, after = version(*old).campaign.placed, version(*new).campaign.placed
    pairs = same_steps(before, after)
    assert len({first for first, _ in pairs}) == len({second for _, second in pairs}) == len(pairs)
    became = [change.became for change in step_changes(before, after)]
    assert became.count("removed") == len(before) - len(pairs)
    assert became.count("added") == len(after) - len(pairs)
    assert step_changes(before, before) == ()
