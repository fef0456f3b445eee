"""What an expression may talk about, and the names in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dangol.errors import ExpressionError
from dangol.expressions.tree import Field
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import MESSAGE_FIELDS, STANDARD_ATTRIBUTES, TrackingPlan, ValueType

_UNREACHABLE = re.compile(r'["\\\x00-\x1f]|^$')
"""SQLite cannot address such a member of a JSON object."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may talk about.

    ``namespaces`` are some of profile, event, entry and message; ``event`` is the event whose properties
    ``event.x`` means, ``entry_event`` that of ``entry.x`` (the same unless given); ``segments`` maps a key to its
    audience; ``functions`` is False where no history is at hand.
    """

    plan: TrackingPlan
    namespaces: frozenset[str]
    event: str | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    functions: bool = True
    entry_event: str | None = None

    def event_of(self, namespace: str) -> str | None:
        """The event whose properties ``event.x`` or ``entry.x`` means."""
        return (self.entry_event or self.event) if namespace == "entry" else self.event

    def names(self, namespace: str) -> Mapping[str, ValueType]:
        """The fields of a namespace and their types."""
        match namespace:
            case "profile":
                return {**self.plan.attributes, **STANDARD_ATTRIBUTES}
            case "message":
                return MESSAGE_FIELDS
            case _:
                return self.plan.events.get(self.event_of(namespace) or "", {})

    def check_namespace(self, name: str, offset: int) -> None:
        """Raises ExpressionError unless ``name.x`` can be written here."""
        here = sorted(self.namespaces)
        if name not in {"profile", "event", "entry", "message"}:
            owner = next((space for space in here if name in self.names(space)), None)
            suggestion = f"{owner}.{name}" if owner else nearest(name, [*here, "true", "false", "none"])
            raise unknown("name", name, here, offset, suggestion)
        of_events = {"event", "entry"}
        if name not in self.namespaces or (name in of_events and self.event_of(name) is None):
            usable = [space for space in here if space not in of_events or self.event_of(space) is not None]
            why = _NO_ENTRY if name == "entry" and "profile" in self.namespaces else ""
            raise ExpressionError(f"there is no `{name}` here{why}; expected {listed(usable)}", offset=offset)
        if name in of_events and self.event_of(name) not in self.plan.events:
            raise unknown("event", self.event_of(name) or "", self.plan.events, offset)

    def field(self, namespace: str, name: str, offset: int) -> Field:
        """The field ``namespace.name``; raises ExpressionError if there is none."""
        names = self.names(namespace)
        if name not in names:
            raise unknown(_WHAT[namespace].format(event=self.event_of(namespace)), name, names, offset)
        if _UNREACHABLE.search(name):
            raise ExpressionError(
                f"the name {name!r} cannot be used in expressions: it is empty or holds quotes or backslashes",
                offset=offset,
            )
        return Field(namespace, name, names[name])


_NO_ENTRY = ": no event lets people in"
_WHAT = {
    "profile": "profile attribute",
    "message": "message field",
    "event": "property of event `{event}`:",
    "entry": "property of event `{event}`:",
}
_CLOSED: dict[tuple[str, str], tuple[str, ...]] = {
    ("message", "channel"): tuple(Channel),
    ("message", "purpose"): tuple(Purpose),
}


def check_choice(subject: object, text: object, offset: int) -> None:
    """Raises ExpressionError where a field with few values is compared with none of them."""
    if isinstance(subject, Field) and isinstance(text, str):
        choices = _CLOSED.get((subject.namespace, subject.name), (text,))
        if text not in choices:
            raise unknown(subject.name, text, choices, offset)


def unknown(what: str, name: str, known: Iterable[str], offset: int, suggestion: str | None = None) -> ExpressionError:
    """The error for a name that nobody declared, with the nearest one that somebody did."""
    options = sorted(known)
    found = name if len(name) <= 80 else f"{name[:80]}…"
    return ExpressionError(
        f"unknown {what} `{found}`; expected {listed(options)}",
        offset=offset,
        suggestion=suggestion or nearest(name, options),
    )


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option most like ``name``, if any is like it at all; case does not matter."""
    by_lower = {option.lower(): option for option in options}
    close = difflib.get_close_matches(name[:80].lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def listed(options: Iterable[str]) -> str:
    """``one of `a`, `b` ``, cut where it gets long."""
    names = [f"`{option}`" for option in options]
    if len(names) > _SHOWN:
        return f"one of {', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"
    return ("one of " if len(names) > 1 else "") + ", ".join(names) if names else "nothing: none is declared"
