"""Which words of a text changed. Pure, and quick for long texts: lines first, then words in the lines that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Mark = Literal["=", "-", "+"]
_TOKEN = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\s+|[^\s{]+|\{")
_MOST_TOKENS = 2_000
"""Above this, comparing word by word takes too long; the whole stretch is then shown as old and new."""
_CONTEXT = 8
"""Unchanged words that are kept on either side of a change."""
ELLIPSIS = " … "


@dataclass(frozen=True, slots=True)
class Words:
    """A stretch of text: unchanged (``=``), only in the old text (``-``) or only in the new one (``+``)."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that changed, from ``line`` of the new text on (counted from 1)."""

    line: int
    words: tuple[Words, ...]


def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """Where the two texts differ, from top to bottom; a template tag counts as one word."""
    old, new = before.split("\n"), after.split("\n")
    found = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            words = word_diff("\n".join(old[start:end]), "\n".join(new[new_start:new_end]))
            found.append(Hunk(min(new_start, len(new) - 1) + 1, words))
    return tuple(found)


def word_diff(before: str, after: str) -> tuple[Words, ...]:
    """The words of both texts in reading order, each marked; long unchanged stretches are cut to their ends."""
    return tuple(_shortened(list(_joined(_marked(_TOKEN.findall(before), _TOKEN.findall(after))))))


def _marked(old: Sequence[str], new: Sequence[str]) -> Iterator[Words]:
    if len(old) + len(new) > _MOST_TOKENS:
        yield from (Words("-", "".join(old)), Words("+", "".join(new)))
        return
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Words("=", "".join(old[start:end]))
        else:
            yield Words("-", "".join(old[start:end]))
            yield Words("+", "".join(new[new_start:new_end]))


def _joined(words: Iterator[Words]) -> Iterator[Words]:
    """Two changes with only a space between them read better as one."""
    removed = added = ""
    for one in words:
        if one.mark == "-":
            removed += one.text
        elif one.mark == "+":
            added += one.text
        elif one.text == " " and (removed or added):
            removed, added = removed + " ", added + " "
        else:
            yield from _change(removed, added)
            yield one
            removed = added = ""
    yield from _change(removed, added)


def _change(removed: str, added: str) -> Iterator[Words]:
    if removed:
        yield Words("-", removed)
    if added:
        yield Words("+", added)


def _shortened(words: Sequence[Words]) -> Iterator[Words]:
    last = len(words) - 1
    for index, one in enumerate(words):
        yield Words("=", _cut(one.text, head=index > 0, tail=index < last)) if one.mark == "=" else one


def _cut(text: str, *, head: bool, tail: bool) -> str:
    tokens = _TOKEN.findall(text)
    keep = 2 * _CONTEXT
    if len(tokens) <= 2 * keep:
        return text
    start, end = ("".join(tokens[:keep]) if head else ""), ("".join(tokens[-keep:]) if tail else "")
    return f"{start}{ELLIPSIS}{end}"
