"""``dangol map``: what the campaigns do for each stage of the journey map, and where it has gaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dangol.definitions.coverage import Coverage, StageCoverage, Use, cover
from dangol.definitions.workspace import load_workspace
from dangol.model.vocabulary import Channel
from dangol.model.workspace import Kpi
from dangol.surfaces.cli.check import workspace_root


def map(
    workspace: Annotated[Path | None, typer.Argument(help="The workspace; DANGOL_WORKSPACE by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if the map has gaps.")] = False,
) -> None:
    """Lay the campaigns over the journey map: what is said in each stage, on which channel, and what is missing."""
    found = load_workspace(workspace_root([workspace] if workspace else ()))
    coverage = cover(found.journey_map, found.campaigns.values())
    if as_json:
        typer.echo(json.dumps(coverage_json(coverage), ensure_ascii=False, indent=2))
    else:
        _show(coverage, Console(highlight=False))
    if strict and coverage.gaps:
        raise typer.Exit(1)


def coverage_json(coverage: Coverage) -> dict[str, Any]:
    """The report as JSON: stages in order, each with its messages by channel, and all gaps."""
    return {
        "stages": [_stage_json(stage) for stage in coverage.stages],
        "gaps": [
            {"code": gap.code.value, "stage": gap.stage or None, "campaign": gap.campaign or None, "text": gap.text}
            for gap in coverage.gaps
        ],
    }


def _stage_json(covered: StageCoverage) -> dict[str, Any]:
    stage = covered.stage
    kpi = stage.kpi.model_dump(mode="json", exclude_none=True) if isinstance(stage.kpi, Kpi) else stage.kpi or None
    return {
        "stage": stage.key,
        "name": stage.name,
        "moment_of_truth": stage.moment_of_truth,
        "owner": stage.owner or None,
        "kpi": kpi,
        "messages": {
            channel.value: [
                {"campaign": use.campaign, "step": use.step, "message": use.message} for use in covered.by(channel)
            ]
            for channel in Channel
        },
    }


def _show(coverage: Coverage, console: Console) -> None:
    console.print(_table(coverage))
    if not coverage.gaps:
        console.print("No gaps.")
        return
    console.print(f"{len(coverage.gaps)} gap{'' if len(coverage.gaps) == 1 else 's'}", style="bold")
    for gap in coverage.gaps:
        console.print(Padding(Text.assemble((f"{gap.code.value}  ", "yellow"), gap.text), (0, 0, 0, 2)))


def _table(coverage: Coverage) -> Table:
    """A line for each stage with how many messages each channel has, and under it a line for each message."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("stage, campaign: message", overflow="fold", ratio=1)
    for channel in Channel:
        table.add_column(channel.value, justify="center", no_wrap=True)
    for covered in coverage.stages:
        table.add_row(_about(covered), *(_count(covered, channel) for channel in Channel))
        for use in covered.uses:
            table.add_row(f"  {_said(use)}", *("●" if channel in use.channels else "" for channel in Channel))
        table.add_section()
    return table


def _about(covered: StageCoverage) -> Text:
    stage = covered.stage
    told = Text(stage.name, style="bold")
    if stage.moment_of_truth:
        told.append(" · moment of truth", style="magenta")
    told.append(f" · {stage.owner or 'no owner'}", style="dim")
    target = f" ({stage.kpi.target})" if isinstance(stage.kpi, Kpi) else ""
    told.append(f"\nKPI: {stage.kpi_name or 'none'}{target}", style="dim")
    return told


def _count(covered: StageCoverage, channel: Channel) -> Text:
    number = len(covered.by(channel))
    return Text(str(number) if number or channel in covered.stage.touchpoints else "", style="bold")


def _said(use: Use) -> str:
    return use.campaign if use.campaign == use.message else f"{use.campaign}: {use.message}"
