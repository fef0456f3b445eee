"""Where a fact is written, found by its words; for those who have nothing that knows better."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dangol.definitions.document import locate
from dangol.editor.facts.model import Fact, Rendering
from dangol.editor.facts.review import Place

_FRONT = re.compile(r"---[ \t]*\n.*?\n---[ \t]*\n", re.DOTALL)
_WORD = re.compile(r"\S+")


class WordPlaces:
    """Looks a fact up in the sources by the words as they are written, then by the words beside them.

    A value that data puts in stands in no source: it is found by the words before or after it, in the right part of
    the file. If nothing is found the place is the first line of the part.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def __call__(self, rendering: Rendering, fact: Fact | None) -> Place:
        text = self._sources.get(rendering.path, "")
        front = _FRONT.match(text)
        body = front.end() if front else 0
        if fact is None:
            return Place(rendering.path, *locate(text, _first_word(text, body)))
        start, end = body, len(text)
        if fact.part != "body":
            key = re.search(rf"^{re.escape(fact.part)}:\s*", text[:body], re.MULTILINE)
            start, end = (key.end(), (text.find("\n", key.end(), body) + 1 or body)) if key else (0, body)
        return Place(rendering.path, *locate(text, _find(text, start, end, rendering.parts.get(fact.part, ""), fact)))


def _find(text: str, start: int, end: int, said: str, fact: Fact) -> int:
    found = text.find(fact.written, start, end)
    if found >= 0:
        return found
    before = _WORD.findall(said[max(fact.start - 200, 0) : fact.start].rpartition("\n")[2])
    after = _WORD.findall(said[fact.end : fact.end + 200].partition("\n")[0])
    for words in (before[-3:], before[-2:], before[-1:]):
        index = text.find(" ".join(words), start, end) if words else -1
        if index >= 0:
            tag = text.find("{{", index, end)
            return tag if 0 <= tag - index - len(" ".join(words)) <= 40 else index
    for words in (after[:3], after[:2], after[:1]):
        index = text.find(" ".join(words), start, end) if words else -1
        if index >= 0:
            tag = text.rfind("{{", start, index)
            return tag if tag >= 0 else index
    return _first_word(text, start)


def _first_word(text: str, start: int) -> int:
    match = _WORD.search(text, start)
    return match.start() if match else min(start, len(text))
