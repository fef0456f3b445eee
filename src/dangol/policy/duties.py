"""What the law wants done about consents as time goes by: tell people what came of theirs, ask again, let them lapse.

Pure: rules, days and people in, instants and days out. Years and months are the calendar's. Where an anniversary has
no day of its own, as 29 February has none in most years, the last day of the month stands in, which is the earlier one.
Which duties there are, and whom they are about, is read from the packs as the workspace has them: ``Law``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dangol.model.jurisdiction import ConsentRule, OutcomeNoticeRule, Pack, Period, ReconfirmRule
from dangol.model.people import Profile
from dangol.model.vocabulary import Basis, Channel, Purpose
from dangol.policy.law import Law

_MOST_ANNIVERSARIES = 12


@dataclass(frozen=True, slots=True)
class OutcomeNotice:
    """Whoever agreed or withdrew is told the sender, the fact, its date and the result, at most ``days`` later."""

    rule: str
    jurisdiction: str
    days: int
    zone: str


@dataclass(frozen=True, slots=True)
class Reconfirmation:
    """A consent is confirmed anew every ``months``, before the anniversary; we begin ``ahead`` days before it."""

    rule: str
    jurisdiction: str
    months: int
    ahead: int
    zone: str


@dataclass(frozen=True, slots=True)
class Lapse:
    """What stands in a consent's stead ends ``months`` after the deal or the inquiry that it rests on."""

    rule: str
    jurisdiction: str
    basis: Basis
    months: int
    zone: str
    channels: tuple[Channel, ...] = tuple(Channel)


Duty = OutcomeNotice | Reconfirmation | Lapse
PURPOSES = frozenset({Purpose.MARKETING})
"""All of these duties are about advertising."""
AHEAD = 30
"""How many days before the last one a consent is asked about."""


@dataclass(frozen=True, slots=True)
class DutyRules:
    """All duties of all jurisdictions."""

    notices: tuple[OutcomeNotice, ...] = ()
    reconfirmations: tuple[Reconfirmation, ...] = ()
    lapses: tuple[Lapse, ...] = ()


def duty_rules(packs: Iterable[Pack]) -> DutyRules:
    """The duties that these packs ask for; a day is one of the pack's zone."""
    notices: list[OutcomeNotice] = []
    reconfirmations: list[Reconfirmation] = []
    lapses: list[Lapse] = []
    for pack in packs:
        notices += [
            OutcomeNotice(rule.id, pack.code, rule.within.days, pack.zone) for rule in pack.of(OutcomeNoticeRule)
        ]
        reconfirmations += [
            Reconfirmation(rule.id, pack.code, rule.every.months, AHEAD, pack.zone) for rule in pack.of(ReconfirmRule)
        ]
        lapses += [
            Lapse(rule.id, pack.code, basis, lasting.months, pack.zone, rule.channels)
            for rule in pack.of(ConsentRule)
            for basis, lasting in rule.accepts.items()
            if lasting is not None
        ]
    return DutyRules(tuple(notices), tuple(reconfirmations), tuple(lapses))


def months_later(day: date, months: int) -> date:
    """The same day of the month, ``months`` later (or earlier); the month's last day if it is shorter."""
    return Period(months).after(day)


def local_day(at: datetime, zone: str) -> date:
    """The day that it is in a zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def begins(day: date, zone: str) -> datetime:
    """The first instant of a day in a zone, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def notice_due(rule: OutcomeNotice, occurred_at: datetime) -> date:
    """The last day on which the notice is in time."""
    return local_day(occurred_at, rule.zone) + timedelta(days=rule.days)


def is_ours(rule: OutcomeNotice, occurred_at: datetime, recorded_at: datetime) -> bool:
    """Whether the notice falls to us. What was recorded after its time is the history of another system, which owed it.

    Otherwise an import of a million consents of old would write to a million people.
    """
    return local_day(recorded_at, rule.zone) <= notice_due(rule, occurred_at)


def anniversaries(rule: Reconfirmation, confirmed_at: datetime) -> Iterator[date]:
    """The days before which a consent is to be confirmed anew. Silence keeps it, so they go on."""
    day = local_day(confirmed_at, rule.zone)
    for number in range(1, _MOST_ANNIVERSARIES + 1):
        yield months_later(day, number * rule.months)


def reconfirmation_due(rule: Reconfirmation, confirmed_at: datetime, now: datetime) -> date | None:
    """The last day on which asking is in time, if it is time to ask; None if it is too early, or long past.

    What was missed is asked for up to ``ahead`` days after the anniversary, late being better than never.
    """
    today, ahead = local_day(now, rule.zone), timedelta(days=rule.ahead)
    for day in anniversaries(rule, confirmed_at):
        if day - ahead <= today <= day + ahead:
            return day - timedelta(days=1)
    return None


def confirmed_between(rule: Reconfirmation, now: datetime) -> list[tuple[datetime, datetime]]:
    """Spans of time, newest first, that hold every instant for which ``reconfirmation_due`` is not None."""
    today, slack = local_day(now, rule.zone), timedelta(days=rule.ahead + 4)  # months differ by up to three days
    spans = []
    for number in range(1, _MOST_ANNIVERSARIES + 1):
        if today.year - number * rule.months // 12 < 1980:
            break
        first, last = (months_later(day, -number * rule.months) for day in (today - slack, today + slack))
        spans.append((begins(first, rule.zone), begins(last + timedelta(days=1), rule.zone)))
    return spans


def lapsed_on(rule: Lapse, confirmed_at: datetime) -> datetime:
    """From when on a consent of this kind no longer stands."""
    return begins(months_later(local_day(confirmed_at, rule.zone), rule.months), rule.zone)


def may_have_lapsed_before(rule: Lapse, now: datetime) -> datetime:
    """Whatever has lapsed by now was given or confirmed before this."""
    day = months_later(local_day(now, rule.zone) + timedelta(days=4), -rule.months)
    return begins(day + timedelta(days=1), rule.zone)


def binds(rule: Duty, recorded: str, profile: Profile, asked: Law) -> bool:
    """Whether a rule is about this person: by the place that the consent names, else by where they are.

    Somebody of whom no place is known is bound by the rules of every place that the workspace serves.
    """
    return rule.jurisdiction in (asked.place(recorded) if recorded else asked.places(profile)).codes
