"""The same facts on every channel and in every locale. ``editor.facts`` compares them when all texts are read."""

from __future__ import annotations

from dangol.editor.facts import SEVERITY
from dangol.editor.facts import Rule as FactRule
from dangol.editor.registry import Scope, Severity, rule


def _told_by_facts(*_: object) -> tuple[()]:
    """Facts are compared when all texts of a message have been read."""
    return ()


def _register(which: FactRule, *, looks_for: str, why: str, bad: str, better: str) -> None:
    severity = Severity(SEVERITY[which])
    rule(which.value, Scope.REVIEW, severity, looks_for=looks_for, why=why, bad=bad, better=better)(_told_by_facts)


_register(
    FactRule.DIFFERS,
    looks_for="A price, percentage, date, time, code, duration or number that another text of the message tells otherwise",
    why="Whoever gets both does not know which is true.",
    bad="The email says `3만원`, the SMS `₩40,000`",
    better="The email says `3만원`, the SMS `₩30,000`",
)
_register(
    FactRule.CONTRADICTED,
    looks_for="A fact in subject, preheader or title that the text below tells otherwise",
    why="A subject is a promise.",
    bad="The subject says `30% off`, the text `20% off`",
    better="Both say `20% off`",
)
_register(
    FactRule.TARGET_DIFFERS,
    looks_for="A link or phone number that differs between the texts of a message in more than locale and tracking",
    why="One of them leads somewhere else than it says.",
    bad="The email leads to `/orders/A-1042`, the push to `/account`",
    better="Both lead to `/orders/A-1042`",
)
_register(
    FactRule.MISSING_IN_LOCALE,
    looks_for="A fact that the same channel tells in another language",
    why="Readers of one language know less than those of the other.",
    bad="The Korean email names the case's number, the English one does not",
    better="Both name it",
)
_register(
    FactRule.MISSING,
    looks_for="A fact that another channel tells",
    why="A shorter text may leave things out; its author should have meant to.",
    bad="The email names date and time, the SMS the date only",
    better="Both name both, if there is room",
)
