"""Reading a workspace's scenarios and playing them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dangol.checking import check_texts
from dangol.definitions.document import did_you_mean
from dangol.definitions.workspace import Workspace, read_workspace
from dangol.errors import ProblemsFound, UsageError
from dangol.model.problem import Problem
from dangol.scenarios.cases import Case, Collected, collect
from dangol.scenarios.compare import Result, compare
from dangol.scenarios.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario's result, and how long playing it took on this machine."""

    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class Programme:
    """A workspace without errors, and its scenarios."""

    workspace: Workspace
    collected: Collected

    def cases(self, keys: Collection[str] = (), containing: str = "") -> list[Case]:
        """The scenarios of these campaigns, or of all, whose name contains a text.

        Raises UsageError for a campaign without scenarios, and if no name contains the text.
        """
        known = {suite.campaign for suite in self.collected.suites}
        for key in keys:
            if key not in known:
                hint = did_you_mean(key, known)
                raise UsageError(f"there are no scenarios of {key!r}" + (f"; {hint}" if hint else ""))
        found = [case for suite in self.collected.suites if not keys or suite.campaign in keys for case in suite.cases]
        wanted = [case for case in found if containing.casefold() in case.name.casefold()]
        if found and not wanted:
            raise UsageError(f"no scenario's name contains {containing!r}")
        return wanted

    def play(self, cases: Collection[Case]) -> Iterator[Played]:
        """Play these, one after the other."""
        if not cases:
            return
        with Rehearsal(self.workspace) as rehearsal:
            for case in cases:
                began = time.perf_counter()
                result = compare(case, rehearsal.play(case))
                yield Played(result, time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What could be read of a workspace: ``programme`` is None if it has ``errors`` itself, those of scenario files
    aside, which are told by path; the programme lacks these files."""

    programme: Programme | None
    collected: Collected
    errors: tuple[Problem, ...]

    def in_scenarios(self, path: str) -> list[Problem]:
        """The errors of one scenario file."""
        return [one for one in self.collected.problems if one.path == path and one.severity == "error"]


def attempt(root: Path) -> Attempt:
    """Read the workspace at ``root`` and its scenarios. Raises UsageError where there is no workspace."""
    workspace, problems = read_workspace(root)
    if workspace is not None:
        problems = problems + check_texts(workspace)
    collected = collect(root, workspace)
    errors = tuple(sorted({problem for problem in problems if problem.severity == "error"}))
    found = Programme(workspace, collected) if workspace is not None and not errors else None
    return Attempt(found, collected, errors)


def programme(root: Path, keys: Collection[str] = ()) -> Programme:
    """The scenarios of the workspace at ``root``; with ``keys``, mistakes in those of other campaigns do not matter.

    Raises UsageError where there is no workspace, and ProblemsFound with every error in workspace and scenarios.
    """
    found = attempt(root)
    campaigns = found.collected.campaigns
    wrong = [one for path, key in campaigns.items() if not keys or key in keys for one in found.in_scenarios(path)]
    if wrong or found.programme is None:
        raise ProblemsFound(sorted({*found.errors, *wrong}))
    return found.programme
