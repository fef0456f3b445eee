"""What one transaction does to journeys, gathered in memory and written in bulk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from dangol import ids
from dangol.journeys.machine import START, Advance, Ended, PlanMessage, Waiting
from dangol.ledger.entries import Journal, Subject
from dangol.model.vocabulary import Decision, JourneyStatus, MessageState, Reason
from dangol.release import Release
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows

Journey = dict[str, Any]


class Changes:
    """Journeys that begin, move and end, the messages they plan and cancel, and the log entries about it all."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.journal = Journal(now)
        self._new: list[Journey] = []
        self._moved: list[Journey] = []
        self._planned: list[dict[str, Any]] = []
        self._overtaken: list[Journey] = []

    @property
    def entered(self) -> int:
        """How many journeys begin."""
        return len(self._new)

    def enter(
        self,
        release: Release,
        profile_id: str,
        entry_key: str,
        entered_at: datetime,
        reason: Reason,
        entry_event_id: str | None = None,
    ) -> Journey:
        """Begin a journey before its first step."""
        campaign = release.campaign.key
        journey: Journey = {
            "id": ids.derive(entered_at, "journey", campaign, profile_id, entry_key),
            "campaign_key": campaign,
            "version_id": release.version_id,
            "profile_id": profile_id,
            "entry_key": entry_key,
            "entry_event_id": entry_event_id,
            "status": JourneyStatus.WAITING.value,
            "position": START,
            "wake_at": None,
            "queued_until": None,
            "entered_at": entered_at,
            "ended_at": None,
            "end_reason": None,
        }
        self._new.append(journey)
        evidence = {"event": entry_event_id} if entry_event_id else {"fired_at": entered_at.isoformat()}
        self.journal.add(Decision.JOURNEY_ENTERED, reason, journey_subject(journey), evidence=evidence)
        return journey

    def refuse(self, release: Release, profile_id: str, reason: Reason, occasion: str) -> None:
        """Note that a person did not get in; ``occasion`` is the event or firing."""
        subject = Subject(release.campaign.key, release.version_id, profile_id, occasion=occasion)
        self.journal.add(Decision.JOURNEY_REFUSED, reason, subject, evidence={"occasion": occasion})

    def stop(self, release: Release, fired_at: datetime) -> None:
        """Note that the rest of a schedule's audience is not taken in, because the campaign left service."""
        subject = Subject(release.campaign.key, release.version_id, occasion=fired_at.isoformat())
        evidence = {"fire_at": fired_at.isoformat()}
        self.journal.add(Decision.SCHEDULE_STOPPED, Reason.OUT_OF_SERVICE, subject, evidence=evidence)

    def advance(self, release: Release, journey: Journey, step: Advance) -> None:
        """Carry out what the step machine said: plan its messages, then wait or end."""
        for command in step.commands:
            self._plan(release, journey, command)
        match step.state:
            case Waiting(position, wake_at):
                journey.update(position=position, wake_at=wake_at, queued_until=None)
            case Ended(reason, position, detail):
                self._end(journey, reason, position, {"exit": detail} if detail else {})
        self._moved.append(journey)

    def overtake(self, journey: Journey, reason: Reason) -> None:
        """End a journey because of an event, and cancel its messages that are not under way."""
        self._end(journey, reason, journey["position"], {})
        self._moved.append(journey)
        self._overtaken.append(journey)

    def _end(self, journey: Journey, reason: Reason, position: str, evidence: Mapping[str, Any]) -> None:
        journey.update(
            status=JourneyStatus.ENDED.value,
            position=position,
            wake_at=None,
            queued_until=None,
            ended_at=self.now,
            end_reason=reason.value,
        )
        self.journal.add(Decision.JOURNEY_ENDED, reason, journey_subject(journey), evidence=evidence)

    def _plan(self, release: Release, journey: Journey, command: PlanMessage) -> None:
        campaign, placed = release.campaign, command.step
        for route in command.send.routes:
            channels = ",".join(route)
            message = {
                "id": ids.derive(self.now, "message", journey["id"], placed.name, channels),
                "journey_id": journey["id"],
                "campaign_key": campaign.key,
                "version_id": release.version_id,
                "profile_id": journey["profile_id"],
                "stage": placed.stage,
                "step": placed.name,
                "template": command.send.send,
                "channels": channels,
                "purpose": campaign.purpose.value,
                "priority": campaign.priority,
                "state": MessageState.PLANNED.value,
                "reason": Reason.STEP_REACHED.value,
                "due_at": command.due_at,
                "expires_at": command.expires_at,
                "lease_until": None,
                "attempt": 0,
                "planned_at": self.now,
                "updated_at": self.now,
            }
            self._planned.append(message)
            evidence = {"message": command.send.send, "channels": channels, "due_at": command.due_at.isoformat()}
            if command.expires_at is not None:
                evidence["expires_at"] = command.expires_at.isoformat()
            self.journal.add(Decision.MESSAGE_PLANNED, Reason.STEP_REACHED, message_subject(message), evidence=evidence)

    def write(self, connection: Connection, *, announce_until: datetime | None = None) -> list[str]:
        """Write everything; returns the ids of messages that are due at once.

        With ``announce_until`` those are marked as told to a worker until then, and the caller tells one after the
        commit; without it the next sweep finds them.
        """
        self._cancel_messages(connection)
        due = [message for message in self._planned if message["due_at"] <= self.now]
        if announce_until is not None:
            for message in due:
                message.update(state=MessageState.DUE.value, lease_until=announce_until)
        journey_rows.insert_journeys(connection, self._new)
        begun = {journey["id"] for journey in self._new}
        moved = {journey["id"]: journey for journey in self._moved if journey["id"] not in begun}
        journey_rows.move(connection, [_position(journey) for journey in moved.values()])
        message_rows.insert_messages(connection, self._planned)
        self.journal.write(connection)
        return [message["id"] for message in due] if announce_until is not None else []

    def _cancel_messages(self, connection: Connection) -> None:
        reasons = {journey["id"]: Reason(journey["end_reason"]) for journey in self._overtaken}
        if not reasons:
            return
        by_reason: dict[Reason, list[str]] = {}
        for row in message_rows.open_of(connection, sorted(reasons)):
            reason = reasons[row.journey_id]
            by_reason.setdefault(reason, []).append(row.id)
            self.journal.add(Decision.MESSAGE_CANCELLED, reason, row_subject(row))
        for reason, cancelled in by_reason.items():
            message_rows.change(
                connection,
                cancelled,
                state=MessageState.CANCELLED.value,
                reason=reason.value,
                lease_until=None,
                updated_at=self.now,
            )


def _position(journey: Journey) -> dict[str, Any]:
    columns = ("id", "status", "position", "wake_at", "queued_until", "ended_at", "end_reason")
    return {name: journey[name] for name in columns}


def journey_subject(journey: Mapping[str, Any]) -> Subject:
    return Subject(journey["campaign_key"], journey["version_id"], journey["profile_id"], journey["id"])


def row_subject(message: Row[Any]) -> Subject:
    """``message_subject`` of a row as it was read."""
    return Subject(
        message.campaign_key,
        message.version_id,
        message.profile_id,
        message.journey_id,
        message.id,
        message.stage,
        message.step,
        str(message.attempt),
    )


def message_subject(message: Mapping[str, Any]) -> Subject:
    return Subject(
        campaign_key=message["campaign_key"],
        version_id=message["version_id"],
        profile_id=message["profile_id"],
        journey_id=message["journey_id"],
        message_id=message["id"],
        stage=message["stage"],
        step=message["step"],
        occasion=str(message["attempt"]),
    )
