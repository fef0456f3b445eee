"""Frequency caps: at most so many messages to one person in a window, over all channels or some (G4).

A cap counts the slots that earlier hand-overs took. Slots are taken under the person's lock in the transaction
that claims the message, so the count cannot be raced. A slot is given back only when the provider certainly
refused. Messages of purposes outside ``capped_purposes`` are neither held back nor, unless a cap's ``applies_to``
says so, counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dangol.model.facts import Allow, Defer, Facts, Slot, Suppress, Verdict
from dangol.model.vocabulary import Channel, OnCapped, Reason
from dangol.model.workspace import Calendar
from dangol.policy.rules import CapRule, Rulebook
from dangol.policy.zones import plausible_zones

_NEVER = datetime.max.replace(tzinfo=UTC)


def caps(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """Ask every cap that applies; the one that frees up last decides.

    ``on_capped`` says what then happens: drop the message, defer it until the cap frees up (never past its
    expiry), or reroute it to its next channel. A message that is to be deferred takes another channel that has room.
    """
    if facts.message.purpose not in rulebook.policies.capped_purposes:
        return Allow()
    fields = facts.message.fields(channel)
    counts: dict[str, str] = {}
    strictest: tuple[datetime, str] | None = None
    for rule in rulebook.caps:
        if not rule.applies_to(fields):
            continue
        used, frees_at = _usage(rule, facts, rulebook)
        counts[rule.cap.key] = f"{used}/{rule.cap.limit}"
        if used >= rule.cap.limit and (strictest is None or frees_at > strictest[0]):
            strictest = (frees_at, rule.cap.key)
    evidence = {"caps": counts} if counts else {}
    if strictest is None:
        return Allow(evidence)
    return _capped(facts, strictest, {**evidence, "cap": strictest[1]})


def _capped(facts: Facts, strictest: tuple[datetime, str], evidence: dict[str, object]) -> Verdict:
    frees_at, on_capped = strictest[0], facts.message.on_capped
    if on_capped is not OnCapped.DEFER or frees_at == _NEVER:
        return Suppress(Reason.CAPPED, evidence, final=on_capped is OnCapped.DROP)
    evidence["until"] = frees_at.isoformat()
    expires_at = facts.message.expires_at
    if expires_at is not None and frees_at >= expires_at:
        return Suppress(Reason.CAP_OUTLASTS_EXPIRY, evidence)
    return Defer(frees_at, Reason.CAPPED, evidence)


def _usage(rule: CapRule, facts: Facts, rulebook: Rulebook) -> tuple[int, datetime]:
    """How many slots the cap counts now, and when it will count fewer than its limit."""
    window, limit = rule.cap.window, rule.cap.limit
    zones: tuple[ZoneInfo, ...] = ()
    if window.rolling is not None:
        since = facts.now - window.rolling
    else:
        # Where the zone is uncertain, a slot counts for as long as it is still its day, week or month in any of them.
        zones = plausible_zones(facts.profile, rulebook.policies.unknown_timezone) or (ZoneInfo("UTC"),)
        since = min(_calendar_bounds(window.calendar, facts.now, zone)[0] for zone in zones)
    taken = _taken(rule, facts.slots, since, including_start=window.calendar is not None)
    if len(taken) < limit:
        return len(taken), facts.now
    if limit == 0:
        return len(taken), _NEVER
    making_room = taken[len(taken) - limit]
    if window.rolling is not None:
        return len(taken), making_room + window.rolling
    return len(taken), max(_calendar_bounds(window.calendar, making_room, zone)[1] for zone in zones)


def _taken(rule: CapRule, slots: Sequence[Slot], since: datetime, *, including_start: bool) -> list[datetime]:
    """When the slots that count were reserved, oldest first. A rolling window is open at its start."""
    return sorted(
        slot.reserved_at
        for slot in slots
        if (slot.reserved_at > since or (including_start and slot.reserved_at == since))
        and rule.applies_to(slot.fields)
    )


@lru_cache(maxsize=1024)  # a batch asks at one instant, about a few zones
def _calendar_bounds(calendar: Calendar | None, instant: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end, in UTC, of the calendar day, week (from Monday) or month that this instant is in."""
    today = instant.astimezone(zone).date()
    if calendar is Calendar.DAY:
        first, following = today, today + timedelta(days=1)
    elif calendar is Calendar.WEEK:
        first = today - timedelta(days=today.weekday())
        following = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
    return (
        datetime.combine(first, time(), zone).astimezone(UTC),
        datetime.combine(following, time(), zone).astimezone(UTC),
    )


def longest_window(rulebooks: Sequence[Rulebook]) -> timedelta:
    """How far back slots must be read for these rules; a calendar window is never longer than 32 days."""
    spans = [rule.cap.window.rolling or timedelta(days=32) for rulebook in rulebooks for rule in rulebook.caps]
    return max(spans, default=timedelta())
