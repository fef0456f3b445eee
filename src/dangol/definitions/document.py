"""A YAML file as plain values, with the place of every key and value kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dangol.model.problem import Problem

MAX_MESSAGE = 400

Path = tuple[str | int, ...]
"""How to reach a value from the root: ``("stages", 0, "steps", 2, "send")``."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something starts. Line and column count from 1; ``index`` counts characters of the file from 0.

    ``style`` is how a scalar was written: plain (empty), quoted (``'`` or ``"``) or as a block (``|`` or ``>``).
    """

    line: int
    column: int
    index: int
    style: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its text, its value made of dicts, lists, text, numbers, booleans and None, and all places."""

    path: str
    text: str
    value: Any
    keys: Mapping[Path, Place]
    values: Mapping[Path, Place]

    def get(self, path: Path) -> Any:
        """The value at ``path``, or None where there is none."""
        value = self.value
        for step in path:
            value = child(value, step)
        return value

    def text_at(self, path: Path) -> str | None:
        """The text at ``path``; None if something else stands there, which the models already report."""
        value = self.get(path)
        return value if isinstance(value, str) else None

    def items(self, path: Path) -> list[tuple[Path, Any]]:
        """The members of the list or mapping at ``path`` with their own paths; none if it is neither."""
        value = self.get(path)
        if isinstance(value, list):
            return [((*path, index), item) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return [((*path, key), item) for key, item in value.items()]
        return []

    def place(self, path: Path, *, key: bool = False, offset: int = 0) -> tuple[int, int]:
        """Line and column of the value at ``path``, of its key, or of the ``offset``-th character of its text."""
        if key and path in self.keys:
            return self.keys[path].line, self.keys[path].column
        place = self.values.get(path)
        if place is None:
            return self.place(path[:-1], key=True) if path else (1, 1)
        if offset and isinstance(text := self.get(path), str):
            return locate(self.text, _source_index(self.text, place, text, offset))
        return place.line, place.column

    def problem(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        hint: str = "",
        key: bool = False,
        offset: int = 0,
        severity: str = "error",
    ) -> Problem:
        """A problem at ``path``; what is quoted in it from the file is kept to one line of bearable length."""
        line, column = self.place(path, key=key, offset=offset)
        message = " ".join(message.split())
        message = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
        return Problem(self.path, line, column, code, message, hint, severity)


ABSENT = object()


def child(value: Any, step: str | int, default: Any = None) -> Any:
    """The member of a mapping or list at ``step``, or ``default``."""
    if isinstance(value, dict):
        return value.get(step, default)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else default


def locate(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at ``index``."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _source_index(source: str, place: Place, value: str, offset: int) -> int:
    """Find the ``offset``-th character of a scalar in the file it was read from.

    Folding and indentation change only white space, so the same number of other characters stands before it.
    Escapes in double quotes break that count; such a scalar is told by its start.
    """
    index = place.index
    if place.style in {"|", ">"}:
        index = source.find("\n", index) + 1
    elif place.style:
        index += 1
    if place.style == '"' and "\\" in source[index : index + len(value)]:
        return place.index
    before = sum(not character.isspace() for character in value[:offset])
    while index < len(source):
        character = source[index]
        if not character.isspace():
            if before == 0:
                return index
            before -= 1
            index += place.style == "'" and character == "'"
        index += 1
    return place.index


def nearest(word: object, known: Mapping[str, Any] | frozenset[str] | set[str] | list[str]) -> str | None:
    """The known word that ``word`` was most likely meant to be."""
    lower = {name.lower(): name for name in known}
    found = get_close_matches(str(word).lower(), sorted(lower), n=1, cutoff=0.7)
    return lower[found[0]] if found else None


def did_you_mean(word: object, known: Mapping[str, Any] | frozenset[str] | set[str] | list[str]) -> str:
    """A hint: the nearest known word, else all of them if they are few."""
    if best := nearest(word, known):
        return f"did you mean `{best}`?"
    return f"expected {one_of(sorted(known))}" if 0 < len(known) <= 12 else ""


def one_of(words: list[str]) -> str:
    """``a``, ``b`` or ``c``, each in backticks."""
    quoted = [f"`{word}`" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
