"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.model.durations import LONGEST, format_duration, parse_duration

whole_seconds = st.integers(1, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 second", timedelta(seconds=1)),
        ("30 minutes", timedelta(minutes=30)),
        ("2 hours", timedelta(hours=2)),
        ("7 days", timedelta(days=7)),
        ("1 week", timedelta(weeks=1)),
        ("  3   days ", timedelta(days=3)),
        ("2hours", timedelta(hours=2)),
        ("1 days", timedelta(days=1)),
        ("3660 days", LONGEST),
        ("316224000 seconds", LONGEST),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "2", "hours", "two hours", "1.5 hours", "-1 day", "2 Hours", "1 month", "1 day 2 hours", "P1D"]
)
def test_anything_else_is_refused_with_what_was_found_and_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number and a unit") as error:
        parse_duration(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("value", [None, 5, 2.5, True, ["1 day"], {"days": 1}])
def test_what_is_no_text_is_refused_in_the_same_words(value: object) -> None:
    with pytest.raises(ValueError, match="expected a number and a unit"):
        parse_duration(value)


@pytest.mark.parametrize("text", ["0 seconds", "3661 days", "523 weeks", "999999 weeks", "999999999 weeks"])
def test_a_duration_is_above_zero_and_at_most_ten_years(text: str) -> None:
    with pytest.raises(ValueError, match="above zero and at most ten years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=7), "1 week"),
        (timedelta(days=8), "8 days"),
    ],
)
def test_a_duration_is_written_in_its_largest_exact_unit(duration: timedelta, expected: str) -> None:
    assert format_duration(duration) == expected


@given(whole_seconds)
def test_what_is_written_is_read_back_unchanged(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.text())
def test_no_text_whatever_makes_it_fail_in_another_way_than_a_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert timedelta() < duration <= LONGEST


@given(whole_seconds)
def test_a_duration_that_was_read_already_is_taken_as_it_is(duration: timedelta) -> None:
    assert parse_duration(duration) == duration


@pytest.mark.parametrize("duration", [timedelta(), timedelta(days=-1), timedelta(days=3661), timedelta(microseconds=5)])
def test_the_bounds_hold_for_durations_given_as_values_too(duration: timedelta) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(duration)
