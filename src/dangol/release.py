"""A campaign version made ready to run: expressions and messages compiled once, then shared by every batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from dangol.content.messages import Messages, compile_messages
from dangol.definitions import versions
from dangol.definitions.workspace import Workspace
from dangol.errors import UnknownVersion
from dangol.expressions import Expression, Figure, Person, Scope, evaluate, parse, parse_number
from dangol.journeys.flow import Ending, Flow, Known, Test
from dangol.jurisdictions import packs, packs_with
from dangol.model.campaign import Campaign, ExitOn, Goal
from dangol.model.jurisdiction import Jurisdictions
from dangol.model.people import Event, Profile
from dangol.model.steps import Emit, From, If, Send, Set, Split, Until, Wait, WaitFor, Webhook
from dangol.model.times import Day, OfField
from dangol.model.vocabulary import OnCapped, OnFailed, Purpose
from dangol.model.workspace import Cap, Policies
from dangol.policy.law import Law
from dangol.policy.rules import CapRule, Rulebook

_AT_AN_EVENT = frozenset({"profile", "event", "entry"})
_ON_THE_WAY = frozenset({"profile", "entry"})
_OF_PEOPLE = frozenset({"profile"})
_OF_MESSAGES = frozenset({"message"})
_log = structlog.get_logger(__name__)
_MOST = 1e12
"""What a message can be worth at most, so that every database and every page can tell it."""
_KINDS = 10_000
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asks:
    """What must be at hand to move a journey of this version, so that a batch reads only that.

    ``events_ever`` are the events that conditions count, back to the beginning; ``events_since_entry`` those that a
    journey on its way reacts to. ``reaches`` tells how far back conditions really look.
    """

    events_since_entry: frozenset[str] = frozenset()
    events_ever: frozenset[str] = frozenset()
    profile: bool = False
    consents: bool = False
    entry: bool = False
    arms: bool = False
    reaches: frozenset[tuple[str, timedelta | None]] = frozenset()


@dataclass(frozen=True)
class Release:
    """One version of one campaign, compiled. ``opens_at`` and ``over_at`` bound the time in which people enter.

    ``listed`` are the events of its tracking plan.
    """

    version_id: str
    campaign: Campaign
    policies: Policies
    rulebook: Rulebook
    messages: Messages
    where: Expression | None
    audience: Expression | None
    flow: Flow
    asks: Asks
    opens_at: datetime | None = None
    figure: Figure | None = None
    listed: frozenset[str] = frozenset()

    @property
    def over_at(self) -> datetime | None:
        return self.flow.over_at

    @cached_property
    def asks_at_entry(self) -> Asks:
        """What an entry by an event asks beyond what the journey itself does."""
        needs = self.where.needs if self.where is not None else None
        events = self.asks.events_ever | (needs.events if needs is not None else frozenset())
        return Asks(self.asks.events_since_entry, events, profile=True, consents=True, arms=self.asks.arms)

    @cached_property
    def reaches(self) -> frozenset[tuple[str, timedelta | None]]:
        """Events that this version looks back at, and how far; None is to the beginning."""
        asked = [one.needs.reaches for one in (self.where, self.audience) if one is not None]
        held = (
            (event, hold.at_most + (hold.resume_after or timedelta()))
            for hold in self.policies.holds
            for event in (hold.opens, *hold.closes)
        )
        return self.asks.reaches.union(*asked, held)

    @cached_property
    def on_capped(self) -> dict[str, OnCapped]:
        """Step name → what its author wants done with a capped message, where the author said so."""
        return {
            placed.name: placed.step.on_capped
            for placed in self.campaign.steps()
            if isinstance(placed.step, Send) and placed.step.on_capped is not None
        }

    @cached_property
    def falls_back(self) -> frozenset[str]:
        """Names of the steps whose messages go on by the next channel where an address is refused for good."""
        return frozenset(
            placed.name
            for placed in self.campaign.steps()
            if isinstance(placed.step, Send) and placed.step.on_failed is OnFailed.NEXT_CHANNEL
        )

    @property
    def value(self) -> float:
        """What a message is worth to whomever it goes; 0 where that is asked of the person."""
        return self.campaign.value if not isinstance(self.campaign.value, str) else 0.0

    @cached_property
    def places(self) -> dict[str, int]:
        """Step name → its place among the steps of the campaign."""
        return {placed.name: place for place, placed in enumerate(self.campaign.placed)}

    def worth(self, known: Known, now: datetime) -> float:
        """What a message to this person is worth, as the campaign's ``value`` says; 0 where it cannot be told."""
        worth = self.figure.of(_person(known, now)) if self.figure is not None else self.value
        return min(max(worth, -_MOST), _MOST) if worth is not None else 0.0

    def binding(self, profile: Profile) -> tuple[str, ...]:
        """The codes of the packs whose labels this person's advertising carries; none for what is no advertising."""
        if self.campaign.purpose is not Purpose.MARKETING:
            return ()
        return self.rulebook.law.labelled(profile)

    def admits(self, person: Person) -> bool:
        """Does this person, at this event, meet ``where``?"""
        return self.where is None or evaluate(self.where, person)


