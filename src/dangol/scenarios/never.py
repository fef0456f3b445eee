"""What no customer may ever get, as the authors of scenarios say it: for their scenarios, and for whole simulations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

from dangol.definitions.workspace import Workspace
from dangol.errors import ProblemsFound
from dangol.scenarios.cases import Case, collect
from dangol.scenarios.model import EventHappens, Never
from dangol.scenarios.performance import Sent
from dangol.simulate.never import Got, Rule
from dangol.simulate.never import broken as breaking

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def rule_of(never: Never) -> Rule:
    """The rule as it was written."""
    return Rule(**{one.name: getattr(never, one.name) for one in fields(Rule)})


def broken(never: Never, sent: Sequence[Sent], case: Case) -> Iterator[tuple[Sent, str]]:
    """Each message that breaks the rule, and the rule in words; ``sent`` is in the order of time."""
    rule = rule_of(never)
    happened: dict[str, list[datetime]] = {}
    for one in case.happens:
        if isinstance(one.what, EventHappens):
            happened.setdefault(one.what.event, []).append(one.at)
    got = [
        Got(m.at, (m.at.astimezone(case.zone).time(),), _EVER, m.campaign, m.message, m.channel.value, m.holds)
        for m in sent
    ]
    for index in breaking(rule, got, happened):
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
