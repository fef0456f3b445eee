"""Who may enter a campaign, when, and what tells one journey from another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dangol.model.people import Event
from dangol.model.vocabulary import Control, Reason
from dangol.triggers.entries import Doors, PastEntry, correlation, refusal
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


class TestDoors:
    OPENS, OVER = FIRST, FIRST + WEEK

    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            (OPENS - TICK, Reason.NOT_STARTED),
            (OPENS, None),
            (OVER - TICK, None),
            (OVER, Reason.CAMPAIGN_OVER),
        ],
    )
    def test_they_open_and_shut_to_the_instant(self, at: datetime, expected: Reason | None) -> None:
        assert Doors(self.OPENS, self.OVER).refusal(at, at) is expected

    def test_what_happened_in_time_does_not_let_anybody_in_once_the_campaign_is_over(self) -> None:
        assert Doors(self.OPENS, self.OVER).refusal(self.OVER - TICK, self.OVER) is Reason.CAMPAIGN_OVER

    def test_what_happened_before_the_first_day_does_not_count_however_late_it_is_told(self) -> None:
        assert Doors(self.OPENS, self.OVER).refusal(self.OPENS - TICK, self.OPENS + WEEK / 2) is Reason.NOT_STARTED

    def test_without_days_they_stand_open(self) -> None:
        assert Doors().refusal(FIRST, FIRST) is None

    @pytest.mark.parametrize(
        ("control", "expected"),
        [(Control.STOP, Reason.CAMPAIGN_STOPPED), (Control.PAUSE, Reason.CAMPAIGN_PAUSED)],
    )
    @pytest.mark.parametrize("at", [OPENS - TICK, OPENS, OVER])
    def test_who_shut_them_by_hand_is_told_before_the_calendar(
        self, control: Control, expected: Reason, at: datetime
    ) -> None:
        assert Doors(self.OPENS, self.OVER, control).refusal(at, at) is expected


class TestCorrelation:
    KEYED = campaign(send(), entry={"event": "Checkout Started", "key": "event.cart_id"})

    def of(self, **properties: Any) -> str | None:
        return correlation(self.KEYED, Event("E1", "P1", "Checkout Started", properties, FIRST))

    def test_it_is_the_property_that_the_campaign_names(self) -> None:
        assert self.of(cart_id="c1", value=3) == "c1"
        assert self.of(cart_id=7) == "7"

    def test_without_a_key_all_of_a_persons_entries_are_one(self) -> None:
        assert correlation(campaign(send()), Event("E1", "P1", "Signed Up", {"cart_id": "c1"}, FIRST)) == ""

    @pytest.mark.parametrize("value", [None, "", ["c1"], {"id": "c1"}])
    def test_what_cannot_be_told_apart_is_said_to_be_so(self, value: Any) -> None:
        assert self.of(cart_id=value) is None
        assert self.of() is None

    def test_a_long_value_is_shortened_to_what_the_table_holds_and_stays_its_own(self) -> None:
        assert self.of(cart_id="x" * 64) == "x" * 64
        long, other = self.of(cart_id="x" * 65), self.of(cart_id="x" * 66)
        assert long is not None
        assert other is not None
        assert (len(long), len(other)) == (64, 64)
        assert long != other
        assert self.of(cart_id="x" * 65) == long
