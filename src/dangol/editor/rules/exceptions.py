"""About exceptions from rules, and texts that cannot be made: the review itself finds these."""

from __future__ import annotations

from dangol.editor.registry import Scope, Severity, rule


def _told_by_review(*_: object) -> tuple[()]:
    """What these rules look for, the review finds on its way."""
    return ()


rule(
    "unused-waiver",
    Scope.REVIEW,
    Severity.WARNING,
    looks_for="A waiver for something that is not there any more",
    why="It would hide the next mistake.",
    bad="{# voice: allow emoji because it is a birthday #} above a line without emoji",
    better="No waiver",
)(_told_by_review)
rule(
    "waiver-without-reason",
    Scope.REVIEW,
    Severity.ERROR,
    looks_for="A waiver that does not say `because …`",
    why="Whoever reads it next year wants to know whether it still holds.",
    bad="{# voice: allow emoji #}",
    better="{# voice: allow emoji because it is a birthday #}",
)(_told_by_review)
rule(
    "unknown-rule",
    Scope.REVIEW,
    Severity.ERROR,
    looks_for="A waiver for, or `rules:` of voice.yaml with, a rule that does not exist",
    why="It does nothing, and its author believes it does.",
    bad="{# voice: allow emojis because it is a birthday #}",
    better="{# voice: allow emoji because it is a birthday #}",
)(_told_by_review)
rule(
    "does-not-render",
    Scope.REVIEW,
    Severity.WARNING,
    looks_for="A text that cannot be made for one of the sample customers: a long name, no optional data",
    why="Customers like that would get no message.",
    bad="An SMS of ten segments before a long name",
    better="A shorter text, or `truncate` around what can be long",
)(_told_by_review)
