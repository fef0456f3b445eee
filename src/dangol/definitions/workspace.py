"""The workspace as one value: read from disk or from a stored version, parsed and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dangol.definitions.checks import (
    Names,
    check_campaign,
    check_chains,
    check_forms,
    check_journey_map,
    check_keys,
    check_policies,
    check_segments,
    closed_caps,
)
from dangol.definitions.document import Document
from dangol.definitions.schema import FILES
from dangol.definitions.shape import validate
from dangol.definitions.sources import Sources, find_root, read_sources, survey
from dangol.definitions.yaml import read_yaml
from dangol.errors import ProblemsFound
from dangol.model.campaign import Campaign
from dangol.model.forms import ConsentForm, ConsentForms
from dangol.model.fragmentation import Fragmentation
from dangol.model.problem import Problem
from dangol.model.steps import Definition
from dangol.model.vocabulary import Channel
from dangol.model.workspace import JourneyMap, Policies, Segments, TrackingPlan

__all__ = [
    "Sources",
    "Workspace",
    "find_root",
    "load_workspace",
    "parse_workspace",
    "read_sources",
    "read_workspace",
    "shared_path",
    "survey",
]

D = TypeVar("D", bound=Definition)
SHARED = tuple(kind for kind in FILES if kind != "campaign")
DECIDING = tuple(kind for kind in SHARED if kind != "consent-forms")
"""Shared files that decide what a campaign sends; the others are no part of its version."""
REQUIRED = tuple(kind for kind in DECIDING if kind != "segments")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything that marketers define. ``segments`` maps a key to its audience expression.

    ``facts`` is how far the texts of a campaign tell the same, once somebody has read them; it is no part of what is
    defined.
    """

    campaigns: Mapping[str, Campaign]
    journey_map: JourneyMap
    tracking_plan: TrackingPlan
    policies: Policies
    segments: Mapping[str, str]
    sources: Sources
    forms: Mapping[str, ConsentForm] = field(default_factory=dict)
    facts: Mapping[str, Fragmentation] = field(default_factory=dict, compare=False)

    def digest_templates(self, campaign_key: str) -> dict[str, str]:
        """Digest → its template, for the digests that messages of this campaign wait for."""
        known = self.policies.digests
        return {key: known[key].template for key in sorted(self.campaigns[campaign_key].digests & known.keys())}


def shared_path(kind: str) -> str:
    """Where a file that all campaigns share lies: ``campaigns/policies.yaml``."""
    return f"campaigns/{kind}.yaml"


def load_workspace(root: Path, *, now: datetime | None = None) -> Workspace:
    """Read, parse and check the workspace at ``root``.

    ``now`` tells which days have gone by; without it none is held to. Raises UsageError if there is no workspace,
    ProblemsFound with every error.
    """
    workspace, problems = read_workspace(root, now=now)
    if workspace is None:
        raise ProblemsFound([problem for problem in problems if problem.severity == "error"])
    return workspace


def read_workspace(root: Path, *, now: datetime | None = None) -> tuple[Workspace | None, list[Problem]]:
    """The workspace at ``root`` and all its problems; None if one of them is an error."""
    workspace, problems = read_what_can_be(root, now=now)
    return (None if any(problem.severity == "error" for problem in problems) else workspace), problems


def read_what_can_be(root: Path, *, now: datetime | None = None) -> tuple[Workspace | None, list[Problem]]:
    """As much of the workspace at ``root`` as can be read, and all its problems.

    Campaigns with mistakes are left out; None if a file that all the others need cannot be used.
    """
    sources, unread = survey(root)
    parsing = _Parsing(sources, now)
    parsing.check()
    told = {problem.path for problem in unread}
    problems = [*unread, *(problem for problem in parsing.problems if problem.path not in told)]
    return parsing.readable(), sorted(set(problems))


def parse_workspace(sources: Sources, *, now: datetime | None = None) -> tuple[Workspace | None, list[Problem]]:
    """Models of ``sources`` and every problem in them, sorted by place; None if one of them is an error."""
    parsing = _Parsing(sources, now)
    workspace = parsing.workspace()
    parsing.check()
    problems = sorted(set(parsing.problems))
    return (None if any(problem.severity == "error" for problem in problems) else workspace), problems


def build_workspace(sources: Sources) -> Workspace:
    """Models of sources that were checked when they were deployed; nothing is checked across files again.

    Raises ProblemsFound if this release of dangol cannot read them.
    """
    parsing = _Parsing(sources)
    workspace = parsing.workspace()
    if workspace is None:
        raise ProblemsFound(sorted(parsing.problems))
    return workspace


