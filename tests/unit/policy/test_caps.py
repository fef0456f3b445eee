"""Frequency caps: what is counted, when room comes back, what a full cap does to a message (G4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dangol.model.facts import Allow, Defer, Ruling, Slot, Suppress
from dangol.model.vocabulary import Channel, OnCapped, Purpose, Reason
from dangol.model.workspace import Calendar
from dangol.policy import gate
from dangol.policy.caps import caps, longest_window
from dangol.policy.rules import CapRule, Rulebook
from tests.unit.policy.builders import MESSAGE, NOON, cap, facts, message, nowhere, person, rulebook, slot

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
TICK = timedelta(microseconds=1)
WEEK = timedelta(days=7)
DEFERRED = message(on_capped=OnCapped.DEFER)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def frees_at(*slots: datetime, rule: CapRule, now: datetime = NOON, zone: str = "Asia/Seoul") -> datetime | None:
    """When a message may go, in the words of its deferral; None if it may go now."""
    world = facts(DEFERRED, person(timezone=zone), now=now, slots=[slot(each) for each in slots])
    verdict = caps(world, EMAIL, rulebook(rule))
    if isinstance(verdict, Allow):
        return None
    assert isinstance(verdict, Defer)
    return verdict.until


class TestRollingWindow:
    def test_a_slot_counts_until_the_window_has_passed_to_the_instant(self) -> None:
        rule = cap(1, WEEK)
        assert frees_at(NOON - WEEK + TICK, rule=rule) == NOON + TICK
        assert frees_at(NOON - WEEK, rule=rule) is None

    def test_a_slot_of_this_very_instant_counts(self) -> None:
        assert frees_at(NOON, rule=cap(1, WEEK)) == NOON + WEEK

    def test_room_comes_back_when_enough_of_the_oldest_have_passed(self) -> None:
        days = [NOON - timedelta(days=day) for day in (2, 6, 1, 4)]
        assert frees_at(*days, rule=cap(5, WEEK)) is None
        assert frees_at(*days, rule=cap(4, WEEK)) == NOON + timedelta(days=1)
        assert frees_at(*days, rule=cap(2, WEEK)) == NOON + timedelta(days=5)

    def test_the_order_in_which_slots_are_read_does_not_matter(self) -> None:
        days = [NOON - timedelta(days=day) for day in (1, 2, 3)]
        assert frees_at(*days, rule=cap(3, WEEK)) == frees_at(*reversed(days), rule=cap(3, WEEK))

    def test_slots_from_the_future_count_when_the_clock_was_set_back(self) -> None:
        ahead = NOON + timedelta(hours=5)
        assert frees_at(ahead, rule=cap(1, WEEK)) == ahead + WEEK


class TestCalendarWindow:
    @pytest.mark.parametrize(
        ("window", "first", "following"),
        [
            (Calendar.DAY, "2026-03-02T00:00+09:00", "2026-03-03T00:00+09:00"),
            (Calendar.WEEK, "2026-03-02T00:00+09:00", "2026-03-09T00:00+09:00"),
            (Calendar.MONTH, "2026-03-01T00:00+09:00", "2026-04-01T00:00+09:00"),
        ],
    )
    def test_its_first_instant_counts_and_the_one_before_does_not(
        self, window: Calendar, first: str, following: str
    ) -> None:
        rule = cap(1, window)
        assert frees_at(at(first), rule=rule) == at(following)
        assert frees_at(at(first) - TICK, rule=rule) is None

    def test_it_starts_anew_at_the_recipients_midnight_not_the_servers(self) -> None:
        rule = cap(1, Calendar.DAY)
        sent = at("2026-03-02T23:00-05:00")
        assert frees_at(sent, rule=rule, now=at("2026-03-02T23:30-05:00"), zone="America/New_York") == at(
            "2026-03-03T00:00-05:00"
        )
        assert frees_at(sent, rule=rule, now=at("2026-03-03T00:00-05:00"), zone="America/New_York") is None

    @pytest.mark.parametrize(
        ("noon", "midnight"),
        [
            ("2026-03-08T12:00-04:00", "2026-03-09T00:00-04:00"),
            ("2026-11-01T12:00-05:00", "2026-11-02T00:00-05:00"),
        ],
    )
    def test_days_on_which_the_clock_is_set_have_their_true_length(self, noon: str, midnight: str) -> None:
        rule, new_york = cap(1, Calendar.DAY), "America/New_York"
        first = datetime.combine(at(noon).date(), datetime.min.time(), ZoneInfo(new_york)).astimezone(UTC)
        assert frees_at(first, rule=rule, now=at(noon), zone=new_york) == at(midnight)
        assert frees_at(first - TICK, rule=rule, now=at(noon), zone=new_york) is None

    def test_a_day_whose_midnight_is_skipped_starts_when_the_clock_jumps(self) -> None:
        rule, cairo = cap(1, Calendar.DAY), "Africa/Cairo"  # 24 April 2026 begins at 01:00
        first = at("2026-04-24T01:00+03:00")
        assert frees_at(first, rule=rule, now=at("2026-04-24T12:00+03:00"), zone=cairo) == at("2026-04-25T00:00+03:00")
        assert frees_at(first - TICK, rule=rule, now=at("2026-04-24T12:00+03:00"), zone=cairo) is None

    @pytest.mark.parametrize(
        ("now", "following"),
        [
            ("2026-02-28T12:00+09:00", "2026-03-01T00:00+09:00"),
            ("2028-02-29T12:00+09:00", "2028-03-01T00:00+09:00"),
            ("2026-12-31T12:00+09:00", "2027-01-01T00:00+09:00"),
            ("2026-01-31T12:00+09:00", "2026-02-01T00:00+09:00"),
        ],
    )
    def test_a_month_ends_where_the_next_begins(self, now: str, following: str) -> None:
        assert frees_at(at(now), rule=cap(1, Calendar.MONTH), now=at(now)) == at(following)

    def test_slots_from_the_future_count_when_the_clock_was_set_back(self) -> None:
        ahead = at("2026-03-03T01:00+09:00")
        assert frees_at(ahead, rule=cap(1, Calendar.DAY)) == at("2026-03-04T00:00+09:00")

    def test_where_the_zone_is_uncertain_a_slot_counts_while_it_is_its_day_anywhere(self) -> None:
        policies: dict[str, Any] = {"unknown_timezone": ("Asia/Seoul", "America/Los_Angeles")}
        sent = at("2026-03-02T11:00+09:00")  # in Los Angeles still 1 March, 18:00
        world = facts(DEFERRED, nowhere(), now=at("2026-03-02T21:00+09:00"), slots=[slot(sent)])
        verdict = caps(world, EMAIL, rulebook(cap(1, Calendar.DAY), **policies))
        assert isinstance(verdict, Defer)
        assert verdict.until == at("2026-03-03T00:00+09:00")

        later = facts(DEFERRED, nowhere(), now=verdict.until - TICK, slots=[slot(sent)])
        assert isinstance(caps(later, EMAIL, rulebook(cap(1, Calendar.DAY), **policies)), Defer)
        later = facts(DEFERRED, nowhere(), now=verdict.until, slots=[slot(sent)])
        assert isinstance(caps(later, EMAIL, rulebook(cap(1, Calendar.DAY), **policies)), Allow)

    def test_where_no_zone_can_be_told_the_calendar_is_utc(self) -> None:
        world = facts(DEFERRED, nowhere(), slots=[slot(NOON)])
        verdict = caps(world, EMAIL, rulebook(cap(1, Calendar.DAY)))
        assert isinstance(verdict, Defer)
        assert verdict.until == at("2026-03-03T00:00+00:00")


class TestWhatCounts:
    def sms_only(self, fields: Mapping[str, Any]) -> bool:
        return bool(fields["channel"] == "sms")

    def test_a_cap_counts_over_all_channels_unless_its_condition_says_otherwise(self) -> None:
        slots = [slot(NOON, SMS), slot(NOON, EMAIL)]
        everything, sms = cap(2, WEEK, "all"), cap(2, WEEK, "sms", self.sms_only)
        assert isinstance(caps(facts(slots=slots), EMAIL, rulebook(everything)), Suppress)
        assert caps(facts(slots=slots), SMS, rulebook(sms)) == Allow({"caps": {"sms": "1/2"}})

    def test_a_cap_that_does_not_apply_to_the_message_is_not_even_counted(self) -> None:
        sms = cap(0, WEEK, "sms", self.sms_only)
        assert caps(facts(), EMAIL, rulebook(sms)) == Allow()

    @pytest.mark.parametrize(
        ("applies_to", "counted"),
        [
            (lambda fields: "news" in fields["tags"], 1),
            (lambda fields: fields["campaign"] == "win_back", 2),
            (lambda fields: fields["stage"] == "loyalty", 3),
            (lambda fields: fields["priority"] < 60, 3),
            (lambda fields: fields["purpose"] == "marketing", 4),
        ],
    )
    def test_conditions_see_tags_campaign_stage_priority_and_purpose(self, applies_to: Any, counted: int) -> None:
        asking = message(tags=("news",))
        slots = [
            slot(NOON, candidate=asking),
            slot(NOON),
            slot(NOON, candidate=message(campaign="other")),
            slot(NOON, candidate=message(campaign="other", stage="purchase", priority=90)),
        ]
        verdict = caps(facts(asking, slots=slots), EMAIL, rulebook(cap(9, WEEK, "asked", applies_to)))
        assert verdict == Allow({"caps": {"asked": f"{counted}/9"}})

    def test_messages_of_other_purposes_are_not_held_back(self) -> None:
        transactional = message(purpose=Purpose.TRANSACTIONAL)
        full = rulebook(cap(0, WEEK, applies_to=lambda _: True))
        assert caps(facts(transactional), EMAIL, full) == Allow()

    def test_messages_of_other_purposes_count_if_the_cap_says_so(self) -> None:
        receipt = slot(NOON, candidate=message(purpose=Purpose.TRANSACTIONAL))
        assert isinstance(caps(facts(slots=[receipt]), EMAIL, rulebook(cap(1, WEEK))), Allow)
        everything = cap(1, WEEK, applies_to=lambda _: True)
        assert isinstance(caps(facts(slots=[receipt]), EMAIL, rulebook(everything)), Suppress)

    def test_a_slot_keeps_what_was_true_at_its_hand_over(self) -> None:
        old = Slot(NOON, MESSAGE.fields(EMAIL) | {"tags": ["news"]})
        news = cap(1, WEEK, "news", lambda fields: "news" in fields["tags"])
        assert isinstance(caps(facts(message(tags=("news",)), slots=[old]), EMAIL, rulebook(news)), Suppress)


class TestSeveralCaps:
    def test_the_cap_that_frees_up_last_decides_and_all_counts_are_told(self) -> None:
        rules = rulebook(cap(1, Calendar.DAY, "daily"), cap(1, WEEK, "weekly"), cap(9, WEEK, "loose"))
        sent = NOON - timedelta(hours=1)
        verdict = caps(facts(DEFERRED, slots=[slot(sent)]), EMAIL, rules)
        assert verdict == Defer(
            sent + WEEK,
            Reason.CAPPED,
            {
                "caps": {"daily": "1/1", "weekly": "1/1", "loose": "1/9"},
                "cap": "weekly",
                "until": (sent + WEEK).isoformat(),
            },
        )

    def test_the_order_of_the_caps_does_not_matter(self) -> None:
        day, week = cap(1, Calendar.DAY, "daily"), cap(1, WEEK, "weekly")
        world = facts(DEFERRED, slots=[slot(NOON)])
        assert caps(world, EMAIL, rulebook(day, week)) == caps(world, EMAIL, rulebook(week, day))


class TestOnCapped:
    FULL = cap(1, WEEK)
    SENT = (slot(NOON - timedelta(days=6)),)
    SMS_FULL = rulebook(cap(1, WEEK, "sms", lambda fields: fields["channel"] == "sms"))

    def ask(self, on_capped: OnCapped, rules: Rulebook | None = None, **changes: Any) -> Ruling:
        candidate = message(on_capped=on_capped, channels=(SMS, EMAIL), **changes)
        slots = [slot(NOON - timedelta(days=6), SMS)]
        return gate.decide(facts(candidate, slots=slots), rules or self.SMS_FULL)

    def test_drop_refuses_the_whole_message(self) -> None:
        ruling = self.ask(OnCapped.DROP)
        assert ruling.verdict == Suppress(Reason.CAPPED, {"caps": {"sms": "1/1"}, "cap": "sms"}, final=True)

    def test_reroute_takes_the_next_channel_that_has_room(self) -> None:
        ruling = self.ask(OnCapped.REROUTE)
        assert isinstance(ruling.verdict, Allow)
        assert ruling.channel is EMAIL
        assert [(channel, verdict.reason) for channel, verdict in ruling.passed_over] == [(SMS, Reason.CAPPED)]

    def test_reroute_with_no_room_anywhere_refuses(self) -> None:
        ruling = self.ask(OnCapped.REROUTE, rulebook(self.FULL))
        assert isinstance(ruling.verdict, Suppress)
        assert (ruling.channel, ruling.verdict.reason) == (SMS, Reason.CAPPED)

    def test_defer_waits_until_there_is_room(self) -> None:
        ruling = self.ask(OnCapped.DEFER, rulebook(self.FULL))
        assert isinstance(ruling.verdict, Defer)
        assert ruling.verdict.until == NOON + timedelta(days=1)

    def test_defer_prefers_a_channel_that_has_room_now(self) -> None:
        assert self.ask(OnCapped.DEFER).channel is EMAIL

    @pytest.mark.parametrize("expires_in", [timedelta(hours=1), timedelta(days=1)])
    def test_defer_prefers_a_channel_that_has_room_now_however_soon_the_message_expires(
        self, expires_in: timedelta
    ) -> None:
        ruling = self.ask(OnCapped.DEFER, expires_at=NOON + expires_in)
        assert isinstance(ruling.verdict, Allow)
        assert ruling.channel is EMAIL
        assert [(channel, verdict.reason) for channel, verdict in ruling.passed_over] == [
            (SMS, Reason.CAP_OUTLASTS_EXPIRY)
        ]

    def test_defer_prefers_a_channel_that_may_be_used_to_one_that_never_may(self) -> None:
        never = rulebook(cap(0, WEEK, "sms", lambda fields: fields["channel"] == "sms"))
        ruling = self.ask(OnCapped.DEFER, never)
        assert isinstance(ruling.verdict, Allow)
        assert ruling.channel is EMAIL

    @pytest.mark.parametrize(
        ("after_room", "reason"), [(TICK, Reason.CAPPED), (timedelta(), Reason.CAP_OUTLASTS_EXPIRY)]
    )
    def test_it_never_waits_until_the_expiry_or_beyond(self, after_room: timedelta, reason: Reason) -> None:
        room = NOON + timedelta(days=1)
        ruling = self.ask(OnCapped.DEFER, rulebook(self.FULL), expires_at=room + after_room)
        assert not isinstance(ruling.verdict, Allow)
        assert ruling.verdict.reason is reason

    @pytest.mark.parametrize("on_capped", OnCapped)
    def test_a_limit_of_zero_never_frees_up(self, on_capped: OnCapped) -> None:
        ruling = self.ask(on_capped, rulebook(cap(0, Calendar.DAY)))
        assert isinstance(ruling.verdict, Suppress)
        assert ruling.verdict.reason is Reason.CAPPED


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], timedelta()),
        ([timedelta(days=7), timedelta(days=14)], timedelta(days=14)),
        ([Calendar.MONTH, timedelta(days=7)], timedelta(days=32)),
        ([Calendar.DAY, timedelta(days=90)], timedelta(days=90)),
    ],
)
def test_slots_are_read_as_far_back_as_the_longest_window(windows: list[Any], expected: timedelta) -> None:
    assert longest_window([rulebook(*[cap(1, window) for window in windows])]) == expected
