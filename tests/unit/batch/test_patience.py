"""How long a message waits after a provider refused it for the moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.batch.handover import Patience

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def test_the_pause_doubles_up_to_a_day() -> None:
    patience = Patience(max_attempts=20, first_pause=MINUTE)
    assert [patience.pause(attempt, None) // MINUTE for attempt in range(1, 14)] == [
        *(2**power for power in range(11)),
        1440,
        1440,
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (timedelta(), 4 * MINUTE),
        (timedelta(seconds=-5), 4 * MINUTE),
        (3 * MINUTE, 4 * MINUTE),
        (5 * MINUTE, 5 * MINUTE),
        (3 * DAY, 3 * DAY),
    ],
)
def test_a_provider_that_asks_for_more_patience_gets_it(asked: timedelta, expected: timedelta) -> None:
    assert Patience(max_attempts=5, first_pause=MINUTE).pause(3, asked) == expected


@given(attempt=st.integers(1, 10**6), first=st.timedeltas(timedelta(0), timedelta(days=36_500)))
def test_no_attempt_and_no_first_pause_make_it_longer_than_a_day(attempt: int, first: timedelta) -> None:
    patience = Patience(max_attempts=5, first_pause=first)
    assert min(first, DAY) <= patience.pause(attempt, None) <= DAY
    assert patience.pause(attempt, None) <= patience.pause(attempt + 1, None)
