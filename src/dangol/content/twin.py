"""The plain-text twin of a body that is HTML: what a reader of plain text needs, and nothing of the mark-up.

inscriptis lays the text out. Before that, links get their targets written out, tables become lines and the tables
that only hold a layout fall away, because nobody knows yet how long the values will be that stand in columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_element import HtmlElement

from dangol.content.tags import Slots

_INLINE = frozenset(
    {"a", "abbr", "b", "code", "del", "em", "i", "ins", "s", "small", "span", "strong", "sub", "sup", "u"}
)
_KEPT = frozenset({"blockquote", "h2", "h3", "h4", "h5", "h6", "li", "p", "pre"})
_LISTS = frozenset({"ol", "ul"})
_WITHIN_LINES = _INLINE | {"br", "hr", "img", "tbody", "td", "tfoot", "th", "thead"}
_HIDDEN = frozenset({"style", "script", "title", "head"})
_BETWEEN = " | "
_APART = "section"
_LAID_OUT = ParserConfig(
    css={**CSS_PROFILES["strict"], _APART: HtmlElement(display=Display.block, margin_before=1, margin_after=1)}
)
_LEAST_BULLET = re.compile(r"^ {2}( *)(?:[*+o-] |(?=\d+\. ))")


def to_text(html: str, slots: Slots) -> str:
    """Plain text with words for tags; ends with an empty line."""
    reader = _Reader(slots)
    reader.feed(html)
    reader.close()
    laid_out = get_text(f"<html><body>{_written(reader.pieces)}</body></html>", _LAID_OUT)
    lines = [_LEAST_BULLET.sub(r"\1- ", line.rstrip()).removesuffix(_BETWEEN.rstrip()) for line in laid_out.split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
    return _without_lines_of_blocks(f"{text}\n\n", slots)


def _without_lines_of_blocks(text: str, slots: Slots) -> str:
    """A block tag has no line of its own: what it brings ends with its own empty line, or is a line of a list."""

    def joined(match: re.Match[str]) -> str:
        if not all(
            not isinstance(part, str) and part.kind == "block" for part in slots.lift(match[1].replace(" ", ""))
        ):
            return match[0]
        after_a_line = match.start() > 0 and not match.string.endswith("\n\n", 0, match.start())
        return match[1].replace(" ", "") + ("\n" if after_a_line and match[2].count("\n") > 1 else "")

    word = slots.pattern.replace("(?P<slot>", "(?:")
    return re.sub(rf"(?m)^[ ]*((?:{word}[ ]*)+)$(\n*)", joined, text)


@dataclass(slots=True)
class _Link:
    target: str
    label: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Break:
    markup: str


_Piece = str | _Link | _Break


class _Reader(HTMLParser):
    def __init__(self, slots: Slots) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[_Piece] = []
        self._word = re.compile(slots.pattern)
        self._link: _Link | None = None
        self._hidden = self._lists = self._verbatim = 0
        self._tables: list[bool] = []
        """For each table around this place, whether it holds data."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._hidden += tag in _HIDDEN
        self._verbatim += tag == "pre"
        if tag == "a" and given.get("href"):
            self._link = _Link(given["href"] or "")
            self.pieces.append(self._link)
        elif tag == "img":
            self._say(given.get("alt") or "")
        elif tag in {"br", "hr"}:
            self.pieces.append(_Break("<br>" if tag == "br" else "<p>* * *</p>"))
        elif tag == "table":
            self._tables.append(given.get("role") != "presentation")
            self.pieces.append(_Break(f"<{_APART}>" if self._tables[-1] else "<div>"))
        elif tag in _LISTS:
            self.pieces.append(_Break(f"<{tag}>" if self._lists else f"<{_APART}><{tag}>"))
            self._lists += 1
        elif tag not in _WITHIN_LINES:
            self.pieces.append(_Break(f"<{tag}>" if tag in _KEPT else "<div>"))

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN
        self._verbatim -= tag == "pre"
        if tag == "a":
            self._link = None
        elif tag == "table":
            self.pieces.append(_Break(f"</{_APART}>" if self._tables.pop() else "</div>"))
        elif tag in {"td", "th"}:
            self.pieces.append(_Break(_BETWEEN if self._tables[-1:] == [True] else "<br>"))
        elif tag in _LISTS:
            self._lists -= 1
            self.pieces.append(_Break(f"</{tag}>" if self._lists else f"</{tag}></{_APART}>"))
        elif tag not in _WITHIN_LINES:
            self.pieces.append(_Break(f"</{tag}>" if tag in _KEPT else "</div>"))

    def handle_data(self, data: str) -> None:
        self._say(data)

    def handle_comment(self, data: str) -> None:
        if self._word.fullmatch(data):
            self._say(data)

    def _say(self, text: str) -> None:
        if not self._verbatim:
            text = re.sub(r"\s+", " ", text)
            if text == " " and (not self.pieces or isinstance(self.pieces[-1], _Break)):
                return
        if self._hidden:
            return
        if self._link is not None:
            self._link.label.append(text)
        else:
            self.pieces.append(text)


def _written(pieces: Sequence[_Piece]) -> str:
    return "".join(
        piece.markup
        if isinstance(piece, _Break)
        else escape(piece if isinstance(piece, str) else _link(piece, _stands_alone(pieces, index)), quote=False)
        for index, piece in enumerate(pieces)
    )


def _stands_alone(pieces: Sequence[_Piece], index: int) -> bool:
    """Whether nothing but white space stands between a link and the breaks around it."""
    for step in (-1, 1):
        at = index + step
        while 0 <= at < len(pieces) and not isinstance(pieces[at], _Break):
            piece = pieces[at]
            if not isinstance(piece, str) or piece.strip():
                return False
            at += step
    return True


def _link(link: _Link, alone: bool) -> str:
    label = " ".join("".join(link.label).split())
    target = shown(link.target)
    if not label or label == target:
        return target
    return f"{label}: {target}" if alone else f"{label} ({target})"


def shown(target: str) -> str:
    """A link as a reader of plain text needs it: an address or a number without its scheme."""
    return target if "?" in target else re.sub("^(mailto|tel):", "", target)
