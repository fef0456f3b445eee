"""What the gate looks at and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dangol.model.people import ConsentState, Preferences, Profile, Suppressed
from dangol.model.vocabulary import Channel, OnCapped, Purpose, Reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that asks to be sent. ``place`` is that of its step among those of its campaign."""

    id: str
    campaign: str
    stage: str
    purpose: Purpose
    tags: tuple[str, ...]
    priority: int
    channels: tuple[Channel, ...]
    expires_at: datetime | None
    on_capped: OnCapped
    holdout: float
    topic: str = ""
    value: float = 0.0
    journey_id: str = ""
    planned_at: datetime | None = None
    step: str = ""
    place: int = 0
    digest: str = ""

    def fields(self, channel: Channel) -> dict[str, Any]:
        """What a cap's ``applies_to`` sees as ``message``."""
        return message_fields(channel, self.purpose, self.campaign, self.stage, self.tags, self.priority, self.topic)


@dataclass(frozen=True, slots=True)
class Slot:
    """Room under the caps that an earlier message has taken; a snapshot made at its hand-over.

    ``taken_by`` is the message, if it was decided in the same batch.
    """

    reserved_at: datetime
    fields: Mapping[str, Any]
    taken_by: Candidate | None = None


def message_fields(
    channel: str, purpose: str, campaign: str, stage: str, tags: Sequence[str], priority: int, topic: str = ""
) -> dict[str, Any]:
    """The ``message`` namespace of a cap's ``applies_to``; see ``workspace.MESSAGE_FIELDS``."""
    return {
        "channel": str(channel),
        "purpose": str(purpose),
        "campaign": campaign,
        "stage": stage,
        "tags": tuple(tags),
        "priority": priority,
        "topic": topic or None,
    }


@dataclass(frozen=True, slots=True)
class Case:
    """A complaint that is open: the hold's key, when it began, and when it ends at the latest."""

    hold: str
    opened_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Contender:
    """Another message to the same person that is planned and not under way yet."""

    message: Candidate
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the gate knows about one message to one person, read inside the claiming transaction.

    ``suppressed`` maps a channel to why that person's address on it is suppressed. ``ended`` is why the journey
    is over, or None. ``slots`` are all that could count, oldest first or not. ``topic_consents`` are consents for one
    topic, and those for the night. ``contenders`` are the person's other messages that are planned and not under way;
    ``under_way`` those of the same journey whose hand-over has begun and whose outcome is not known.
    ``leeway`` is how long after this decision the hand-over may begin.
    ``asked_anew`` are the channels on which this message asks whoever filled in a form to confirm it.
    ``recalled`` keeps what was found out about contenders, for all messages to the person in one batch.
    """

    now: datetime
    message: Candidate
    profile: Profile
    consents: Mapping[tuple[Channel, Purpose], ConsentState]
    suppressed: Mapping[Channel, Suppressed]
    ended: Reason | None
    slots: Sequence[Slot]
    without_text: frozenset[Channel] = frozenset()
    without_provider: frozenset[Channel] = frozenset()
    topic_consents: Mapping[tuple[Channel, Purpose, str], ConsentState] = field(default_factory=dict)
    cases: Sequence[Case] = ()
    preferences: Preferences = field(default_factory=Preferences)
    contenders: Sequence[Contender] = ()
    asked_anew: frozenset[Channel] = frozenset()
    under_way: Sequence[Candidate] = ()
    leeway: timedelta = timedelta()
    recalled: dict[Any, bool] = field(default_factory=dict, compare=False, repr=False)


Evidence = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Allow:
    """No objection. ``evidence`` is what the rule looked at; it goes into the log and holds no personal data.

    ``until`` is when the rule would object after all: the hand-over must have begun before; None means never.
    """

    evidence: Evidence = field(default_factory=dict)
    until: datetime | None = None


NO_OBJECTION = Allow()
"""What a rule answers that looked at nothing worth telling; most rules to most messages."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; ask again at ``until``, which is before the message expires."""

    until: datetime
    reason: Reason
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suppress:
    """Not on this channel; with ``final`` not on any other either."""

    reason: Reason
    evidence: Evidence = field(default_factory=dict)
    final: bool = False


Verdict = Allow | Defer | Suppress


@dataclass(frozen=True, slots=True)
class Ruling:
    """The gate's answer for a whole message.

    ``channel`` is the one the verdict is about; ``passed_over`` are the channels that were refused before it.
    """

    verdict: Verdict
    channel: Channel
    passed_over: tuple[tuple[Channel, Suppress], ...] = ()
