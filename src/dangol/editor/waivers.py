"""Exceptions that authors make, with their reasons: ``{# voice: allow exclamation because it is a birthday #}``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from dangol.definitions.document import did_you_mean, locate
from dangol.model.problem import Problem

_ANY = re.compile(
    r"\{#[-+]?\s*voice:\s*allow\b(?P<tag>.*?)[-+]?#\}|^[ \t]*\#\s*voice:\s*allow\b(?P<line>[^\n]*)$",
    re.DOTALL | re.MULTILINE,
)
_FRONT = re.compile(r"---[ \t]*\n.*?(?:^|\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_EXPECTED = "write `voice: allow <rule> because <reason>`"


@dataclass(frozen=True, slots=True, order=True)
class Waiver:
    """An exception at ``line`` of a file for the lines from ``first`` to ``last``, or for the whole file."""

    path: str
    line: int
    column: int
    rules: tuple[str, ...]
    reason: str
    first: int
    last: int
    whole: bool = False

    def covers(self, problem: Problem) -> bool:
        if problem.path != self.path or problem.code not in self.rules or not self.reason:
            return False
        return self.whole or self.first <= problem.line <= self.last


def read_waivers(path: str, text: str) -> list[Waiver]:
    """The waivers that stand in a file, in their order."""
    return [_waiver(path, text, match) for match in _ANY.finditer(text)]


def all_waivers(sources: Mapping[str, str]) -> list[Waiver]:
    """The waivers of a workspace's texts and brand files, by place."""
    paths = sorted(path for path in sources if path.startswith("templates/"))
    return [waiver for path in paths for waiver in read_waivers(path, sources[path])]


def _waiver(path: str, text: str, match: re.Match[str]) -> Waiver:
    said = " ".join((match["tag"] or match["line"] or "").split())
    names, because, reason = (f" {said}").partition(" because ")
    if not because:
        names = said.removesuffix("because")
    line, column = locate(text, match.start() + len(match[0]) - len(match[0].lstrip()))
    ends = locate(text, match.end())[0]
    covered = _line_of(text, match.start(), match.end(), ends)
    rules = tuple(filter(None, re.split(r"[,\s]+", names.strip())))
    return Waiver(path, line, column, rules, reason.strip(), covered, covered, _is_first(text, match.start()))


def _line_of(text: str, start: int, end: int, line: int) -> int:
    """The line that a comment from ``start`` to ``end`` speaks of: its own if more stands on it, else the next."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    after = text[end:].split("\n")
    if before.strip():
        return locate(text, start)[0]
    return next((line + number for number, rest in enumerate(after) if rest.strip()), line)


def _is_first(text: str, start: int) -> bool:
    front = _FRONT.match(text)
    before = text[front.end() : start] if front and start >= front.end() else text[:start]
    return not before.strip().strip("\ufeff")


def apply_waivers(
    problems: Collection[Problem], waivers: Collection[Waiver], known: Collection[str]
) -> tuple[list[Problem], list[Problem]]:
    """What remains of ``problems``, and what is wrong with the waivers themselves."""
    used: set[tuple[Waiver, str]] = set()
    remaining: list[Problem] = []
    for problem in problems:
        covering = [waiver for waiver in waivers if waiver.covers(problem)]
        used |= {(waiver, problem.code) for waiver in covering}
        if not covering:
            remaining.append(problem)
    return remaining, [found for waiver in waivers for found in _faults(waiver, used, known)]


def _faults(waiver: Waiver, used: set[tuple[Waiver, str]], known: Collection[str]) -> Iterator[Problem]:
    at = waiver.path, waiver.line, waiver.column
    if not waiver.rules:
        yield Problem(*at, "unknown-rule", "the waiver names no rule", _EXPECTED)
    for name in waiver.rules:
        if name not in known:
            hint = did_you_mean(name, frozenset(known)) or "docs/voice-rules.md lists the rules"
            yield Problem(*at, "unknown-rule", f"there is no rule `{name}`", hint)
        elif waiver.reason and (waiver, name) not in used:
            message = f"nothing here breaks the rule `{name}` any more"
            yield Problem(*at, "unused-waiver", message, "remove the waiver", "warning")
    if not waiver.reason:
        yield Problem(*at, "waiver-without-reason", "the waiver gives no reason", _EXPECTED)
