"""A chart as SVG: no scripts, nothing from elsewhere, every text escaped; light and dark, and told in words too."""

from __future__ import annotations

from importlib.resources import files

from markupsafe import Markup

from dangol.surfaces.drawing.chart import Chart
from dangol.surfaces.drawing.layout import (
    BESIDE,
    BOLD,
    BOX,
    GAP,
    HEADING_STEP,
    LABEL_PADDING,
    LINE,
    LINE_STEP,
    PADDING,
    STEM,
    Card,
    Column,
    Lane,
    Node,
    card,
    column,
)
from dangol.surfaces.drawing.lettering import clean, width, wrapped
from dangol.surfaces.drawing.outline import outline

_MARGIN = 24.0
_NARROWEST = 440.0
_BAND_TOP, _BAND_BOTTOM = 44.0, 24.0
_END = 34.0


def stylesheet() -> str:
    """The looks of every drawing, for a page that holds one without its own."""
    return files("dangol.surfaces.drawing").joinpath("drawing.css").read_text(encoding="utf-8")


def svg(chart: Chart, *, standalone: bool = True) -> Markup:
    """The chart as one SVG element. A ``standalone`` one brings its looks along; else the page has ``stylesheet()``."""
    return _Drawing(chart).draw(standalone)


class _Drawing:
    """Elements are gathered in layers: bands below lines below boxes."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._columns = [column(band.boxes) for band in chart.bands]
        self._width = max(_NARROWEST, *(one.width + 4 * _MARGIN for one in self._columns))
        self._bands: list[Markup] = []
        self._lines: list[Markup] = []
        self._boxes: list[Markup] = []

    def draw(self, standalone: bool) -> Markup:
        chart, middle = self._chart, self._width / 2
        entry = card(f"Enters: {chart.entry}", chart.entry_lines)
        self._card(entry, middle, _MARGIN, "entry")
        bottom = _MARGIN + entry.height
        for band, content in zip(chart.bands, self._columns, strict=True):
            top = bottom + STEM
            bottom_of_band = top + _BAND_TOP + content.height + _BAND_BOTTOM
            self._band(band.name, top, bottom_of_band)
            self._arrow(middle, bottom, top + _BAND_TOP)
            self._column(content, middle, top + _BAND_TOP)
            if not band.boxes[-1].leaves:
                self._line((middle, top + _BAND_TOP + content.height), (middle, bottom_of_band))
            bottom = bottom_of_band
        bottom = self._end(middle, bottom) if chart.reaches_end else bottom
        height = self._notes(middle, bottom) + _MARGIN
        return self._whole(height, standalone)

    def _whole(self, height: float, standalone: bool) -> Markup:
        title, told = clean(f"The journey of {self._chart.title}"), outline(self._chart)
        parts = [
            Markup('<title id="journey-title">{}</title>').format(title),
            Markup('<desc id="journey-text">{}</desc>').format("\n".join(clean(line) for line in told.splitlines())),
        ]
        if standalone:
            parts.append(Markup("<style>{}</style>").format(Markup(stylesheet())))  # noqa: S704 - our own file
            parts.append(_element("rect", "paper", x=0, y=0, width=self._width, height=height))
        body = Markup("\n").join([*parts, *self._bands, *self._lines, *self._boxes])
        return Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" class="journey" role="img" aria-labelledby="journey-title" '
            'aria-describedby="journey-text" width="{0}" height="{1}" viewBox="0 0 {0} {1}">\n{2}\n</svg>\n'
        ).format(_number(self._width), _number(height), body)

    # What lies around the steps.

    def _band(self, name: str, top: float, bottom: float) -> None:
        across = self._width - 2 * _MARGIN
        self._bands.append(
            _element("rect", "band", x=_MARGIN, y=top, width=across, height=bottom - top, rx=12),
        )
        for index, line in enumerate(wrapped(name, LINE, across / 2 - 3 * PADDING)[:2]):
            self._bands.append(_text("stage", line, _MARGIN + PADDING, top + 20 + index * LINE_STEP))

    def _end(self, middle: float, bottom: float) -> float:
        top = bottom + GAP
        self._arrow(middle, bottom, top)
        self._waiting(self._chart.ending, middle, bottom, top)
        self._boxes.append(_element("rect", "end", x=middle - 42, y=top, width=84, height=_END, rx=_END / 2))
        self._boxes.append(_text("heading", "End", middle, top + 22, anchor="middle"))
        return top + _END

    def _notes(self, middle: float, bottom: float) -> float:
        chart = self._chart
        notes = [card("Leaves at any time on", chart.exits)] if chart.exits else []
        notes += [card("Goal", [chart.goal])] if chart.goal else []
        for note in notes:
            self._card(note, middle, bottom + BESIDE, "note")
            bottom += BESIDE + note.height
        return bottom

    # Steps.

    def _column(self, content: Column, middle: float, top: float) -> None:
        for index, node in enumerate(content.nodes):
            self._node(node, middle, top)
            bottom = top + node.height
            if index + 1 < len(content.nodes) and not node.box.leaves:
                self._arrow(middle, bottom, bottom + GAP)
            top = bottom + GAP

    def _node(self, node: Node, middle: float, top: float) -> None:
        self._card(node.card, middle, top, f"step {node.box.kind}")
        self._waiting(node.box.people, middle, top - GAP, top)
        if not node.lanes:
            return
        bar, join = top + node.card.height + STEM, top + node.height
        self._line((middle, bar - STEM), (middle, bar))
        centres = _centres(node, middle)
        self._line((centres[0], bar), (centres[-1], bar))
        for lane, centre in zip(node.lanes, centres, strict=True):
            self._lane(lane, centre, bar, join)
        going_on = [centre for lane, centre in zip(node.lanes, centres, strict=True) if not lane.branch.leaves]
        if going_on:
            self._line((min(*going_on, middle), join), (max(*going_on, middle), join))

    def _lane(self, lane: Lane, centre: float, bar: float, join: float) -> None:
        top = bar + STEM
        self._line((centre, bar), (centre, top))
        self._label(lane, centre, top)
        bottom = top + lane.head
        if lane.column.nodes:
            self._arrow(centre, bottom, bottom + GAP)
            self._column(lane.column, centre, bottom + GAP)
            bottom += GAP + lane.column.height
        if not lane.branch.leaves:
            self._line((centre, bottom), (centre, join))

    def _label(self, lane: Lane, centre: float, top: float) -> None:
        across = lane.label_width
        self._boxes.append(
            _element("rect", "label", x=centre - across / 2, y=top, width=across, height=lane.head, rx=lane.head / 2.6)
        )
        for index, line in enumerate(lane.label):
            y = top + LABEL_PADDING + 12 + index * LINE_STEP
            self._boxes.append(_text("way", line, centre, y, anchor="middle"))

    def _card(self, content: Card, middle: float, top: float, kind: str) -> None:
        left, round_ = middle - BOX / 2, 18 if kind == "entry" else 8
        self._boxes.append(_element("rect", f"card {kind}", x=left, y=top, width=BOX, height=content.height, rx=round_))
        if kind.startswith("step"):
            edge = f"edge {kind}"
            self._boxes.append(_element("rect", edge, x=left, y=top + 8, width=4, height=content.height - 16, rx=2))
        baseline = top + PADDING - 4
        for text in content.texts:
            baseline += HEADING_STEP if text.style == "heading" else LINE_STEP
            self._boxes.append(_text(text.style, text.text, left + PADDING + 2, baseline))

    def _waiting(self, count: int, middle: float, top: float, bottom: float) -> None:
        """How many wait on the line between ``top`` and ``bottom``."""
        if not count:
            return
        words = f"{count:,} waiting"
        across, centre = width(words, LINE * BOLD) + 16, max(top, bottom - GAP) / 2 + bottom / 2 - 2
        self._boxes.append(
            _element("rect", "people", x=middle + 10, y=centre - 11, width=across, height=22, rx=11),
        )
        self._boxes.append(_text("count", words, middle + 18, centre + 4.5))

    # Lines.

    def _line(self, *points: tuple[float, float]) -> None:
        path = "M" + " L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        self._lines.append(Markup('<path class="way-on" d="{}"/>').format(path))

    def _arrow(self, x: float, top: float, bottom: float) -> None:
        self._line((x, top), (x, bottom - 5))
        tip = _points((x - 4.5, bottom - 8), (x + 4.5, bottom - 8), (x, bottom - 1))
        self._lines.append(Markup('<polygon class="tip" points="{}"/>').format(tip))


def _centres(node: Node, middle: float) -> list[float]:
    left, centres = middle - node.lanes_width / 2, []
    for lane in node.lanes:
        centres.append(left + lane.width / 2)
        left += lane.width + BESIDE
    return centres


def _element(name: str, kind: str, **lengths: float) -> Markup:
    told = Markup(" ").join(Markup('{}="{}"').format(key, _number(value)) for key, value in lengths.items())
    return Markup('<{} class="{}" {}/>').format(Markup(name), kind, told)  # noqa: S704 - a name of ours


def _text(kind: str, text: str, x: float, y: float, *, anchor: str = "start") -> Markup:
    place = Markup('x="{}" y="{}" text-anchor="{}"').format(_number(x), _number(y), anchor)
    return Markup('<text class="{}" {}>{}</text>').format(kind, place, clean(text))


def _points(*points: tuple[float, float]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{round(value, 1):g}"
