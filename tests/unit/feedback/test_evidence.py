"""What a message has come to is the furthest of what is known, and an address is judged by all that is known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.batch.evidence import further, out_of_reach, too_fast, weigh
from dangol.model.feedback import FeedbackKind
from dangol.model.vocabulary import MessageState

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = st.lists(st.sampled_from(FeedbackKind), max_size=6)
STATES = st.sampled_from([MessageState.UNKNOWN, MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.BOUNCED])


@given(STATES, KINDS, KINDS)
def test_learning_in_two_parts_comes_to_the_same_as_learning_at_once(
    state: MessageState, first: list[FeedbackKind], then: list[FeedbackKind]
) -> None:
    at_once = further(state, weigh([*first, *then]))
    assert further(further(state, weigh(first)), weigh([*first, *then])) is at_once
    assert further(at_once, weigh(first)) is at_once


@given(STATES, KINDS)
def test_a_state_never_goes_back(state: MessageState, kinds: list[FeedbackKind]) -> None:
    order = [MessageState.UNKNOWN, MessageState.ACCEPTED, MessageState.FAILED, MessageState.DELIVERED]
    order.append(MessageState.BOUNCED)
    assert order.index(further(state, weigh(kinds))) >= order.index(state)


@pytest.mark.parametrize(
    ("kinds", "had_it"),
    [([], False), (["other"], False), (["failed"], False), (["processed"], True), (["bounced", "failed"], True)],
)
def test_what_the_carrier_went_on_with_it_had(kinds: list[str], had_it: bool) -> None:
    assert weigh(map(FeedbackKind, kinds)).went_on is had_it


@pytest.mark.parametrize(("seconds", "fast"), [(-2, True), (0, True), (2, True), (3, False), (-3, False)])
def test_nobody_follows_a_link_within_two_seconds(seconds: int, fast: bool) -> None:
    assert too_fast(NOW + timedelta(seconds=seconds), [NOW]) is fast
    assert too_fast(NOW, []) is False


def days(text: str) -> list[tuple[FeedbackKind, datetime, str]]:
    """One letter a day: b bounced, d delivered."""
    kinds = {"b": FeedbackKind.BOUNCED, "d": FeedbackKind.DELIVERED}
    return [(kinds[one], NOW + timedelta(days=day), str(day)) for day, one in enumerate(text)]


@pytest.mark.parametrize(
    ("told", "out"),
    [("bbbbb", True), ("bbbb", False), ("bbdbb", False), ("bbbbbd", False), ("dbbbbb", True), ("", False)],
)
def test_an_address_is_out_of_reach_after_so_many_failures_without_a_delivery(told: str, out: bool) -> None:
    assert out_of_reach(days(told), 5, timedelta(days=3)) is out
    assert out_of_reach(list(reversed(days(told))), 5, timedelta(days=3)) is out


def test_one_message_fails_once_however_often_that_is_told() -> None:
    same = [(FeedbackKind.BOUNCED, NOW + timedelta(days=day), "m") for day in range(9)]
    assert not out_of_reach(same, 5, timedelta(days=3))


def test_nothing_is_out_of_reach_where_nobody_asks() -> None:
    assert not out_of_reach(days("bbbbbbb"), 0, timedelta(days=3))
