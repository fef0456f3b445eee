"""The values in policies.yaml: windows, clock times, quiet hours."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import Calendar, Cap, Policies, QuietHours


def window(text: object) -> Cap:
    return Cap.model_validate({"key": "cap", "limit": 1, "window": text})


@pytest.mark.parametrize("text", ["rolling 90 minutes", "rolling 30 minutes", "rolling 7 days", "rolling 1 second"])
def test_a_rolling_window_is_written_as_exactly_as_it_was_read(text: str) -> None:
    rolling = window(text).window.rolling
    assert rolling is not None
    assert window(window(text).model_dump()["window"]).window.rolling == rolling


@given(st.integers(1, 366 * 86_400))
def test_every_rolling_window_comes_back_as_it_was(seconds: int) -> None:
    first = window(f"rolling {seconds} seconds")
    assert window(str(first.window)) == first


@pytest.mark.parametrize("calendar", Calendar)
def test_a_calendar_window_comes_back_as_it_was(calendar: Calendar) -> None:
    read = window(f"calendar {calendar.value}")
    assert read.window.calendar is calendar
    assert window(read.model_dump()["window"]) == read


@pytest.mark.parametrize(
    "text", ["", "7 days", "rolling", "rolling week", "calendar", "calendar year", "calendar 7 days", 7, None]
)
def test_any_other_window_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match="expected"):
        window(text)


def test_a_rolling_window_has_366_days_at_most() -> None:
    assert window("rolling 366 days").window.rolling == timedelta(days=366)
    with pytest.raises(ValidationError, match="at most 366 days"):
        window("rolling 367 days")


@pytest.mark.parametrize("limit", [-1, 10_001])
def test_a_limit_is_from_zero_to_ten_thousand(limit: int) -> None:
    with pytest.raises(ValidationError):
        Cap.model_validate({"key": "cap", "limit": limit, "window": "calendar day"})


@pytest.mark.parametrize("text", ["24:00", "9:00", "21:60", "21", "21:00:00", "9pm", "", 2100, None])
def test_a_time_of_day_has_two_digits_for_hour_and_minute(text: object) -> None:
    with pytest.raises(ValidationError, match="time of day"):
        QuietHours.model_validate({"from": text, "to": "08:00"})


def test_quiet_hours_hold_for_marketing_on_every_channel_unless_told_otherwise() -> None:
    night = QuietHours.model_validate({"from": "21:00", "to": "08:00"})
    assert (night.start, night.end) == (time(21), time(8))
    assert (night.purposes, night.channels) == ((Purpose.MARKETING,), tuple(Channel))
    assert QuietHours.model_validate(night.model_dump(by_alias=True)) == night


def test_quiet_hours_need_a_length() -> None:
    with pytest.raises(ValidationError, match="needs a length"):
        QuietHours.model_validate({"from": "21:00", "to": "21:00"})


def test_a_workspace_that_says_nothing_asks_consent_for_marketing_and_service() -> None:
    assert Policies().consent_required == (Purpose.MARKETING, Purpose.SERVICE)
    assert (Policies().quiet_hours, Policies().caps) == ((), ())
