"""The customers whose journeys are recorded: typical ones for every campaign, and some that one campaign asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dangol.journeys.machine import START, State, draw
from dangol.model.campaign import RECIPIENT
from dangol.model.people import Event
from dangol.model.steps import Set, Split, Until, Wait
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import STANDARD_ATTRIBUTES, ValueType
from dangol.release import Release
from dangol.triggers.schedule import local_time, next_firing
from tests.golden.histories import Happened, Persona, walk, workspace

HOME, AWAY = "Asia/Seoul", "America/New_York"
MONDAY = datetime(2026, 3, 2, 10, 20, tzinfo=ZoneInfo(HOME))
"""When people enter, unless a campaign has days or a schedule of its own. New York changes its clocks on the 8th."""
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SOON = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Special:
    """Somebody whom one campaign treats in a way of its own: what is known beside the usual, and what happened.

    ``before`` maps an event to how long before the entry it happened; below zero, after it.
    """

    name: str
    profile: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, timedelta] = field(default_factory=dict)


SPECIAL: dict[str, list[Special]] = {
    "birthday": [
        Special("was born on 29 February", profile={"birthday": "1992-02-29"}),
        Special("has the birthday today", profile={"birthday": "1990-03-05"}),
        Special("told a birthday that does not exist", profile={"birthday": "1990-02-30"}),
    ],
    "complaint_acknowledged": [Special("was promised an answer for yesterday", entry={"answer_by": "2026-03-01"})],
    "double_opt_in": [
        Special("asked for email", entry={"channel": "email"}),
        Special("asked for SMS", entry={"channel": "sms"}),
    ],
    "first_weeks_survey": [Special("was asked for a review the other day", before={"Review Asked": -40 * DAY})],
    "our_fault": [
        Special("was charged twice", entry={"kind": "double_charge"}),
        Special("found the shop closed", entry={"kind": "site_outage"}),
    ],
    "pickup_ready": [Special("has only until tomorrow", entry={"until": "2026-03-03"})],
    "review_after_pickup": [Special("was asked about another order", before={"Review Asked": 20 * DAY})],
    "review_request": [Special("was asked about another order", before={"Review Asked": 20 * DAY})],
    "tier_changed": [
        Special("rises", profile={"tier_told": "guest"}, entry={"previous": "guest", "tier": "regular"}),
        Special("falls", profile={"tier_told": "old_friend"}, entry={"previous": "old_friend", "tier": "regular"}),
        Special("rises for the first time", {"tier_told": None}, {"previous": "guest", "tier": "regular"}),
        Special("falls back before hearing of it", {"tier_told": "guest"}, {"previous": "regular", "tier": "guest"}),
    ],
    "win_back": [Special("came by after eighty days", before={"Store Visited": -80 * DAY})],
}
"""By campaign. The test that every step is reached tells where somebody is missing."""


def personas(release: Release) -> Iterator[Persona]:
    """Everybody whose journey through this campaign is recorded, in a fixed order."""
    silent = _silent(release)
    yield silent
    yield from _arms(release, silent)
    for special in SPECIAL.get(release.campaign.key, ()):
        yield _special(release, silent, special)
    yield _entering(release, replace(silent, name="of whom nothing is known", profile={}, consents=frozenset()), {})
    answers = walk(release.flow, silent)
    if len(answers) == 1:
        return
    yield replace(silent, name="silent, and always woken two days late", late=2 * DAY)
    if any(isinstance(placed.step, Wait) and isinstance(placed.step.wait, Until) for placed in release.campaign.placed):
        yield _entering(release, replace(silent, name="silent, in New York", zone=AWAY), dict(silent.entry))
    first, last = (datetime.fromisoformat(answers[index]["at"]) for index in (1, -1))
    for name in sorted(release.flow.events):
        yield from _hearing(release, silent, name, first, last)


def _silent(release: Release) -> Persona:
    """Somebody of whom everything is known and who does nothing after the entry."""
    plan, entry = workspace().tracking_plan, release.campaign.entry
    nobody = Persona("silent", "P1", HOME, (MONDAY, ""), State(START), MONDAY)
    set_here = {name for placed in release.campaign.placed if isinstance(placed.step, Set) for name in placed.step.set}
    attributes = {**STANDARD_ATTRIBUTES, **plan.attributes}
    profile = {name: _value(name, type_) for name, type_ in attributes.items() if name in set_here}
    profile |= _values(release, "profile", attributes)
    pairs = ((channel.value, purpose.value) for channel in Channel for purpose in Purpose if release.asks.consents)
    properties = _values(release, "entry", plan.events[entry.opened_by]) if entry.opened_by is not None else {}
    return _entering(release, replace(nobody, profile=profile, consents=frozenset(pairs)), properties)


def _values(release: Release, of: str, types: Mapping[str, ValueType]) -> dict[str, Any]:
    """A value for every name that the campaign asks ``of`` a namespace, or counts; for no other, to keep files short.

    A name has the same value wherever it stands: the order of one event is that of another.
    """
    text = "".join(workspace().sources[f"campaigns/{name}.yaml"] for name in (release.campaign.key, "segments"))
    return {
        name: _value(name, type_) for name, type_ in types.items() if re.search(rf'\b{of}\.{name}\b|"{name}"', text)
    }


def _value(name: str, type_: ValueType) -> Any:
    if name == "birthday":
        return "1990-04-15"
    match type_:
        case ValueType.NUMBER:
            return 30_000
        case ValueType.BOOLEAN:
            return False
        case ValueType.DATE:
            return (MONDAY + 5 * DAY).date().isoformat()
        case ValueType.DATETIME:
            return datetime.combine((MONDAY + 9 * DAY).date(), time(19), ZoneInfo(HOME)).isoformat()
        case ValueType.LIST:
            return [f"{name}-1"]
        case _:
            return f"{name}-1"


def _entering(release: Release, persona: Persona, properties: Mapping[str, Any]) -> Persona:
    """The persona, let in by the campaign's own way."""
    entry, zone = release.campaign.entry, release.policies.timezone
    at = max(MONDAY, release.opens_at + timedelta(hours=10, minutes=20)) if release.opens_at is not None else MONDAY
    if entry.opened_by is not None:
        event = Event("E0", persona.profile_id, entry.opened_by, properties, at.astimezone(UTC))
        return replace(persona, entered=(at, event.id), first_at=at, entry=properties, happened=[Happened(event, at)])
    fired_at = next_firing(entry, after=at.astimezone(UTC), default_zone=zone)
    assert fired_at is not None
    first_at = local_time(fired_at, ZoneInfo(persona.zone)) if entry.timezone == RECIPIENT else fired_at
    begins = State(START, first_at if first_at > fired_at else None)
    return replace(persona, entered=(first_at, ""), taken_in=fired_at, begins=begins, first_at=first_at)