class _Parsing:
    """One pass over the sources: documents first, then models, then what one file says about another."""

    def __init__(self, sources: Sources, now: datetime | None = None) -> None:
        self.sources = sources
        self.now = now
        self.problems: list[Problem] = []
        self.documents = {path: self._document(path) for path in sorted(sources) if _is_definition(path)}
        self.journey_map = self._shared("journey-map", JourneyMap)
        self.policies = self._shared("policies", Policies)
        self.plan = self._shared("tracking-plan", TrackingPlan)
        self.segments = self._shared("segments", Segments)
        self.forms = self._shared("consent-forms", ConsentForms)
        self.campaigns = self._campaigns()

    def workspace(self) -> Workspace | None:
        return None if self.problems else self.readable()

    def readable(self) -> Workspace | None:
        if self.journey_map is None or self.policies is None or self.plan is None:
            return None
        campaigns = {campaign.key: campaign for campaign in self.campaigns.values() if campaign is not None}
        forms = self.forms.forms if self.forms is not None else {}
        audiences, sources = self._audiences(), dict(self.sources)
        return Workspace(campaigns, self.journey_map, self.plan, self.policies, audiences, sources, forms)

    def check(self) -> None:
        # One problem a mistake: a value that has the wrong shape is not looked up as well.
        told = {(problem.path, problem.line, problem.column) for problem in self.problems}
        found = self._cross_checks(self._names())
        self.problems += [one for one in found if (one.path, one.line, one.column) not in told]

    def _cross_checks(self, names: Names) -> Iterator[Problem]:
        if (document := self._of("journey-map")) is not None:
            yield from check_journey_map(document, names)
        if (document := self._of("policies")) is not None:
            yield from check_policies(document, names, self.policies)
        if (document := self._of("segments")) is not None:
            yield from check_segments(document, names)
        if (document := self._of("consent-forms")) is not None:
            yield from check_forms(document, names)
        documents = [document for path in self.campaigns if (document := self.documents[path]) is not None]
        for document in documents:
            yield from check_campaign(document, names)
        yield from check_chains(documents)
        yield from check_keys(documents)

    def _document(self, path: str) -> Document | None:
        document, problems = read_yaml(path, self.sources[path])
        self.problems += problems
        return document

    def _of(self, kind: str) -> Document | None:
        return self.documents.get(shared_path(kind))

    def _shared(self, kind: str, model: type[D]) -> D | None:
        path = shared_path(kind)
        if path not in self.sources and kind in REQUIRED:
            self.problems.append(Problem(path, 1, 1, "missing-file", "every workspace needs this file; found none"))
        return self._model(self.documents.get(path), model)

    def _campaigns(self) -> dict[str, Campaign | None]:
        shared = {shared_path(kind) for kind in SHARED}
        return {
            path: self._model(document, Campaign) for path, document in self.documents.items() if path not in shared
        }

    def _model(self, document: Document | None, model: type[D]) -> D | None:
        if document is None:
            return None
        value, problems = validate(document, model)
        self.problems += problems
        return value

    def _audiences(self) -> dict[str, str]:
        return {key: segment.audience for key, segment in self.segments.segments.items()} if self.segments else {}

    def _names(self) -> Names:
        map_document = self._of("journey-map")
        stages = (
            [map_document.text_at((*path, "key")) for path, _ in map_document.items(("stages",))]
            if map_document
            else []
        )
        locale = self.policies.locale if self.policies else Policies.model_fields["locale"].default
        return Names(
            stages=frozenset(stage for stage in stages if stage) or None,
            plan=self.plan,
            segments=self._segment_texts(),
            templates=_templates(self.sources, locale),
            locale=locale,
            today=self._today(),
            topics=self._keys_of_policies("topics"),
            digests=self._digests(),
            closed_caps=closed_caps(self.policies, self.plan),
            capped_purposes=frozenset(self.policies.capped_purposes if self.policies is not None else ()),
            senders=self._senders(),
        )

    def _senders(self) -> dict[str, str]:
        """Channel → where its messages come from, as far as the brand's voice can be read; its own check tells more."""
        text = self.sources.get(_VOICE)
        document = read_yaml(_VOICE, text)[0] if text is not None else None
        found = (
            {channel: document.text_at(("brand", name)) for channel, name in _SENDERS.items()}
            if document is not None
            else {}
        )
        return {channel: sender for channel, sender in found.items() if sender}

    def _keys_of_policies(self, section: str) -> frozenset[str] | None:
        """What policies.yaml defines in this section, mistakes included; None where the file is broken."""
        document = self._of("policies")
        if document is None or not isinstance(document.get((section,)) or {}, dict):
            return None
        return frozenset(str(path[-1]) for path, _ in document.items((section,)))

    def _digests(self) -> dict[str, str] | None:
        """Digest → its template, mistakes included; None where the file is broken."""
        document, keys = self._of("policies"), self._keys_of_policies("digests")
        if document is None or keys is None:
            return None
        return {key: document.text_at(("digests", key, "template")) or "" for key in keys}

    def _today(self) -> date | None:
        zone = self.policies.timezone if self.policies else Policies.model_fields["timezone"].default
        try:
            return self.now.astimezone(ZoneInfo(zone)).date() if self.now is not None else None
        except (ZoneInfoNotFoundError, ValueError):  # told by the check of the policies
            return None

    def _segment_texts(self) -> dict[str, str]:
        """Audiences by key, those of a segments.yaml with mistakes included: the rest of it can still be named."""
        document = self._of("segments")
        if document is None:
            return self._audiences()
        found = {str(path[-1]): document.text_at((*path, "audience")) for path, _ in document.items(("segments",))}
        return {key: audience or "" for key, audience in found.items()}


_VOICE = "templates/brand/voice.yaml"
_SENDERS = {Channel.EMAIL.value: "email", Channel.SMS.value: "sms_sender"}


def _is_definition(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return len(parts) == 2 and parts[0] == "campaigns" and path.endswith(".yaml")


def _templates(sources: Sources, locale: str) -> dict[str, frozenset[str]]:
    """Message → channels with a text in ``locale`` or what it falls back to, from the names of the files."""
    parts_of_locale = locale.split("-")
    usable = {"-".join(parts_of_locale[:count]) for count in range(1, len(parts_of_locale) + 1)}
    found: dict[str, set[str]] = {}
    for path in sources:
        parts = PurePosixPath(path).parts
        if len(parts) == 3 and parts[0] == "templates" and parts[1] != "brand":
            channels = found.setdefault(parts[1], set())
            channel, _, rest = parts[2].partition(".")
            if rest.partition(".")[0] in usable:
                channels.add(channel)
    return {message: frozenset(channels) for message, channels in found.items()}
