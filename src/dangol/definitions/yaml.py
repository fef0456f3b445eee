"""YAML 1.2 with positions and limits, read from ruamel.yaml's event stream.

Values are built from events with a stack of our own: nothing recurses, and a limit stops the reading before
anything large exists. Scalars follow YAML 1.2's JSON-like core, so ``21:00``, ``NO``, ``on`` and ``+8210…`` stay
text. Anchors, aliases, merge keys and tags are refused: every value stands where it is used, so every problem has
one place.
"""

from __future__ import annotations

import math
import re
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from dangol.definitions.document import Document, Path, Place, locate
from dangol.model.problem import Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_VALUES = 20_000
MAX_PROBLEMS = 20
_REMEMBERED = 64
"""Files whose reading is remembered: voice, policies and their like, of which every version has its own copy."""

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,30})?([eE][-+]?\d{1,3})?", re.ASCII)
_WORDS = {"": None, "~": None, "true": True, "false": False, "null": None}
_WORDS |= {form: value for word, value in list(_WORDS.items()) for form in (word.capitalize(), word.upper())}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_yaml(path: str, text: str) -> tuple[Document | None, list[Problem]]:
    """Read one file's text. Never raises, whatever the text is.

    Returns the document, or None if what is wrong leaves its meaning open, and every problem found on the way. The
    same text is not parsed again; who reads it has values of their own.
    """
    document, problems = _read(path, text)
    if document is not None:
        document = replace(document, value=deepcopy(document.value))
    return document, list(problems)


@lru_cache(maxsize=_REMEMBERED)
def _read(path: str, text: str) -> tuple[Document | None, list[Problem]]:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return None, [Problem(path, 1, 1, "too-large", f"the file is larger than {MAX_BYTES:,} bytes")]
    if tabs := _tabs(path, text):
        return None, tabs
    builder = _Builder(path, text)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except _TooMuch:
        return None, builder.problems
    # ruamel.yaml lets ValueError, OverflowError and IndexError out for some malformed escapes and directives.
    except (YAMLError, ValueError, ArithmeticError, LookupError, AssertionError, AttributeError, TypeError) as error:
        return None, [*builder.problems, _syntax(path, text, error, builder.last)]
    return builder.document(), builder.problems


def _tabs(path: str, text: str) -> list[Problem]:
    lines = [(number, line.find("\t") + 1) for number, line in enumerate(text.split("\n"), 1) if "\t" in line]
    return [
        Problem(path, line, column, "tab", "found a tab; YAML is indented with spaces", "replace it with spaces")
        for line, column in lines[:MAX_PROBLEMS]
    ]


def _syntax(path: str, text: str, error: Exception, last: tuple[int, int]) -> Problem:
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark) is not None:
        message = str(error.problem or error.context).replace("\x00", "the end of the file")
        if error.context and error.problem:
            message = f"{message}, {error.context}"
        return Problem(
            path, mark.line + 1, mark.column + 1, "yaml-syntax", message, _SYNTAX_HINTS.get(error.problem, "")
        )
    if isinstance(error, ReaderError):
        line, column = locate(text, min(int(error.position), len(text)))
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return Problem(path, line, column, "yaml-syntax", f"found the control character U+{code:04X}")
    return Problem(path, *last, "yaml-syntax", f"what follows this cannot be read as YAML: {error}")


_SYNTAX_HINTS = {
    "mapping values are not allowed here": "put a text that contains `: ` in quotes",
    "expected <block end>, but found '<scalar>'": "check the indentation of this line and the ones before",
}


