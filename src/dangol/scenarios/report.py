"""A scenario's timeline for people: expected beside happened, in a terminal, in pytest and in JUnit files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dangol.scenarios.compare import FAILING, Line, Mark, Result

_SIGNS = {
    Mark.INPUT: ("›", "cyan"),
    Mark.NOTE: (" ", "dim"),
    Mark.MET: ("✓", "green"),
    Mark.WRONG: ("✗", "bold red"),
    Mark.MISSING: ("−", "bold red"),
    Mark.UNEXPECTED: ("+", "bold red"),
}
_NOTHING = "nothing"
_WIDTH = 100


def timeline(result: Result) -> RenderableType:
    """The whole scenario, for a rich console."""
    case = result.case
    head = Text.assemble(("FAILED ", "bold red"), (f"{case.campaign} › {case.name}", "bold"))
    head = head if not result.passed else Text.assemble(("passed ", "green"), f"{case.campaign} › {case.name}")
    place = Text(f"{case.path}:{case.line} · times in {case.zone.key}", style="dim")
    return Group(head, place, Padding(_table(result), (0, 0, 0, 1)))


def as_text(result: Result) -> str:
    """The same without colours, 100 columns wide."""
    stream = io.StringIO()
    console = Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(timeline(result), highlight=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _table(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("time", no_wrap=True)
    width = max((cell_len(line.expected) for line in result.lines), default=0)
    table.add_column("expected", width=min(max(width, len("expected")), 34), overflow="fold")
    table.add_column("happened", ratio=1, overflow="fold")
    for line in result.lines:
        sign, style = _SIGNS[line.mark]
        failing = line.mark in FAILING
        table.add_row(
            Text(sign, style=style),
            Text(_time(line.at, result), style="" if failing else "dim"),
            Text(line.expected, style="red" if failing else "green"),
            Group(*_happened(line)),
        )
    return table


def _happened(line: Line) -> Iterator[RenderableType]:
    style = {Mark.NOTE: "dim", Mark.INPUT: "cyan", Mark.MET: "green"}.get(line.mark, "bold")
    yield Text(line.happened or _NOTHING, style=style if line.happened else "red")
    for detail in line.details:
        yield Padding(Text(detail, style="red"), (0, 0, 0, 2))


def _time(at: datetime | None, result: Result) -> str:
    return f"{at.astimezone(result.case.zone):%Y-%m-%d %H:%M}" if at is not None else ""
