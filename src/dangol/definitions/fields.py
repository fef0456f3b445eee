"""Settings as lines of text, by dotted name, so that two of anything can be compared field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHARES = {"holdout"}
NOTHING = "none"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A setting that has another value now; None where it is not there."""

    name: str
    old: str | None
    new: str | None


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """What differs, in the new one's order, what is gone at the end. Nothing written and not there are the same."""
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        FieldChange(name, old.get(name), new.get(name))
        for name in names
        if old.get(name, NOTHING) != new.get(name, NOTHING)
    )


def flatten(value: Any, name: str = "") -> dict[str, str]:
    """JSON as dotted names and texts. Members of a list that have a ``key`` go by it; other lists are one text."""
    if isinstance(value, dict) and value:
        parts = [flatten(inner, f"{name}.{key}" if name else str(key)) for key, inner in value.items()]
        return {key: text for part in parts for key, text in part.items()}
    if isinstance(value, list) and value and all(isinstance(one, dict) and "key" in one for one in value):
        return {
            key: text
            for one in value
            for key, text in flatten({k: v for k, v in one.items() if k != "key"}, f"{name}.{one['key']}").items()
        }
    return {name: _text(value, name)}


def _text(value: Any, name: str) -> str:
    if value is None or value in ([], {}, ""):
        return NOTHING
    match value:
        case bool():
            return "true" if value else "false"
        case float() if name.rpartition(".")[2] in _SHARES:
            return f"{value * 100:.10g}%"
        case list():
            return ("; " if any(isinstance(one, dict) for one in value) else ", ").join(_text(one, "") for one in value)
        case dict():
            return ", ".join(f"{key} {_text(inner, key)}" for key, inner in value.items() if inner is not None)
        case _:
            return str(value)
