"""Quiet hours in the recipient's own time, through every change of the clocks (G5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dangol.model.facts import Allow, Defer, Suppress
from dangol.model.vocabulary import Channel, Purpose, Reason
from dangol.model.workspace import QuietHours
from dangol.policy.quiet_hours import next_opening, quiet_hours
from tests.unit.policy.builders import NOON, facts, message, nowhere, person, quiet, rulebook

EMAIL, SMS = Channel.EMAIL, Channel.SMS
NIGHT = quiet("21:00", "08:00")
SEOUL, NEW_YORK, LONDON = (ZoneInfo(name) for name in ("Asia/Seoul", "America/New_York", "Europe/London"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def opening(text: str, window: QuietHours, *zones: ZoneInfo) -> datetime | None:
    return next_opening(at(text), [window], zones)


class TestWindow:
    @pytest.mark.parametrize(
        ("local", "opens"),
        [
            ("2026-03-02T20:59:59.999999", "2026-03-02T20:59:59.999999"),
            ("2026-03-02T21:00", "2026-03-03T08:00"),
            ("2026-03-02T23:59:59.999999", "2026-03-03T08:00"),
            ("2026-03-03T00:00", "2026-03-03T08:00"),
            ("2026-03-03T07:59:59.999999", "2026-03-03T08:00"),
            ("2026-03-03T08:00", "2026-03-03T08:00"),
        ],
    )
    def test_over_midnight_the_start_is_quiet_and_the_end_is_not(self, local: str, opens: str) -> None:
        assert opening(local + "+09:00", NIGHT, SEOUL) == at(opens + "+09:00")

    @pytest.mark.parametrize(
        ("local", "opens"),
        [
            ("2026-03-02T11:59", "2026-03-02T11:59"),
            ("2026-03-02T12:00", "2026-03-02T13:30"),
            ("2026-03-02T13:29:59.999999", "2026-03-02T13:30"),
            ("2026-03-02T13:30", "2026-03-02T13:30"),
        ],
    )
    def test_within_a_day_the_start_is_quiet_and_the_end_is_not(self, local: str, opens: str) -> None:
        assert opening(local + "+09:00", quiet("12:00", "13:30"), SEOUL) == at(opens + "+09:00")

    def test_a_window_may_end_at_midnight(self) -> None:
        assert opening("2026-03-02T22:00+09:00", quiet("21:00", "00:00"), SEOUL) == at("2026-03-03T00:00+09:00")

    def test_windows_that_follow_one_another_are_one_night(self) -> None:
        windows = [quiet("21:00", "00:00"), quiet("00:00", "06:00"), quiet("05:00", "08:00")]
        assert next_opening(at("2026-03-02T21:00+09:00"), windows, [SEOUL]) == at("2026-03-03T08:00+09:00")

    def test_a_day_may_be_cut_into_any_number_of_windows(self) -> None:
        minutes = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(0, 24 * 60, 20)]
        windows = [quiet(start, end) for start, end in pairwise(minutes)]
        assert next_opening(at("2026-03-02T00:00+09:00"), windows, [SEOUL]) == at("2026-03-02T23:40+09:00")

    def test_a_day_that_is_quiet_all_day_has_no_opening(self) -> None:
        windows = [quiet("00:00", "12:00"), quiet("12:00", "00:00")]
        assert next_opening(at("2026-03-02T05:00+09:00"), windows, [SEOUL]) is None

    def test_without_windows_it_is_never_quiet(self) -> None:
        assert next_opening(NOON, [], [SEOUL]) == NOON


class TestClockChanges:
    """New York skips 02:00-03:00 on 8 March 2026 and has 01:00-02:00 twice on 1 November."""

    @pytest.mark.parametrize(
        ("now", "opens"),
        [
            ("2026-03-07T22:00-05:00", "2026-03-08T08:00-04:00"),
            ("2026-10-31T22:00-04:00", "2026-11-01T08:00-05:00"),
        ],
    )
    def test_the_morning_comes_by_the_new_clock(self, now: str, opens: str) -> None:
        assert opening(now, NIGHT, NEW_YORK) == at(opens)

    @pytest.mark.parametrize(
        ("now", "opens"),
        [
            ("2026-03-28T22:00+00:00", "2026-03-29T08:00+01:00"),
            ("2026-10-24T22:00+01:00", "2026-10-25T08:00+00:00"),
        ],
    )
    def test_london_changes_on_its_own_dates(self, now: str, opens: str) -> None:
        assert opening(now, NIGHT, LONDON) == at(opens)

    def test_seoul_never_changes(self) -> None:
        days = [datetime(2026, 1, 1, 15, tzinfo=UTC) + timedelta(days=day) for day in range(365)]
        assert {next_opening(day, [NIGHT], [SEOUL]) - day for day in days} == {timedelta(hours=8)}  # type: ignore[operator]

    def test_a_window_that_ends_inside_the_skipped_hour_ends_where_the_clock_jumps(self) -> None:
        assert opening("2026-03-08T01:30-05:00", quiet("22:00", "02:30"), NEW_YORK) == at("2026-03-08T03:00-04:00")

    def test_a_window_that_begins_inside_the_skipped_hour_begins_where_the_clock_jumps(self) -> None:
        window = quiet("02:30", "05:00")
        assert opening("2026-03-08T01:59-05:00", window, NEW_YORK) == at("2026-03-08T01:59-05:00")
        assert opening("2026-03-08T03:00-04:00", window, NEW_YORK) == at("2026-03-08T05:00-04:00")

    def test_a_window_inside_the_skipped_hour_does_not_happen(self) -> None:
        window = quiet("02:10", "02:50")
        assert opening("2026-03-08T01:59-05:00", window, NEW_YORK) == at("2026-03-08T01:59-05:00")
        assert opening("2026-03-08T03:00-04:00", window, NEW_YORK) == at("2026-03-08T03:00-04:00")

    def test_a_window_that_ends_inside_the_repeated_hour_ends_twice(self) -> None:
        window = quiet("22:00", "01:30")
        assert opening("2026-11-01T01:10-04:00", window, NEW_YORK) == at("2026-11-01T01:30-04:00")
        assert opening("2026-11-01T01:40-04:00", window, NEW_YORK) == at("2026-11-01T01:40-04:00")
        assert opening("2026-11-01T01:10-05:00", window, NEW_YORK) == at("2026-11-01T01:30-05:00")

    def test_a_window_that_begins_inside_the_repeated_hour_pauses_when_the_clock_is_set_back(self) -> None:
        window = quiet("01:30", "02:30")
        assert opening("2026-11-01T01:40-04:00", window, NEW_YORK) == at("2026-11-01T01:00-05:00")
        assert opening("2026-11-01T01:40-05:00", window, NEW_YORK) == at("2026-11-01T02:30-05:00")

    def test_a_day_open_for_half_an_hour_that_is_skipped_opens_the_day_after(self) -> None:
        window = quiet("02:30", "02:00")
        assert opening("2026-03-07T02:30-05:00", window, NEW_YORK) == at("2026-03-09T02:00-04:00")


ZONES = [
    "America/New_York",
    "Europe/London",
    "Asia/Seoul",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Africa/Cairo",  # skips midnight
    "America/Havana",  # has midnight twice
    "America/Santiago",
    "America/Scoresbysund",  # goes back into the day before
    "Asia/Kathmandu",
    "Pacific/Chatham",
]
CHANGES = [
    "2026-03-08T07:00",
    "2026-11-01T06:00",
    "2026-03-29T01:00",
    "2026-10-25T01:00",
    "2026-04-04T15:00",
    "2026-10-03T15:30",
    "2026-04-23T22:00",
    "2026-10-29T21:00",
    "2026-03-08T05:00",
    "2026-11-01T05:00",
    "2026-04-05T03:00",
    "2026-09-06T04:00",
    "2026-04-04T14:00",
]
instants = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 28)),
    st.builds(
        lambda change, seconds: datetime.fromisoformat(change) + timedelta(seconds=seconds),
        st.sampled_from(CHANGES),
        st.integers(-6 * 3600, 6 * 3600),
    ),
).map(lambda naive: naive.replace(tzinfo=UTC))
clock_times = st.builds(lambda minute: time(minute // 60, minute % 60), st.integers(0, 24 * 60 - 1))
windows_of_a_day = st.lists(
    st.tuples(clock_times, clock_times)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: QuietHours(start=pair[0], end=pair[1])),
    min_size=1,
    max_size=3,
)
zone_sets = st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True).map(
    lambda names: [ZoneInfo(name) for name in names]
)


def is_quiet(instant: datetime, windows: Sequence[QuietHours], zones: Sequence[ZoneInfo]) -> bool:
    """Asked of the wall clock, minute by minute: what the rule means, without any arithmetic on time."""
    for zone in zones:
        local = instant.astimezone(zone)
        minute = local.hour * 60 + local.minute
        for window in windows:
            start, end = (bound.hour * 60 + bound.minute for bound in (window.start, window.end))
            if (start <= minute < end) if start < end else (minute >= start or minute < end):
                return True
    return False


@settings(max_examples=150, deadline=None)
@given(now=instants, windows=windows_of_a_day, zones=zone_sets)
@example(at("2026-11-01T01:40-04:00"), [quiet("01:30", "01:15")], [NEW_YORK])
@example(at("2026-04-24T23:30+02:00"), [quiet("23:10", "00:30")], [ZoneInfo("Africa/Cairo")])
def test_the_opening_is_the_first_minute_from_now_on_that_is_quiet_nowhere(
    now: datetime, windows: list[QuietHours], zones: list[ZoneInfo]
) -> None:
    opens = next_opening(now, windows, zones)
    until = opens if opens is not None else now + timedelta(days=2)
    if opens is not None:
        assert opens >= now
        assert not is_quiet(opens, windows, zones)
    minute = now
    while minute < until:
        assert is_quiet(minute, windows, zones), f"open at {minute}, but the answer was {opens}"
        minute = minute.replace(second=0, microsecond=0) + timedelta(minutes=1)


class TestRule:
    def test_at_night_the_message_waits_for_the_morning_and_the_log_says_by_which_clock(self) -> None:
        night = at("2026-03-02T23:00+09:00")
        verdict = quiet_hours(facts(now=night), EMAIL, rulebook(windows=[NIGHT]))
        morning = at("2026-03-03T08:00+09:00")
        assert verdict == Defer(
            morning,
            Reason.QUIET_HOURS,
            {"zone": "Asia/Seoul", "local": "2026-03-02T23:00+09:00", "until": morning.isoformat()},
        )

    def test_windows_hold_for_their_purposes_and_channels_alone(self) -> None:
        night = at("2026-03-02T23:00+09:00")
        rules = rulebook(windows=[quiet("21:00", "08:00", purposes=(Purpose.SERVICE,), channels=(SMS,))])
        assert quiet_hours(facts(now=night), SMS, rules) == Allow()
        service = facts(message(purpose=Purpose.SERVICE), now=night)
        assert quiet_hours(service, EMAIL, rules) == Allow()
        assert isinstance(quiet_hours(service, SMS, rules), Defer)

    @pytest.mark.parametrize(("early", "expected"), [(0, Suppress), (1, Suppress), (-1, Defer)])
    def test_it_never_waits_until_the_expiry_or_beyond(self, early: int, expected: type) -> None:
        expires_at = at("2026-03-03T08:00+09:00") - timedelta(microseconds=early)
        world = facts(message(expires_at=expires_at), now=at("2026-03-02T23:00+09:00"))
        verdict = quiet_hours(world, EMAIL, rulebook(windows=[NIGHT]))
        assert type(verdict) is expected
        if isinstance(verdict, Suppress):
            assert verdict.reason is Reason.QUIET_HOURS_OUTLAST_EXPIRY

    def test_it_must_be_day_in_every_zone_where_the_person_may_be(self) -> None:
        rules = rulebook(windows=[NIGHT], unknown_timezone=("Asia/Seoul", "Europe/London"))
        verdict = quiet_hours(facts(profile=nowhere(), now=at("2026-03-02T10:00+09:00")), EMAIL, rules)
        assert isinstance(verdict, Defer)
        assert verdict.until == at("2026-03-02T08:00+00:00")
        assert verdict.evidence["zone"] == "Asia/Seoul · Europe/London"

    def test_a_zone_that_does_not_exist_falls_to_those_of_the_country(self) -> None:
        rules = rulebook(windows=[NIGHT])
        american = nowhere(timezone="Mars/Olympus", country="US")
        verdict = quiet_hours(facts(profile=american, now=at("2026-03-02T12:00-05:00")), EMAIL, rules)
        assert isinstance(verdict, Defer)
        assert verdict.until == at("2026-03-02T08:00-10:00")

    def test_without_any_zone_nothing_is_sent(self) -> None:
        verdict = quiet_hours(facts(profile=nowhere()), EMAIL, rulebook(windows=[NIGHT]))
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.TIMEZONE_UNKNOWN

    def test_an_unknown_zone_leaves_channels_without_quiet_hours_open(self) -> None:
        rules = rulebook(windows=[quiet("21:00", "08:00", channels=(SMS,))])
        asked = facts(profile=nowhere())
        verdict = quiet_hours(asked, SMS, rules)
        assert verdict == Suppress(Reason.TIMEZONE_UNKNOWN)
        assert quiet_hours(asked, EMAIL, rules) == Allow()

    def test_zones_that_share_no_day_mean_the_zone_would_have_to_be_known(self) -> None:
        everywhere = ("Asia/Seoul", "America/Los_Angeles", "Europe/London")
        rules = rulebook(windows=[NIGHT], unknown_timezone=everywhere)
        verdict = quiet_hours(facts(profile=nowhere()), EMAIL, rules)
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.TIMEZONE_UNKNOWN

    def test_a_known_zone_without_an_open_minute_is_not_called_unknown(self) -> None:
        rules = rulebook(windows=[quiet("00:00", "12:00"), quiet("12:00", "00:00")])
        verdict = quiet_hours(facts(profile=person()), EMAIL, rules)
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.QUIET_HOURS_OUTLAST_EXPIRY
