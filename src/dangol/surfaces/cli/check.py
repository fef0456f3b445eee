"""``dangol check`` and ``dangol schema``: what authors run, in a terminal, an editor or CI."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from dangol.checking import look_through
from dangol.clock import SystemClock
from dangol.content.voice import Voice
from dangol.definitions.schema import FILES, json_schema
from dangol.definitions.sources import PACKS, scenario_sources
from dangol.definitions.workspace import Sources, find_root, shared_path, survey
from dangol.editor.waivers import all_waivers
from dangol.errors import ProblemsFound, UsageError
from dangol.model.jurisdiction import PackFile
from dangol.model.problem import Problem
from dangol.scenarios.cases import check_scenarios
from dangol.scenarios.model import ScenarioFile
from dangol.settings import Settings
from dangol.surfaces.cli.facts import facts_as_data, print_facts
from dangol.surfaces.cli.reach import warn_if_unreachable

_COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "note": typer.colors.BLUE}


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders to report on; the whole workspace by default.")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="text for people, json for tools, github for annotations in CI.")
    ] = Format.TEXT,
    waivers: Annotated[
        bool, typer.Option("--waivers", help="List the exceptions that authors made from the rules, and why.")
    ] = False,
    facts: Annotated[
        bool, typer.Option("--facts", help="List the facts that each message tells, per channel and locale, as well.")
    ] = False,
) -> None:
    """Check campaigns, policies, templates and scenarios; tell every problem with its place.

    Exit code 1 if there are errors. Warnings and notes do not change it.
    """
    root = workspace_root(paths or ())
    if waivers:
        list_waivers(root, paths or (), output)
        return
    checked = look_through(root, paths or (), now=SystemClock().now())
    left_out = checked.left_out if facts else []
    problems = sorted({*checked.problems, *left_out, *check_scenarios(root, paths or ())})
    if output is Format.JSON:
        told: Any = problems_as_data(root, problems)
        if facts:
            told = {"problems": told, "facts": facts_as_data(checked.tables, checked.fragmentation)}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif output is Format.GITHUB:
        for problem in problems:
            typer.echo(_annotation(problem, _shown(root, problem.path)))
    else:
        if facts:
            print_facts(checked.tables, checked.fragmentation)
        report_problems(root, problems)
        warn_if_unreachable(survey(root)[0], Settings())
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


def list_waivers(root: Path, paths: Sequence[Path], output: Format) -> None:
    """Every waiver with its place, its rules and its reason."""
    wanted = [path.resolve() for path in paths]
    found = [
        waiver
        for waiver in all_waivers(survey(root)[0])
        if not wanted or any((root / waiver.path).resolve().is_relative_to(path) for path in wanted)
    ]
    if output is Format.JSON:
        told = [
            {
                "path": _shown(root, one.path),
                "line": one.line,
                "column": one.column,
                "rules": one.rules,
                "reason": one.reason,
            }
            for one in found
        ]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for one in found:
        where = typer.style(f"{_shown(root, one.path)}:{one.line}:{one.column}:", bold=True)
        reach = " in the whole file" if one.whole else ""
        typer.echo(f"{where} {', '.join(one.rules) or '(no rule)'}{reach} because {one.reason or '(no reason)'}")
    typer.echo(_count(len(found), "waiver"))


def workspace_root(paths: Sequence[Path]) -> Path:
    """The one workspace that all ``paths`` lie in; without paths that of DANGOL_WORKSPACE or the current folder.

    Raises UsageError if there is none, or more than one.
    """
    if not paths:
        settings = Settings()
        return settings.workspace if "workspace" in settings.model_fields_set else find_root(Path())
    roots = {find_root(path) for path in paths}
    if len(roots) > 1:
        raise UsageError(f"these paths lie in different workspaces: {', '.join(sorted(map(str, roots)))}")
    return roots.pop()


@contextmanager
def telling_problems(root: Path, *, as_json: bool = False) -> Iterator[None]:
    """Ends the command with exit code 1 if ProblemsFound is raised inside: every problem is told as `check` tells it.

    They go to stderr, as what keeps a command from its work; with ``as_json`` to stdout, as an object with `problems`.
    """
    try:
        yield
    except ProblemsFound as error:
        if as_json:
            found = {"problems": problems_as_data(root, error.problems)}
            typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            report_problems(root, error.problems, err=True)
        raise typer.Exit(error.exit_code) from None


def problems_as_data(root: Path, problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """The problems as JSON has them, their paths as seen from the current folder."""
    return [{**asdict(problem), "path": _shown(root, problem.path)} for problem in problems]


def report_problems(root: Path, problems: Sequence[Problem], *, err: bool = False) -> None:
    """Every problem with its line of the file, and how many there are; on stderr with ``err``."""
    sources = {**survey(root)[0], **scenario_sources(root)[0]}
    for problem in problems:
        colour = _COLOURS.get(problem.severity, typer.colors.YELLOW)
        where = typer.style(f"{_shown(root, problem.path)}:{problem.line}:{problem.column}:", bold=True)
        typer.echo(
            f"{where} {typer.style(f'{problem.severity}[{problem.code}]', fg=colour)} {problem.message}", err=err
        )
        for line in _excerpt(sources.get(problem.path, ""), problem):
            typer.echo(line, err=err)
        if problem.hint:
            typer.echo(f"  = {problem.hint}", err=err)
        typer.echo(err=err)
    typer.echo(_summary(sources, problems), err=err)


def _excerpt(text: str, problem: Problem, width: int = 110) -> list[str]:
    """The line with the problem and a caret below; long lines are cut around it."""
    lines = text.split("\n")
    if not text or problem.line > len(lines):
        return []
    start = max(0, problem.column - width + 20)
    line = lines[problem.line - 1][start : start + width]
    before = line[: problem.column - 1 - start]
    columns = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in before)
    number = str(problem.line)
    return [f"  {number} | {line}", f"  {' ' * len(number)} | {' ' * columns}^"]


def _summary(sources: Sources, problems: Sequence[Problem]) -> str:
    if problems:
        files = len({problem.path for problem in problems})
        severities = {problem.severity for problem in problems}
        only = "" if "error" in severities else ", warnings only" if "warning" in severities else ", notes only"
        return f"{_count(len(problems), 'problem')} in {_count(files, 'file')}{only}"
    shared = {shared_path(kind) for kind in FILES}
    of_campaigns = [path for path in sources if path.startswith("campaigns/") and path not in shared]
    campaigns = [path for path in of_campaigns if not path.startswith(("campaigns/tests/", PACKS))]
    messages = {PurePosixPath(path).parts[1] for path in sources if path.startswith("templates/")} - {"brand"}
    return f"{_count(len(campaigns), 'campaign')}, {_count(len(messages), 'message')}: no problems"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _shown(root: Path, path: str) -> str:
    """The path as seen from the current folder, so that terminals and CI can open it."""
    full, here = (root / path).resolve(), Path.cwd()
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else full.as_posix()


def _annotation(problem: Problem, path: str) -> str:
    """A GitHub workflow command, which wants ``%``, line ends and, in properties, ``:`` and ``,`` escaped."""
    text = problem.message + (f" ({problem.hint})" if problem.hint else "")
    properties = {
        "file": path,
        "line": str(problem.line),
        "col": str(problem.column),
        "title": f"dangol {problem.code}",
    }
    told = ",".join(f"{name}={_data(value, also=':,')}" for name, value in properties.items())
    level = "notice" if problem.severity == "note" else problem.severity
    return f"::{level} {told}::{_data(text)}"


def _data(text: str, also: str = "") -> str:
    return "".join(f"%{ord(character):02X}" if character in f"%\r\n{also}" else character for character in text)


class Kind(StrEnum):
    CAMPAIGN = "campaign"
    JOURNEY_MAP = "journey-map"
    POLICIES = "policies"
    TRACKING_PLAN = "tracking-plan"
    SEGMENTS = "segments"
    JURISDICTION = "jurisdiction"
    VOICE = "voice"
    SCENARIOS = "scenarios"


_MODELS = {**FILES, Kind.JURISDICTION.value: PackFile, Kind.VOICE.value: Voice, Kind.SCENARIOS.value: ScenarioFile}


def schema(
    kind: Annotated[Kind, typer.Argument(help="Which kind of file.")] = Kind.CAMPAIGN,
    output: Annotated[
        Path | None, typer.Option(help="A folder to write the schemas of all kinds into, instead of printing one.")
    ] = None,
) -> None:
    """Print the JSON Schema of a workspace file, for completion and checking in editors."""
    if output is None:
        typer.echo(_schema_text(kind))
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for each in Kind:
            file = output / f"{each.value}.schema.json"
            file.write_text(_schema_text(each) + "\n", encoding="utf-8")
            typer.echo(os.fspath(file))
    except OSError as error:
        raise UsageError(f"cannot write schemas to {output}: {error.strerror}") from error


def _schema_text(kind: Kind) -> str:
    return json.dumps(json_schema(_MODELS[kind.value]), ensure_ascii=False, indent=2)
