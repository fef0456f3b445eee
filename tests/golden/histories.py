"""What a recorded journey is, how it is walked, and the files it is kept in.

A file holds everything that the step machine is told and everything that it answered, so that each answer can be
asked for again from the recorded state, as for somebody who stands there now.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from dangol.definitions.versions import cut
from dangol.definitions.workspace import Workspace, load_workspace
from dangol.journeys.flow import Flow, Known
from dangol.journeys.machine import (
    START,
    Advance,
    AssignArm,
    CallWebhook,
    Command,
    EmitEvent,
    Ended,
    PlanMessage,
    SetAttributes,
    State,
    Waiting,
    advance,
)
from dangol.model.people import Event
from dangol.model.steps import PlacedStep
from dangol.release import Release, compile_release
from tests.workspaces import ROOT

FOLDER = Path(__file__).parent / "histories"
WHILE_RUNNING = 1000
"""Answers after which a journey is taken to run for ever."""

Recorded = dict[str, Any]
"""A file, or a part of it, as YAML tells it."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the person; ``heard_at`` is when it was reported."""

    event: Event
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Persona:
    """One customer on the way into a campaign; instants are aware.

    ``begins`` is the state before the first step, ``first_at`` when it is asked about; ``taken_in`` when a schedule
    fired. ``late`` is how much later than due the person is woken, every time.
    """

    name: str
    profile_id: str
    zone: str
    entered: tuple[datetime, str]
    begins: State
    first_at: datetime
    profile: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    consents: frozenset[tuple[str, str]] = frozenset()
    happened: Sequence[Happened] = ()
    late: timedelta = timedelta()
    taken_in: datetime | None = None

    def known(self, now: datetime, profile: Mapping[str, Any], arms: Mapping[str, str]) -> Known:
        """What the pipeline would know at this instant."""
        heard = [one.event for one in self.happened if one.heard_at <= now]
        return Known(
            profile_id=self.profile_id,
            profile=profile,
            entered=self.entered,
            zone=ZoneInfo(self.zone),
            entry=self.entry,
            history=sorted(heard, key=lambda event: event.order),
            consents=self.consents,
            arms=arms,
            taken_in=self.taken_in,
        )


@cache
def workspace() -> Workspace:
    """The shipped workspace."""
    return load_workspace(ROOT)


@cache
def release(key: str) -> Release:
    """A shipped campaign, compiled as the pipeline does it."""
    return compile_release(cut(workspace(), key))


def definition(key: str) -> str:
    """A digest of what decides the way of people through the campaign; words for people and the log are left out."""
    told = release(key).campaign.model_dump(
        mode="json", by_alias=True, exclude_unset=True, include={"entry", "exit", "goal", "starts", "ends", "stages"}
    )
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


# Walking.


def walk(flow: Flow, persona: Persona) -> list[Recorded]:
    """The answers of the step machine from the entry to the end, asked as the pipeline asks.

    The person is asked about when a wait is over and when an event that the flow reacts to is reported.
    """
    answers: list[Recorded] = []
    state, now, due = persona.begins, persona.first_at, persona.first_at
    profile, arms = dict(persona.profile), dict[str, str]()
    while len(answers) < WHILE_RUNNING:
        step = advance(flow, state, persona.known(now, profile, arms), now, base=due)
        answers.append(_answer(step, now, due, persona.zone))
        _learn(step, profile, arms)
        if isinstance(step.state, Ended):
            return answers
        state = step.state.state
        now = min(_occasions(flow, persona, state, after=now))
        due = min(state.wake_at, now) if state.wake_at is not None else now
    raise AssertionError(f"{flow.campaign.key}: {persona.name!r} never comes to an end")


def _occasions(flow: Flow, persona: Persona, state: State, *, after: datetime) -> Iterator[datetime]:
    if state.wake_at is not None:
        yield max(flow.wakes(state.wake_at) + persona.late, after)
    yield from (one.heard_at for one in persona.happened if one.heard_at > after and one.event.name in flow.events)


def _learn(step: Advance, profile: dict[str, Any], arms: dict[str, str]) -> None:
    for command in step.commands:
        if isinstance(command, AssignArm):
            arms[command.experiment] = command.arm
        elif isinstance(command, SetAttributes):
            profile.update(command.values)
    for name in [name for name, value in profile.items() if value is None]:
        del profile[name]


def replay(flow: Flow, journey: Recorded) -> Iterator[tuple[Recorded, Recorded, str]]:
    """Ask every question of a recorded journey again, each from the state that was recorded before it.

    Yields what was recorded, what is answered now, and where the person stood.
    """
    persona = _persona(journey)
    state, where = persona.begins, "at the entry"
    profile, arms = dict(persona.profile), dict[str, str]()
    for recorded in journey["answers"]:
        now, due = _instant(recorded["at"]), _instant(recorded.get("due", recorded["at"]))
        answered = _answer(
            advance(flow, state, persona.known(now, profile, arms), now, base=due), now, due, persona.zone
        )
        yield recorded, answered, where
        for command in recorded.get("asks", ()):
            if "arm" in command:
                arms[command["of"]] = command["arm"]
            profile.update(command.get("set", {}))
        profile = {name: value for name, value in profile.items() if value is not None}
        if "waits" in recorded:
            state, where = _state(recorded["waits"]), f"waiting at {recorded['waits']['position']}"


