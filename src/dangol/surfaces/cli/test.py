"""``dangol test``: play the scenarios of campaigns and tell which did not go as expected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from dangol.errors import ProblemsFound, UsageError
from dangol.model.problem import Problem
from dangol.scenarios.compare import Line, Result
from dangol.scenarios.junit import junit, junit_of_problems
from dangol.scenarios.report import timeline
from dangol.scenarios.run import Played, programme
from dangol.surfaces.cli.check import problems_as_data, report_problems, workspace_root
from dangol.surfaces.cli.outputs import check_writable, write_file


def play(
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Campaigns; all by default.")] = None,
    scenario: Annotated[
        str, typer.Option("--scenario", "-k", metavar="TEXT", help="Only scenarios whose name contains this.")
    ] = "",
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Play the scenarios in campaigns/tests through the real pipeline, in memory; exit code 1 if one fails."""
    check_writable("--junit", junit_file)
    root = workspace_root(())
    try:
        found = programme(root, keys or ())
    except ProblemsFound as error:
        _tell_problems(root, error.problems, junit_file, as_json=as_json)
        raise typer.Exit(1) from None
    cases = found.cases(keys or (), scenario)
    if not cases:
        raise UsageError(f"there are no scenarios in {root / 'campaigns' / 'tests'}; write <campaign>.yaml there")
    console = Console()
    played: list[Played] = []
    for _, file in groupby(found.play(cases), key=lambda one: one.result.case.path):
        of_file = list(file)
        played += of_file
        if not as_json:
            _tell(console, of_file)
    if junit_file is not None:
        write_file("--junit", junit_file, junit(played))
    if as_json:
        typer.echo(json.dumps(_as_json(played), ensure_ascii=False, indent=2))
    else:
        console.print(_summary(played))
    if not all(one.result.passed for one in played):
        raise typer.Exit(1)


def _tell_problems(root: Path, problems: Sequence[Problem], junit_file: Path | None, *, as_json: bool) -> None:
    """Nothing was played: the same outputs, with the mistakes in place of results."""
    if junit_file is not None:
        write_file("--junit", junit_file, junit_of_problems(problems))
    if as_json:
        found = {**_as_json(()), "problems": problems_as_data(root, problems)}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        report_problems(root, problems)


def _tell(console: Console, played: Sequence[Played]) -> None:
    """One line a file, and below it the timelines of what failed."""
    failed = [one.result for one in played if not one.result.passed]
    verdict = (f"{len(failed)} failed", "bold red") if failed else ("passed", "green")
    key = played[0].result.case.campaign
    console.print(Text.assemble((f"{key:<32}", "bold"), f"{_count(len(played), 'scenario'):<16}", verdict))
    for result in failed:
        console.print()
        console.print(timeline(result), highlight=False)
        console.print()


def _summary(played: Sequence[Played]) -> Text:
    passed = sum(one.result.passed for one in played)
    campaigns = len({one.result.case.campaign for one in played})
    failed = len(played) - passed
    return Text.assemble(
        f"\n{_count(len(played), 'scenario')} of {_count(campaigns, 'campaign')}: ",
        (f"{passed} passed", "green"),
        (f", {failed} failed", "bold red") if failed else "",
        f", in {sum(one.seconds for one in played):.1f} s",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _as_json(played: Sequence[Played]) -> dict[str, Any]:
    passed = sum(one.result.passed for one in played)
    return {
        "passed": passed,
        "failed": len(played) - passed,
        "problems": [],
        "scenarios": [
            {
                "campaign": one.result.case.campaign,
                "name": one.result.case.name,
                "path": one.result.case.path,
                "line": one.result.case.line,
                "timezone": one.result.case.zone.key,
                "passed": one.result.passed,
                "seconds": round(one.seconds, 3),
                "failures": [line.summary for line in one.result.failures],
                "timeline": [_line(line, one.result) for line in one.result.lines],
            }
            for one in played
        ],
    }


def _line(line: Line, result: Result) -> dict[str, Any]:
    return {
        "at": line.at.astimezone(result.case.zone).isoformat() if line.at is not None else None,
        "mark": line.mark.value,
        "expected": line.expected,
        "happened": line.happened,
        "details": list(line.details),
    }
