"""What differs between two versions of a campaign, in a campaign's own terms: settings, steps, texts, rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from dangol.definitions.fields import FieldChange, compare, flatten
from dangol.definitions.sources import PACKS, Sources
from dangol.definitions.step_diff import StepChange, step_changes
from dangol.definitions.versions import Version
from dangol.definitions.word_diff import Hunk, hunks
from dangol.definitions.workspace import DECIDING, shared_path
from dangol.definitions.yaml import read_yaml
from dangol.model.campaign import Campaign

VOICE = "templates/brand/voice.yaml"


@dataclass(frozen=True, slots=True)
class TextChange:
    """A text that was added, removed or changed; ``channel`` and ``locale`` are empty for the brand's own files."""

    became: Literal["added", "removed", "changed"]
    path: str
    template: str
    channel: str
    locale: str
    hunks: tuple[Hunk, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedChange:
    """What changed in a file that campaigns share: ``policies``, ``journey-map``, ``voice``, ``jurisdictions/FR``, …"""

    file: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """From one version to the next. False if they differ only in how their files are written."""

    settings: tuple[FieldChange, ...] = ()
    steps: tuple[StepChange, ...] = ()
    texts: tuple[TextChange, ...] = ()
    shared: tuple[SharedChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.settings or self.steps or self.texts or self.shared)


def diff(old: Version, new: Version) -> VersionDiff:
    """What the new version does differently."""
    return VersionDiff(
        settings=compare(_settings(old.campaign), _settings(new.campaign)),
        steps=step_changes(old.campaign.placed, new.campaign.placed),
        texts=tuple(_texts(old.workspace.sources, new.workspace.sources)),
        shared=tuple(_shared(old.workspace.sources, new.workspace.sources)),
    )


def _settings(campaign: Campaign) -> dict[str, str]:
    dumped = campaign.model_dump(mode="json", by_alias=True, exclude={"key", "stages"})
    dumped["exit"] = _exits(campaign)
    return flatten(dumped)


def _exits(campaign: Campaign) -> dict[str, str]:
    """Event → when it ends the journey; an exit may be written as a word or with a condition."""
    conditions: dict[str, list[str]] = {}
    for one in campaign.exits:
        conditions.setdefault(one.event, []).append(f"where {one.where}" if one.where is not None else "always")
    return {event: ", or ".join(told) for event, told in conditions.items()}


def _texts(old: Sources, new: Sources) -> Iterable[TextChange]:
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if not path.startswith("templates/") or path == VOICE or before == after:
            continue
        template, channel, locale = _named(path)
        if before is None or after is None:
            yield TextChange("added" if before is None else "removed", path, template, channel, locale)
        else:
            yield TextChange("changed", path, template, channel, locale, hunks(before, after))


def _named(path: str) -> tuple[str, str, str]:
    """Template, channel and locale of ``templates/cart/email.ko.md.j2``."""
    _, template, *rest = PurePosixPath(path).parts
    if template == "brand" or len(rest) != 1 or rest[0].count(".") < 2:
        return template, "", ""
    channel, locale, *_ = rest[0].split(".")
    return template, channel, locale


def _shared(old: Sources, new: Sources) -> Iterable[SharedChange]:
    packs = sorted(path for path in old.keys() | new.keys() if path.startswith(PACKS))
    for path in (*(shared_path(kind) for kind in DECIDING), *packs, VOICE):
        if old.get(path) != new.get(path) and (fields := compare(flattened(path, old), flattened(path, new))):
            yield SharedChange(_file(path), fields)


def _file(path: str) -> str:
    """What a shared file is called: ``policies``, and ``jurisdictions/FR`` for a pack."""
    own = PurePosixPath(path)
    return f"{own.parent.name}/{own.stem}" if path.startswith(PACKS) else own.stem


def flattened(path: str, sources: Sources) -> dict[str, str]:
    """The values of a YAML file by the names of their places; nothing where there is no such file."""
    document, _ = read_yaml(path, sources.get(path, ""))
    return flatten(document.value) if document is not None and isinstance(document.value, dict) else {}