# As YAML.


def dump(recorded: Recorded) -> str:
    """The file's text: innermost lists and mappings on one line each, in the order in which things happen."""
    text = io.StringIO()
    _yaml().dump(recorded, text)
    return text.getvalue()


def load(path: Path) -> Recorded:
    loaded: Recorded = _yaml().load(path.read_text(encoding="utf-8"))
    return loaded


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # innermost collections on one line
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda _: True
    return yaml


def journey(flow: Flow, persona: Persona) -> Recorded:
    """One journey as it is kept."""
    entered_at, event_id = persona.entered
    facts = _given(
        profile_id=persona.profile_id,
        zone=persona.zone,
        entered=_told(entered_at, persona.zone),
        by=event_id or None,
        begins=_told(persona.begins.wake_at, persona.zone),
        taken_in=_told(persona.taken_in if persona.taken_in != entered_at else None, persona.zone),
        profile=dict(persona.profile) or None,
        entry=dict(persona.entry) or None,
        consents=[" ".join(pair) for pair in sorted(persona.consents)] or None,
    )
    events = [_event(one, persona.zone) for one in persona.happened]
    return _given(customer=persona.name, facts=facts, events=events or None, answers=walk(flow, persona))


def _persona(journey: Recorded) -> Persona:
    facts = journey["facts"]
    return Persona(
        name=journey["customer"],
        profile_id=facts["profile_id"],
        zone=facts["zone"],
        entered=(_instant(facts["entered"]), facts.get("by", "")),
        begins=State(START, _instant_of(facts, "begins")),
        first_at=_instant(journey["answers"][0]["at"]),
        profile=facts.get("profile", {}),
        entry=facts.get("entry", {}),
        consents=frozenset(_pair(text) for text in facts.get("consents", ())),
        happened=[_happened(one, facts["profile_id"]) for one in journey.get("events", ())],
        taken_in=_instant_of(facts, "taken_in"),
    )


def _pair(text: str) -> tuple[str, str]:
    channel, purpose = text.split()
    return channel, purpose


def _event(one: Happened, zone: str) -> Recorded:
    return _given(
        name=one.event.name,
        id=one.event.id,
        at=_told(one.event.occurred_at, zone),
        heard=_told(one.heard_at if one.heard_at != one.event.occurred_at else None, zone),
        properties=dict(one.event.properties) or None,
    )


def _happened(one: Recorded, profile_id: str) -> Happened:
    event = Event(one["id"], profile_id, one["name"], one.get("properties", {}), _instant(one["at"]))
    return Happened(event, _instant(one.get("heard", one["at"])))


def _answer(step: Advance, now: datetime, due: datetime, zone: str) -> Recorded:
    told = _given(at=_told(now, zone), due=_told(due if due != now else None, zone))
    if step.commands:
        told["asks"] = [_ask(command, now, zone) for command in step.commands]
    match step.state:
        case Waiting() as waiting:
            told["waits"] = _waits(waiting, zone)
        case Ended(reason, position, detail, overtaken):
            told["ended"] = _given(
                reason=reason.value, position=position, word=detail or None, overtaken=overtaken or None
            )
    return told


def _ask(command: Command, now: datetime, zone: str) -> Recorded:
    """What is due at once, as everything should be, is told without an instant."""
    step = _step(command.step)
    match command:
        case PlanMessage(_, send, due_at, expires_at):
            by = " + ".join(" or ".join(route) for route in send.routes)
            due = _told(due_at if due_at != now else None, zone)
            return _given(step=step, send=send.send, by=by, due=due, expires=_told(expires_at, zone))
        case AssignArm(_, experiment, arm):
            return {"step": step, "arm": arm, "of": experiment}
        case SetAttributes(_, values):
            return {"step": step, "set": dict(values)}
        case EmitEvent(_, name, properties):
            return _given(step=step, emit=name, properties=dict(properties) or None)
        case CallWebhook(_, url, payload, due_at, expires_at):
            due = _told(due_at if due_at != now else None, zone)
            return _given(step=step, post=url, payload=dict(payload) or None, due=due, expires=_told(expires_at, zone))


def _step(placed: PlacedStep) -> str:
    return " ".join(word for word in (placed.stage, placed.position, placed.step.ref) if word)


def _waits(waiting: Waiting, zone: str) -> Recorded:
    state = waiting.state
    return {
        "position": state.position,
        **_given(until=_told(state.wake_at, zone), hears=waiting.awaits, since=_told(state.listening_since, zone)),
    }


def _state(waits: Recorded) -> State:
    return State(waits["position"], _instant_of(waits, "until"), _instant_of(waits, "since"))


def _given(**values: Any) -> Recorded:
    return {name: value for name, value in values.items() if value is not None}


def _told(instant: datetime | None, zone: str) -> str | None:
    return instant.astimezone(ZoneInfo(zone)).isoformat() if instant is not None else None


def _instant_of(told: Recorded, name: str) -> datetime | None:
    text = told.get(name)
    return _instant(text) if text is not None else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


__all__ = [
    "FOLDER",
    "START",
    "Happened",
    "Persona",
    "Recorded",
    "definition",
    "dump",
    "journey",
    "load",
    "release",
    "replay",
    "workspace",
]
