"""What happens to calls to other systems: before they are made, after they were answered, and if nobody came back.

A call is recorded like a message: claimed and written into the log as ``sending`` before anything leaves the house,
settled in a transaction of its own, and ``unknown`` for good where nobody can tell. It binds no caps and needs no
consent, for it reaches no customer; but what overtakes a journey's messages overtakes its calls as well, and nobody is
called about people in a hold-out: another system's letter would spoil the comparison.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from dangol.batch.acquaintance import Acquaintance, Journey, acquaint_on_the_way
from dangol.batch.changes import row_subject
from dangol.batch.facts import OVERTAKEN
from dangol.batch.handover import Patience
from dangol.delivery.addresses import origin
from dangol.delivery.webhooks import Call, Forbidden
from dangol.journeys.machine import ending
from dangol.ledger.entries import Journal, load_keys
from dangol.ledger.sealing import PersonKey
from dangol.model.facts import Evidence
from dangol.model.message import Accepted, Outcome, Refused, Unknown
from dangol.model.vocabulary import CallState, Control, Decision, JourneyStatus, Reason
from dangol.policy.holdout import held_out
from dangol.release import Asks, Release, Releases
from dangol.store import calls as call_rows
from dangol.store import controls as control_rows
from dangol.store import journeys as journey_rows

_log = structlog.get_logger(__name__)
_LOOK_AGAIN = timedelta(minutes=5)
"""After this, a call whose campaign or journey is paused is looked at again."""
_PAUSED = frozenset({Reason.CAMPAIGN_PAUSED, Reason.JOURNEY_PAUSED})


@dataclass(frozen=True, slots=True)
class CallUnderWay:
    """A call that is about to be made and is on record."""

    row: Row[Any]
    call: Call
    attempt: int


def begin_calls(
    connection: Connection, call_ids: Sequence[str], now: datetime, releases: Releases, lease: timedelta
) -> list[CallUnderWay]:
    """Claim those of these calls that are due, and write down which of them will now be made; returns those.

    The caller has locked their people, and makes the calls once this transaction is committed. What expired, was
    overtaken or is about somebody who was erased will never be made.
    """
    rows = call_rows.claim_due(connection, call_ids, now)
    facts = _facts(connection, rows, now, releases)
    decisions = _Decisions(now, lease)
    for row in rows:
        if row.version_id in facts.releases:
            decisions.decide(row, facts)
    decisions.write(connection)
    return decisions.under_way


@dataclass(frozen=True, slots=True)
class _Facts:
    now: datetime
    releases: Mapping[str, Release]
    journeys: Mapping[str, Journey]
    people: Acquaintance
    keys: Mapping[str, PersonKey]
    controls: Mapping[str, Control]

    def obstacle(self, row: Row[Any]) -> Reason | None:
        """Why this call is not made now; None if it is."""
        journey, control = self.journeys.get(row.journey_id), self.controls.get(row.campaign_key)
        if journey is None or row.profile_id not in self.people.profiles or row.profile_id not in self.keys:
            return Reason.PROFILE_ERASED
        if row.expires_at is not None and row.expires_at <= self.now:
            return Reason.EXPIRED
        if control is Control.STOP:
            return Reason.CAMPAIGN_STOPPED
        if journey["end_reason"] in OVERTAKEN:
            return Reason(journey["end_reason"])
        release = self.releases[row.version_id]
        if overtaken := ending(release.flow, self.people.known(release, journey), self.now):
            return overtaken
        campaign = release.campaign
        if held_out(campaign.key, campaign.purpose, campaign.holdout, row.profile_id, release.policies):
            return Reason.HELD_OUT
        if control is Control.PAUSE:
            return Reason.CAMPAIGN_PAUSED
        return Reason.JOURNEY_PAUSED if journey["status"] == JourneyStatus.PAUSED else None


def _facts(connection: Connection, rows: Sequence[Row[Any]], now: datetime, releases: Releases) -> _Facts:
    found = releases.of(connection, {row.version_id for row in rows})
    journeys = journey_rows.load_journeys(connection, sorted({row.journey_id for row in rows}))
    pairs = [
        (found[row.version_id], journeys[row.journey_id])
        for row in rows
        if row.version_id in found and row.journey_id in journeys
    ]
    return _Facts(
        now=now,
        releases=found,
        journeys=journeys,
        people=acquaint_on_the_way(connection, pairs, more=Asks(profile=True)),
        keys=load_keys(connection, sorted({row.profile_id for row in rows})),
        controls=control_rows.in_force(connection) if rows else {},
    )


class _Decisions:
    """What is decided about one batch of calls, written in bulk before any of them is made."""

    def __init__(self, now: datetime, lease: timedelta) -> None:
        self._now = now
        self._lease = lease
        self._journal = Journal(now)
        self._changed: dict[tuple[Any, ...], list[str]] = {}
        self.under_way: list[CallUnderWay] = []

    def decide(self, row: Row[Any], facts: _Facts) -> None:
        try:
            obstacle = facts.obstacle(row)
            if obstacle is None:
                self._begin(row, facts)
            elif obstacle in _PAUSED:
                self._look_again(row, obstacle)
            else:
                self._refuse(row, obstacle)
        except Exception as error:
            # Whatever is wrong with one call, the others of its batch must not wait for it for ever.
            self._give_up(row, error)

    def _begin(self, row: Row[Any], facts: _Facts) -> None:
        """If this raises, nothing was done."""
        body = _body(row, facts.people.profiles[row.profile_id].external_id)
        begun_by = self._now + self._lease / 2  # half is left for the answer
        call = Call(row.id, row.url, body, min(begun_by, row.expires_at) if row.expires_at is not None else begun_by)
        evidence = {
            "to": origin(row.url),
            "attempt": row.attempt + 1,
            "body": facts.keys[row.profile_id].content_hash(body),
        }
        self._journal.add(Decision.CALL_SENDING, Reason.ALLOWED, row_subject(row), evidence=evidence)
        self._change(row, CallState.SENDING, Reason.ALLOWED, lease_until=self._now + self._lease)
        self.under_way.append(CallUnderWay(row, call, row.attempt + 1))

    def _look_again(self, row: Row[Any], reason: Reason) -> None:
        """The call waits while somebody has paused it; the log says so once and not every time it is looked at."""
        until = self._now + _LOOK_AGAIN
        if row.reason != reason:
            self._journal.add(Decision.CALL_RETRIED, reason, row_subject(row))
        self._change(row, CallState.PLANNED, reason, due_at=until)

    def _refuse(self, row: Row[Any], reason: Reason) -> None:
        if reason is Reason.EXPIRED:
            evidence = {"expired_at": row.expires_at.isoformat()}
            self._journal.add(Decision.CALL_EXPIRED, reason, row_subject(row), evidence=evidence)
            self._change(row, CallState.EXPIRED, reason)
        else:
            self._journal.add(Decision.CALL_CANCELLED, reason, row_subject(row))
            self._change(row, CallState.CANCELLED, reason)

    def _give_up(self, row: Row[Any], error: Exception) -> None:
        """Something about this call broke our own code: in doubt it is not made, and somebody should look."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(place.filename).name}:{place.lineno}"
        _log.error("a call could not be decided", call_id=row.id, error=type(error).__name__, at=at)
        evidence = {"error": type(error).__name__, "at": at}
        self._journal.add(Decision.CALL_FAILED, Reason.GATE_FAILED, row_subject(row), evidence=evidence)
        self._change(row, CallState.FAILED, Reason.GATE_FAILED)

    def _change(
        self,
        row: Row[Any],
        state: CallState,
        reason: Reason,
        *,
        due_at: datetime | None = None,
        lease_until: datetime | None = None,
    ) -> None:
        self._changed.setdefault((state, reason, due_at, lease_until), []).append(row.id)

    def write(self, connection: Connection) -> None:
        for (state, reason, due_at, lease_until), call_ids in self._changed.items():
            values: dict[str, Any] = {
                "state": state.value,
                "reason": reason.value,
                "lease_until": lease_until,
                "updated_at": self._now,
            }
            if due_at is not None:
                values["due_at"] = due_at
            if state is CallState.SENDING:
                values["attempt"] = call_rows.ONE_MORE_ATTEMPT
            call_rows.change(connection, call_ids, **values)
        self._journal.write(connection)


