"""Duties that time brings: calendar periods, 29 February, and whom a rule is about."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.jurisdictions import packs
from dangol.model.jurisdiction import Jurisdictions
from dangol.model.people import Profile
from dangol.model.vocabulary import Basis
from dangol.policy.duties import (
    Lapse,
    anniversaries,
    begins,
    binds,
    confirmed_between,
    duty_rules,
    is_ours,
    lapsed_on,
    local_day,
    may_have_lapsed_before,
    months_later,
    notice_due,
    reconfirmation_due,
)
from dangol.policy.law import Law

RULES = duty_rules(packs().values())
[KR] = RULES.reconfirmations
[NOTICE] = RULES.notices
SEOUL = ZoneInfo("Asia/Seoul")
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2050, 12, 31), timezones=st.just(UTC))
SOMEBODY = Profile("p", "alice", None, None, None, None, None, {}, datetime(2026, 1, 1, tzinfo=UTC))


def in_seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2024-02-29", 24, "2026-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-02-28", -24, "2024-02-28"),
    ],
)
def test_periods_are_the_calendars(day: str, months: int, later: str) -> None:
    assert months_later(date.fromisoformat(day), months) == date.fromisoformat(later)


@given(DAYS, st.integers(-240, 240))
def test_a_month_later_is_never_in_another_month_and_never_past_the_day(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == min(day.day, calendar.monthrange(later.year, later.month)[1])


@given(INSTANTS)
def test_asking_begins_thirty_days_ahead_and_is_due_before_the_anniversary(confirmed_at: datetime) -> None:
    anniversary = next(anniversaries(KR, confirmed_at))
    day = local_day(confirmed_at, KR.zone)
    assert anniversary.year == day.year + 2
    assert anniversary <= day + timedelta(days=731)
    first = begins(anniversary - timedelta(days=30), KR.zone)
    assert reconfirmation_due(KR, confirmed_at, first - timedelta(seconds=1)) is None
    assert reconfirmation_due(KR, confirmed_at, first) == anniversary - timedelta(days=1)


@given(INSTANTS, st.integers(0, 12 * 366))
def test_no_consent_that_is_due_is_outside_the_spans_that_are_looked_through(at: datetime, days: int) -> None:
    now = at + timedelta(days=days)
    if reconfirmation_due(KR, at, now) is not None:
        assert any(first <= at < last for first, last in confirmed_between(KR, now))


def test_silence_keeps_a_consent_so_it_is_asked_about_every_two_years() -> None:
    agreed = in_seoul("2024-02-29T12:00")
    days = [day.isoformat() for day in anniversaries(KR, agreed)][:3]
    assert days == ["2026-02-28", "2028-02-29", "2030-02-28"]
    assert reconfirmation_due(KR, agreed, in_seoul("2028-02-10T09:00")) == date(2028, 2, 28)
    assert reconfirmation_due(KR, agreed, in_seoul("2027-02-10T09:00")) is None


def test_the_day_is_seouls() -> None:
    late = datetime(2026, 1, 31, 15, 30, tzinfo=UTC)  # half past midnight of 1 February in Seoul
    assert notice_due(NOTICE, late) == date(2026, 2, 15)


def test_what_was_recorded_after_its_time_was_another_systems_duty() -> None:
    agreed = in_seoul("2026-03-01T12:00")
    assert is_ours(NOTICE, agreed, in_seoul("2026-03-15T23:59"))
    assert not is_ours(NOTICE, agreed, in_seoul("2026-03-16T00:00"))


@given(INSTANTS, st.sampled_from(RULES.lapses))
def test_what_lapsed_is_among_what_is_looked_through(confirmed_at: datetime, rule: Lapse) -> None:
    end = lapsed_on(rule, confirmed_at)
    assert end > confirmed_at + timedelta(days=28 * rule.months - 4)
    assert confirmed_at < may_have_lapsed_before(rule, end)


def test_the_packs_say_which_duties_there_are() -> None:
    assert (NOTICE.rule, NOTICE.days, NOTICE.zone) == ("KR-outcome-notice", 14, "Asia/Seoul")
    assert (KR.rule, KR.months) == ("KR-reconfirm", 24)
    lapses = {(one.jurisdiction, one.basis.value): one.months for one in RULES.lapses}
    assert lapses[("CA", "implied_purchase")] == 24
    assert lapses[("CA", "implied_inquiry")] == 6
    assert lapses[("KR", "soft_opt_in")] == 6


@pytest.mark.parametrize(
    ("recorded", "country", "phone", "bound"),
    [
        ("KR", "US", None, True),
        ("US-FL", "KR", None, False),
        ("kr", "US", None, True),
        ("", "KR", None, True),
        ("", "US", None, False),
        ("", "US", "+821012345678", True),
        ("", None, "+14165550123", False),
        ("", None, None, True),
    ],
)
def test_whom_a_rule_is_about(recorded: str, country: str | None, phone: str | None, bound: bool) -> None:
    asked = Law(packs(), Jurisdictions(serves=("KR",)))
    assert binds(KR, recorded, replace(SOMEBODY, country=country, phone=phone), asked) is bound


def test_of_whom_no_place_is_known_only_what_the_workspace_serves_is_asked() -> None:
    assert not binds(KR, "", SOMEBODY, Law(packs(), Jurisdictions(serves=("US",))))
    assert binds(KR, "", SOMEBODY, Law(packs(), Jurisdictions(serves=("US", "KR"))))


@pytest.mark.parametrize("recorded", ["FR", ""])
def test_a_pack_of_many_countries_is_about_each_of_them(recorded: str) -> None:
    rule = Lapse("EU-consent", "EU", Basis.SOFT_OPT_IN, 12, "Europe/Brussels")
    assert binds(rule, recorded, replace(SOMEBODY, country="FR"), Law(packs(), Jurisdictions()))
