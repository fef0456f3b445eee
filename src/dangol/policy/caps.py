"""Frequency caps: at most so many messages to one person in a window, over all channels or some (G4).

A cap counts the slots that earlier hand-overs took. Slots are taken under the person's lock in the transaction
that claims the message, so the count cannot be raced. A slot is given back only when the provider certainly
refused, and with ``count_unknown: false`` where nobody can tell. Messages of purposes outside ``capped_purposes`` are
neither held back nor, unless a cap's ``applies_to`` says so, counted.

Room is kept: a message yields to one that goes before it (``contention``), that the same cap counts, that may reach the
person, and that is due already or, with ``reserve``, is planned to be due within that time and inside the window.

What a person wished ("at most one a week") is a cap like the others, of marketing, with the key ``recipient``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from dangol.model.facts import Allow, Contender, Defer, Facts, Slot, Suppress, Verdict
from dangol.model.people import Preferences
from dangol.model.vocabulary import Channel, OnCapped, Purpose, Reason
from dangol.model.workspace import Calendar, Cap, Window
from dangol.policy.address import address
from dangol.policy.consent import consent
from dangol.policy.contention import ahead
from dangol.policy.holdout import holdout
from dangol.policy.jurisdiction import legal_caps, longest_limit
from dangol.policy.order import LOOK_AGAIN
from dangol.policy.rules import CapRule, Rule, Rulebook
from dangol.policy.zones import plausible_zones

RECIPIENT = "recipient"
"""The key of the cap that a person set; no cap of a workspace can have it."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_ABOUT_PEOPLE: tuple[Rule, ...] = (address, consent, holdout)
"""What can keep another message from ever reaching the person, as far as it is looked at here."""


@dataclass(frozen=True, slots=True)
class _Objection:
    """A cap that has no room: when it is to be asked again, and the message that has, or will have, the room."""

    key: str
    until: datetime
    reason: Reason
    winner: str | None


