"""Turns at a rate: never more than it gives, in the order of coming, and what somebody waits for first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.delivery.pacing import Line, Rate, parse_pace
from dangol.errors import UsageError

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATES = st.builds(Rate, st.integers(1, 500), st.sampled_from(["s", "second", "minute", "hour"]))


def line(rate: Rate) -> Line:
    return Line("fake", rate, NOW, NOW, NOW, NOW)


def comes(at: Line, now: datetime, *, first: bool = False, promised: bool = False) -> datetime | None:
    """None if a message goes, else when it is to come again."""
    if at.is_free(now, first=first, promised=promised):
        at.use(now)
        return None
    return at.promise(now, first=first, promised=promised)


@settings(deadline=None)
@given(RATES, st.lists(st.tuples(st.integers(0, 3_000), st.booleans(), st.booleans()), max_size=200))
def test_no_stretch_of_time_sees_more_than_its_turns_and_the_lead(
    rate: Rate, arrivals: list[tuple[int, bool, bool]]
) -> None:
    queue, now, went = line(rate), NOW, list[datetime]()
    for later, first, promised in arrivals:
        now += timedelta(milliseconds=later)
        if comes(queue, now, first=first, promised=promised) is None:
            went.append(now)
    for start, since in enumerate(went):
        for count, until in enumerate(went[start:], 1):
            assert count <= (until - since + rate.lead) / rate.interval + 1


@settings(deadline=None)
@given(RATES, st.integers(1, 300))
def test_promises_lie_one_interval_apart_and_all_go_when_they_come(rate: Rate, people: int) -> None:
    queue = line(rate)
    told = [comes(queue, NOW) for _ in range(people)]
    promises = [at for at in told if at is not None]
    assert all(later - at == rate.interval for at, later in pairwise(promises))
    assert [comes(queue, at, promised=True) for at in promises] == [None] * len(promises)


def test_a_hundred_a_second_looked_for_once_a_second_are_a_hundred_a_second() -> None:
    queue, waiting = line(Rate(100, "s")), [NOW] * 1_000
    went = []
    for tick in range(12):
        now = NOW + tick * SECOND
        due = [at for at in waiting if at <= now]
        told = [comes(queue, now, promised=tick > 0) for _ in due]
        went.append(told.count(None))
        waiting = [at for at in waiting if at > now] + [at for at in told if at is not None]
    assert went[:10] == [100] * 10
    assert sum(went) == 1_000


def test_turns_that_nobody_used_do_not_pile_up() -> None:
    queue = line(Rate(10, "s"))
    assert [comes(queue, NOW + timedelta(hours=1)) for _ in range(30)].count(None) == 10


def test_who_comes_now_does_not_overtake_those_who_were_promised_a_turn() -> None:
    queue = line(Rate(1, "minute"))
    assert comes(queue, NOW) is None
    assert comes(queue, NOW) == NOW + timedelta(minutes=1)
    assert comes(queue, NOW) == NOW + timedelta(minutes=2)
    assert comes(queue, NOW + timedelta(seconds=90)) == NOW + timedelta(minutes=3)


def test_what_somebody_waits_for_passes_by_all_promises() -> None:
    queue = line(Rate(100, "s"))
    for _ in range(10_000):
        comes(queue, NOW)
    assert [comes(queue, NOW, first=True) for _ in range(60)].count(None) == 50
    slow = line(Rate(1, "s"))
    assert [comes(slow, NOW) for _ in range(3)].count(None) == 1
    assert comes(slow, NOW, first=True) is None


def test_who_missed_the_promised_turn_waits_in_a_queue_of_its_own() -> None:
    queue = line(Rate(10, "s"))
    for _ in range(1_000):
        comes(queue, NOW)
    late = NOW + timedelta(seconds=50)
    told = [comes(queue, late, promised=True) for _ in range(30)]
    assert told.count(None) == 10
    again = [at for at in told if at is not None]
    assert again == sorted(set(again))
    assert again[-1] <= late + 3 * SECOND


def test_an_interval_is_never_shorter_than_the_rate_asks_for() -> None:
    assert Rate(3, "s").interval == timedelta(microseconds=333_334)
    assert Rate(30, "minute").interval == 2 * SECOND


def test_rates_are_read_from_one_line() -> None:
    assert parse_pace("sendgrid=100/s, twilio:+15005550006 = 30 / minute,", ["sendgrid", "twilio"]) == {
        "sendgrid": Rate(100, "s"),
        "twilio:+15005550006": Rate(30, "minute"),
    }
    assert parse_pace("  ", []) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sendgrid", "'sendgrid' is no rate"),
        ("sendgrid=0/s", "'sendgrid=0/s' is no rate"),
        ("sendgrid=5/fortnight", "is no rate"),
        ("sendgrid=-5/s", "is no rate"),
        ("sendgrid=20000/s", "over 10,000 a second"),
        ("a=1/s, a=2/s", "'a' has two rates"),
        ("sendgird=5/s", "carrier 'sendgird' is not chosen, which are a, b, sendgrid"),
        ("a=1, b=2", "'a=1' is no rate; 'b=2' is no rate"),
    ],
)
def test_what_is_no_rate_is_told_all_at_once(text: str, told: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_pace(text, ["sendgrid", "a", "b"])
    assert told in str(found.value)
    assert "expected carrier=N/s" in str(found.value)
