"""A chart as Mermaid text, for pull requests, wikis and whatever else draws Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dangol.model.steps import END, Exit
from dangol.surfaces.drawing.chart import Box, Chart

_PLAIN = frozenset(" .,:_-%=/()+*'")
_LIST_MARK = re.compile(r"\d+\.|[-*+]")
"""At the start of a label Mermaid takes this for a list in Markdown."""
_SHAPES = {
    "wait": ("([", "])"),
    "wait_for": ("([", "])"),
    "if": ("{{", "}}"),
    "split": ("{{", "}}"),
    "send": ("[", "]"),
    "exit": ("([", "])"),
}
_OTHER_SHAPE = ("[/", "/]")


def mermaid(chart: Chart) -> str:
    """The chart as a ``flowchart TD``. Whatever texts hold, they stay texts: see ``quoted``."""
    return "\n".join(["flowchart TD", *(f"  {line}" for line in _Writer(chart).lines())]) + "\n"


def quoted(*lines: str) -> str:
    """A label in quotes; every character that could mean something to Mermaid or HTML is written as its number."""
    return '"' + "<br/>".join(map(_safe, lines)) + '"'


def _safe(line: str) -> str:
    text = " ".join(line.split())
    list_mark = _LIST_MARK.match(text)
    meant = list_mark.end() - 1 if list_mark else -1
    return "".join(
        character if (character.isalnum() or character in _PLAIN) and index != meant else f"#{ord(character)};"
        for index, character in enumerate(text)
    )


class _Writer:
    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._ids = {placed.position: f"n{index}" for index, placed in enumerate(chart.campaign.placed)}
        self._ids[END] = "stop"

    def lines(self) -> Iterator[str]:
        chart = self._chart
        yield f"start([{quoted(f'Enters: {chart.entry}', *chart.entry_lines)}])"
        for index, band in enumerate(chart.bands):
            yield f"subgraph stage{index}[{quoted(band.name)}]"
            yield from (f"  {line}" for line in self._nodes(band.boxes))
            yield "end"
        if chart.reaches_end:
            yield f"stop(({quoted('End', *_people(chart.ending))}))"
        yield f"start --> {self._ids[chart.campaign.placed[0].position]}"
        for band in chart.bands:
            yield from self._edges(band.boxes)
        if chart.exits:
            yield f"leaves[{quoted('Leaves at any time on', *chart.exits)}]"
        if chart.goal:
            yield f"goal[{quoted('Goal', chart.goal)}]"

    def _nodes(self, boxes: Sequence[Box]) -> Iterator[str]:
        for box in boxes:
            before, after = _SHAPES.get(box.kind, _OTHER_SHAPE)
            label = quoted(box.heading, *box.lines, *([f"({box.ref})"] if box.ref else []), *_people(box.people))
            yield f"{self._ids[box.placed.position]}{before}{label}{after}"
            for branch in box.branches:
                yield from self._nodes(branch.boxes)

    def _edges(self, boxes: Sequence[Box]) -> Iterator[str]:
        for box in boxes:
            placed = box.placed
            here = self._ids[placed.position]
            for branch in box.branches:
                yield f"{here} -->|{quoted(branch.label)}| {self._ids[placed.into(branch.name)]}"
                yield from self._edges(branch.boxes)
            if not box.branches and not isinstance(placed.step, Exit):
                yield f"{here} --> {self._ids[placed.following]}"


def _people(count: int) -> list[str]:
    return [f"{count:,} waiting before this"] if count else []
