"""Small worlds for the gate: a person who may get everything, until a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from dangol.model.facts import Candidate, Facts, Slot
from dangol.model.people import ConsentState, Profile
from dangol.model.vocabulary import Channel, OnCapped, Purpose
from dangol.model.workspace import Calendar, Cap, Policies, QuietHours, Window
from dangol.policy.rules import CapRule, Rulebook

NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""Noon of a Monday in Seoul, where Alice lives."""

ALICE = Profile(
    id="01ALICE",
    external_id="alice",
    email="alice@example.com",
    phone="+821012345678",
    locale="ko",
    timezone="Asia/Seoul",
    country="KR",
    attributes={},
    created_at=datetime(2025, 1, 1, tzinfo=UTC),
    devices=("token",),
)
MESSAGE = Candidate(
    id="01MESSAGE",
    campaign="win_back",
    stage="loyalty",
    purpose=Purpose.MARKETING,
    tags=(),
    priority=50,
    channels=(Channel.EMAIL,),
    expires_at=None,
    on_capped=OnCapped.DROP,
    holdout=0.0,
)

GRANTED = ConsentState(granted=True, consent_id="01GRANTED", occurred_at=datetime(2025, 1, 1, tzinfo=UTC))
WITHDRAWN = ConsentState(granted=False, consent_id="01WITHDRAWN", occurred_at=datetime(2025, 6, 1, tzinfo=UTC))
EVERY_CONSENT = {(channel, purpose): GRANTED for channel in Channel for purpose in Purpose}


def person(**changes: Any) -> Profile:
    return replace(ALICE, **changes)


def nowhere(**changes: Any) -> Profile:
    """A person of whom nothing tells a time zone."""
    return person(**{"timezone": None, "country": None, "phone": None, **changes})


def message(**changes: Any) -> Candidate:
    return replace(MESSAGE, **changes)


def facts(candidate: Candidate = MESSAGE, profile: Profile = ALICE, **changes: Any) -> Facts:
    world: dict[str, Any] = {
        "now": NOON,
        "consents": EVERY_CONSENT,
        "suppressed": {},
        "ended": None,
        "slots": (),
        **changes,
    }
    return Facts(message=candidate, profile=profile, **world)


def slot(at: datetime, channel: Channel = Channel.EMAIL, candidate: Candidate = MESSAGE) -> Slot:
    return Slot(at, candidate.fields(channel))


def marketing_only(fields: Mapping[str, Any]) -> bool:
    return bool(fields["purpose"] == "marketing")


def cap(
    limit: int,
    window: timedelta | Calendar,
    key: str = "weekly",
    applies_to: Callable[[Mapping[str, Any]], bool] = marketing_only,
) -> CapRule:
    span = Window(calendar=window) if isinstance(window, Calendar) else Window(rolling=window)
    return CapRule(Cap(key=key, limit=limit, window=span), applies_to)


def quiet(start: str, end: str, **changes: Any) -> QuietHours:
    return QuietHours(start=time.fromisoformat(start), end=time.fromisoformat(end), **changes)


def rulebook(*caps: CapRule, windows: Sequence[QuietHours] = (), **policies: Any) -> Rulebook:
    return Rulebook(Policies(quiet_hours=tuple(windows), **policies), caps)
