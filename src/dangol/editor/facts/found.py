"""What the extractors of one kind each hand on."""

from __future__ import annotations

from typing import NamedTuple

from dangol.editor.facts.model import Kind, Value, Weight


class Found(NamedTuple):
    """A fact in a text, from ``start`` to ``end``."""

    kind: Kind
    value: Value
    start: int
    end: int
    weight: Weight = Weight.PLAIN
    role: str = ""


_LEVEL: dict[int, str | int | None] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},  # full-width forms
    0xA0: " ",
    0x2007: " ",
    0x2009: " ",
    0x202F: " ",
    0x3000: " ",
    0xFFE6: "₩",
    0x2212: "-",
    0x2010: "-",
    0x2011: "-",
    0x2012: "–",
    0x2014: "–",
    0x301C: "~",
    0xFF5E: "~",
    0x2019: "'",
    ord("*"): " ",  # emphasis in Markdown
}


def levelled(text: str) -> str:
    """The text with one form of each space, dash and letter; every index stays what it was."""
    return text.translate(_LEVEL)
