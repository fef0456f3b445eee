"""Clocks: always aware, always UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dangol.clock import SystemClock, VirtualClock

START = datetime(2026, 3, 2, 10, 0, tzinfo=timezone(timedelta(hours=9)))


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1)


def test_a_virtual_clock_tells_utc_whatever_it_is_given() -> None:
    clock = VirtualClock(START)
    assert clock.now().tzinfo is UTC
    clock.move_to(START - timedelta(days=1))
    assert (clock.now(), clock.now().tzinfo) == (START - timedelta(days=1), UTC)


def test_a_virtual_clock_refuses_a_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        VirtualClock(datetime(2026, 3, 2))
    clock = VirtualClock(START)
    with pytest.raises(ValueError, match="aware"):
        clock.move_to(datetime(2026, 3, 2))
    assert clock.now() == START


def test_the_systems_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
