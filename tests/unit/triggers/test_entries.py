"""Who may enter a campaign again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dangol.model.vocabulary import Reason
from dangol.triggers.entries import PastEntry, refusal
from tests.unit.journeys.campaigns import campaign, send

FIRST = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
WEEK = timedelta(days=7)
AGAIN: list[Any] = ["never", "always", {"after": "7 days"}]


def ask(again: Any, latest: PastEntry | None, at: datetime) -> Reason | None:
    return refusal(campaign(send(), entry={"event": "Signed Up", "again": again}), latest, at)


@pytest.mark.parametrize("again", AGAIN)
def test_whoever_was_never_in_gets_in(again: Any) -> None:
    assert ask(again, None, FIRST) is None


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("later", [timedelta(), WEEK, timedelta(days=3650)])
def test_whoever_is_inside_does_not_enter_a_second_time(again: Any, later: timedelta) -> None:
    assert ask(again, PastEntry(FIRST, active=True), FIRST + later) is Reason.ALREADY_IN_JOURNEY


@pytest.mark.parametrize("later", [timedelta(), WEEK, timedelta(days=3650)])
def test_never_means_once_in_a_lifetime(later: timedelta) -> None:
    assert ask("never", PastEntry(FIRST, active=False), FIRST + later) is Reason.ENTERED_BEFORE


@pytest.mark.parametrize("later", [timedelta(), TICK, WEEK])
def test_always_means_at_once_after_the_last_journey_is_over(later: timedelta) -> None:
    assert ask("always", PastEntry(FIRST, active=False), FIRST + later) is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (FIRST, Reason.ENTERED_TOO_RECENTLY),
        (FIRST + WEEK - TICK, Reason.ENTERED_TOO_RECENTLY),
        (FIRST + WEEK, None),
        (FIRST + WEEK + TICK, None),
    ],
)
def test_after_a_pause_counts_from_the_last_entry_to_the_instant(at: datetime, expected: Reason | None) -> None:
    assert ask({"after": "7 days"}, PastEntry(FIRST, active=False), at) is expected


def test_an_event_that_arrives_late_is_still_within_the_pause() -> None:
    earlier = FIRST - timedelta(days=30)
    assert ask({"after": "7 days"}, PastEntry(FIRST, active=False), earlier) is Reason.ENTERED_TOO_RECENTLY


def test_without_a_word_about_again_a_person_enters_once() -> None:
    flow = campaign(send())
    assert refusal(flow, PastEntry(FIRST, active=False), FIRST + WEEK) is Reason.ENTERED_BEFORE
