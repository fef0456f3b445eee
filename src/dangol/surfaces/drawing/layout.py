"""Where everything goes: the tree of a chart, measured from its leaves up. Lengths are pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dangol.surfaces.drawing.chart import Box, Branch
from dangol.surfaces.drawing.lettering import width, wrapped

BOX = 244.0
PADDING = 12.0
HEADING, LINE = 13.5, 12.5
BOLD = 1.12
"""How much wider than other text bold text is."""
HEADING_STEP, LINE_STEP = 19.0, 17.0
GAP = 36.0
"""Between two boxes, one below the other; room for an arrow and for how many wait."""
BESIDE = 28.0
STEM = 16.0
LABEL_PADDING = 5.0

Style = Literal["heading", "line", "ref"]


@dataclass(frozen=True, slots=True)
class Text:
    style: Style
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """Lines in a frame of the usual width."""

    texts: tuple[Text, ...]

    @property
    def height(self) -> float:
        return 2 * PADDING + sum(HEADING_STEP if text.style == "heading" else LINE_STEP for text in self.texts) - 3


@dataclass(frozen=True, slots=True)
class Column:
    """Boxes one below the other."""

    nodes: tuple[Node, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Lane:
    """A branch: its label, and its column under it. ``head`` is the label's height."""

    branch: Branch
    label: tuple[str, ...]
    head: float
    column: Column

    @property
    def width(self) -> float:
        return max(self.column.width, self.label_width)

    @property
    def label_width(self) -> float:
        return max(width(line, LINE) for line in self.label) + 4 * LABEL_PADDING

    @property
    def height(self) -> float:
        """From the bar that divides the branches to where this one ends."""
        below = GAP + self.column.height if self.column.nodes else 0.0
        return STEM + self.head + below


@dataclass(frozen=True, slots=True)
class Node:
    """A box and the lanes below it."""

    box: Box
    card: Card
    lanes: tuple[Lane, ...]

    @property
    def width(self) -> float:
        return max(BOX, self.lanes_width)

    @property
    def lanes_width(self) -> float:
        return sum(lane.width for lane in self.lanes) + BESIDE * max(0, len(self.lanes) - 1)

    @property
    def height(self) -> float:
        return self.card.height + (STEM + max(lane.height for lane in self.lanes) + STEM if self.lanes else 0.0)


def card(heading: str, lines: Sequence[str], ref: str = "") -> Card:
    room = BOX - 2 * PADDING
    texts = [Text("heading", text) for text in wrapped(heading, HEADING * BOLD, room)]
    texts += [Text("line", text) for line in lines for text in wrapped(line, LINE, room)]
    return Card((*texts, *(Text("ref", text) for text in wrapped(ref, LINE, room))))


def column(boxes: Sequence[Box]) -> Column:
    nodes = tuple(_node(box) for box in boxes)
    height = sum(node.height for node in nodes) + GAP * max(0, len(nodes) - 1)
    return Column(nodes, max((node.width for node in nodes), default=0.0), height)


def _node(box: Box) -> Node:
    return Node(box, card(box.heading, box.lines, box.ref), tuple(_lane(branch) for branch in box.branches))


def _lane(branch: Branch) -> Lane:
    label = tuple(wrapped(branch.label, LINE, BOX - 4 * LABEL_PADDING))
    return Lane(branch, label, len(label) * LINE_STEP + 2 * LABEL_PADDING - 2, column(branch.boxes))
