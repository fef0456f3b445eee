"""Why a person got a message, or did not, in plain words: a pure function of their log entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dangol.ledger.reader import Entry
from dangol.ledger.words import WORDS, Language, Outcome, Words
from dangol.model.vocabulary import Channel, Decision, JourneyStatus, Reason

OUTCOMES: Mapping[Decision, Outcome] = {
    Decision.MESSAGE_PLANNED: "waiting",
    Decision.MESSAGE_DEFERRED: "waiting",
    Decision.MESSAGE_REROUTED: "waiting",
    Decision.MESSAGE_RETRIED: "waiting",
    Decision.MESSAGE_SENDING: "on_its_way",
    Decision.MESSAGE_ACCEPTED: "sent",
    Decision.MESSAGE_UNKNOWN: "unknown",
    Decision.MESSAGE_FAILED: "not_sent",
    Decision.MESSAGE_SUPPRESSED: "not_sent",
    Decision.MESSAGE_EXPIRED: "not_sent",
    Decision.MESSAGE_CANCELLED: "not_sent",
    Decision.MESSAGE_HELD: "waiting",
    Decision.MESSAGE_RELEASED: "waiting",
    Decision.MESSAGE_DELIVERED: "delivered",
    Decision.MESSAGE_BOUNCED: "bounced",
    Decision.MESSAGE_OPENED: "delivered",
    Decision.MESSAGE_CLICKED: "delivered",
    Decision.MESSAGE_COMPLAINED: "delivered",
    Decision.MESSAGE_UNSUBSCRIBED: "delivered",
    Decision.CALL_PLANNED: "waiting",
    Decision.CALL_RETRIED: "waiting",
    Decision.CALL_SENDING: "on_its_way",
    Decision.CALL_ACCEPTED: "sent",
    Decision.CALL_UNKNOWN: "unknown",
    Decision.CALL_FAILED: "not_sent",
    Decision.CALL_EXPIRED: "not_sent",
    Decision.CALL_CANCELLED: "not_sent",
}
"""How a message, or a call to another system, stands after each decision about it."""
_WAITING = frozenset({Decision.MESSAGE_DEFERRED, Decision.MESSAGE_RETRIED, Decision.CALL_RETRIED})
_Word = TypeVar("_Word", bound=StrEnum)
_MOMENTS = frozenset(
    "until too_late expired_at due_at expires_at fired_at fire_at begins_at paused_until spread_from".split()
)


@dataclass(frozen=True, slots=True)
class Line:
    """One decision in words. ``when`` and the times in ``details`` are of the account's zone."""

    entry_id: str
    at: datetime
    when: str
    text: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageAccount:
    """What became of one message. ``summary`` is the decision that settled it, ``status`` a word or two.

    ``name`` is what its author calls the step, or else the stage of the customer's journey.
    """

    message_id: str
    name: str
    channel: str
    outcome: Outcome
    status: str
    summary: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """One journey of the person, or, where ``journey_id`` is None, why they did not get into the campaign.

    What concerns no campaign, such as an address that is suppressed, is an account under a name of its own.

    All times are told in ``zone``. ``now`` is where a journey stands that has not ended, "" for others.
    """

    campaign: str
    zone: str
    journey_id: str | None
    lines: tuple[Line, ...]
    messages: tuple[MessageAccount, ...]
    now: str = ""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Where a journey stands that has not ended; ``awaits`` is the event that it listens to."""

    status: JourneyStatus
    until: datetime | None
    awaits: str | None


def explain(
    entries: Sequence[Entry],
    *,
    language: Language = "en",
    zone: str | None = None,
    under_way: Mapping[str, UnderWay] | None = None,
) -> list[Account]:
    """Accounts of one person's entries, given in the order of the log; the oldest journey first.

    ``under_way`` maps journeys that have not ended to where they stand.

    Times are told in ``zone``; if that is unknown, in the zone that the entries' evidence names, else in UTC.
    """
    teller = _Teller(WORDS[language], _zone_of(entries, zone), under_way or {})
    journeys: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in entries:
        journeys.setdefault((entry.campaign_key or "", entry.journey_id), []).append(entry)
    return [teller.account(campaign, journey_id, group) for (campaign, journey_id), group in journeys.items()]


def tell(entry: Entry, *, language: Language = "en", zone: str | None = None) -> Line:
    """One entry in words."""
    return _Teller(WORDS[language], _zone_of([entry], zone)).line(entry)


def _zone_of(entries: Iterable[Entry], preferred: str | None) -> tzinfo:
    candidates = [preferred, *(entry.evidence.get("zone") for entry in entries)]
    for name in dict.fromkeys(name for name in candidates if name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return UTC


class _Teller:
    def __init__(self, words: Words, zone: tzinfo, under_way: Mapping[str, UnderWay] | None = None) -> None:
        self._words = words
        self._zone = zone
        self._under_way = under_way or {}

    def account(self, campaign: str, journey_id: str | None, entries: Sequence[Entry]) -> Account:
        messages: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.message_id is not None:
                messages.setdefault(entry.message_id, []).append(entry)
        return Account(
            campaign=campaign or self._words.beyond,
            zone=getattr(self._zone, "key", "UTC"),
            journey_id=journey_id,
            lines=tuple(self.line(entry) for entry in entries if entry.message_id is None),
            messages=tuple(self._message(message_id, group) for message_id, group in messages.items()),
            now=self._now(self._under_way.get(journey_id or "")),
        )

    def _now(self, standing: UnderWay | None) -> str:
        if standing is None:
            return ""
        if standing.status is not JourneyStatus.WAITING:
            return self._words.standing[standing.status]
        if standing.until is None:
            return ""
        until = self._moment(standing.until)
        if standing.awaits is not None:
            return self._words.listens.format(event=standing.awaits, until=until)
        return self._words.standing[standing.status].format(until=until)

    def _message(self, message_id: str, entries: Sequence[Entry]) -> MessageAccount:
        lines = tuple(self.line(entry) for entry in entries)
        # Reports come in any order; what bounced did so whatever is heard of it afterwards.
        settled = [place for place, entry in enumerate(entries) if entry.decision == Decision.MESSAGE_BOUNCED] or [-1]
        last = entries[settled[-1]]
        decision = _member(Decision, last.decision)
        outcome = OUTCOMES.get(decision, "unknown") if decision else "unknown"
        return MessageAccount(
            message_id=message_id,
            name=str(entries[0].evidence.get("message") or _named(last)),
            channel=last.channel or "",
            outcome=outcome,
            status=self._words.outcomes[outcome],
            summary=lines[settled[-1]].text,
            lines=lines,
        )

    def line(self, entry: Entry) -> Line:
        decision, reason = _member(Decision, entry.decision), _member(Reason, entry.reason)
        channel = _member(Channel, entry.channel)
        name = self._words.channels[channel] if channel else self._words.no_channel
        sentences = (
            self._words.decisions[decision] if decision else entry.decision,
            self._words.reasons[reason] if reason else entry.reason,
        )
        return Line(
            entry_id=entry.id,
            at=entry.at,
            when=self._moment(entry.at),
            text=" ".join(sentence.replace("{channel}", name) for sentence in sentences),
            details=tuple(self._details(entry.evidence, decision)),
        )

    def _details(self, evidence: Mapping[str, Any], decision: Decision | None) -> Iterable[str]:
        known = dict(evidence)
        if "until" in known and decision not in _WAITING:
            known["too_late"] = known.pop("until")
        for name, label in self._words.details.items():
            if known.get(name):
                told = self._value(name, known[name])
                if told:
                    yield f"{label}: {told}"

    def _value(self, name: str, value: Any) -> str:
        if name in _MOMENTS:
            return self._moment(datetime.fromisoformat(value))
        if name == "local":
            return self._words.moment.format(at=datetime.fromisoformat(value))
        if name == "zone":
            return self._words.likely_zones.format(zone=value.removeprefix("any of ")) if " " in value else ""
        if name == "caps":
            return ", ".join(f"{cap} {used}" for cap, used in value.items())
        if name == "consent" and value == "not required":
            return self._words.no_consent_needed
        if name == "share":
            return f"{value:.0%}"
        if name == "channels":
            channels = (_member(Channel, one) for one in value.split(","))
            return ", ".join(self._words.channels[one] for one in channels if one)
        if isinstance(value, list):
            return ", ".join(map(str, value))
        if name == "machine":
            return self._words.terms[name]
        if name in ("cause", "scope", "bounce"):
            return self._words.terms.get(value, str(value).replace("_", " "))
        return str(value)

    def _moment(self, at: datetime) -> str:
        return self._words.moment.format(at=at.astimezone(self._zone))


def _named(entry: Entry) -> str:
    """What a message is called if its name is not on record: its step's name, or its stage where that is a number."""
    return (entry.stage if (entry.step or "0")[0].isdigit() else entry.step) or ""


def _member(words: type[_Word], value: str | None) -> _Word | None:
    """The enum's member, or None for a word that another release wrote."""
    return next((word for word in words if word.value == value), None)
