"""What a `wait` may be until, and what it may not."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from dangol.model.times import OfField, OnDay, OnWeekday, Target, TimeOfDay, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("09:00", TimeOfDay(time(9))),
        (" 23:59 ", TimeOfDay(time(23, 59))),
        ("monday", OnWeekday(frozenset({0}), None)),
        ("Tue, thursday 10:30", OnWeekday(frozenset({1, 3}), time(10, 30))),
        ("2028-02-29", OnDay(date(2028, 2, 29), timedelta())),
        ("2 hours after 2026-12-24", OnDay(date(2026, 12, 24), timedelta(hours=2))),
        ("profile.birthday", OfField("profile", "birthday", timedelta())),
        ("3 days before entry.starts_at", OfField("entry", "starts_at", timedelta(days=-3))),
    ],
)
def test_a_moment_is_a_time_days_a_day_or_a_field(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("24:00", "expected a time such as"),
        ("9:00", "expected a time such as"),
        ("mo", "expected a time such as"),
        ("monday noon", "expected a time such as"),
        ("tomorrow", "expected a time such as"),
        ("30 feb", "expected a time such as"),
        ("", "expected a time such as"),
        (9, "expected a time such as"),
        (None, "expected a time such as"),
        ("2026-02-29", "expected a day that exists"),
        ("2026-13-01", "expected a day that exists"),
        ("9999-12-31", "expected a day from 1900-01-01 to 2199-12-31; found 9999-12-31"),
        ("3 days before 0001-01-01", "expected a day from 1900-01-01 to 2199-12-31; found 0001-01-01"),
        ("soon before profile.birthday", "expected a number and a unit"),
        ("0 days before profile.birthday", "above zero"),
        ("3 days before monday", "expected a time such as"),
        ("event.starts_at", "there is no `event` while waiting"),
        ("2 hours after event.starts_at", "there is no `event` while waiting"),
        ("message.at", "expected a time such as"),
    ],
)
def test_anything_else_is_told_in_an_authors_words(text: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_target(text)
