"""When schedules fire, through changes of the clocks and outages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.model.campaign import RECIPIENT, Entry
from dangol.triggers.schedule import EARLIEST, LOOKED_AT, Firings, firings_between, local_time, next_firing

SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def entry(schedule: str, zone: str | None = None) -> Entry:
    return Entry(schedule=schedule, audience="true", timezone=zone)


def following(schedule: str, after: str, zone: str = SEOUL) -> datetime | None:
    return next_firing(entry(schedule), after=at(after), default_zone=zone)


def between(schedule: str, after: datetime, until: datetime, zone: str = SEOUL) -> Firings | None:
    return firings_between(entry(schedule), after, until, default_zone=zone)


class TestNext:
    def test_it_is_strictly_after_the_instant_asked_about(self) -> None:
        ten = at("2026-03-02T10:00+09:00")
        assert following("0 10 * * *", "2026-03-02T09:59:59.999999+09:00") == ten
        assert following("0 10 * * *", "2026-03-02T10:00+09:00") == ten + timedelta(days=1)
        assert following("0 10 * * *", "2026-03-02T10:00:00.000001+09:00") == ten + timedelta(days=1)

    def test_the_entrys_own_zone_goes_before_the_workspaces(self) -> None:
        own = next_firing(entry("0 10 * * *", NEW_YORK), after=at("2026-03-02T00:00+00:00"), default_zone=SEOUL)
        assert own == at("2026-03-02T10:00-05:00")
        assert following("0 10 * * *", "2026-03-02T00:00+00:00") == at("2026-03-02T10:00+09:00")

    def test_it_is_told_in_utc(self) -> None:
        found = following("0 10 * * *", "2026-03-02T00:00+00:00")
        assert found is not None
        assert found.tzinfo is UTC

    def test_the_29th_of_february_comes_in_leap_years(self) -> None:
        assert following("0 9 29 2 *", "2026-03-01T00:00+09:00") == at("2028-02-29T09:00+09:00")

    def test_a_schedule_that_never_comes_has_no_next_firing(self) -> None:
        assert following("0 0 LW * */7", "2026-03-01T00:00+09:00") is None
        assert between("0 0 LW * */7", at("2026-01-01T00:00Z"), at("2026-12-31T00:00Z")) is None


class TestClockChanges:
    """New York skips 02:00-03:00 on 8 March 2026 and has 01:00-02:00 twice on 1 November."""

    def test_a_time_that_is_skipped_fires_when_the_clock_jumps_and_only_once(self) -> None:
        jump = at("2026-03-08T03:00-04:00")
        assert following("30 2 * * *", "2026-03-07T12:00-05:00", NEW_YORK) == jump
        assert following("30 2 * * *", "2026-03-08T03:00-04:00", NEW_YORK) == at("2026-03-09T02:30-04:00")

    def test_a_time_that_comes_twice_fires_once(self) -> None:
        found = between("30 1 * * *", at("2026-11-01T00:00-04:00"), at("2026-11-01T12:00-05:00"), NEW_YORK)
        first = at("2026-11-01T01:30-04:00")
        assert found == Firings(first, first, 0)

    @pytest.mark.parametrize("after", ["2026-11-01T01:00-05:00", "2026-11-01T01:45-05:00"])
    def test_asked_in_the_second_of_two_hours_it_never_answers_with_the_first(self, after: str) -> None:
        assert following("50 1 * * *", after, NEW_YORK) == at("2026-11-02T01:50-05:00")
        assert between("50 1 * * *", at(after), at("2026-11-01T12:00-05:00"), NEW_YORK) is None

    @pytest.mark.parametrize(
        ("change", "firings"), [("2026-03-08", 23), ("2026-11-01", 25)], ids=["short day", "long day"]
    )
    def test_an_hourly_schedule_fires_every_hour_that_passes(self, change: str, firings: int) -> None:
        midnight = datetime.fromisoformat(change).replace(tzinfo=ZoneInfo(NEW_YORK))
        found = between(
            "0 * * * *",
            midnight.astimezone(UTC) - SECOND,
            (midnight + timedelta(days=1)).astimezone(UTC) - SECOND,
            NEW_YORK,
        )
        assert found is not None
        assert found.missed + 1 == firings

    @settings(max_examples=40, deadline=None)
    @given(
        hour=st.integers(0, 23),
        minute=st.integers(0, 59),
        zone=st.sampled_from([NEW_YORK, "Europe/London", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"]),
        start=st.sampled_from(["2026-03-01", "2026-04-01", "2026-04-20", "2026-10-01", "2026-10-22"]),
    )
    def test_a_daily_schedule_fires_once_on_every_local_day(
        self, hour: int, minute: int, zone: str, start: str
    ) -> None:
        here = ZoneInfo(zone)
        first = datetime.fromisoformat(start).replace(tzinfo=here)
        now, firings = first.astimezone(UTC) - SECOND, list[datetime]()
        while len(firings) < 14:
            found = next_firing(entry(f"{minute} {hour} * * *"), after=now, default_zone=zone)
            assert found is not None
            assert found > now
            firings.append(found)
            now = found
        days = [instant.astimezone(here).date() for instant in firings]
        assert days == [first.date() + timedelta(days=day) for day in range(14)]
        for instant in firings:
            local = instant.astimezone(here)
            wanted = local.replace(hour=hour, minute=minute, fold=0)
            exists = wanted.astimezone(UTC).astimezone(here) == wanted
            assert local == wanted if exists else local > wanted.replace(hour=0, minute=0)


class TestBetween:
    DAILY = "0 10 * * *"

    def test_the_start_is_outside_and_the_end_is_inside(self) -> None:
        ten = at("2026-03-02T10:00+09:00")
        assert between(self.DAILY, ten - TICK, ten) == Firings(ten, ten, 0)
        assert between(self.DAILY, ten, ten + timedelta(hours=23)) is None
        assert between(self.DAILY, ten - timedelta(hours=1), ten - TICK) is None

    def test_nothing_fires_before_it_is_asked_about(self) -> None:
        ten = at("2026-03-02T10:00+09:00")
        assert between(self.DAILY, ten, ten) is None
        assert between(self.DAILY, ten, ten - timedelta(days=3)) is None

    def test_after_an_outage_the_first_the_latest_and_the_number_missed_are_told(self) -> None:
        monday = at("2026-03-02T10:00+09:00")
        found = between(self.DAILY, monday - TICK, monday + timedelta(days=4, hours=3))
        assert found == Firings(monday, monday + timedelta(days=4), 4)

    @pytest.mark.parametrize(("minutes", "missed"), [(999, 998), (1000, 999), (1001, 1000), (1002, 1000), (5000, 1000)])
    def test_missed_firings_are_counted_up_to_a_thousand(self, minutes: int, missed: int) -> None:
        start = at("2026-03-02T10:00+09:00")
        found = between("* * * * *", start, start + timedelta(minutes=minutes))
        assert found == Firings(start + timedelta(minutes=1), start + timedelta(minutes=minutes), missed)

    @pytest.mark.parametrize("past", [timedelta(), TICK, timedelta(seconds=59, microseconds=999_999)])
    def test_the_latest_of_more_firings_than_are_counted_is_exact(self, past: timedelta) -> None:
        start, latest = at("2026-03-02T10:00+09:00"), at("2026-03-12T10:00+09:00")
        found = between("* * * * *", start, latest + past)
        assert found is not None
        assert found.latest == latest

    @pytest.mark.parametrize("until", ["2026-11-01T01:17-05:00", "2026-11-01T01:17-04:00", "2026-03-08T03:02-04:00"])
    @pytest.mark.parametrize("schedule", ["0-59/5 0-23 * * *", "*/5 * * * *", "7,8 2,3 * * *"])
    def test_the_latest_of_many_is_the_one_that_counting_all_of_them_finds(self, schedule: str, until: str) -> None:
        end = at(until)
        start = end - timedelta(days=400 if schedule.startswith("7") else 5)
        one_by_one, now = list[datetime](), start
        while (found := next_firing(entry(schedule), after=now, default_zone=NEW_YORK)) and found <= end:
            one_by_one.append(found)
            now = found
        assert len(one_by_one) > 1000
        assert between(schedule, start, end, NEW_YORK) == Firings(one_by_one[0], one_by_one[-1], 1000)

    @settings(max_examples=60, deadline=None)
    @given(
        schedule=st.sampled_from(["*/7 * * * *", "0 9 * * MON", "30 2 * * *", "0 0 1 * *", "15,45 1-3 * * *"]),
        zone=st.sampled_from([SEOUL, NEW_YORK, "Europe/London"]),
        start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda naive: naive.replace(tzinfo=UTC)),
        hours=st.integers(0, 24 * 20),
    )
    def test_a_stretch_cut_in_two_has_the_firings_of_the_whole(
        self, schedule: str, zone: str, start: datetime, hours: int
    ) -> None:
        middle, end = start + timedelta(hours=hours / 2), start + timedelta(hours=hours)
        whole = between(schedule, start, end, zone)
        parts = [
            part for part in (between(schedule, start, middle, zone), between(schedule, middle, end, zone)) if part
        ]
        if whole is None:
            assert not parts
            return
        assert (parts[0].first, parts[-1].latest) == (whole.first, whole.latest)
        assert min(sum(part.missed + 1 for part in parts) - 1, 1000) == whole.missed


class TestAudiences:
    """An audience without a schedule is looked at every so often, at instants that depend on nothing else."""

    NOON = at("2026-03-02T12:00+09:00")

    def audience(self, every: str | None = None) -> Entry:
        return Entry.model_validate({"audience": "true", "every": every} if every else {"audience": "true"})

    def test_it_is_looked_at_every_quarter_of_an_hour_unless_its_author_says(self) -> None:
        assert timedelta(minutes=15) == LOOKED_AT
        assert next_firing(self.audience(), after=self.NOON, default_zone=SEOUL) == self.NOON + LOOKED_AT
        daily = next_firing(self.audience("1 day"), after=self.NOON, default_zone=SEOUL)
        assert daily == at("2026-03-03T00:00+00:00")

    def test_the_next_look_is_strictly_later(self) -> None:
        soon = next_firing(self.audience(), after=self.NOON - TICK, default_zone=SEOUL)
        assert soon == self.NOON
        assert next_firing(self.audience(), after=soon, default_zone=SEOUL) == self.NOON + LOOKED_AT

    def test_zones_and_changes_of_the_clocks_do_not_matter(self) -> None:
        before = at("2026-03-08T01:50-05:00")
        for zone in (SEOUL, NEW_YORK):
            assert next_firing(self.audience("1 hour"), after=before, default_zone=zone) == at("2026-03-08T03:00-04:00")

    def test_two_who_look_find_the_same_instants(self) -> None:
        every = self.audience("7 minutes")
        assert {next_firing(every, after=self.NOON + second * SECOND, default_zone=SEOUL) for second in range(60)} == {
            next_firing(every, after=self.NOON, default_zone=SEOUL)
        }

    @pytest.mark.parametrize("looks", [1, 5, 1000, 1001, 1002, 40_000])
    def test_after_an_outage_the_latest_look_is_exact_and_missed_ones_are_counted_to_a_thousand(
        self, looks: int
    ) -> None:
        found = firings_between(self.audience(), self.NOON, self.NOON + looks * LOOKED_AT + SECOND, default_zone=SEOUL)
        latest = self.NOON + looks * LOOKED_AT
        assert found == Firings(self.NOON + LOOKED_AT, latest, min(looks - 1, 1000))


class TestByTheRecipientsClock:
    """A schedule fires where the day begins first; people follow as their own clocks come to show that time."""

    FIRED = at("2026-03-02T10:00+14:00")

    def test_it_fires_where_the_day_begins_first(self) -> None:
        morning = entry("0 10 * * *", RECIPIENT)
        assert next_firing(morning, after=self.FIRED - TICK, default_zone=SEOUL) == self.FIRED
        assert next_firing(morning, after=self.FIRED, default_zone=SEOUL) == self.FIRED + timedelta(days=1)

    @pytest.mark.parametrize(
        ("zone", "expected"),
        [
            ("Pacific/Kiritimati", "2026-03-02T10:00+14:00"),
            ("Asia/Seoul", "2026-03-02T10:00+09:00"),
            ("Asia/Kathmandu", "2026-03-02T10:00+05:45"),
            ("Europe/London", "2026-03-02T10:00+00:00"),
            ("America/New_York", "2026-03-02T10:00-05:00"),
            ("Pacific/Pago_Pago", "2026-03-02T10:00-11:00"),
        ],
    )
    def test_it_comes_on_the_same_day_at_the_same_time_everywhere(self, zone: str, expected: str) -> None:
        assert local_time(self.FIRED, ZoneInfo(zone)) == at(expected)

    def test_it_is_told_in_utc(self) -> None:
        assert local_time(self.FIRED, ZoneInfo(SEOUL)).tzinfo is UTC

    def test_a_time_that_is_skipped_there_comes_right_behind_the_gap_and_one_that_comes_twice_the_first_time(
        self,
    ) -> None:
        here = ZoneInfo(NEW_YORK)
        assert local_time(at("2026-03-08T02:30+14:00"), here) == at("2026-03-08T03:30-04:00")
        assert local_time(at("2026-11-01T01:30+14:00"), here) == at("2026-11-01T01:30-04:00")

    @settings(max_examples=100, deadline=None)
    @given(
        zone=st.sampled_from(sorted(available_timezones())),
        hours=st.integers(0, 366 * 24),
    )
    def test_nobody_anywhere_is_asked_to_come_before_the_firing_or_more_than_a_day_and_two_hours_after(
        self, zone: str, hours: int
    ) -> None:
        fired_at = at("2026-01-01T00:00+14:00") + timedelta(hours=hours)
        comes = local_time(fired_at, ZoneInfo(zone))
        assert fired_at <= comes <= fired_at + timedelta(hours=27)
        wall = fired_at.astimezone(EARLIEST).replace(tzinfo=None)
        shown = comes.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert wall <= shown <= wall + timedelta(hours=1)
