"""The messages that can be shown, and who sends them: those of a workspace's files, or those in service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from dangol.definitions.document import did_you_mean
from dangol.definitions.sources import Sources
from dangol.definitions.versions import Version
from dangol.definitions.workspace import Workspace, read_what_can_be, survey
from dangol.editor.needs import needed
from dangol.errors import UsageError
from dangol.model.campaign import Campaign
from dangol.model.problem import Problem
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel, Purpose

BRAND = "templates/brand/"


@dataclass(frozen=True, slots=True)
class TextName:
    """One text of a message: a file."""

    path: str
    channel: Channel
    locale: str


@dataclass(frozen=True)
class Saying:
    """A message as one campaign says it; what no campaign sends is read as a service message.

    ``stage`` is the first stage of the journey in which it is sent. ``workspace`` has the files.
    """

    message: str
    workspace: Workspace
    campaign: Campaign | None = None
    stage: str = ""
    channels: frozenset[Channel] = frozenset()

    @property
    def purpose(self) -> Purpose:
        return self.campaign.purpose if self.campaign else Purpose.SERVICE

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of policies.yaml whose text this is; none for a message as most are."""
        plans = self.workspace.policies.digests
        return tuple(key for key in sorted(plans) if plans[key].template == self.message)

    @cached_property
    def event(self) -> str | None:
        """The event that opens the campaign; without a campaign, one that has all that the texts name."""
        if self.campaign is not None:
            return self.campaign.entry.opened_by
        named = {name for path in self.own for name in re.findall(r"\bevent\.(\w+)", self.own[path])}
        events = self.workspace.tracking_plan.events
        return next((event for event in sorted(events) if named and named <= events[event].keys()), None)

    @cached_property
    def own(self) -> Sources:
        """The files of this message alone."""
        folder = f"templates/{self.message}/"
        return {path: text for path, text in self.workspace.sources.items() if path.startswith(folder)}

    @cached_property
    def brand(self) -> Sources:
        return {path: text for path, text in self.workspace.sources.items() if path.startswith(BRAND)}

    @cached_property
    def needs(self) -> frozenset[str]:
        """What its texts cannot do without: ``event.order_id``."""
        return needed(self.own, self.message)

    @cached_property
    def texts(self) -> tuple[TextName, ...]:
        """Every text that there is a file for: by channel, the workspace's own locale first."""
        found = [name for path in self.own if (name := _text_name(path))]
        own = self.workspace.policies.locale
        order = list(Channel)
        return tuple(sorted(found, key=lambda one: (order.index(one.channel), one.locale != own, one.locale)))


def _text_name(path: str) -> TextName | None:
    channel, _, rest = PurePosixPath(path).name.partition(".")
    locale, dot, _ = rest.partition(".")
    known = channel in {one.value for one in Channel}
    return TextName(path, Channel(channel), locale) if known and dot and locale else None


@dataclass(frozen=True)
class Book:
    """Messages by name, each with those who send it, in the order of campaigns.

    ``problems`` are those of the files that messages depend on, campaigns among them; ``sources`` has their lines.
    """

    sayings: Mapping[str, tuple[Saying, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    sources: Sources = field(default_factory=dict)

    def saying(self, message: str, campaign: str | None = None) -> Saying:
        """The message as ``campaign`` says it, or the first that sends it. Raises UsageError with the nearest."""
        if message not in self.sayings:
            hint = did_you_mean(message, set(self.sayings))
            raise UsageError(f"there is no message {message[:80]!r}" + (f"; {hint}" if hint else ""))
        sayings = self.sayings[message]
        if campaign is None:
            return sayings[0]
        found = {one.campaign.key: one for one in sayings if one.campaign is not None}
        if campaign not in found:
            hint = did_you_mean(campaign, set(found)) if found else "no campaign sends it"
            raise UsageError(
                f"the campaign {campaign[:80]!r} does not send `{message}`" + (f"; {hint}" if hint else "")
            )
        return found[campaign]


def book_of_files(root: Path, *, now: datetime | None = None) -> Book:
    """The messages of the workspace at ``root``, as its files are now, committed or not.

    Raises UsageError if there is no workspace. Mistakes are in ``problems``; what cannot be read is left out.
    """
    workspace, problems = read_what_can_be(root, now=now)
    if workspace is None:
        return Book(problems=tuple(problems), sources=survey(root)[0])
    return Book(_by_message([workspace]), tuple(problems), workspace.sources)


def book_in_service(versions: Iterable[Version]) -> Book:
    """The messages of the versions in service, each with the files that its campaign was deployed with."""
    return Book(_by_message([version.workspace for version in versions]))


def _by_message(workspaces: Iterable[Workspace]) -> dict[str, tuple[Saying, ...]]:
    found: dict[str, list[Saying]] = {}
    for workspace in workspaces:
        sent = [saying for key in sorted(workspace.campaigns) for saying in _sent(workspace, workspace.campaigns[key])]
        unsent = _messages(workspace) - {saying.message for saying in sent}
        for saying in [*sent, *(Saying(message, workspace) for message in unsent)]:
            found.setdefault(saying.message, []).append(saying)
    return {message: tuple(found[message]) for message in sorted(found)}


def _sent(workspace: Workspace, campaign: Campaign) -> list[Saying]:
    digests = workspace.digest_templates(campaign.key)
    stages: dict[str, str] = {}
    channels: dict[str, set[Channel]] = {}
    for placed in campaign.placed:
        if isinstance(placed.step, Send):
            stages.setdefault(placed.step.send, placed.stage)
            channels.setdefault(placed.step.send, set()).update(placed.step.every_channel)
            if (digest := digests.get(placed.step.digest or "")) is not None:
                stages.setdefault(digest, placed.stage)
                channels.setdefault(digest, set()).add(Channel.EMAIL)
    there = _messages(workspace)
    return [
        Saying(message, workspace, campaign, stage, frozenset(channels[message]))
        for message, stage in stages.items()
        if message in there
    ]


def _messages(workspace: Workspace) -> set[str]:
    folders = {PurePosixPath(path).parts for path in workspace.sources if path.startswith("templates/")}
    return {parts[1] for parts in folders if len(parts) == 3 and parts[1] != "brand"}
