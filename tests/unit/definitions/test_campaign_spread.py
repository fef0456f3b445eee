"""A spread is for what goes to many at once, and never longer than its messages last."""

from __future__ import annotations

import pytest

from tests.unit.definitions.samples import CAMPAIGN, problems

BLAST = CAMPAIGN.replace("entry:\n  event: Checkout Started", "spread: 6 hours\nentry:\n  audience: profile.vip")


def found(text: str) -> list[tuple[int, int, str]]:
    return [(one.line, one.column, one.code) for one in problems(text)]


@pytest.mark.parametrize("entry", ["audience: profile.vip", 'schedule: "0 9 * * *"\n  audience: profile.vip'])
def test_what_goes_to_an_audience_may_be_spread(entry: str) -> None:
    assert found(BLAST.replace("audience: profile.vip", entry)) == []


def test_what_goes_to_one_person_at_a_time_has_no_spread() -> None:
    assert found(CAMPAIGN.replace("entry:", "spread: 6 hours\nentry:")) == [(4, 9, "cannot-spread")]


def test_what_somebody_waits_for_has_no_spread() -> None:
    assert found(BLAST.replace("purpose: marketing", "purpose: transactional")) == [(4, 9, "cannot-spread")]


def test_a_spread_is_no_longer_than_any_of_its_messages_lasts() -> None:
    lasting = BLAST + "        expires_after: {}\n"
    assert found(lasting.format("6 hours")) == []
    assert found(lasting.format("5 hours")) == [(12, 24, "spread-outlasts-expiry")]


def test_a_spread_that_is_no_duration_is_told_once() -> None:
    assert found(BLAST.replace("6 hours", "long")) == [(4, 9, "bad-value")]
