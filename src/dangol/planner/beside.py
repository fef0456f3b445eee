"""What a deployment changes beside campaigns: the forms that people can fill in, and the workspace's packs of law."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from sqlalchemy import Connection

from dangol.consent.forms import in_force
from dangol.definitions.diff import flattened
from dangol.definitions.fields import FieldChange, compare, flatten
from dangol.definitions.sources import PACKS, Sources
from dangol.definitions.versions import Version
from dangol.model.forms import ConsentForm


@dataclass(frozen=True, slots=True)
class PartChange:
    """A form or a pack that was added, changed or removed; ``key`` is the form's, or the pack's code."""

    key: str
    became: Literal["added", "changed", "removed"]
    fields: tuple[FieldChange, ...] = ()


def form_changes(connection: Connection, wanted: Mapping[str, ConsentForm] | None) -> tuple[PartChange, ...]:
    """What becomes of the forms that can be filled in if these are registered; None leaves them as they are."""
    if wanted is None:
        return ()
    known = {key: flatten(one.form.model_dump(mode="json")) for key, one in in_force(connection).items()}
    return tuple(_changes(known, {key: flatten(form.model_dump(mode="json")) for key, form in wanted.items()}))


def pack_changes(old: Iterable[Version], new: Iterable[Version]) -> tuple[PartChange, ...]:
    """What becomes of the workspace's packs, by the versions in service and those that would be.

    Where campaigns in service have different ones, as after a deployment of some, a pack counts as changed.
    """
    before, after = _packs(old), _packs(new)
    found = []
    for path in sorted(before.keys() | after.keys()):
        then, now = before.get(path, set()), after.get(path, set())
        if then != now:
            fields = compare(_fields(then, path), _fields(now, path))
            found.append(PartChange(PurePosixPath(path).stem, _became(bool(then), bool(now)), fields))
    return tuple(found)


def _packs(of: Iterable[Version]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for version in of:
        for path, text in version.workspace.sources.items():
            if path.startswith(PACKS):
                found.setdefault(path, set()).add(text)
    return found


def _fields(texts: set[str], path: str) -> dict[str, str]:
    one: Sources = {path: min(texts)} if texts else {}
    return flattened(path, one)


def _changes(old: Mapping[str, dict[str, str]], new: Mapping[str, dict[str, str]]) -> Iterator[PartChange]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before != after:
            yield PartChange(key, _became(before is not None, after is not None), compare(before or {}, after or {}))


def _became(was: bool, will_be: bool) -> Literal["added", "changed", "removed"]:
    return "changed" if was and will_be else "added" if will_be else "removed"
