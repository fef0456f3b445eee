"""Every rule by its id: how severe it is, what it looks for, why, and an example."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from dangol.editor.model import Hit, Reading, Scene, Sentence


class Severity(StrEnum):
    """An error stops a deployment, a warning and a note do not; ``off`` asks nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    OFF = "off"


class Scope(StrEnum):
    """What a rule looks at: one sentence, a whole message, a file, the locales of a message, HTML, or waivers."""

    SENTENCE = "sentence"
    MESSAGE = "message"
    SOURCE = "source"
    LOCALES = "locales"
    HTML = "html"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``bad`` is an example that it finds, ``better`` how one would say it instead."""

    id: str
    scope: Scope
    severity: Severity
    looks_for: str
    why: str
    bad: str
    better: str
    check: Callable[..., Iterable[Hit]]


RULES: dict[str, Rule] = {}

OnSentence = Callable[[Sentence, Scene], Iterable[Hit]]
OnMessage = Callable[[Reading], Iterable[Hit]]
F = TypeVar("F", bound=Callable[..., Iterable[Any]])


def rule(
    id: str, scope: Scope, severity: Severity, *, looks_for: str, why: str, bad: str, better: str
) -> Callable[[F], F]:
    """Registers the function as the check of a rule."""

    def register(check: F) -> F:
        if id in RULES:
            raise ValueError(f"two rules are called {id}")
        RULES[id] = Rule(id, scope, severity, looks_for, why, bad, better, check)
        return check

    return register


def of(scope: Scope) -> tuple[Rule, ...]:
    """The rules that look at this, in the order of their ids."""
    return tuple(RULES[id] for id in sorted(RULES) if RULES[id].scope is scope)