class _TooMuch(Exception):
    """A limit was reached; the problem is recorded."""


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open. ``path`` is None inside the value of a duplicate key."""

    into: dict[str, Any] | list[Any]
    path: Path | None
    key: str | None = None
    duplicate: bool = False


@dataclass(slots=True)
class _Builder:
    path: str
    text: str
    problems: list[Problem] = field(default_factory=list)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    root: Any = None
    frames: list[_Frame] = field(default_factory=list)
    documents: int = 0
    count: int = 0
    unclear: bool = False
    last: tuple[int, int] = (1, 1)

    def document(self) -> Document | None:
        """What was read; None if something was refused whose meaning would now be missing."""
        if self.unclear:
            return None
        return Document(self.path, self.text, self.root, self.keys, self.values)

    def take(self, event: Event) -> None:
        self.last = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, DocumentStartEvent):
            self._start_document(event)
        elif isinstance(event, CollectionEndEvent):
            self.frames.pop()
        elif isinstance(event, AliasEvent):
            self._refuse(event, "alias", "found an alias; dangol's files have none", "write the value out here")
            self._add(event, None)
        elif isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(event, {} if isinstance(event, MappingStartEvent) else [])

    def _start_document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop(event, "second-document", "found a second document after `---`", "put it into a file of its own")
        if event.version or event.tags:
            self._refuse(event, "directive", "found a `%` directive; dangol's files are plain YAML 1.2", "remove it")

    def _open(self, event: Event, into: dict[str, Any] | list[Any]) -> None:
        if len(self.frames) >= MAX_DEPTH:
            self._stop(event, "too-deep", f"nested more than {MAX_DEPTH} levels deep")
        if self._expects_key():
            self._stop(
                event, "bad-key", "expected a name as key; found a list or mapping", "put text with `{` in quotes"
            )
        self._decorations(event)
        self.frames.append(_Frame(into, self._add(event, into)))

    def _scalar(self, event: ScalarEvent) -> None:
        self._decorations(event)
        if _UNSTORABLE.search(event.value):
            self._refuse(event, "bad-character", "found an escape for a character that no text can hold", "remove it")
        if self._expects_key():
            self._start_entry(event)
        else:
            self._add(event, event.value if event.style else _plain(event.value))

    def _expects_key(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[-1].into, dict) and self.frames[-1].key is None

    def _start_entry(self, event: ScalarEvent) -> None:
        frame, key = self.frames[-1], str(event.value)
        frame.key = key
        frame.duplicate = key in frame.into
        if frame.duplicate:
            first = self.keys.get((*frame.path, key)) if frame.path is not None else None
            where = f"; the first is in line {first.line}" if first else ""
            self._refuse(
                event, "duplicate-key", f"found `{key}` twice in one mapping{where}", "remove one", unclear=False
            )
        elif frame.path is not None:
            self.keys[(*frame.path, key)] = _place(event)

    def _add(self, event: Event, value: Any) -> Path | None:
        """Put a value where it belongs; returns its path, or None inside a duplicate."""
        self.count += 1
        if self.count > MAX_VALUES:
            self._stop(event, "too-large", f"more than {MAX_VALUES:,} values in one file")
        if not self.frames:
            self.root = value
            self.values[()] = _place(event)
            return ()
        frame = self.frames[-1]
        if isinstance(frame.into, list):
            step: str | int = len(frame.into)
            frame.into.append(value)
        else:
            assert frame.key is not None
            step, frame.key = frame.key, None
            if frame.duplicate:
                return None
            frame.into[step] = value
        if frame.path is None:
            return None
        path = (*frame.path, step)
        # An absent value is told by its key: the parser puts it at the next token, often lines below.
        absent = value is None and isinstance(event, ScalarEvent) and event.value == ""
        self.values[path] = self.keys[path] if absent and path in self.keys else _place(event)
        return path

    def _decorations(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(
                event, "anchor", "found an anchor; dangol's files have none", "write the value out where it is used"
            )
        if event.tag is not None:
            self._refuse(event, "tag", f"found the tag `{event.tag}`; dangol's files have none", "quote a text instead")

    def _refuse(self, event: Event, code: str, message: str, hint: str = "", *, unclear: bool = True) -> None:
        self.unclear = self.unclear or unclear
        mark = event.start_mark
        self.problems.append(Problem(self.path, mark.line + 1, mark.column + 1, code, message, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _TooMuch

    def _stop(self, event: Event, code: str, message: str, hint: str = "") -> None:
        self._refuse(event, code, message, hint)
        raise _TooMuch


def _place(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1, mark.index, getattr(event, "style", None) or "")


def _plain(text: str) -> Any:
    """An unquoted scalar's value: null, boolean, number or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
