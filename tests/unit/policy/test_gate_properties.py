"""What an allowed message implies, checked by a second, plainer reading of the rules (G3, G4, G5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import event, given, settings
from hypothesis import strategies as st

from dangol.model.facts import Allow, Defer, Facts, Suppress
from dangol.model.people import Profile, Suppressed
from dangol.model.vocabulary import Channel, OnCapped, Purpose, Reason
from dangol.model.workspace import Calendar, Policies, QuietHours
from dangol.policy.gate import decide
from dangol.policy.holdout import position
from dangol.policy.rules import CapRule, Rulebook
from tests.unit.policy.builders import GRANTED, NOON, WITHDRAWN, cap, facts, message, nowhere, quiet, slot

FALLBACK = ("Asia/Seoul", "Europe/London")
HOMES: list[tuple[dict[str, str], tuple[str, ...]]] = [
    ({"timezone": "Asia/Seoul"}, ("Asia/Seoul",)),
    ({"timezone": "America/New_York", "country": "KR"}, ("America/New_York",)),
    ({"timezone": "Mars/Olympus", "country": "PT"}, ("Europe/Lisbon", "Atlantic/Azores", "Atlantic/Madeira")),
    ({"timezone": "Mars/Olympus"}, FALLBACK),
    ({}, FALLBACK),
]
"""What a profile says, and where its person may therefore be."""

CAPS: dict[str, tuple[int, timedelta | Calendar, Any]] = {
    "none": (0, timedelta(days=1), lambda fields: fields["channel"] == "push" and "news" in fields["tags"]),
    "daily": (1, Calendar.DAY, lambda fields: fields["purpose"] == "marketing"),
    "weekly": (2, Calendar.WEEK, lambda fields: True),
    "monthly": (4, Calendar.MONTH, lambda fields: fields["campaign"] == "win_back"),
    "sms": (1, timedelta(days=14), lambda fields: fields["channel"] == "sms"),
    "recent": (2, timedelta(hours=36), lambda fields: True),
}

channels = st.lists(st.sampled_from(Channel), min_size=1, max_size=3, unique=True).map(tuple)
few = st.sampled_from([frozenset[Channel]()] * 6 + [frozenset({channel}) for channel in Channel])
clock_changes = st.sampled_from(["2026-03-08T07:00", "2026-11-01T06:00", "2026-03-29T01:00", "2026-10-25T01:00"])
instants = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 28)),
    clock_changes.flatmap(
        lambda text: st.integers(-90, 90).map(lambda minute: datetime.fromisoformat(text) + timedelta(minutes=minute))
    ),
).map(lambda naive: naive.replace(tzinfo=UTC))
windows = st.lists(
    st.builds(
        lambda start, end, purposes, on: quiet(start, end, purposes=purposes, channels=on),
        st.sampled_from(["21:00", "22:30", "01:30", "12:00"]),
        st.sampled_from(["08:00", "02:30", "13:00", "00:00"]),
        st.sampled_from([(Purpose.MARKETING,), tuple(Purpose)]),
        channels,
    ),
    max_size=2,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Facts, Rulebook, tuple[str, ...]]:
    """Random facts and policies, and the zones in which the person may be."""
    now = draw(instants)
    said, zones = draw(st.sampled_from(HOMES))
    profile = nowhere(
        email=draw(st.sampled_from(["a@example.com"] * 4 + [None])),
        phone=draw(st.sampled_from(["+882345"] * 4 + [None])),
        devices=draw(st.sampled_from([("token",)] * 4 + [()])),
        erased_at=draw(st.sampled_from([None] * 19 + [now])),
        id=draw(st.sampled_from(["01A", "01B", "01C"])),
        **said,
    )
    candidates = st.builds(
        message,
        purpose=st.sampled_from(Purpose),
        channels=channels,
        tags=st.sampled_from([(), ("news",)]),
        campaign=st.sampled_from(["win_back", "welcome"]),
        on_capped=st.sampled_from(OnCapped),
        holdout=st.sampled_from([0.0] * 8 + [0.5]),
    )
    expiry = draw(st.sampled_from([None] * 6 + [0, -1, 3, 24, 24 * 40]))
    expires_at = None if expiry is None else now + timedelta(hours=expiry)
    asking = replace(draw(candidates), expires_at=expires_at)
    ages = st.lists(st.tuples(st.integers(-60, 33 * 24 * 60), candidates, st.sampled_from(Channel)), max_size=6)
    states = st.sampled_from([GRANTED] * 8 + [WITHDRAWN, None])
    consents = {(channel, purpose): draw(states) for channel in Channel for purpose in Purpose}
    world = facts(
        asking,
        profile,
        now=now,
        consents={key: state for key, state in consents.items() if state is not None},
        suppressed=dict.fromkeys(draw(few), Suppressed("hard_bounce")),
        ended=draw(st.sampled_from([None] * 19 + [Reason.EXIT_EVENT])),
        slots=[slot(now - timedelta(minutes=age), channel, earlier) for age, earlier, channel in draw(ages)],
        without_text=draw(few),
        without_provider=draw(few),
    )
    keys = draw(st.lists(st.sampled_from(sorted(CAPS)), max_size=3, unique=True))
    policies = Policies(
        quiet_hours=tuple(draw(windows)),
        unknown_timezone=FALLBACK,
        consent_required=draw(st.sampled_from([(Purpose.MARKETING, Purpose.SERVICE), tuple(Purpose)])),
        capped_purposes=draw(st.sampled_from([(Purpose.MARKETING,), tuple(Purpose)])),
    )
    rules = Rulebook(policies, tuple(cap(*CAPS[key][:2], key, CAPS[key][2]) for key in keys))
    return world, rules, zones


def reachable(profile: Profile, channel: Channel) -> bool:
    address = {Channel.EMAIL: profile.email, Channel.SMS: profile.phone, Channel.PUSH: "".join(profile.devices[:1])}
    return bool(address[channel])


def in_window(now: datetime, window: QuietHours, zone: str) -> bool:
    local = now.astimezone(ZoneInfo(zone)).strftime("%H:%M")
    start, end = window.start.strftime("%H:%M"), window.end.strftime("%H:%M")
    return start <= local < end if start < end else local >= start or local < end


def same_period(window: Calendar, one: datetime, other: datetime) -> bool:
    if window is Calendar.DAY:
        return one.date() == other.date()
    if window is Calendar.WEEK:
        return one.isocalendar()[:2] == other.isocalendar()[:2]
    return (one.year, one.month) == (other.year, other.month)


def used(rule: CapRule, world: Facts, zone: str) -> int:
    """How many slots the cap counts for a person in this zone."""
    window, count = rule.cap.window, 0
    for taken in world.slots:
        if not rule.applies_to(taken.fields):
            continue
        if window.rolling is not None:
            count += world.now - taken.reserved_at < window.rolling
        else:
            assert window.calendar is not None
            here = ZoneInfo(zone)
            count += same_period(window.calendar, taken.reserved_at.astimezone(here), world.now.astimezone(here))
    return count


def applies(rule: CapRule, world: Facts, channel: Channel) -> bool:
    fields: Mapping[str, Any] = world.message.fields(channel)
    return bool(rule.applies_to(fields))


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_an_allowed_message_breaks_no_rule_wherever_the_person_may_be(
    drawn: tuple[Facts, Rulebook, tuple[str, ...]],
) -> None:
    world, rules, zones = drawn
    ruling = decide(world, rules)
    event(type(ruling.verdict).__name__)
    if not isinstance(ruling.verdict, Allow):
        return
    channel, asked, policies = ruling.channel, world.message, rules.policies
    assert channel in asked.channels
    assert world.profile.erased_at is None
    assert reachable(world.profile, channel)
    assert channel not in world.suppressed
    assert channel not in world.without_text | world.without_provider
    state = world.consents.get((channel, asked.purpose))
    assert state is None or state.granted
    assert state is not None or asked.purpose not in policies.consent_required
    assert asked.expires_at is None or world.now < asked.expires_at
    assert world.ended is None
    assert position(asked.campaign, world.profile.id) >= asked.holdout
    for zone in zones:
        for window in policies.quiet_hours:
            if asked.purpose in window.purposes and channel in window.channels:
                assert not in_window(world.now, window, zone)
        for rule in rules.caps:
            if asked.purpose in policies.capped_purposes and applies(rule, world, channel):
                assert used(rule, world, zone) < rule.cap.limit


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_a_message_waits_only_for_a_moment_to_come_and_before_it_expires(
    drawn: tuple[Facts, Rulebook, tuple[str, ...]],
) -> None:
    world, rules, _ = drawn
    verdict = decide(world, rules).verdict
    if isinstance(verdict, Defer):
        assert verdict.until > world.now
        assert world.message.expires_at is None or verdict.until < world.message.expires_at
        assert verdict.reason in {Reason.QUIET_HOURS, Reason.CAPPED}


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_every_ruling_is_about_a_channel_of_the_message_and_no_channel_is_named_twice(
    drawn: tuple[Facts, Rulebook, tuple[str, ...]],
) -> None:
    world, rules, _ = drawn
    ruling = decide(world, rules)
    named = [ruling.channel, *(channel for channel, _ in ruling.passed_over)]
    assert len(named) == len(set(named))
    assert set(named) <= set(world.message.channels)
    assert all(
        isinstance(verdict, Suppress) and verdict.reason is not Reason.GATE_FAILED for _, verdict in ruling.passed_over
    )
    assert not isinstance(ruling.verdict, Suppress) or ruling.verdict.reason is not Reason.GATE_FAILED


def test_the_builders_person_may_get_everything() -> None:
    assert isinstance(decide(facts(now=NOON), Rulebook(Policies())).verdict, Allow)
