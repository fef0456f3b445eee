"""Small SVG charts for the report: no library, no script; colours come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

_WIDTH, _HEIGHT = 760, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 12, 26
_WIDEST = 44
_LABELS = 10
"""About so many labels stand under a chart."""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: the name that people read, the style sheet's class, and a value for every label."""

    name: str
    style: str
    values: Sequence[float]


def stacked_bars(title: str, description: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """Vertical bars, the series on top of one another. ``description`` is what a screen reader says."""
    totals = [sum(one.values[index] for one in series) for index in range(len(labels))]
    top = nice_ceiling(max(totals, default=0))
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    gap = max(min(4.0, step * 0.25), step - _WIDEST)
    parts = [_axis(top)]
    for index, label in enumerate(labels):
        x, y = _LEFT + index * step + gap / 2, float(_HEIGHT - _BOTTOM)
        told = ", ".join(f"{one.name} {one.values[index]:,.0f}" for one in series if one.values[index])
        bars = []
        for one in series:
            height = one.values[index] / top * (_HEIGHT - _TOP - _BOTTOM)
            if height > 0:
                y -= height
                bars.append(_bar(one.style, x, y, step - gap, height))
        parts.append(f"<g><title>{escape(label)}: {escape(told) or '0'}</title>{''.join(bars)}</g>")
    parts.append(_labels(labels, step))
    return _svg(title, description, parts)


def share_bars(title: str, description: str, rows: Sequence[tuple[str, Mapping[str, float]]]) -> Markup:
    """Horizontal bars of shares that add up to 1; each row has a name and style class → share."""
    height = 34 * len(rows) + 6
    width = _WIDTH - 120
    parts = []
    for index, (name, shares) in enumerate(rows):
        y, x = index * 34 + 4, 112.0
        parts.append(f'<text class="label" x="104" y="{y + 18}" text-anchor="end">{escape(name)}</text>')
        for style, share in shares.items():
            if share <= 0:
                continue
            wide = share * width
            parts.append(_bar(style, x, y, wide, 26))
            if wide > 44:
                parts.append(
                    f'<text class="on {style}-ink" x="{x + wide / 2:.1f}" y="{y + 17}" text-anchor="middle">'
                    f"{share:.0%}</text>"
                )
            x += wide
    return _svg(title, description, parts, height=height)


def nice_ceiling(value: float) -> float:
    """The next number from which four equal parts are round: 4, 8, 12, 20, 40, 80, 100, 120, 200, …"""
    top, power = 4.0, 1.0
    while top < value:
        power *= 10
        steps = (power * factor for factor in (0.4, 0.8, 1, 1.2, 2, 4) if (power * factor) % 4 == 0)
        top = next((step for step in steps if step >= value), top)
    return top


def _bar(style: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _axis(top: float) -> str:
    lines = []
    for quarter in range(5):
        value = top * quarter / 4
        y = _HEIGHT - _BOTTOM - quarter / 4 * (_HEIGHT - _TOP - _BOTTOM)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text class="label" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    return "".join(lines)


def _labels(labels: Sequence[str], step: float) -> str:
    every = max(1, -(-len(labels) // _LABELS))
    return "".join(
        f'<text class="label" x="{_LEFT + (index + 0.5) * step:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(label)}</text>"
        for index, label in enumerate(labels)
        if index % every == 0
    )


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1_000:g}k" if value >= 10_000 else f"{value:,g}"


def _svg(title: str, description: str, parts: Sequence[str], *, height: int = _HEIGHT) -> Markup:
    said = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    drawn = f'<svg role="img" viewBox="0 0 {_WIDTH} {height}">{said}{"".join(parts)}</svg>'
    return Markup(drawn)  # noqa: S704 - every text in it is escaped above