def _arms(release: Release, silent: Persona) -> Iterator[Persona]:
    """Somebody for every arm of every experiment. Whose hash falls where is a part of what is recorded."""
    for split in (placed.step for placed in release.campaign.placed if isinstance(placed.step, Split)):
        for arm in split.weights:
            drawn = next(
                one for number in range(10_000) if draw(release.campaign.key, split, one := f"P{number}") == arm
            )
            if drawn != silent.profile_id:
                moved = [replace(one, event=replace(one.event, profile_id=drawn)) for one in silent.happened]
                yield replace(silent, name=f"draws {arm} of {split.experiment}", profile_id=drawn, happened=moved)


def _special(release: Release, silent: Persona, special: Special) -> Persona:
    persona = replace(silent, name=special.name, profile={**silent.profile, **special.profile})
    persona = _entering(release, persona, {**silent.entry, **special.entry})
    entered_at, _ = persona.entered
    before = [
        _happens(release, persona, name, f"B{number}", entered_at - ago)
        for number, (name, ago) in enumerate(special.before.items())
    ]
    return replace(persona, happened=[*before, *persona.happened])


def _hearing(release: Release, silent: Persona, name: str, first: datetime, last: datetime) -> Iterator[Persona]:
    """Those to whom one event happens: at once, at the last minute, reported a day late, or about something else."""
    entered_at, _ = silent.entered

    def told(persona: str, at: datetime, **more: Any) -> Persona:
        happens = _happens(release, silent, name, "E1", at, **more)
        return replace(silent, name=f"{name}, {persona}", happened=[*silent.happened, happens])

    yield told("soon", entered_at + SOON)
    yield told("in the last minute", last - MINUTE)
    if last > first:
        yield told("soon, and reported after the next step", entered_at + SOON, heard_at=first + MINUTE)
    if _asks_which(release, name):
        yield told("about something else", entered_at + SOON, change=lambda text: f"another {text}")


def _asks_which(release: Release, name: str) -> bool:
    flow = release.flow
    endings = [*flow.exits, *([flow.goal] if flow.goal is not None else [])]
    return any(one.event == name and one.test is not None for one in endings) or name in flow.awaited_events


def _happens(
    release: Release,
    persona: Persona,
    name: str,
    id_: str,
    at: datetime,
    *,
    heard_at: datetime | None = None,
    change: Callable[[str], str] = lambda text: text,
) -> Happened:
    """An event about the same order, cart or case as the entry; ``change`` makes it another."""
    values = _values(release, "event", workspace().tracking_plan.events[name])
    values = {**values, **{key: value for key, value in persona.entry.items() if key in values}}
    properties = {key: change(value) if isinstance(value, str) else value for key, value in values.items()}
    return Happened(Event(id_, persona.profile_id, name, properties, at.astimezone(UTC)), heard_at or at)
