"""What no customer may ever get, as the authors of scenarios say it: for their scenarios, and for whole simulations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dangol.definitions.workspace import Workspace
from dangol.errors import ProblemsFound
from dangol.scenarios.cases import Case, collect, rule_of
from dangol.scenarios.performance import Performance, Sent
from dangol.simulate.never import Got, Rule
from dangol.simulate.never import broken as breaking

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def broken(performance: Performance, case: Case) -> Iterator[tuple[Sent, str]]:
    """Each message that breaks a rule of the scenario's file, and the rule in words."""
    sent = performance.sent
    got = [
        Got(
            m.at,
            (m.at.astimezone(case.zone).time(),),
            _EVER,
            m.campaign,
            m.message,
            m.channel.value,
            m.holds,
            m.entry,
            m.began,
        )
        for m in sent
    ]
    for never, meets in zip(case.never, case.meets, strict=True):
        rule = rule_of(never)
        for index in breaking(rule, got, performance.happened, meets):
            yield sent[index], rule.told


def rules(root: Path, workspace: Workspace) -> tuple[Rule, ...]:
    """What must never happen to anybody, of all scenario files of the workspace at ``root``.

    A rule that names no campaign is about that of its file. Raises ProblemsFound if a file has mistakes: a rule
    that cannot be read cannot be held to.
    """
    collected = collect(root, workspace)
    if errors := [problem for problem in collected.problems if problem.severity == "error"]:
        raise ProblemsFound(errors)
    found: dict[Rule, None] = {}
    for suite in collected.suites:
        for never in suite.never:
            rule = rule_of(never)
            found[rule if rule.campaign is not None else replace(rule, campaign=suite.campaign)] = None
    return tuple(found)
