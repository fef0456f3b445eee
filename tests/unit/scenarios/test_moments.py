"""Moments and lengths of time as they are written in scenarios."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from dangol.model.steps import Definition
from dangol.scenarios.moments import End, on_clock, parse_length, parse_moment


class Holder(Definition):
    end: End


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2 hours", timedelta(hours=2)),
        ("0 minutes", timedelta()),
        ("1 day 30 minutes", timedelta(days=1, minutes=30)),
        ("1 week 1 day 1 hour 1 minute 1 second", timedelta(days=8, hours=1, minutes=1, seconds=1)),
    ],
)
def test_lengths_are_added_up(text: str, length: timedelta) -> None:
    assert parse_length(text) == length


@pytest.mark.parametrize("text", ["", "2", "hours", "2 moons", "1 day and 2 hours", "-1 day", 3, None, "9999 weeks"])
def test_anything_else_is_no_length(text: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_length(text)


def test_a_moment_without_an_offset_is_on_the_customers_clock() -> None:
    moment = parse_moment("2026-03-02 10:00")
    assert on_clock(moment, ZoneInfo("Asia/Seoul")) == datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert on_clock(moment, ZoneInfo("America/New_York")) == datetime(2026, 3, 2, 15, tzinfo=UTC)


def test_a_moment_with_an_offset_is_the_same_everywhere() -> None:
    moment = parse_moment("2026-03-02T10:00+09:00")
    assert on_clock(moment, ZoneInfo("America/New_York")) == datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-02", "10:00", "2026-02-30 10:00", "2026-03-02 25:00", "tomorrow", 5, None])
def test_anything_else_is_no_moment(text: object) -> None:
    with pytest.raises(ValueError, match="expected a day and a time"):
        parse_moment(text)


def test_a_time_that_the_clock_skips_is_refused() -> None:
    with pytest.raises(ValueError, match="put forward"):
        on_clock(datetime(2026, 3, 8, 2, 30), ZoneInfo("America/New_York"))


def test_a_time_that_the_clock_shows_twice_is_refused_with_both_ways_to_write_it() -> None:
    with pytest.raises(ValueError, match=r"2026-11-01T01:30-04:00 or 2026-11-01T01:30-05:00"):
        on_clock(datetime(2026, 11, 1, 1, 30), ZoneInfo("America/New_York"))


def test_a_length_that_is_too_long_is_told_as_such() -> None:
    with pytest.raises(ValidationError, match="at most ten years"):
        Holder(end="20000 days")


def test_a_scenario_that_runs_until_a_day_runs_to_its_end() -> None:
    assert Holder(end="2026-03-12").end == datetime(2026, 3, 13)
    assert Holder(end="2026-03-12 09:00").end == datetime(2026, 3, 12, 9)
    assert Holder(end="10 days").end == timedelta(days=10)
