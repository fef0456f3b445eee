"""What a simulation found out, as counts that can be added up: memory does not grow with the messages.

``Ledger`` reads the log of one part of the people, entry by entry; its ``Tally`` is what remains, and tallies of parts
are added. Nothing here touches a database or a clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dangol.model.campaign import Campaign
from dangol.model.facts import message_fields
from dangol.model.vocabulary import Decision, MessageState, Purpose, Reason

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WEEK = timedelta(days=7)
MANY = 4
"""From so many messages a week on, people are counted together."""
REFUSALS = frozenset(
    {
        Decision.MESSAGE_SUPPRESSED,
        Decision.MESSAGE_EXPIRED,
        Decision.MESSAGE_CANCELLED,
        Decision.MESSAGE_FAILED,
        Decision.MESSAGE_UNKNOWN,
    }
)
_CAP_REASONS = frozenset({Reason.CAPPED, Reason.CAP_OUTLASTS_EXPIRY, Reason.YIELDED})
_CAP_DECISIONS = {
    Decision.MESSAGE_SUPPRESSED: "refused",
    Decision.MESSAGE_DEFERRED: "deferred",
    Decision.MESSAGE_REROUTED: "rerouted",
}
BREACHES = 5
"""Of so many messages that break a rule is told who got them."""
NEVER_ENTERED = "never_entered"
STILL_WAITING = "still_waiting"
NO_MESSAGE = "no_message"
"""Why somebody gets nothing, where no refusal says so."""


def whole_weeks(start: datetime, end: datetime) -> int:
    """How many weeks are counted: whole ones, and if there is none the days that there are."""
    return max(1, (end - start) // WEEK)


class LogEntry(NamedTuple):
    """What a simulation reads of a log entry; ``evidence`` only where it is needed."""

    at: datetime
    decision: str
    reason: str
    profile_id: str
    campaign: str
    journey_id: str
    message_id: str
    stage: str
    step: str
    channel: str
    evidence: Mapping[str, Any]


class Sent(NamedTuple):
    """A message that was handed over."""

    at: datetime
    profile_id: str
    campaign: str
    stage: str
    step: str
    channel: str
    journey_id: str
    message_id: str


class Line(NamedTuple):
    """One line of a person's timeline."""

    at: datetime
    campaign: str
    step: str
    decision: str
    reason: str
    channel: str


class Breach(NamedTuple):
    """A message that somebody got and nobody may ever get."""

    at: datetime
    external_id: str
    campaign: str
    message: str
    channel: str


