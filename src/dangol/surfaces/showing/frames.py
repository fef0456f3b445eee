"""An email's HTML for a frame: in one look, light or dark, whatever the viewer's own device prefers, and locked in.

The frame has no rights at all (``sandbox``); the policy in it keeps it from loading anything from anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

WIDTHS = (375, 600)
"""Pixels: a phone, and the width that mail programs on a desktop give a letter."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
"""Only Outlook reads some of them."""
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_STYLE_SHEET = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL | re.IGNORECASE)
_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_ALWAYS, _NEVER = "(min-width:0)", "(max-width:0)"
_LINE, _GAP, _FRAME = 26, 16, 230
"""Pixels that a line, the room between paragraphs, and all around the letter take, near enough."""
_TARGET = re.compile(r"(: | \()(https?|mailto|tel):\S+")
"""Where a link leads, which only the plain text says."""


class Look(StrEnum):
    LIGHT = "light"
    DARK = "dark"


def framed(html: str, look: Look) -> str:
    """The email as it looks where ``look`` is preferred; its ``prefers-color-scheme`` queries are answered already."""
    answered = _STYLE_SHEET.sub(
        lambda sheet: f"{sheet[1]}{_answered(sheet[2], look)}{sheet[3]}", _COMMENT.sub("", html)
    )
    policy = (
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<style>:root{{color-scheme:{look.value} !important}}</style>"
    )
    head = _HEAD.search(answered)
    if head is None:
        return f"<!doctype html><html><head>{policy}</head><body>{answered}</body></html>"
    return f"{answered[: head.end()]}{policy}{answered[head.end() :]}"


def _answered(css: str, look: Look) -> str:
    return _PREFERS.sub(lambda query: _ALWAYS if query[1].lower() == look.value else _NEVER, css)


def height(text: str, width: int) -> int:
    """Pixels that an email with this plain text will roughly take, so that most need no scrolling of their own."""
    columns = max(20, (width - 80) // 8)
    paragraphs = _TARGET.sub("", text).split("\n")
    taken = sum(-(-_columns(line) // columns) * _LINE if line else _GAP for line in paragraphs)
    return min(1600, max(420, _FRAME + taken))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
