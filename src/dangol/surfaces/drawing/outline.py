"""A chart as plain text: for terminals, and for those who cannot see the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dangol.surfaces.drawing.chart import Box, Chart

_STEP = "  "


def outline(chart: Chart) -> str:
    """The chart in indented lines, one a step."""
    return "\n".join(_lines(chart))


def people(count: int) -> str:
    return f"{count:,} {'person waits' if count == 1 else 'people wait'} before this"


def _lines(chart: Chart) -> Iterator[str]:
    yield chart.title
    yield f"Enters: {_joined(chart.entry, chart.entry_lines)}"
    for band in chart.bands:
        yield band.name
        yield from _boxes(band.boxes, _STEP)
    if chart.reaches_end:
        yield f"End{_counted(chart.ending)}"
    if chart.exits:
        yield f"Leaves at any time on: {'; '.join(chart.exits)}"
    if chart.goal:
        yield f"Goal: {chart.goal}"


def _boxes(boxes: Sequence[Box], indent: str) -> Iterator[str]:
    for box in boxes:
        ref = f" [{box.ref}]" if box.ref else ""
        yield f"{indent}- {_joined(box.heading, box.lines)}{ref}{_counted(box.people)}"
        for branch in box.branches:
            yield f"{indent}{_STEP}{branch.label}:{'' if branch.boxes else ' goes on'}"
            yield from _boxes(branch.boxes, indent + _STEP * 2)


def _joined(heading: str, lines: Sequence[str]) -> str:
    return f"{heading}: {'; '.join(lines)}" if lines else heading


def _counted(count: int) -> str:
    return f" ({people(count)})" if count else ""