@dataclass(slots=True)
class Tally:
    """Counts by what they are about. Keys are tuples of the names given here.

    ``sent``: campaign, stage, step, channel. ``hours``: hours since the start, channel. ``own_hours``:
    hour of the person's own day, channel. ``days``: days since the
    start, campaign, channel. ``refused``: campaign, decision, reason. ``deferred``: campaign, reason → messages,
    however often they were put off. ``deferred_minutes``: campaign, reason → minutes. ``rerouted``: campaign,
    channel, reason. ``entries``: campaign. ``turned_away``: campaign, reason. ``ends``: campaign, reason. ``capped``:
    campaign, cap, what happened. ``rivals``: campaign, cap, what happened, campaign that held a slot. ``segments``:
    campaign. ``answers``: campaign, channel, opened, clicked or bought. ``weeks``: all or marketing, messages in a
    week → person-weeks. ``texts``: campaign, step, message → planned. ``nothing``: why → people; ``waiting_alone``:
    campaign → of these, who still waits in it. ``groups``, ``converted`` and ``undecided``: campaign, group.
    ``events`` from outside, ``emitted`` by campaigns: name. ``breached``: number of the rule; of each rule's
    ``breaches`` the first are kept.
    """

    people: int = 0
    people_reached: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    sent: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    span: dict[tuple[str, str, str, str], tuple[datetime, datetime]] = field(default_factory=dict)
    texts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    own_hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    days: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    deferred: Counter[tuple[str, str]] = field(default_factory=Counter)
    deferred_minutes: Counter[tuple[str, str]] = field(default_factory=Counter)
    rerouted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[tuple[str, str]] = field(default_factory=Counter)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    capped: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    rivals: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    weeks: Counter[tuple[str, int]] = field(default_factory=Counter)
    nothing: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    waiting_alone: Counter[str] = field(default_factory=Counter)
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    converted: Counter[tuple[str, str]] = field(default_factory=Counter)
    undecided: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    emitted: Counter[str] = field(default_factory=Counter)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: list[tuple[float, str, tuple[Line, ...]]] = field(default_factory=list)
    breached: Counter[int] = field(default_factory=Counter)
    breaches: dict[int, list[Breach]] = field(default_factory=dict)

    def note_breach(self, rule: int, *found: Breach) -> None:
        """Keep these if they are among the first of their rule."""
        self.breaches[rule] = sorted([*self.breaches.get(rule, ()), *found])[:BREACHES]

    def add(self, other: Tally, *, samples: int) -> None:
        """Add the counts of other people; of the samples those with the lowest draw are kept."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            elif isinstance(mine, int):
                setattr(self, one.name, mine + theirs)
        for key, (first, last) in other.span.items():
            known = self.span.get(key, (first, last))
            self.span[key] = min(known[0], first), max(known[1], last)
        self.samples = sorted([*self.samples, *other.samples])[:samples]
        for rule, found in other.breaches.items():
            self.note_breach(rule, *found)


class Cap(NamedTuple):
    """A cap as far as rivalry goes: which messages count."""

    key: str
    applies_to: Callable[[Mapping[str, Any]], bool]


@dataclass(slots=True)
class _Person:
    """What is remembered of one person while their part runs."""

    weeks: list[int]
    marketing: list[int]
    slots: deque[dict[str, Any]]
    reasons: Counter[str]
    entered: bool = False
    total: int = 0


class Ledger:
    """Reads the log of one part of the people and keeps the tally.

    ``window`` is how many messages of a person can count under any cap at once; ``watched`` are the people of whom a
    timeline is kept.
    """

    def __init__(
        self,
        start: datetime,
        end: datetime,
        campaigns: Mapping[str, Campaign],
        caps: Sequence[Cap],
        *,
        window: int,
        watched: Iterable[str] = (),
    ) -> None:
        self.tally = Tally()
        self._start = start
        self._weeks = whole_weeks(start, end)
        self._campaigns = campaigns
        self._caps = {cap.key: cap for cap in caps}
        self._window = max(1, window)
        self._people: dict[str, _Person] = {}
        self._put_off: set[tuple[str, str]] = set()
        self._timelines: dict[str, list[Line]] = {profile_id: [] for profile_id in watched}

    def hold(self, profile_id: str, slot: Mapping[str, Any]) -> None:
        """Note a slot that was taken before the simulation began; oldest first."""
        self._person(profile_id).slots.append(dict(slot))

    def read(self, entries: Iterable[LogEntry]) -> list[Sent]:
        """Count entries, in the order of the log; returns the messages that were handed over."""
        found: list[Sent] = []
        for entry in entries:
            decision = entry.decision
            if decision == Decision.MESSAGE_SENDING:
                self._take_slot(entry)
            elif decision == Decision.MESSAGE_ACCEPTED:
                found.append(self._accept(entry))
            elif decision == Decision.MESSAGE_DEFERRED:
                self._defer(entry)
            elif decision == Decision.MESSAGE_REROUTED:
                self.tally.rerouted[entry.campaign, entry.channel, entry.reason] += 1
                self._capped(entry)
            elif decision in REFUSALS:
                self._refuse(entry)
            else:
                self._journey(entry)
            if entry.profile_id in self._timelines:
                line = Line(entry.at, entry.campaign, entry.step, decision, entry.reason, entry.channel)
                self._timelines[entry.profile_id].append(line)
        return found

    def answered(self, sent: Sent, how: str) -> None:
        """Note that somebody opened, clicked or bought."""
        self.tally.answers[sent.campaign, sent.channel, how] += 1

    def billed(self, sent: Sent, segments: int) -> None:
        self.tally.segments[sent.campaign] += segments

    def close(
        self, people: Sequence[str], names: Mapping[str, tuple[float, str]], waiting: Mapping[str, frozenset[str]]
    ) -> Tally:
        """Finish: who got nothing and why, and how many messages a week people had.

        ``names`` gives each watched person's draw and external id, ``waiting`` what people still wait in.
        """
        tally = self.tally
        tally.people = len(people)
        for profile_id in people:
            person = self._people.get(profile_id)
            if person is not None and person.total:
                tally.people_reached += 1
            else:
                why = self._why_nothing(person, profile_id in waiting)
                tally.nothing[why] += 1
                if why == STILL_WAITING:
                    tally.waiting_alone.update(waiting[profile_id])
            for kind in ("all", "marketing"):
                counts = getattr(person, "weeks" if kind == "all" else kind) if person else [0] * self._weeks
                for count in counts:
                    tally.weeks[kind, min(count, MANY)] += 1
        tally.samples = sorted(
            (*names[profile_id], tuple(lines))
            for profile_id, lines in self._timelines.items()
            if any(line.decision == Decision.MESSAGE_ACCEPTED for line in lines)
        )
        return tally

    def _why_nothing(self, person: _Person | None, waits: bool) -> str:
        if person is None or not (person.entered or person.reasons):
            return NEVER_ENTERED
        if person.reasons:
            # Of reasons as frequent as one another the first by name, so that the answer is always the same.
            return min(person.reasons, key=lambda reason: (-person.reasons[reason], reason))
        return STILL_WAITING if waits else NO_MESSAGE

    def _person(self, profile_id: str) -> _Person:
        person = self._people.get(profile_id)
        if person is None:
            none = [0] * self._weeks
            person = _Person(none, list(none), deque(maxlen=self._window), Counter())
            self._people[profile_id] = person
        return person

    def _take_slot(self, entry: LogEntry) -> None:
        campaign = self._campaigns.get(entry.campaign)
        if campaign is not None:
            slot = message_fields(
                entry.channel,
                campaign.purpose,
                campaign.key,
                entry.stage,
                campaign.tags,
                campaign.priority,
                campaign.topic or "",
            )
            self._person(entry.profile_id).slots.append(slot)

    def _accept(self, entry: LogEntry) -> Sent:
        tally, person = self.tally, self._person(entry.profile_id)
        key = entry.campaign, entry.stage, entry.step, entry.channel
        tally.sent[key] += 1
        first, last = tally.span.get(key, (entry.at, entry.at))
        tally.span[key] = min(first, entry.at), max(last, entry.at)
        hour = (entry.at - self._start) // HOUR
        tally.hours[hour, entry.channel] += 1
        tally.days[hour // 24, entry.campaign, entry.channel] += 1
        person.total += 1
        week = (entry.at - self._start) // WEEK
        if week < self._weeks:
            person.weeks[week] += 1
            campaign = self._campaigns.get(entry.campaign)
            if campaign is not None and campaign.purpose is Purpose.MARKETING:
                person.marketing[week] += 1
        return Sent(
            entry.at,
            entry.profile_id,
            entry.campaign,
            entry.stage,
            entry.step,
            entry.channel,
            entry.journey_id,
            entry.message_id,
        )

    def _defer(self, entry: LogEntry) -> None:
        key = entry.campaign, entry.reason
        if (entry.message_id, entry.reason) not in self._put_off:
            self._put_off.add((entry.message_id, entry.reason))
            self.tally.deferred[key] += 1
        until = entry.evidence.get("until")
        if until:
            self.tally.deferred_minutes[key] += round((datetime.fromisoformat(until) - entry.at) / MINUTE)
        self._capped(entry)

    def _refuse(self, entry: LogEntry) -> None:
        self.tally.refused[entry.campaign, entry.decision, entry.reason] += 1
        self._person(entry.profile_id).reasons[entry.reason] += 1
        self._capped(entry)

    def _capped(self, entry: LogEntry) -> None:
        """Who held the slots that a capped message would have needed? The newest that count, as many as were used."""
        key = entry.evidence.get("cap")
        if key is None or entry.reason not in _CAP_REASONS:
            return
        happened = _CAP_DECISIONS[Decision(entry.decision)]
        self.tally.capped[entry.campaign, key, happened] += 1
        cap = self._caps.get(key)
        if cap is None:
            return
        used = int(str(entry.evidence["caps"][key]).partition("/")[0])
        counting = [slot for slot in self._person(entry.profile_id).slots if cap.applies_to(slot)]
        for holder in {slot["campaign"] for slot in counting[-used:]} if used else ():
            self.tally.rivals[entry.campaign, key, happened, holder] += 1

    def _journey(self, entry: LogEntry) -> None:
        tally, campaign = self.tally, entry.campaign
        match entry.decision:
            case Decision.JOURNEY_ENTERED:
                tally.entries[campaign] += 1
                self._person(entry.profile_id).entered = True
            case Decision.JOURNEY_REFUSED:
                tally.turned_away[campaign, entry.reason] += 1
                self._person(entry.profile_id).reasons[entry.reason] += 1
            case Decision.JOURNEY_ENDED:
                tally.ends[campaign, entry.reason] += 1
            case Decision.SCHEDULE_FIRED:
                tally.fired[campaign] += 1
            case Decision.CALL_ACCEPTED | Decision.CALL_FAILED | Decision.CALL_EXPIRED | Decision.CALL_CANCELLED:
                tally.calls[campaign, entry.reason] += 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message, for comparing variants. ``at`` is when it was handed over or decided.

    ``journey`` is the journey's id, which is the same in both variants if the same thing let the person in.
    ``message`` is the folder under ``templates/``, ``content`` a keyed hash of what was rendered, if it was. ``id``
    and ``planned_at`` are the message's own, for asking why it is as it is.
    """

    campaign: str
    step: str
    state: str
    reason: str
    channel: str
    at: datetime
    journey: str = ""
    message: str = ""
    content: str = ""
    id: str = ""
    planned_at: datetime | None = None

    @property
    def sent(self) -> bool:
        return self.state in _SENT


_SENT = frozenset({MessageState.ACCEPTED.value, MessageState.DELIVERED.value, MessageState.SENDING.value})
