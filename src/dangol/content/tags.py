"""Jinja tags kept aside while Markdown, MJML and CSS are compiled, and put back afterwards.

A source is cut into plain text and tags. Each tag is replaced by an opaque word that every later parser leaves alone;
when those are done, the words become tags again. So nothing is parsed after customer data has been put in.

The text that is put together for Jinja has delimiters of its own (private-use characters, refused in sources), so no
mark-up or CSS can be mistaken for a tag. Each tag starts a line of that text: its line number tells its origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jinja2 import Environment, TemplateSyntaxError

DELIMITERS = {
    "variable_start_string": "\ue000",
    "variable_end_string": "\ue001",
    "block_start_string": "\ue002",
    "block_end_string": "\ue003",
    "comment_start_string": "\ue004",
    "comment_end_string": "\ue005",
}
RESERVED = re.compile("[\ue000-\ue005]")

_AUTHORED = Environment(autoescape=True)
_AUTHORED_LINEWISE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)


class Origin(NamedTuple):
    """Where an author wrote something; lines count from 1."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Tag:
    """``{{ inner }}`` (an output) or ``{% inner %}`` (a block), as an author wrote it."""

    kind: Literal["output", "block"]
    inner: str
    origin: Origin

    @property
    def source(self) -> str:
        start, end = ("\ue000", "\ue001") if self.kind == "output" else ("\ue002", "\ue003")
        return f"{start}\n{self.inner}{end}"


Segment = str | Tag


def cut(source: str, origin: Origin, *, linewise: bool) -> list[Segment]:
    """Cut a source into text and tags; comments go. ``linewise``: a block alone on its line leaves no empty line.

    Raises TemplateSyntaxError, its line counted in the file of ``origin``.
    """
    environment = _AUTHORED_LINEWISE if linewise else _AUTHORED
    segments: list[Segment] = []
    inner: list[str] = []
    opened, line = "", 0
    try:
        for number, kind, value in environment.lex(source):
            if kind == "data":
                segments.append(value)
            elif kind in {"variable_begin", "block_begin"}:
                inner, line, opened = [], number, value.rstrip("+-")
            elif kind in {"variable_end", "block_end"}:
                tag: Literal["output", "block"] = "output" if kind == "variable_end" else "block"
                segments.append(Tag(tag, "".join(inner), Origin(origin.path, origin.line + line - 1)))
                opened = ""
            elif kind.startswith("raw_"):
                raise TemplateSyntaxError("`{% raw %}` is not available in messages", number)  # noqa: TRY301
            elif not kind.startswith("comment"):
                inner.append(value)
        if opened:
            raise TemplateSyntaxError(f"`{opened}` is not closed", line)  # noqa: TRY301
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(error.message or "", origin.line + error.lineno - 1, origin.path) from None
    return segments


@dataclass(frozen=True, slots=True)
class Assembled:
    """A text for Jinja in DELIMITERS. ``origins`` gives, for each of its lines that starts in a tag, who wrote it."""

    source: str
    origins: dict[int, Origin]
    has_tags: bool


def assemble(segments: Iterable[Segment], *, escape: Callable[[str], str] = str) -> Assembled:
    """Put text and tags together; ``escape`` is applied to the text."""
    pieces: list[str] = []
    origins: dict[int, Origin] = {}
    line = 1
    for segment in segments:
        piece = segment.source if isinstance(segment, Tag) else escape(segment)
        if isinstance(segment, Tag):
            path, first = segment.origin
            for offset in range(piece.count("\n")):
                origins[line + 1 + offset] = Origin(path, first + offset)
        line += piece.count("\n")
        pieces.append(piece)
    return Assembled("".join(pieces), origins, bool(origins))


class Slots:
    """The words that stand for tags while other parsers work.

    Words are lower-case letters and digits, so that Markdown, URLs, XML and CSS leave them as they are; the prefix
    occurs in no source.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._tags: list[Tag] = []
        self.pattern = rf"(?:<!--)?{prefix}(?P<slot>\d+)z(?:-->)?"
        self._word = re.compile(self.pattern)

    def put(self, tag: Tag) -> str:
        self._tags.append(tag)
        return f"{self._prefix}{len(self._tags) - 1}z"

    def lay(self, segments: Iterable[Segment], *, escape: Callable[[str], str] = str) -> str:
        """Text with words in place of tags."""
        return "".join(self.put(part) if isinstance(part, Tag) else escape(part) for part in segments)

    def tag(self, match: re.Match[str]) -> Tag:
        """The tag that a match of ``pattern`` stands for."""
        return self._tags[int(match["slot"])]

    def words(self, text: str) -> frozenset[str]:
        """The words that stand in a text."""
        return frozenset(match["slot"] for match in self._word.finditer(text))

    def lift(self, text: str) -> Iterator[Segment]:
        """The segments of a text in which words stand for tags."""
        position = 0
        for match in self._word.finditer(text):
            if match.start() > position:
                yield text[position : match.start()]
            yield self.tag(match)
            position = match.end()
        if position < len(text):
            yield text[position:]

    def block_alone(self, text: str) -> bool:
        """Whether the text is one block tag and nothing else."""
        match = self._word.fullmatch(text.strip())
        return match is not None and self.tag(match).kind == "block"

    def change(self, text: str, change: Callable[[Tag, bool], Tag]) -> None:
        """Let ``change`` replace each tag in ``text``; it is told whether the tag is the start of it."""
        for match in self._word.finditer(text):
            self._tags[int(match["slot"])] = change(self.tag(match), match.start() == 0)


def unused_prefix(sources: Iterable[str]) -> str:
    """A prefix for words that occurs in none of the sources; the same for the same sources."""
    everything = "\n".join(sources).lower()
    prefix = "tagword"
    while prefix in everything:
        prefix += "q"
    return prefix
