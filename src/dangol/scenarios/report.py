"""A scenario's timeline for people: expected beside happened, in a terminal, in pytest and in JUnit files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
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
_ROOM = 110
"""Columns from which on what happened stands beside what was expected; below that, under it."""


def timeline(result: Result) -> RenderableType:
    """The whole scenario, for a rich console."""
    case = result.case
    head = Text.assemble(("FAILED ", "bold red"), (f"{case.campaign} › {case.name}", "bold"))
    head = head if not result.passed else Text.assemble(("passed ", "green"), f"{case.campaign} › {case.name}")
    place = Text(f"{case.path}:{case.line} · times in {case.zone.key}", style="dim")
    return Group(head, place, Padding(_Lines(result), (0, 0, 0, 1)))


def as_text(result: Result) -> str:
    """The same without colours, 100 columns wide."""
    stream = io.StringIO()
    console = Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(timeline(result), highlight=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


@dataclass(frozen=True)
class _Lines:
    """The lines, laid out for the width that there is."""

    result: Result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _beside(self.result) if options.max_width >= _ROOM else _below(self.result)


def _below(result: Result) -> Table:
    """What happened under what was expected."""
    table = _table()
    table.add_column("", no_wrap=True, style="dim")
    table.add_column("", ratio=1, overflow="fold")
    for line in result.lines:
        sign, at = _mark(line), _when(line, result)
        if line.expected:
            table.add_row(sign, at, "expected", _expected(line))
            sign = at = Text()
        table.add_row(sign, at, "happened" if line.expected else "", Group(*_happened(line)))
    return table


def _beside(result: Result) -> Table:
    table = _table()
    width = max((cell_len(line.expected) for line in result.lines), default=0)
    table.add_column("expected", width=min(max(width, len("expected")), 34), overflow="fold")
    table.add_column("happened", ratio=1, overflow="fold")
    for line in result.lines:
        table.add_row(_mark(line), _when(line, result), _expected(line), Group(*_happened(line)))
    return table


def _table() -> Table:
    """A table whose first columns are the mark and the time."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("time", no_wrap=True)
    return table


def _mark(line: Line) -> Text:
    sign, style = _SIGNS[line.mark]
    return Text(sign, style=style)


def _when(line: Line, result: Result) -> Text:
    return Text(_time(line.at, result), style="" if line.mark in FAILING else "dim")


def _expected(line: Line) -> Text:
    return Text(line.expected, style="red" if line.mark in FAILING else "green")


def _happened(line: Line) -> Iterator[RenderableType]:
    style = {Mark.NOTE: "dim", Mark.INPUT: "cyan", Mark.MET: "green"}.get(line.mark, "bold")
    yield Text(line.happened or _NOTHING, style=style if line.happened else "red")
    for detail in line.details:
        yield Padding(Text(detail, style="red"), (0, 0, 0, 2))


def _time(at: datetime | None, result: Result) -> str:
    return f"{at.astimezone(result.case.zone):%Y-%m-%d %H:%M}" if at is not None else ""
