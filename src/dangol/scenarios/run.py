"""Reading a workspace's scenarios and playing them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dangol.definitions.document import did_you_mean
from dangol.definitions.workspace import Workspace, read_workspace
from dangol.errors import ProblemsFound, UsageError
from dangol.release import check_texts
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


def programme(root: Path, keys: Collection[str] = ()) -> Programme:
    """The scenarios of the workspace at ``root``; with ``keys``, mistakes in those of other campaigns do not matter.

    Raises UsageError where there is no workspace, and ProblemsFound with every error in workspace and scenarios.
    """
    workspace, problems = read_workspace(root)
    if workspace is not None:
        problems = problems + check_texts(workspace)
    collected = collect(root, workspace)
    problems += [one for one in collected.problems if not keys or collected.campaigns[one.path] in keys]
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or workspace is None:
        raise ProblemsFound(sorted(set(errors)))
    return Programme(workspace, collected)