def compile_release(version: versions.Version) -> Release:
    """Compile a version. Raises ProblemsFound if it cannot be, which ``dangol check`` tells beforehand."""
    workspace, campaign = version.workspace, version.campaign
    entry, zone = campaign.entry, ZoneInfo(workspace.policies.timezone)
    at_event = _scope(workspace, _AT_AN_EVENT, event=entry.opened_by)
    of_people = _scope(workspace, _OF_PEOPLE)
    conditions = Conditions(workspace, entry.opened_by)
    flow = _flow(campaign, conditions, over_at(version))
    figure = conditions.figure(campaign.value) if isinstance(campaign.value, str) else None
    digests = workspace.digest_templates(campaign.key)
    messages = compile_messages(
        workspace.sources,
        templates={send.send for send in campaign.sends} | set(digests.values()),
        purpose=campaign.purpose,
        default_locale=workspace.policies.locale,
        sms_encoding=workspace.policies.sms.encoding,
        stages=_stages(campaign, digests),
    )
    return Release(
        version_id=version.id,
        campaign=campaign,
        policies=workspace.policies,
        rulebook=rulebook_of(workspace),
        messages=messages,
        where=parse(entry.where, at_event) if entry.where else None,
        audience=parse(entry.audience, of_people) if entry.audience else None,
        flow=flow,
        asks=_asks(campaign, flow, [*conditions.parsed, *([figure] if figure is not None else [])]),
        opens_at=_midnight(campaign.starts, zone) if campaign.starts is not None else None,
        figure=figure,
        listed=frozenset(workspace.tracking_plan.events),
    )


