"""A campaign version made ready to run: expressions and messages compiled once, then shared by every batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock

import structlog
from sqlalchemy import Connection

from dangol.content.check import check_messages
from dangol.content.messages import Messages, compile_messages
from dangol.definitions import versions
from dangol.definitions.workspace import Workspace, read_what_can_be
from dangol.errors import UnknownVersion
from dangol.expressions import Expression, Person, Scope, evaluate, parse
from dangol.model.campaign import Campaign, Send
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, OnCapped, Purpose
from dangol.model.workspace import Cap, Policies
from dangol.policy.rules import CapRule, Rulebook

_AT_AN_EVENT = frozenset({"profile", "event", "entry"})
_OF_PEOPLE = frozenset({"profile"})
_OF_MESSAGES = frozenset({"message"})
_log = structlog.get_logger(__name__)
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Release:
    """One version of one campaign, compiled."""

    version_id: str
    campaign: Campaign
    policies: Policies
    rulebook: Rulebook
    messages: Messages
    where: Expression | None
    audience: Expression | None

    @cached_property
    def ending_events(self) -> frozenset[str]:
        """Events that end a journey: exits and the goal."""
        goal = {self.campaign.goal.event} if self.campaign.goal else set()
        return frozenset(self.campaign.exit) | goal

    @cached_property
    def history_needed(self) -> frozenset[str]:
        """Events whose history must be at hand to decide an entry."""
        return self.ending_events | (self.where.needs.events if self.where else frozenset())

    @cached_property
    def on_capped(self) -> dict[str, OnCapped]:
        """Step name → what its author wants done with a capped message, where the author said so."""
        return {
            placed.name: placed.step.on_capped
            for placed in self.campaign.steps()
            if isinstance(placed.step, Send) and placed.step.on_capped is not None
        }

    def admits(self, person: Person) -> bool:
        """Does this person, at this event, meet ``where``?"""
        return self.where is None or evaluate(self.where, person)


def compile_release(version: versions.Version) -> Release:
    """Compile a version. Raises ProblemsFound if it cannot be, which ``dangol check`` tells beforehand."""
    workspace, campaign = version.workspace, version.campaign
    entry = campaign.entry
    at_event = _scope(workspace, _AT_AN_EVENT, event=entry.event)
    of_people = _scope(workspace, _OF_PEOPLE)
    messages = compile_messages(
        workspace.sources,
        templates={send.send for send in campaign.sends},
        purpose=campaign.purpose,
        default_locale=workspace.policies.locale,
    )
    return Release(
        version_id=version.id,
        campaign=campaign,
        policies=workspace.policies,
        rulebook=Rulebook(workspace.policies, tuple(_cap_rule(cap, workspace) for cap in workspace.policies.caps)),
        messages=messages,
        where=parse(entry.where, at_event) if entry.where else None,
        audience=parse(entry.audience, of_people) if entry.audience else None,
    )


def _scope(workspace: Workspace, namespaces: frozenset[str], event: str | None = None) -> Scope:
    return Scope(workspace.tracking_plan, namespaces, event=event, segments=workspace.segments)


def _cap_rule(cap: Cap, workspace: Workspace) -> CapRule:
    scope = Scope(workspace.tracking_plan, _OF_MESSAGES, functions=False)
    expression = parse(cap.applies_to, scope)
    return CapRule(cap, lambda fields: evaluate(expression, Person(now=_NO_TIME, profile={}, message=fields)))


class Releases:
    """Compiled versions, kept by id; versions never change, so neither do these. Safe to share between threads."""

    def __init__(self, keep: int = 256) -> None:
        self._keep = keep
        self._compiled: dict[str, Release] = {}
        self._failed: dict[str, str] = {}
        self._lock = Lock()

    def get(self, connection: Connection, version_id: str) -> Release:
        """The release of this version. Raises UnknownVersion if it is not there or this dangol cannot run it."""
        found = self._compiled.get(version_id)
        if found is not None:
            return found
        if version_id in self._failed:
            raise UnknownVersion(self._failed[version_id])
        version = versions.load(connection, version_id)
        try:
            release = compile_release(version)
        except Exception as error:
            # Compiled once, it would fail the same way each time; only a deploy or a new release can help.
            self._failed[version_id] = f"version {version_id} of {version.campaign.key} cannot be run: {error}"
            _log.error("a version cannot be run; its work waits", version=version_id, error=str(error))
            raise UnknownVersion(self._failed[version_id]) from error
        with self._lock:
            while len(self._compiled) >= self._keep:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[version_id] = release
        return release

    def of(self, connection: Connection, version_ids: Iterable[str]) -> dict[str, Release]:
        """Those of these versions that can be run. What belongs to the others waits, and holds up nothing else."""
        found = {}
        for version_id in sorted(set(version_ids)):
            with suppress(UnknownVersion):
                found[version_id] = self.get(connection, version_id)
        return found

    def serves(self, connection: Connection, campaign_key: str) -> bool:
        """Is this campaign in service, in whatever version?"""
        return campaign_key in versions.active(connection)

    def active(self, connection: Connection) -> list[Release]:
        """What is deployed now, in the order of campaign keys."""
        return [self.get(connection, version_id) for _, version_id in sorted(versions.active(connection).items())]


def check_workspace(root: Path, paths: Sequence[Path] = ()) -> list[Problem]:
    """Everything that is wrong in a workspace, in all files at once, sorted by place.

    ``paths`` keeps only what is found in these files or folders, and in the messages that campaigns among them send.
    Raises UsageError where there is no workspace.
    """
    workspace, problems = read_what_can_be(root)
    wanted = [path.resolve() for path in paths]
    if workspace is not None:
        # A text that is not there is told where the campaign asks for it.
        problems = problems + [problem for problem in check_texts(workspace) if problem.code != "missing-text"]
        wanted += [root.resolve() / folder for folder in _sent_from(workspace, root, wanted)]
    return sorted(
        {
            problem
            for problem in problems
            if not wanted or any((root / problem.path).resolve().is_relative_to(path) for path in wanted)
        }
    )


def _sent_from(workspace: Workspace, root: Path, paths: Sequence[Path]) -> set[str]:
    """The folders of the messages that campaigns in these files or folders send."""
    return {
        f"templates/{send.send}"
        for campaign in workspace.campaigns.values()
        if any((root / f"campaigns/{campaign.key}.yaml").resolve().is_relative_to(path) for path in paths)
        for send in campaign.sends
    }


def check_texts(workspace: Workspace) -> list[Problem]:
    """What is wrong in the messages that campaigns send."""
    sends: set[tuple[str, Purpose, tuple[Channel, ...], str | None]] = {
        (send.send, campaign.purpose, send.every_channel, campaign.entry.event)
        for campaign in workspace.campaigns.values()
        for send in campaign.sends
    }
    return check_messages(
        workspace.sources,
        sends=sorted(sends, key=repr),
        plan=workspace.tracking_plan,
        default_locale=workspace.policies.locale,
    )
