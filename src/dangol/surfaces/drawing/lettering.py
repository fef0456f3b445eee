"""How wide text is, roughly and never too little, and where it breaks: Korean counts as wide as it is."""

from __future__ import annotations

import re
import unicodedata

_NARROW = frozenset("iIljtfr.,:;'|!()[] /-")
_BROAD = frozenset("mwMW@%—…")
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JOINTS = "_./-,"
MOST_LINES = 8


def clean(text: str) -> str:
    """The text in one line, without what XML cannot hold."""
    return " ".join(_UNPRINTABLE.sub("\ufffd", text).split())


def width(text: str, size: float) -> float:
    """Pixels that the text takes at most, in the usual sans-serif fonts."""
    return sum(_em(character) for character in text) * size


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.02
    if character in _NARROW:
        return 0.4
    if character in _BROAD:
        return 0.98
    return 0.74 if character.isupper() else 0.61


def wrapped(text: str, size: float, room: float) -> list[str]:
    """The text in lines that fit into ``room`` pixels; words are kept whole where they fit, the end is cut at last."""
    lines: list[str] = []
    for word in clean(text).split(" "):
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, size, room)
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1][:-1] + "…"]
    return [line for line in lines if line]


def _pieces(word: str, size: float, room: float) -> list[str]:
    """A word too long for a line, in parts: broken where a name has a joint, else anywhere."""
    pieces, piece = [], ""
    for character in word:
        if piece and width(piece + character, size) > room:
            joint = max(piece.rfind(mark) for mark in _JOINTS) + 1
            cut = joint if joint > len(piece) / 2 else len(piece)
            pieces.append(piece[:cut])
            piece = piece[cut:]
        piece += character
    return [*pieces, piece]
