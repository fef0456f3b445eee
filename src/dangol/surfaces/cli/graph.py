"""``dangol graph``: a campaign as a picture, as Mermaid or as text, with the people on their way if asked for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dangol.bootstrap import open_dangol
from dangol.definitions.document import did_you_mean
from dangol.definitions.workspace import load_workspace
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.surfaces.cli.check import workspace_root
from dangol.surfaces.drawing.chart import Chart, make_chart
from dangol.surfaces.drawing.mermaid import mermaid
from dangol.surfaces.drawing.outline import outline
from dangol.surfaces.drawing.svg import svg
from dangol.surfaces.standing import Standing


class Drawing(StrEnum):
    SVG = "svg"
    MERMAID = "mermaid"
    TEXT = "text"


_SUFFIXES = {
    ".svg": Drawing.SVG,
    ".mmd": Drawing.MERMAID,
    ".mermaid": Drawing.MERMAID,
    ".txt": Drawing.TEXT,
}


def graph(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's key.")],
    kind: Annotated[
        Drawing | None,
        typer.Option("--format", help="svg, mermaid or text; by the name of --output, else text."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file to write, instead of printing.")] = None,
    people: Annotated[
        bool,
        typer.Option("--people", help="Draw the version in service, with how many people wait before each step."),
    ] = False,
) -> None:
    """Draw a campaign: who enters, waits, messages, branches, exits and the goal, by stage."""
    drawing = _kind(kind, output)
    chart = _in_service(campaign) if people else _as_written(campaign)
    text = _drawn(chart, drawing)
    if output is None:
        typer.echo(text.rstrip("\n"))
        return
    try:
        output.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    typer.echo(str(output))


def _as_written(key: str) -> Chart:
    """The campaign in the workspace's files."""
    workspace = load_workspace(workspace_root(()))
    if key not in workspace.campaigns:
        hint = did_you_mean(key, set(workspace.campaigns))
        raise UsageError(f"the workspace has no campaign {key[:80]!r}" + (f"; {hint}" if hint else ""))
    names = {stage.key: stage.name for stage in workspace.journey_map.stages}
    return make_chart(workspace.campaigns[key], stage_names=names)


def _in_service(key: str) -> Chart:
    """The campaign as it runs, with the people on their way through this version."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        return Standing(dangol).chart(tx, key)


def _kind(wanted: Drawing | None, output: Path | None) -> Drawing:
    """What to draw: as said, else by the name of the file."""
    if wanted is not None or output is None:
        return wanted or Drawing.TEXT
    by_name = _SUFFIXES.get(output.suffix.lower())
    if by_name is None:
        raise UsageError(f"--output: expected a name in .svg, .mmd or .txt, or say --format; found {str(output)!r}")
    return by_name


def _drawn(chart: Chart, kind: Drawing) -> str:
    match kind:
        case Drawing.SVG:
            return str(svg(chart))
        case Drawing.MERMAID:
            return mermaid(chart)
        case Drawing.TEXT:
            return outline(chart)
