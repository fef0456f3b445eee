"""How the duties stand that were raised: who was told, who is still to be told, and by when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dangol.duties import LOOKED_BACK, zones
from dangol.model.vocabulary import OPEN_STATES, Decision, MessageState, Reason
from dangol.policy.duties import local_day
from dangol.policy.law import Law
from dangol.store.bulk import among
from dangol.store.tables import journeys, log, messages, profiles

_TOLD = frozenset({MessageState.ACCEPTED.value, MessageState.DELIVERED.value})
_ON_THE_WAY = frozenset(
    state.value for state in (*OPEN_STATES, MessageState.HELD, MessageState.SENDING, MessageState.UNKNOWN)
)


class Standing(StrEnum):
    """``told``: a message is with its carrier. ``waits``: a journey or message is under way.

    ``failed``: nothing came of it. ``nobody``: no campaign took it up.
    """

    TOLD = "told"
    WAITS = "waits"
    FAILED = "failed"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class DutyAccount:
    """One duty to one person. ``profile`` is the back end's id, empty for somebody erased."""

    rule: str
    profile: str
    due_by: date
    raised_at: datetime
    standing: Standing
    overdue: bool
    consent: str
    reason: str = ""

    @property
    def open(self) -> bool:
        return self.standing is not Standing.TOLD


def duties_raised(connection: Connection, now: datetime, asked: Law) -> list[DutyAccount]:
    """The notices and questions of late, by when they are due, as this law counts its days."""
    raised = connection.execute(_RAISED, {"since": now - LOOKED_BACK, "duty": Decision.DUTY_RAISED.value}).all()
    raised = [row for row in raised if "due_by" in row.evidence]
    people = sorted({row.profile_id for row in raised})
    events = sorted({row.evidence["event"] for row in raised})
    names = {row.id: row.external_id for row in connection.execute(_NAMES, {"ids": people})}
    begun = connection.execute(_BEGUN, {"ids": people, "events": events}).all()
    sent: dict[str, list[Any]] = {}
    for row in connection.execute(_SENT, {"ids": sorted({row.id for row in begun})}):
        sent.setdefault(row.journey_id, []).append(row)
    by_event: dict[str, list[Any]] = {}
    for journey in begun:
        by_event.setdefault(journey.entry_event_id, []).append(journey)
    days = defaultdict(
        lambda: local_day(now, "UTC"), {rule: local_day(now, zone) for rule, zone in zones(asked).items()}
    )
    accounts = [
        _account(row, names, by_event.get(row.evidence["event"], ()), sent, days[row.evidence["rule"]])
        for row in raised
    ]
    return sorted(accounts, key=lambda one: (one.due_by, one.rule, one.profile))


def _account(
    row: Any,
    names: Mapping[str, str],
    begun: Sequence[Any],
    sent: Mapping[str, Sequence[Any]],
    today: date,
) -> DutyAccount:
    evidence = row.evidence
    due_by = date.fromisoformat(evidence["due_by"])
    standing, reason = _standing(begun, [message for one in begun for message in sent.get(one.id, ())])
    late = today > due_by
    return DutyAccount(
        evidence["rule"],
        names.get(row.profile_id, ""),
        due_by,
        row.at,
        standing,
        late and standing is not Standing.TOLD,
        evidence["consent"],
        reason,
    )


def _standing(begun: Iterable[Any], of: Sequence[Any]) -> tuple[Standing, str]:
    if any(message.state in _TOLD for message in of):
        return Standing.TOLD, ""
    if any(message.state in _ON_THE_WAY for message in of) or any(one.ended_at is None for one in begun):
        return Standing.WAITS, ""
    if of:
        return Standing.FAILED, of[-1].reason or ""
    ended = [one.end_reason or "" for one in begun]
    return (Standing.FAILED, ended[-1]) if ended else (Standing.NOBODY, "")


_RAISED = (
    select(log.c.profile_id, log.c.at, log.c.evidence)
    .where(
        log.c.at >= bindparam("since"),
        log.c.decision == bindparam("duty"),
        log.c.reason == Reason.LAW_REQUIRES.value,  # by its index: the log of 90 days is long
    )
    .order_by(log.c.seq)
)
_NAMES = select(profiles.c.id, profiles.c.external_id).where(
    among(profiles.c.id, "ids"), profiles.c.erased_at.is_(None)
)
_BEGUN = select(journeys.c.id, journeys.c.entry_event_id, journeys.c.ended_at, journeys.c.end_reason).where(
    among(journeys.c.profile_id, "ids"), among(journeys.c.entry_event_id, "events")
)
_SENT = (
    select(messages.c.journey_id, messages.c.state, messages.c.reason)
    .where(among(messages.c.journey_id, "ids"))
    .order_by(messages.c.planned_at, messages.c.id)
)
