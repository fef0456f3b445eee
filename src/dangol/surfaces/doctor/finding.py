"""What a check finds: how it stands, why that matters, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"
    UNANSWERED = "could not be asked"
    """Something outside did not answer. Nobody knows, so it is not fine."""
    SKIPPED = "not asked"
    """Left out because it does not apply here, or because somebody said so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has to say. What is fine or left out needs neither ``why`` nor ``fix``."""

    verdict: Verdict
    what: str
    why: str = ""
    fix: str = ""


def fine(what: str) -> Finding:
    return Finding(Verdict.FINE, what)


def warning(what: str, why: str, fix: str) -> Finding:
    return Finding(Verdict.WARNING, what, why, fix)


def problem(what: str, why: str, fix: str) -> Finding:
    return Finding(Verdict.PROBLEM, what, why, fix)


def unanswered(what: str, why: str, fix: str) -> Finding:
    return Finding(Verdict.UNANSWERED, what, why, fix)


def skipped(what: str) -> Finding:
    return Finding(Verdict.SKIPPED, what)