def _body(row: Row[Any], external_id: str) -> bytes:
    """What the receiver gets; the same bytes in every attempt."""
    told = {
        "type": "dangol.step",
        "timestamp": row.planned_at.isoformat(),
        "data": {
            "campaign": row.campaign_key,
            "version": row.version_id,
            "stage": row.stage,
            "step": row.step,
            "journey": row.journey_id,
            "profile": external_id,
            "payload": row.payload,
        },
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def settle_calls(
    connection: Connection, answered: Sequence[tuple[CallUnderWay, Outcome]], now: datetime, patience: Patience
) -> None:
    """Write what became of these calls. Only a definite refusal leads to another attempt; doubt is left as it is."""
    journal, rows = Journal(now), []
    for item, outcome in answered:
        state, decision, reason, due_at = _judge(outcome, item.attempt, now, patience)
        evidence: Evidence = {"attempt": item.attempt, **_said(outcome)}
        if due_at is not None:
            evidence["until"] = due_at.isoformat()
        subject = replace(row_subject(item.row), occasion=str(item.attempt))
        journal.add(decision, reason, subject, evidence=evidence)
        rows.append(
            {
                "id": item.row.id,
                "state": state.value,
                "reason": reason.value,
                "due_at": due_at or item.row.due_at,
                "lease_until": None,
                "updated_at": now,
            }
        )
    call_rows.change_each(connection, rows)
    journal.write(connection)


def _judge(
    outcome: Outcome, attempt: int, now: datetime, patience: Patience
) -> tuple[CallState, Decision, Reason, datetime | None]:
    match outcome:
        case Accepted():
            return CallState.ACCEPTED, Decision.CALL_ACCEPTED, Reason.CALL_ANSWERED, None
        case Unknown():
            return CallState.UNKNOWN, Decision.CALL_UNKNOWN, Reason.OUTCOME_UNKNOWN, None
        case Forbidden():
            return CallState.FAILED, Decision.CALL_FAILED, Reason.ADDRESS_FORBIDDEN, None
        case Refused(permanent=True):
            return CallState.FAILED, Decision.CALL_FAILED, Reason.CALL_REFUSED, None
        case Refused() if attempt >= patience.max_attempts:
            return CallState.FAILED, Decision.CALL_FAILED, Reason.RETRIES_EXHAUSTED, None
        case Refused(retry_after=asked):
            due_at = now + patience.pause(attempt, asked)
            return CallState.PLANNED, Decision.CALL_RETRIED, Reason.CALL_DEFERRED, due_at


def _said(outcome: Outcome) -> Evidence:
    detail = outcome.reference if isinstance(outcome, Accepted) else outcome.detail
    return {"detail": detail} if detail else {}


def give_up_calls(connection: Connection, now: datetime, limit: int) -> None:
    """A worker that began a call and was not heard of again may have made it: that is ``unknown``."""
    lost = call_rows.abandoned(connection, now, limit)
    journal = Journal(now)
    for row in lost:
        evidence = {"attempt": row.attempt, "lease_ended": row.lease_until.isoformat()}
        journal.add(Decision.CALL_UNKNOWN, Reason.LEASE_LOST, row_subject(row), evidence=evidence)
    call_rows.change(
        connection,
        [row.id for row in lost],
        state=CallState.UNKNOWN.value,
        reason=Reason.LEASE_LOST.value,
        lease_until=None,
        updated_at=now,
    )
    journal.write(connection)
