"""However messages arrive and clocks move, no window holds more than its limit (G4)."""

from __future__ import annotations

import heapq
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.model.facts import Allow, Defer, Slot
from dangol.model.vocabulary import Channel, OnCapped
from dangol.model.workspace import Calendar
from dangol.policy import gate
from dangol.policy.rules import Rulebook
from tests.unit.policy.builders import NOON, cap, facts, message, person, rulebook, slot

EMAIL, SMS = Channel.EMAIL, Channel.SMS


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


spans = st.one_of(
    st.sampled_from(Calendar),
    st.sampled_from([timedelta(minutes=90), timedelta(hours=24), timedelta(days=3), timedelta(days=7)]),
)
arrivals = st.lists(st.tuples(st.integers(0, 40 * 24 * 60), st.sampled_from([EMAIL, SMS])), min_size=1, max_size=30)


def send_all(
    wanted: list[tuple[int, Channel]], rules: Rulebook, start: datetime, zone: str
) -> list[tuple[datetime, Channel]]:
    """Let every message ask, and ask again when it was told to; returns when each one went out."""
    queue = [(start + timedelta(minutes=minute), index) for index, (minute, _) in enumerate(wanted)]
    heapq.heapify(queue)
    sent: list[Slot] = []
    asked = 0
    while queue:
        asked += 1
        assert asked <= 60 * len(wanted), "messages are put off again and again"
        now, index = heapq.heappop(queue)
        candidate = message(on_capped=OnCapped.DEFER, channels=(wanted[index][1],))
        ruling = gate.decide(facts(candidate, person(timezone=zone), now=now, slots=sent), rules)
        if isinstance(ruling.verdict, Defer):
            assert ruling.verdict.until > now
            heapq.heappush(queue, (ruling.verdict.until, index))
        else:
            assert isinstance(ruling.verdict, Allow)
            sent.append(slot(now, ruling.channel))
    return [(each.reserved_at, each.fields["channel"]) for each in sent]


def period(local: date, window: Calendar) -> object:
    if window is Calendar.DAY:
        return local
    return local.isocalendar()[:2] if window is Calendar.WEEK else (local.year, local.month)


@settings(max_examples=120, deadline=None)
@given(
    wanted=arrivals,
    window=spans,
    limit=st.integers(1, 3),
    of_sms=st.sampled_from([None, 1]),
    start=st.sampled_from([NOON, at("2026-03-05T00:00-05:00"), at("2026-10-20T00:00-04:00")]),
    zone=st.sampled_from(["Asia/Seoul", "America/New_York", "America/Havana"]),
)
def test_however_messages_arrive_no_window_ever_holds_more_than_its_limit_and_all_go_out(
    wanted: list[tuple[int, Channel]],
    window: timedelta | Calendar,
    limit: int,
    of_sms: int | None,
    start: datetime,
    zone: str,
) -> None:
    rules = [cap(limit, window)]
    if of_sms is not None:
        rules.append(cap(of_sms, Calendar.DAY, "sms", lambda fields: fields["channel"] == "sms"))
    sent = send_all(wanted, rulebook(*rules), start, zone)
    assert len(sent) == len(wanted)
    times = [instant for instant, _ in sent]
    if isinstance(window, Calendar):
        counted = Counter(period(instant.astimezone(ZoneInfo(zone)).date(), window) for instant in times)
        assert max(counted.values()) <= limit
    else:
        assert all(sum(end - window < each <= end for each in times) <= limit for end in times)
    if of_sms is not None:
        days = Counter(instant.astimezone(ZoneInfo(zone)).date() for instant, channel in sent if channel == "sms")
        assert all(count <= of_sms for count in days.values())


@settings(max_examples=80, deadline=None)
@given(
    steps=st.lists(st.integers(-6 * 60, 12 * 60), min_size=1, max_size=40),
    window=spans,
    limit=st.integers(1, 3),
)
def test_a_clock_that_steps_back_never_makes_room(steps: list[int], window: timedelta | Calendar, limit: int) -> None:
    now, sent = NOON, list[Slot]()
    rules = rulebook(cap(limit, window))
    seoul = ZoneInfo("Asia/Seoul")
    for minutes in steps:
        now += timedelta(minutes=minutes)
        if isinstance(gate.decide(facts(now=now, slots=sent), rules).verdict, Allow):
            sent.append(slot(now))
    times = [each.reserved_at for each in sent]
    if isinstance(window, Calendar):
        counted = Counter(period(instant.astimezone(seoul).date(), window) for instant in times)
        assert not counted or max(counted.values()) <= limit
    else:
        assert all(sum(end - window < each <= end for each in times) <= limit for end in times)