def caps(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """Ask every cap that applies; the one that frees up last decides.

    ``on_capped`` says what then happens: drop the message, defer it until the cap frees up (never past its
    expiry), or reroute it to its next channel. A message that is to be deferred takes another channel that has room.
    """
    fields = facts.message.fields(channel)
    counts: dict[str, str] = {}
    objections: list[_Objection] = []
    before: Sequence[Contender] | None = None
    for rule in _binding(facts, rulebook):
        if rule.applies_to(fields):
            count = _Count.of(rule, facts, rulebook)
            counts[rule.cap.key] = f"{len(count.taken)}/{rule.cap.limit}"
            objection = _full(count, facts)
            if objection is None and facts.contenders:
                before = ahead(facts) if before is None else before
                objection = _yielding(count, before, facts, rulebook)
            if objection is not None:
                objections.append(objection)
    evidence: dict[str, object] = {"caps": counts} if counts else {}
    if not objections:
        return Allow(evidence)
    strictest = max(objections, key=lambda one: one.until)
    evidence["cap"] = strictest.key
    if strictest.winner is not None:
        evidence["winner"] = strictest.winner
    return _capped(facts, strictest, evidence)


def _binding(facts: Facts, rulebook: Rulebook) -> Iterator[CapRule]:
    """The caps that may hold this message back: those of laws, the workspace's, and the person's own."""
    yield from legal_caps(facts.profile, rulebook, facts.leeway)
    if facts.message.purpose in rulebook.policies.capped_purposes:
        yield from rulebook.caps
    if facts.preferences.at_most is not None and (own := _wished(facts.preferences)) is not None:
        yield own


@lru_cache(maxsize=256)
def _wished(preferences: Preferences) -> CapRule | None:
    """What a person wished, as a cap."""
    if preferences.at_most is None:
        return None
    window = Window(rolling=timedelta(days=preferences.per_days))
    return CapRule(Cap(key=RECIPIENT, limit=preferences.at_most, window=window), _is_marketing)


def _is_marketing(fields: Mapping[str, Any]) -> bool:
    return bool(fields["purpose"] == Purpose.MARKETING)


def _capped(facts: Facts, strictest: _Objection, evidence: dict[str, object]) -> Verdict:
    on_capped = facts.message.on_capped
    if on_capped is not OnCapped.DEFER or strictest.until == _NEVER:
        return Suppress(strictest.reason, evidence, final=on_capped is OnCapped.DROP)
    evidence["until"] = strictest.until.isoformat()
    expires_at = facts.message.expires_at
    if expires_at is not None and strictest.until >= expires_at:
        return Suppress(Reason.CAP_OUTLASTS_EXPIRY, evidence)
    return Defer(strictest.until, strictest.reason, evidence)


def _full(count: _Count, facts: Facts) -> _Objection | None:
    """What a cap has against this message whose room is taken; None if there is room."""
    cap = count.rule.cap
    if len(count.taken) < cap.limit:
        return None
    return _Objection(cap.key, count.frees_at(), Reason.CAPPED, _just_won(count, facts))


def _yielding(count: _Count, before: Sequence[Contender], facts: Facts, rulebook: Rulebook) -> _Objection | None:
    """What a cap that has room has against this message; None if nobody who goes before it needs that room."""
    winner = _needed_by(count, before, facts, rulebook)
    if winner is None:
        return None
    until = winner.due_at if winner.due_at > facts.now else facts.now + LOOK_AGAIN
    return _Objection(count.rule.cap.key, until, Reason.YIELDED, winner.message.id)


def _just_won(count: _Count, facts: Facts) -> str | None:
    """The message of the same batch that took the last room; None if there was none before it either."""
    rule = count.rule
    winners = [one for one in facts.slots if one.taken_by is not None and rule.applies_to(one.fields)]
    won = winners and len(count.taken) - len(winners) < rule.cap.limit
    return winners[-1].taken_by.id if won and winners[-1].taken_by is not None else None


def _needed_by(count: _Count, before: Sequence[Contender], facts: Facts, rulebook: Rulebook) -> Contender | None:
    """The first message that goes before this one and would find no room if this one took it."""
    rule = count.rule
    horizon = facts.now + (rule.cap.reserve or timedelta())
    near = [one for one in before if one.due_at <= horizon and count.reaches(one.due_at)]
    near.sort(key=lambda one: (one.due_at, one.message.id))
    takers = (one for one in near if _may_take(one, rule, facts, rulebook))
    for index, one in enumerate(takers):
        # Those before it, itself, and this message.
        if count.counts_at(max(one.due_at, facts.now)) + index + 2 > rule.cap.limit:
            return one
    return None


def _may_take(one: Contender, rule: CapRule, facts: Facts, rulebook: Rulebook) -> bool:
    """Does the cap count this message on a channel on which it may reach the person?

    Whether it has a text there, whether it will be quiet, and what other caps say is not looked at. Nothing of that
    changes while a batch is decided, so it is found out once for all messages to the person.
    """
    asked = (one.message.id, rule.cap.key, id(rulebook))
    if asked not in facts.recalled:
        facts.recalled[asked] = _reaches(one, rule, facts, rulebook)
    return facts.recalled[asked]


def _reaches(one: Contender, rule: CapRule, facts: Facts, rulebook: Rulebook) -> bool:
    probe = replace(facts, message=one.message, contenders=())
    return any(
        rule.applies_to(one.message.fields(channel))
        and channel not in facts.without_provider
        and all(isinstance(ask(probe, channel, rulebook), Allow) for ask in _ABOUT_PEOPLE)
        for channel in one.message.channels
    )


@dataclass(frozen=True, slots=True)
class _Count:
    """What a cap counts now: when the slots were taken, oldest first, and in which zones its days are told."""

    rule: CapRule
    now: datetime
    taken: Sequence[datetime]
    zones: tuple[ZoneInfo, ...]

    @classmethod
    def of(cls, rule: CapRule, facts: Facts, rulebook: Rulebook) -> _Count:
        window = rule.cap.window
        zones: tuple[ZoneInfo, ...] = ()
        if window.rolling is not None:
            since = facts.now - window.rolling
        else:
            # Where the zone is uncertain, a slot counts for as long as it is still its day, week or month in any of
            # them.
            zones = plausible_zones(facts.profile, rulebook.policies.unknown_timezone) or (ZoneInfo("UTC"),)
            since = min(_calendar_bounds(window.calendar, facts.now, zone)[0] for zone in zones)
        taken = _taken(rule, facts.slots, since, including_start=window.calendar is not None)
        return cls(rule, facts.now, taken, zones)

    def frees_at(self) -> datetime:
        """When a cap that is used up will count fewer than its limit; never if that is 0."""
        window, limit = self.rule.cap.window, self.rule.cap.limit
        if limit == 0:
            return _NEVER
        making_room = self.taken[len(self.taken) - limit]
        if window.rolling is not None:
            return making_room + window.rolling
        return max(_calendar_bounds(window.calendar, making_room, zone)[1] for zone in self.zones)

    def counts_at(self, instant: datetime) -> int:
        """How many of the slots taken until now still count at this later instant inside the window."""
        rolling = self.rule.cap.window.rolling
        if rolling is None:
            return len(self.taken)
        return sum(1 for at in self.taken if at > instant - rolling)

    def reaches(self, instant: datetime) -> bool:
        """Would a slot that is taken now still count then?"""
        window = self.rule.cap.window
        if window.rolling is not None:
            return instant < self.now + window.rolling
        return any(instant < _calendar_bounds(window.calendar, self.now, zone)[1] for zone in self.zones)


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


def longest_window(
    rulebooks: Sequence[Rulebook], wishes: Iterable[Preferences] = (), *, leeway: timedelta = timedelta()
) -> timedelta:
    """How far back slots must be read for these rules and what these people wish.

    A calendar window is never longer than 32 days. ``leeway`` is that of the facts.
    """
    spans = [rule.cap.window.rolling or timedelta(days=32) for rulebook in rulebooks for rule in rulebook.caps]
    spans += [timedelta(days=wish.per_days) for wish in wishes if wish.at_most is not None]
    return max([*spans, longest_limit(rulebooks, leeway)], default=timedelta())


def longest_reserve(rulebooks: Iterable[Rulebook]) -> timedelta:
    """The longest time for which any cap of these rules keeps room."""
    spans = [rule.cap.reserve for rulebook in rulebooks for rule in rulebook.caps if rule.cap.reserve is not None]
    return max(spans, default=timedelta())
