"""The instant that ``wait: {until: …}`` means, on every calendar and clock that a customer may live by."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.journeys.moments import moment, next_on
from dangol.model.steps import Until

SEOUL, NEW_YORK, LONDON = "Asia/Seoul", "America/New_York", "Europe/London"
KIRITIMATI, LORD_HOWE, HAVANA, KATHMANDU = (
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Kathmandu",
)
ZONES = [SEOUL, NEW_YORK, LONDON, KIRITIMATI, LORD_HOWE, HAVANA, KATHMANDU, "America/Sao_Paulo", "Africa/Cairo"]
MONDAY = "2026-03-02T10:20+09:00"
TICK = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def until(what: str, now: str = MONDAY, zone: str = SEOUL, fields: dict[str, Any] | None = None, **more: Any) -> Any:
    """When somebody goes on who begins to wait ``now``; ``fields`` are those of the profile and of the entry alike."""
    wanted = Until.model_validate({"until": what, **more})
    given_fields = {"profile": fields or {}, "entry": fields or {}}
    return moment(wanted, fields=given_fields, zone=ZoneInfo(zone), now=at(now))


class TestTimeOfDay:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            ("2026-03-02T08:59:59.999999+09:00", "2026-03-02T09:00+09:00"),
            ("2026-03-02T09:00+09:00", "2026-03-03T09:00+09:00"),
            ("2026-03-02T09:00:00.000001+09:00", "2026-03-03T09:00+09:00"),
            ("2026-12-31T23:00+09:00", "2027-01-01T09:00+09:00"),
        ],
    )
    def test_it_is_the_next_one_after_now(self, now: str, expected: str) -> None:
        assert until("09:00", now) == at(expected)

    def test_it_is_the_persons_own_clock_that_counts(self) -> None:
        assert until("09:00", MONDAY, NEW_YORK) == at("2026-03-02T09:00-05:00")
        assert until("09:00", MONDAY, KIRITIMATI) == at("2026-03-03T09:00+14:00")
        assert until("09:00", MONDAY, KATHMANDU) == at("2026-03-02T09:00+05:45")

    def test_it_is_told_in_utc(self) -> None:
        assert until("09:00").tzinfo is UTC

    @pytest.mark.parametrize(
        ("zone", "what", "now", "expected"),
        [
            (NEW_YORK, "02:30", "2026-03-08T00:00-05:00", "2026-03-08T03:30-04:00"),
            (LONDON, "01:15", "2026-03-29T00:00+00:00", "2026-03-29T02:15+01:00"),
            (LORD_HOWE, "02:10", "2026-10-04T00:00+10:30", "2026-10-04T02:40+11:00"),
            (HAVANA, "00:30", "2026-03-07T12:00-05:00", "2026-03-08T01:30-04:00"),
        ],
    )
    def test_a_time_that_is_skipped_comes_as_long_after_midnight_as_it_would_have(
        self, zone: str, what: str, now: str, expected: str
    ) -> None:
        assert until(what, now, zone) == at(expected)

    @pytest.mark.parametrize(
        ("zone", "what", "first", "second"),
        [
            (NEW_YORK, "01:30", "2026-11-01T01:30-04:00", "2026-11-01T01:30-05:00"),
            (LONDON, "01:30", "2026-10-25T01:30+01:00", "2026-10-25T01:30+00:00"),
            (LORD_HOWE, "01:45", "2026-04-05T01:45+11:00", "2026-04-05T01:45+10:30"),
        ],
    )
    def test_of_a_time_that_comes_twice_the_first_counts_and_the_second_is_past(
        self, zone: str, what: str, first: str, second: str
    ) -> None:
        wanted, again = at(first), at(second)
        assert until(what, (wanted - timedelta(hours=1)).isoformat(), zone) == wanted
        tomorrow = until(what, again.isoformat(), zone).astimezone(ZoneInfo(zone))
        assert (tomorrow.date(), tomorrow.time()) == (again.date() + timedelta(days=1), again.time())

    @settings(deadline=None)
    @given(
        now=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC)),
        clock=st.times().map(lambda some: some.replace(second=0, microsecond=0)),
        zone=st.sampled_from(ZONES),
    )
    def test_nobody_waits_longer_than_a_day_and_a_change_of_the_clocks(
        self, now: datetime, clock: time, zone: str
    ) -> None:
        found = until(clock.strftime("%H:%M"), now.isoformat(), zone)
        assert now <= found < now + timedelta(hours=26)
        local = found.astimezone(ZoneInfo(zone))
        exists = datetime.combine(local.date(), clock, ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone))
        assert local.timetz() == exists.timetz()


class TestWeekdays:
    """2 March 2026 is a Monday."""

    @pytest.mark.parametrize(
        ("what", "now", "expected"),
        [
            ("monday", "2026-03-02T08:00+09:00", "2026-03-02T09:00+09:00"),
            ("monday", "2026-03-02T09:00+09:00", "2026-03-09T09:00+09:00"),
            ("monday", "2026-03-02T09:01+09:00", "2026-03-09T09:00+09:00"),
            ("sunday 21:30", MONDAY, "2026-03-08T21:30+09:00"),
            ("tue, thu 10:00", MONDAY, "2026-03-03T10:00+09:00"),
            ("tuesday, thursday 10:00", "2026-03-03T10:00:00.000001+09:00", "2026-03-05T10:00+09:00"),
            ("tuesday, thursday 10:00", "2026-03-05T10:01+09:00", "2026-03-10T10:00+09:00"),
        ],
    )
    def test_it_is_the_next_such_day_and_today_until_its_time(self, what: str, now: str, expected: str) -> None:
        assert until(what, now) == at(expected)

    def test_at_tells_the_time_where_the_days_do_not(self) -> None:
        assert until("friday", at="18:45") == at("2026-03-06T18:45+09:00")

    def test_it_is_the_weekday_where_the_person_is(self) -> None:
        assert until("sunday 20:00", MONDAY, NEW_YORK) == at("2026-03-08T20:00-04:00")
        assert until("sunday 20:30", "2026-03-02T10:20+09:00", "America/Los_Angeles") == at("2026-03-01T20:30-08:00")

    def test_on_the_day_of_a_change_a_skipped_time_still_comes(self) -> None:
        assert until("sunday 02:30", MONDAY, NEW_YORK) == at("2026-03-08T03:30-04:00")

    @settings(deadline=None)
    @given(
        now=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC)),
        days=st.sets(st.integers(0, 6), min_size=1),
        zone=st.sampled_from(ZONES),
    )
    def test_it_comes_within_a_week_on_one_of_the_days(self, now: datetime, days: set[int], zone: str) -> None:
        names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        found = until(", ".join(names[day] for day in sorted(days)), now.isoformat(), zone)
        assert now <= found <= now + timedelta(days=7, hours=1)
        assert found.astimezone(ZoneInfo(zone)).weekday() in days


class TestDays:
    def test_a_day_begins_at_nine_unless_at_says_otherwise(self) -> None:
        assert until("2026-12-24") == at("2026-12-24T09:00+09:00")
        assert until("2026-12-24", at="18:30") == at("2026-12-24T18:30+09:00")
        assert until("2026-12-24", zone=NEW_YORK) == at("2026-12-24T09:00-05:00")

    def test_a_day_that_has_gone_by_is_told_as_it_was(self) -> None:
        assert until("2025-12-24") == at("2025-12-24T09:00+09:00")

    @pytest.mark.parametrize(
        ("what", "expected"),
        [
            ("3 days before 2026-03-02", "2026-02-27T09:00+09:00"),
            ("3 days before 2028-03-02", "2028-02-28T09:00+09:00"),
            ("1 day after 2026-12-31", "2027-01-01T09:00+09:00"),
            ("1 week before 2027-01-01", "2026-12-25T09:00+09:00"),
            ("2 hours after 2026-03-02", "2026-03-02T11:00+09:00"),
            ("2 hours before 2026-03-02", "2026-03-02T07:00+09:00"),
            ("36 hours before 2026-03-02", "2026-02-28T21:00+09:00"),
        ],
    )
    def test_an_offset_moves_it_over_ends_of_months_and_years(self, what: str, expected: str) -> None:
        assert until(what) == at(expected)

    def test_whole_days_keep_the_time_of_day_over_a_change_of_the_clocks_and_hours_do_not(self) -> None:
        assert until("1 day before 2026-03-09", zone=NEW_YORK) == at("2026-03-08T09:00-04:00")
        assert until("2 days before 2026-03-09", zone=NEW_YORK) == at("2026-03-07T09:00-05:00")
        assert until("12 hours before 2026-03-08", zone=NEW_YORK) == at("2026-03-07T20:00-05:00")

    @pytest.mark.parametrize("what", ["1900-01-01", "3650 days before 1900-01-01", "3650 days after 2199-12-31"])
    @pytest.mark.parametrize("zone", [SEOUL, NEW_YORK, "UTC"])
    @pytest.mark.parametrize("yearly", [False, True])
    def test_the_first_and_last_days_that_can_be_written_raise_nothing(
        self, what: str, zone: str, yearly: bool
    ) -> None:
        found = until(what, zone=zone, yearly=yearly, at="23:30")
        assert found is None or found.tzinfo is UTC
        assert not yearly or at(MONDAY) <= found < at(MONDAY) + timedelta(days=367)


class TestYearly:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (MONDAY, "2026-04-15T09:00+09:00"),
            ("2026-04-15T08:59:59.999999+09:00", "2026-04-15T09:00+09:00"),
            ("2026-04-15T09:00+09:00", "2027-04-15T09:00+09:00"),
            ("2026-12-31T23:59+09:00", "2027-04-15T09:00+09:00"),
        ],
    )
    def test_it_is_the_next_return_of_the_day(self, now: str, expected: str) -> None:
        assert until("profile.birthday", now, yearly=True, fields={"birthday": "1990-04-15"}) == at(expected)
        assert until("1990-04-15", now, yearly=True) == at(expected)

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            ("2026-02-01T00:00+09:00", "2026-02-28T09:00+09:00"),
            ("2027-03-01T00:00+09:00", "2028-02-29T09:00+09:00"),
            ("2028-02-29T10:00+09:00", "2029-02-28T09:00+09:00"),
            ("2099-03-01T00:00+09:00", "2100-02-28T09:00+09:00"),
            ("2399-03-01T00:00+09:00", "2400-02-29T09:00+09:00"),
        ],
        ids=["common year", "leap year", "after it", "2100 is common", "2400 is leap"],
    )
    def test_the_29th_of_february_is_kept_on_the_28th_in_common_years(self, now: str, expected: str) -> None:
        assert until("profile.birthday", now, yearly=True, fields={"birthday": "1992-02-29"}) == at(expected)

    @pytest.mark.parametrize(
        ("what", "born", "now", "expected"),
        [
            ("3 days before profile.birthday", "1990-01-02", "2026-06-01T00:00+09:00", "2026-12-30T09:00+09:00"),
            ("3 days before profile.birthday", "1990-01-02", "2026-12-31T00:00+09:00", "2027-12-30T09:00+09:00"),
            ("10 days after profile.birthday", "1990-12-28", "2027-01-02T00:00+09:00", "2027-01-07T09:00+09:00"),
            ("3 days before profile.birthday", "1992-02-29", "2026-01-01T00:00+09:00", "2026-02-25T09:00+09:00"),
            ("3 days before profile.birthday", "1992-02-29", "2028-01-01T00:00+09:00", "2028-02-26T09:00+09:00"),
            ("1 day after profile.birthday", "1992-02-29", "2028-01-01T00:00+09:00", "2028-03-01T09:00+09:00"),
            ("500 days after profile.birthday", "1990-04-15", MONDAY, "2026-08-28T09:00+09:00"),
            ("3660 days before profile.birthday", "1990-04-15", MONDAY, "2026-04-08T09:00+09:00"),
        ],
    )
    def test_an_offset_may_reach_into_other_years(self, what: str, born: str, now: str, expected: str) -> None:
        assert until(what, now, yearly=True, fields={"birthday": born}) == at(expected)

    def test_the_return_is_counted_on_the_persons_own_calendar(self) -> None:
        now = "2026-12-31T23:30-05:00"
        assert until("2020-01-01", now, NEW_YORK, yearly=True) == at("2027-01-01T09:00-05:00")
        assert until("2020-01-01", now, KIRITIMATI, yearly=True) == at("2028-01-01T09:00+14:00")

    @settings(deadline=None)
    @given(
        now=st.datetimes(datetime(2026, 1, 1), datetime(2110, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC)),
        day=st.dates(date(1900, 1, 1), date(2030, 12, 31)),
        days=st.integers(-3660, 3660),
        zone=st.sampled_from(ZONES),
    )
    def test_it_always_comes_within_a_year_and_on_the_day(self, now: datetime, day: date, days: int, zone: str) -> None:
        offset = f"{abs(days)} days {'before' if days < 0 else 'after'} " if days else ""
        found = until(f"{offset}profile.birthday", now.isoformat(), zone, {"birthday": day.isoformat()}, yearly=True)
        assert now <= found <= now + timedelta(days=367)
        returned = found.astimezone(ZoneInfo(zone)).date() - timedelta(days=days)
        assert (returned.month, returned.day) in {(day.month, day.day), (2, 28) if day.month == 2 else None}


class TestFields:
    @pytest.mark.parametrize("namespace", ["profile", "entry"])
    def test_it_is_read_where_the_author_says(self, namespace: str) -> None:
        fields = {"profile": {}, "entry": {}, namespace: {"day": "2026-05-01"}}
        wanted = Until.model_validate({"until": f"{namespace}.day"})
        found = moment(wanted, fields=fields, zone=ZoneInfo(SEOUL), now=at(MONDAY))
        assert found == at("2026-05-01T09:00+09:00")

    @pytest.mark.parametrize("told", ["2026-05-01T19:30:15+09:00", "2026-05-01T10:30:15Z", "2026-05-01T06:30:15-04:00"])
    def test_an_instant_is_waited_for_to_the_second_wherever_the_person_is(self, told: str) -> None:
        for zone in (SEOUL, NEW_YORK):
            assert until("entry.starts_at", zone=zone, fields={"starts_at": told}) == at("2026-05-01T19:30:15+09:00")

    def test_an_instant_as_the_database_tells_it_counts_too(self) -> None:
        instant = at("2026-05-01T19:30:15+09:00")
        assert until("30 minutes after profile.created_at", fields={"created_at": instant}) == instant + timedelta(
            minutes=30
        )

    def test_at_makes_a_day_of_an_instant_on_the_persons_own_calendar(self) -> None:
        fields = {"starts_at": "2026-05-01T19:30+09:00"}
        assert until("1 day before entry.starts_at", fields=fields, at="10:00") == at("2026-04-30T10:00+09:00")
        assert until("entry.starts_at", zone=KIRITIMATI, fields=fields, at="10:00") == at("2026-05-02T10:00+14:00")

    def test_hours_before_an_instant_are_hours_that_pass(self) -> None:
        fields = {"starts_at": "2026-03-08T12:00-04:00"}
        assert until("1 day before entry.starts_at", zone=NEW_YORK, fields=fields) == at("2026-03-07T11:00-05:00")

    def test_an_instant_that_returns_yearly_returns_as_a_day(self) -> None:
        fields = {"created_at": "2024-02-29T23:30+09:00"}
        assert until("profile.created_at", fields=fields, yearly=True) == at("2027-02-28T09:00+09:00")

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "soon",
            "2026-02-30",
            "2026-13-01",
            "29 February",
            "2026-05-01T19:30",
            "2026-05-01T19:30:00.5",
            "2026-05-01T25:00+09:00",
            "0000-00-00",
            20260501,
            1.5,
            True,
            ["2026-05-01"],
            {"day": 1},
        ],
    )
    @pytest.mark.parametrize("yearly", [False, True])
    def test_what_is_no_date_and_no_instant_with_a_zone_is_not_known(self, value: object, yearly: bool) -> None:
        assert until("profile.birthday", fields={"birthday": value}, yearly=yearly) is None

    def test_what_is_missing_is_not_known(self) -> None:
        assert until("3 days before profile.birthday", yearly=True) is None
        wanted = Until.model_validate({"until": "entry.day"})
        assert moment(wanted, fields={}, zone=UTC, now=at(MONDAY)) is None

    @pytest.mark.parametrize(
        "value",
        [
            "0001-01-01",
            "9999-12-31",
            "0001-01-01T00:00:00+09:00",
            "0001-01-01T00:00:00+00:00",
            "9999-12-31T23:59:59-09:00",
            "9999-12-31T23:59:59+00:00",
        ],
    )
    @pytest.mark.parametrize("zone", [SEOUL, NEW_YORK, "UTC"])
    @pytest.mark.parametrize("what", ["profile.day", "3650 days before profile.day", "3650 days after profile.day"])
    @pytest.mark.parametrize("more", [{}, {"at": "23:30"}, {"yearly": True}])
    def test_the_ends_of_the_calendar_raise_nothing(
        self, value: str, zone: str, what: str, more: dict[str, Any]
    ) -> None:
        found = until(what, zone=zone, fields={"day": value}, **more)
        assert found is None or found.tzinfo is UTC

    @given(value=st.one_of(st.text(), st.datetimes(timezones=st.timezones()).map(datetime.isoformat), st.dates()))
    @settings(deadline=None)
    def test_no_value_whatever_raises(self, value: object) -> None:
        for more in ({}, {"yearly": True}, {"at": "10:00"}):
            found = until("5 hours before profile.day", fields={"day": value}, **more)
            assert found is None or found.tzinfo is UTC


class TestNextOn:
    """When a digest goes out that a message waits for."""

    SATURDAY = frozenset({5})

    @pytest.mark.parametrize(
        ("since", "expected"),
        [
            ("2026-03-02T10:20+09:00", "2026-03-07T10:00+09:00"),
            ("2026-03-07T10:00+09:00", "2026-03-07T10:00+09:00"),
            ("2026-03-07T10:00:00.000001+09:00", "2026-03-14T10:00+09:00"),
            ("2026-03-07T00:30+00:00", "2026-03-07T10:00+09:00"),
        ],
    )
    def test_is_the_first_at_or_after_on_the_persons_clock(self, since: str, expected: str) -> None:
        assert next_on(self.SATURDAY, time(10), zone=ZoneInfo(SEOUL), since=at(since)) == at(expected)

    def test_keeps_to_the_clock_where_it_jumps(self) -> None:
        every = frozenset(range(7))
        spring = next_on(every, time(2, 30), zone=ZoneInfo(NEW_YORK), since=at("2026-03-08T00:00-05:00"))
        assert spring == at("2026-03-08T03:30-04:00")
        autumn = next_on(every, time(1, 30), zone=ZoneInfo(NEW_YORK), since=at("2026-11-01T00:00-04:00"))
        assert autumn == at("2026-11-01T01:30-04:00")

    @settings(max_examples=200)
    @given(
        days=st.sets(st.integers(0, 6), min_size=1).map(frozenset),
        clock=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
        since=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
        zone=st.sampled_from(ZONES),
    )
    def test_is_never_past_and_never_further_than_a_week_and_a_day(
        self, days: frozenset[int], clock: time, since: datetime, zone: str
    ) -> None:
        found = next_on(days, clock, zone=ZoneInfo(zone), since=since)
        assert since <= found <= since + timedelta(days=8)
