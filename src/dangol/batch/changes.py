"""What one transaction does to journeys, gathered in memory and written in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from dangol import ids
from dangol.batch.acquaintance import Acquaintance, Journey
from dangol.batch.digests import gathered_at
from dangol.journeys.machine import (
    START,
    Advance,
    AssignArm,
    CallWebhook,
    EmitEvent,
    Ended,
    PlanMessage,
    SetAttributes,
    State,
    Waiting,
)
from dangol.ledger.entries import Journal, Subject
from dangol.model.campaign import Campaign
from dangol.model.people import IncomingEvent
from dangol.model.steps import PlacedStep
from dangol.model.vocabulary import CallState, Decision, JourneyStatus, MessageState, Purpose, Reason
from dangol.policy.spread import place_in
from dangol.profiles import people
from dangol.release import Release
from dangol.store import arms as arm_rows
from dangol.store import calls as call_rows
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows

MAX_HOPS = 8
"""How many `emit` steps may set one another off; campaigns that go in a circle are cut here."""


def state_of(journey: Mapping[str, Any]) -> State:
    """Where the step machine finds this journey."""
    wake_at, whole = journey["wake_at"], journey["waits_until"]
    cut_short = wake_at is not None and whole is not None and wake_at < whole
    return State(journey["position"], whole if cut_short else wake_at, journey["awaits_since"])


class Changes:
    """Journeys that begin, move and end, what they ask for, and the log entries about it all.

    ``emitted`` are the events that journeys reported on their way, by profile id instead of external id; whoever
    writes the changes takes them in next, in the same transaction.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.journal = Journal(now)
        self.emitted: list[IncomingEvent] = []
        self.refused: dict[tuple[str, str], Reason] = {}
        self._new: list[Journey] = []
        self._moved: list[Journey] = []
        self._planned: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []
        self._arms: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._attributes: dict[str, Mapping[str, Any]] = {}
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
        *,
        entry_event_id: str | None = None,
        correlation: str = "",
        hops: int = 0,
        wake_at: datetime | None = None,
    ) -> Journey:
        """Begin a journey before its first step; with ``wake_at`` it sleeps until then.

        ``entry_key`` is the event's id, or the instant at which the schedule fired or the audience was looked at.
        """
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
            "wake_at": wake_at,
            "queued_until": None,
            "entered_at": entered_at,
            "ended_at": None,
            "end_reason": None,
            "correlation": correlation,
            "awaits": None,
            "awaits_since": None,
            "hops": hops,
            "waits_until": None,
        }
        self._new.append(journey)
        evidence = {"event": entry_event_id} if entry_event_id else {"fired_at": entry_key}
        if wake_at is not None:
            evidence["begins_at"] = wake_at.isoformat()
        self.journal.add(Decision.JOURNEY_ENTERED, reason, journey_subject(journey), evidence=evidence)
        return journey

    def refuse(self, release: Release, profile_id: str, reason: Reason, occasion: str) -> None:
        """Note that a person did not get in; ``occasion`` is the event or firing."""
        self.refused[release.campaign.key, occasion] = reason
        subject = Subject(release.campaign.key, release.version_id, profile_id, occasion=occasion)
        self.journal.add(Decision.JOURNEY_REFUSED, reason, subject, evidence={"occasion": occasion})

    def stop(self, release: Release, fired_at: datetime) -> None:
        """Note that the rest of a schedule's audience is not taken in, because the campaign left service."""
        subject = Subject(release.campaign.key, release.version_id, occasion=fired_at.isoformat())
        evidence = {"fire_at": fired_at.isoformat()}
        self.journal.add(Decision.SCHEDULE_STOPPED, Reason.OUT_OF_SERVICE, subject, evidence=evidence)

    def advance(self, release: Release, journey: Journey, step: Advance, known: Acquaintance) -> None:
        """Carry out what the step machine said; what later steps of the batch should know, ``known`` learns."""
        for command in step.commands:
            match command:
                case PlanMessage():
                    self._plan(release, journey, command, known)
                case AssignArm():
                    self._assign(journey, command, known)
                case SetAttributes():
                    self._set(journey, command, known)
                case EmitEvent():
                    self._emit(journey, command)
                case CallWebhook():
                    self._call(release, journey, command)
        match step.state:
            case Waiting(state, awaits):
                assert state.wake_at is not None
                wake_at = release.flow.wakes(state.wake_at)
                journey.update(
                    position=state.position,
                    wake_at=wake_at,
                    waits_until=state.wake_at if wake_at != state.wake_at else None,
                    awaits=awaits,
                    awaits_since=state.listening_since,
                    queued_until=None,
                )
            case Ended(reason, position, detail, overtaken):
                self._end(journey, reason, position, {"exit": detail} if detail else {})
                if overtaken:
                    self._overtaken.append(journey)
        self._moved.append(journey)

    def hold(self, journey: Journey) -> None:
        """The journey came due while its campaign is paused: it stands still until that is resumed."""
        journey.update(status=JourneyStatus.HELD.value, queued_until=None)
        self._moved.append(journey)

    def go_on(self, journey: Journey) -> None:
        """The pause that held the journey is over."""
        if journey["status"] == JourneyStatus.HELD:
            journey["status"] = JourneyStatus.WAITING.value

    def pause(self, journey: Journey, evidence: Mapping[str, Any]) -> None:
        """Somebody pauses this one journey; its open messages are held."""
        journey.update(status=JourneyStatus.PAUSED.value, queued_until=None)
        self._moved.append(journey)
        subject = journey_subject(journey)
        self.journal.add(Decision.JOURNEY_PAUSED, Reason.BY_HAND, subject, evidence=evidence)

    def resume(self, journey: Journey, evidence: Mapping[str, Any]) -> None:
        """The journey goes on from where it stands."""
        journey.update(status=JourneyStatus.WAITING.value, queued_until=None)
        self._moved.append(journey)
        subject = journey_subject(journey)
        self.journal.add(Decision.JOURNEY_RESUMED, Reason.BY_HAND, subject, evidence=evidence)

    def overtake(self, journey: Journey, reason: Reason, evidence: Mapping[str, Any] | None = None) -> None:
        """End a journey for a reason from outside, and cancel what it asked for that is not under way."""
        self._end(journey, reason, journey["position"], evidence or {})
        self._moved.append(journey)
        self._overtaken.append(journey)

    def _end(self, journey: Journey, reason: Reason, position: str, evidence: Mapping[str, Any]) -> None:
        journey.update(
            status=JourneyStatus.ENDED.value,
            position=position,
            wake_at=None,
            queued_until=None,
            awaits=None,
            awaits_since=None,
            waits_until=None,
            ended_at=self.now,
            end_reason=reason.value,
        )
        self.journal.add(Decision.JOURNEY_ENDED, reason, journey_subject(journey), evidence=evidence)

    def _assign(self, journey: Journey, command: AssignArm, known: Acquaintance) -> None:
        profile_id, campaign = journey["profile_id"], journey["campaign_key"]
        known.remember(profile_id, campaign, command.experiment, command.arm)
        self._arms[profile_id, campaign, command.experiment] = {
            "profile_id": profile_id,
            "campaign_key": campaign,
            "experiment": command.experiment,
            "arm": command.arm,
            "assigned_at": self.now,
        }
        evidence = {"experiment": command.experiment, "arm": command.arm}
        self.journal.add(
            Decision.ARM_ASSIGNED, Reason.STEP_REACHED, step_subject(journey, command.step), evidence=evidence
        )

    def _set(self, journey: Journey, command: SetAttributes, known: Acquaintance) -> None:
        profile_id = journey["profile_id"]
        known.learn(profile_id, command.values)
        if (profile := known.profiles.get(profile_id)) is None:
            return
        self._attributes[profile_id] = profile.attributes
        evidence = {"attributes": sorted(command.values)}
        self.journal.add(
            Decision.PROFILE_CHANGED, Reason.STEP_REACHED, step_subject(journey, command.step), evidence=evidence
        )

    def _emit(self, journey: Journey, command: EmitEvent) -> None:
        """Report the event, unless campaigns have set one another off too often already."""
        subject, hops = step_subject(journey, command.step), journey["hops"] + 1
        if hops > MAX_HOPS:
            evidence = {"event": command.name, "hops": hops}
            self.journal.add(Decision.EVENT_REFUSED, Reason.TOO_MANY_HOPS, subject, evidence=evidence)
            return
        event = IncomingEvent(
            message_id=f"emit:{ids.derive(self.now, journey['id'], command.step.position)}",
            external_id=journey["profile_id"],
            name=command.name,
            properties=command.properties,
            occurred_at=self.now,
            source=f"campaign:{journey['campaign_key']}"[:64],
            hops=hops,
        )
        self.emitted.append(event)
        self.journal.add(Decision.EVENT_EMITTED, Reason.STEP_REACHED, subject, evidence={"event": command.name})

    def _call(self, release: Release, journey: Journey, command: CallWebhook) -> None:
        call = {
            "id": ids.derive(self.now, "call", journey["id"], command.step.name),
            "journey_id": journey["id"],
            "campaign_key": journey["campaign_key"],
            "version_id": release.version_id,
            "profile_id": journey["profile_id"],
            "stage": command.step.stage,
            "step": command.step.name,
            "url": command.url,
            "payload": dict(command.payload),
            "state": CallState.PLANNED.value,
            "reason": Reason.STEP_REACHED.value,
            "due_at": command.due_at,
            "expires_at": command.expires_at,
            "lease_until": None,
            "attempt": 0,
            "planned_at": self.now,
            "updated_at": self.now,
        }
        self._calls.append(call)
        self.journal.add(
            Decision.CALL_PLANNED,
            Reason.STEP_REACHED,
            message_subject(call),
            evidence={"due_at": command.due_at.isoformat()},
        )

    def _plan(self, release: Release, journey: Journey, command: PlanMessage, known: Acquaintance) -> None:
        campaign, placed = release.campaign, command.step
        value = release.worth(known.known(release, journey), self.now) if release.figure else release.value
        spread_at = _spread(campaign, command, journey["id"])
        for route in command.send.routes:
            channels = ",".join(route)
            waits_until = gathered_at(release, command, route, known.profiles.get(journey["profile_id"]))
            due_at, digest = (waits_until, command.send.digest) if waits_until else (spread_at, None)
            reason = Reason.GATHERED if digest else Reason.STEP_REACHED
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
                "reason": reason.value,
                "due_at": due_at,
                "expires_at": command.expires_at,
                "lease_until": None,
                "attempt": 0,
                "planned_at": self.now,
                "updated_at": self.now,
                "digest": digest,
                "topic": campaign.topic or "",
                "value": value,
            }
            self._planned.append(message)
            evidence = {"message": command.send.send, "channels": channels, "due_at": due_at.isoformat()}
            if command.expires_at is not None:
                evidence["expires_at"] = command.expires_at.isoformat()
            if digest:
                evidence["digest"] = digest
            elif due_at > command.due_at:
                evidence["spread_from"] = command.reached_at.isoformat()
            self.journal.add(Decision.MESSAGE_PLANNED, reason, message_subject(message), evidence=evidence)

    def write(self, connection: Connection, *, announce_until: datetime | None = None) -> message_rows.DueNow:
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
        call_rows.insert_calls(connection, self._calls)
        arm_rows.assign(connection, list(self._arms.values()))
        people.set_attributes(connection, self._attributes, now=self.now)
        self.journal.write(connection)
        told = message_rows.DueNow([], [])
        for message in due if announce_until is not None else ():
            (told.first if message["purpose"] == Purpose.TRANSACTIONAL else told.rest).append(message["id"])
        return told

    def _cancel_messages(self, connection: Connection) -> None:
        reasons = {journey["id"]: Reason(journey["end_reason"]) for journey in self._overtaken}
        if not reasons:
            return
        by_reason: dict[Reason, list[Row[Any]]] = {}
        for row in message_rows.open_of(connection, sorted(reasons)):
            by_reason.setdefault(reasons[row.journey_id], []).append(row)
        for reason, rows in by_reason.items():
            self.cancel(connection, rows, reason)

    def cancel(self, connection: Connection, rows: Sequence[Row[Any]], reason: Reason) -> None:
        """Cancel these messages, at once; the caller has locked their people."""
        for row in rows:
            self.journal.add(Decision.MESSAGE_CANCELLED, reason, row_subject(row))
        message_rows.change(
            connection,
            [row.id for row in rows],
            state=MessageState.CANCELLED.value,
            reason=reason.value,
            lease_until=None,
            updated_at=self.now,
        )


def _spread(campaign: Campaign, command: PlanMessage, journey_id: str) -> datetime:
    """When a message is due of a campaign that goes out over some time; at once where it does not.

    Counted from when the step was due, so that work that was late makes nothing later, and never past the expiry.
    """
    if campaign.spread is None:
        return command.due_at
    lasts = [command.expires_at - command.reached_at] if command.expires_at is not None else []
    room = min([campaign.spread, *lasts])
    return max(command.due_at, command.reached_at + place_in(room, journey_id))


def _position(journey: Journey) -> dict[str, Any]:
    return {name: journey[name] for name in _MOVING}


_MOVING = (
    "id",
    "status",
    "position",
    "wake_at",
    "queued_until",
    "awaits",
    "awaits_since",
    "waits_until",
    "ended_at",
    "end_reason",
)


def step_subject(journey: Mapping[str, Any], placed: PlacedStep) -> Subject:
    """A step of a journey that is not a message."""
    return Subject(
        journey["campaign_key"],
        journey["version_id"],
        journey["profile_id"],
        journey["id"],
        stage=placed.stage,
        step=placed.name,
        occasion=placed.position,
    )


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
    """A message, or a call to another system, before it was written."""
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
