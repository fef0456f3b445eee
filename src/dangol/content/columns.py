"""Texts cut to the columns that a screen has: an East Asian character fills two."""

from __future__ import annotations

from wcwidth import iter_graphemes, wcswidth

_ELLIPSIS = "…"


def width(text: str) -> int:
    """How many columns a text fills. What a reader sees as one character is counted as one."""
    return sum(map(_width, iter_graphemes(text)))


def fit(text: str, columns: int) -> str:
    """The text, or as much of it as leaves room for an ellipsis; never half of what is seen as one character."""
    if width(text) <= columns:
        return text
    kept, room = [], columns - 1
    for grapheme in iter_graphemes(text):
        room -= _width(grapheme)
        if room < 0:
            break
        kept.append(grapheme)
    return f"{''.join(kept).rstrip()}{_ELLIPSIS}"


def _width(grapheme: str) -> int:
    return max(wcswidth(grapheme), 0)