def _stages(campaign: Campaign, digests: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Template → the stages of the journey in which the campaign sends it, by itself or as a digest's."""
    sends = [(one.step, one.stage) for one in campaign.placed if isinstance(one.step, Send)]
    sent = [(step.send, stage) for step, stage in sends]
    sent += [(digests[step.digest], stage) for step, stage in sends if step.digest and step.digest in digests]
    return {template: frozenset(stage for name, stage in sent if name == template) for template, _ in sent}


def _scope(
    workspace: Workspace, namespaces: frozenset[str], event: str | None = None, entry_event: str | None = None
) -> Scope:
    return Scope(workspace.tracking_plan, namespaces, event=event, segments=workspace.segments, entry_event=entry_event)


def over_at(version: versions.Version) -> datetime | None:
    """When a version's campaign is over; None if it has no end."""
    ends = version.campaign.ends
    return _midnight(ends + timedelta(days=1), ZoneInfo(version.workspace.policies.timezone)) if ends else None


def _midnight(day: Day, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


class Conditions:
    """Parses what a campaign's author wrote as conditions into functions that the step machine can ask."""

    def __init__(self, workspace: Workspace, entry_event: str | None) -> None:
        self._workspace = workspace
        self._entry_event = entry_event
        self.parsed: list[Expression] = []

    def on_the_way(self, text: str) -> Test:
        return self._test(text, _scope(self._workspace, _ON_THE_WAY, entry_event=self._entry_event))

    def at(self, event: str, text: str | None) -> Test | None:
        """A ``where`` over an event; None where every one counts."""
        if text is None:
            return None
        return self._test(text, _scope(self._workspace, _AT_AN_EVENT, event, self._entry_event))

    def figure(self, text: str) -> Figure:
        """A number that is asked when a step is reached."""
        return parse_number(text, _scope(self._workspace, _ON_THE_WAY, entry_event=self._entry_event))

    def _test(self, text: str, scope: Scope) -> Test:
        expression = parse(text, scope)
        self.parsed.append(expression)

        def holds(known: Known, now: datetime, event: Event | None) -> bool:
            return evaluate(expression, _person(known, now, event))

        return holds


def _person(known: Known, now: datetime, event: Event | None = None) -> Person:
    """What an expression may ask about somebody on the way, at ``event`` if there is one."""
    return Person(
        now=now,
        profile=known.profile,
        event=event.properties if event is not None else {},
        entry=known.entry,
        history=known.until(event) if event is not None else known.history,
        consents=known.consents,
    )


def _flow(campaign: Campaign, conditions: Conditions, over_at: datetime | None) -> Flow:
    tests: dict[str, Test] = {}
    for placed in campaign.placed:
        match placed.step:
            case If(condition=text):
                tests[placed.position] = conditions.on_the_way(text)
            case WaitFor(wait_for=awaited) if awaited.where is not None:
                test = conditions.at(awaited.event, awaited.where)
                assert test is not None
                tests[placed.position] = test
            case _:
                pass
    return Flow(
        campaign,
        tests,
        goal=_goal(campaign.goal, conditions) if campaign.goal is not None else None,
        exits=tuple(_exit(one, conditions) for one in campaign.exits),
        over_at=over_at,
    )


def _goal(goal: Goal, conditions: Conditions) -> Ending:
    return Ending(goal.event, conditions.at(goal.event, goal.where), goal.within)


def _exit(one: ExitOn, conditions: Conditions) -> Ending:
    return Ending(one.event, conditions.at(one.event, one.where))


def _asks(campaign: Campaign, flow: Flow, conditions: Sequence[Expression | Figure]) -> Asks:
    steps = [placed.step for placed in campaign.placed]
    fields = [field for step in steps for field in _fields(step)]
    return Asks(
        events_since_entry=flow.events,
        events_ever=frozenset().union(*(one.needs.events for one in conditions)),
        profile=bool(conditions)
        or any(isinstance(step, Set) for step in steps)
        or bool(campaign.digests)
        or any(isinstance(step, Wait) and isinstance(step.wait, Until) for step in steps)
        or any(field.startswith("profile.") for field in fields),
        consents=any(one.needs.consents for one in conditions),
        entry=bool(conditions) or any(field.startswith("entry.") for field in fields),
        arms=any(isinstance(step, Split) for step in steps),
        reaches=frozenset().union(*(one.needs.reaches for one in conditions)),
    )


def _fields(step: object) -> Iterable[str]:
    """The fields whose values a step takes."""
    given: Mapping[str, object] = {}
    match step:
        case Wait(wait=Until() as until) if isinstance(until.target, OfField):
            return [f"{until.target.namespace}.{until.target.name}"]
        case Set(set=given) | Emit(properties=given) | Webhook(payload=given):
            return [one.from_ for one in given.values() if isinstance(one, From)]
        case _:
            return []


def rulebook_of(workspace: Workspace) -> Rulebook:
    """A workspace's policies with its caps' conditions compiled, and the packs of the law as it has them."""
    caps = tuple(_cap_rule(cap, workspace) for cap in workspace.policies.caps)
    return Rulebook(workspace.policies, caps, Law(packs_with(workspace.sources), workspace.policies.jurisdictions))


def _cap_rule(cap: Cap, workspace: Workspace) -> CapRule:
    scope = Scope(workspace.tracking_plan, _OF_MESSAGES, functions=False)
    expression = parse(cap.applies_to, scope)
    known: dict[tuple[Any, ...], bool] = {}

    def applies_to(fields: Mapping[str, Any]) -> bool:
        """Messages are alike by the thousand, so what was found out for one holds for the others."""
        kind = tuple(tuple(value) if isinstance(value, list) else value for value in fields.values())
        found = known.get(kind)
        if found is None:
            if len(known) >= _KINDS:
                known.clear()
            found = known[kind] = evaluate(expression, Person(now=_NO_TIME, profile={}, message=fields))
        return found

    return CapRule(cap, applies_to)


class Releases:
    """Compiled versions, kept by id; versions never change, so neither do these. Safe to share between threads."""

    def __init__(self, keep: int = 256) -> None:
        self._keep = keep
        self._compiled: dict[str, Release] = {}
        self._failed: dict[str, str] = {}
        self._in_service: dict[str, tuple[datetime, datetime | None]] = {}
        self._lock = Lock()

    def get(self, connection: Connection, version_id: str) -> Release:
        """The release of this version. Raises UnknownVersion if it is not there or this dangol cannot run it."""
        found = self._compiled.get(version_id)
        if found is not None:
            return found
        if version_id in self._failed:
            raise UnknownVersion(self._failed[version_id])
        version = versions.load(connection, version_id)  # not while others wait: it may wait for their transactions
        with self._lock:
            return self._compiled.get(version_id) or self._compile(version)

    def _compile(self, version: versions.Version) -> Release:
        """Compile it, once: the threads of a process that starts all ask for the same versions at the same moment."""
        if version.id in self._failed:
            raise UnknownVersion(self._failed[version.id])
        try:
            release = compile_release(version)
        except Exception as error:
            # Compiled once, it would fail the same way each time; only a deploy or a new release can help.
            self._failed[version.id] = f"version {version.id} of {version.campaign.key} cannot be run: {error}"
            _log.error("a version cannot be run; its work waits", version=version.id, error=str(error))
            raise UnknownVersion(self._failed[version.id]) from error
        while len(self._compiled) >= self._keep:
            self._compiled.pop(next(iter(self._compiled)))
        self._compiled[version.id] = release
        return release

    def of(self, connection: Connection, version_ids: Iterable[str]) -> dict[str, Release]:
        """Those of these versions that can be run. What belongs to the others waits, and holds up nothing else."""
        found = {}
        for version_id in sorted(set(version_ids)):
            with suppress(UnknownVersion):
                found[version_id] = self.get(connection, version_id)
        return found

    def is_serving(self, connection: Connection, campaign_key: str) -> bool:
        """Is this campaign, in whatever version, in service?"""
        return campaign_key in versions.active(connection)

    def serves_since(self, connection: Connection, release: Release, at: datetime) -> datetime | None:
        """Since when what came due at ``at`` is this release's; None if it was in service then."""
        return versions.serves_since(connection, release.campaign.key, release.version_id, at)

    def serving(self, connection: Connection, campaign_key: str) -> Release | None:
        """The release in service of this campaign; None if there is none. Raises UnknownVersion if it cannot be run."""
        version_id = versions.active(connection).get(campaign_key)
        return self.get(connection, version_id) if version_id is not None else None

    def law(self, connection: Connection) -> Law:
        """The packs as the workspace has them whose version was put into service last; as they come if none was."""
        lately = sorted(versions.active_since(connection).values(), key=lambda one: (one[1], one[0]), reverse=True)
        found = self.of(connection, [version_id for version_id, _ in lately])
        serving = next((found[version_id] for version_id, _ in lately if version_id in found), None)
        return serving.rulebook.law if serving is not None else Law(packs(), Jurisdictions())

    def active(self, connection: Connection) -> list[Release]:
        """What is deployed now, in the order of campaign keys."""
        return [release for release, _ in self.active_since(connection)]

    def active_since(self, connection: Connection) -> list[tuple[Release, datetime | None]]:
        """``active``, and since when each campaign, in whatever version, is in service."""
        return [
            (self.get(connection, version_id), self._began(connection, key, deployed_at))
            for key, (version_id, deployed_at) in sorted(versions.active_since(connection).items())
        ]

    def same_audience_since(self, connection: Connection, release: Release) -> datetime:
        """Since when the rule of this audience is in force, in whatever versions, without a break in service."""
        since = datetime.max.replace(tzinfo=UTC)
        for version_id, deployed_at in versions.lately_in_service(connection, release.campaign.key, release.version_id):
            other = self.of(connection, [version_id]).get(version_id)
            if other is None or other.audience != release.audience:
                break
            since = deployed_at
        return since

    def _began(self, connection: Connection, campaign_key: str, deployed_at: datetime) -> datetime | None:
        """Asked once after each deployment: nothing before that changes."""
        known = self._in_service.get(campaign_key)
        if known is None or known[0] != deployed_at:
            known = self._in_service[campaign_key] = deployed_at, versions.began(connection, campaign_key)
        return known[1]
