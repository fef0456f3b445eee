"""A text said to a sample, with the place of every character: what an author wrote, and where data came in.

The parts of a message are run as their author wrote them, Markdown included. Every stretch of text and every tag is
preceded by a mark that no source may contain, so the result tells where each of its characters comes from.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from dangol.content import sandbox
from dangol.content.sandbox import Budget, Program
from dangol.content.sources import MACROS, TextFile
from dangol.content.tags import Origin, Segment, Tag, assemble, cut
from dangol.content.workshop import Bench
from dangol.definitions.document import locate
from dangol.editor.model import Passage, Place
from dangol.model.vocabulary import Channel

_MARK = "\ue010"
_FIRST = 0xF0000
_MARKED = re.compile(f"{_MARK}(.)", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_INSIDE = Place("", 0, data=True)
"""Data that a macro puts in: its place is that of the tag that called the macro."""


@dataclass(frozen=True, slots=True)
class _Start:
    """A part of the message begins."""

    part: str


class Speech:
    """One text, compiled to be said with places. ``sources`` maps workspace paths to texts."""

    def __init__(self, file: TextFile, bench: Bench, sources: Mapping[str, str], frames: Frames | None = None) -> None:
        """``frames`` keeps what many texts share. Raises TemplateError if the text cannot be compiled."""
        self.file = file
        self._bench = bench
        self._sources = sources
        self._table: list[Place | _Start] = [_INSIDE]
        self._said = self._compile([one for part, written in self._written() for one in self._part(part, written)])
        kept = {} if frames is None else frames
        key = tuple(str(getattr(bench.speaker, one.name)) for one in fields(bench.speaker) if one.name != "file")
        if key not in kept:
            kept[key] = tuple(_Frame(file, bench, sources, name) for name in ("greeting", "sign_off"))
        self._frames = kept[key]

    def say(self, context: Mapping[str, Mapping[str, Any]]) -> dict[str, Passage]:
        """The parts as ``context`` has them said. Raises what the template runs into."""
        values = {
            **{name: context.get(name, {}) for name in ("profile", "event", "entry", "links", "digest")},
            "_budget": Budget(),
        }
        said = dict(self._parts(self._said if isinstance(self._said, str) else self._said.render(values)))
        for frame in self._frames:
            said |= frame.say(context)
        return said

    def _parts(self, said: str) -> Iterator[tuple[str, Passage]]:
        part, pieces, runs, length = "", [], [], 0
        top, position, place = _INSIDE, 0, _INSIDE
        marks = [(match.start(), match.end(), self._table[ord(match[1]) - _FIRST]) for match in _MARKED.finditer(said)]
        for start, end, entry in [*marks, (len(said), len(said), _Start(""))]:
            if start > position:
                text = said[position:start]
                pieces.append(text)
                runs.append((length, place))
                length += len(text)
            position = end
            if isinstance(entry, _Start):
                if part:
                    yield part, Passage("".join(pieces), tuple(runs))
                part, pieces, runs, length = entry.part, [], [], 0
            elif entry is _INSIDE:
                place = top
            else:
                place = entry
                top = entry if entry.data else top

    def _part(self, part: str, written: Sequence[Segment]) -> list[Segment]:
        return [self._mark(_Start(part)), *written]

    def _compile(self, segments: Sequence[Segment]) -> Program | str:
        """The segments ready to run, with the macros that they call; as they are if they have no tags."""
        if all(isinstance(one, str) for one in segments):
            return "".join(map(str, segments))
        names = {name for one in segments if isinstance(one, Tag) for name in _CALL.findall(one.inner)}
        macros: list[Segment] = []
        for one in self._bench.macros.needed(frozenset(names)):
            macros += self._in_macro(one)
        text = assemble([*macros, *segments])
        environment = sandbox.environment(self.file.locale, html=False)
        return Program(text, sandbox.parse(environment, text.source), environment, frozenset())

    def _written(self) -> Iterator[tuple[str, list[Segment]]]:
        file = self.file
        linewise = file.channel is not Channel.EMAIL
        for key in ("subject", "preheader", "title"):
            if key in file.front:
                value, origin = file.front[key]
                yield key, self._traced(value, origin, linewise=linewise)
        yield "body", self._traced(file.body, file.body_origin, linewise=linewise, start=self._body_start())

    def _body_start(self) -> int:
        return len(self.file.text) - len(self.file.body) if self.file.text.endswith(self.file.body) else -1

    def _mark(self, entry: Place | _Start) -> str:
        if not isinstance(entry, _Start) or entry.part:
            self._table.append(entry)
        return _MARK + chr(_FIRST + len(self._table) - 1)

    def _traced(self, text: str, origin: Origin, *, linewise: bool, start: int = -1) -> list[Segment]:
        """Segments with marks. They are found in the file one after the other, comments blanked out."""
        whole = _COMMENT.sub(lambda comment: "\0" * len(comment[0]), self.file.text)
        position = start if start >= 0 else _line_start(whole, origin.line)
        traced: list[Segment] = []
        for segment in cut(text, origin, linewise=linewise):
            place, position = _find(whole, segment, position, self.file.path)
            if isinstance(segment, Tag) and segment.kind == "block":
                traced.append(segment)
            elif isinstance(segment, Tag) and (said := self._from_brand(segment, place)) is not None:
                traced += said
            else:
                traced += [self._mark(place), segment]
        return traced

    def _from_brand(self, tag: Tag, place: Place) -> list[Segment] | None:
        """What ``{{ voice.… }}`` stands for, with the places where the brand wrote it; None for other tags."""
        owner = tag.inner.strip().partition(".")[0].strip()
        if owner not in {"voice", "brand"}:
            return None
        traced: list[Segment] = []
        for segment in self._bench.speaker.expand([tag], self._bench.complain):
            if isinstance(segment, str) and owner == "voice":
                traced += [self._mark(self._in_voice(segment) or place), segment]
            elif isinstance(segment, str) or segment.kind == "output":
                traced += [self._mark(place), segment]
            else:
                traced.append(segment)
        return traced

    def _in_macro(self, segment: Segment) -> list[Segment]:
        if isinstance(segment, Tag):
            return [segment] if segment.kind == "block" else [f"{_MARK}{chr(_FIRST)}", segment]
        if not segment.strip():
            return [segment]
        place = self._in_file(MACROS, segment) or self._in_voice(segment)
        return [self._mark(place) if place else f"{_MARK}{chr(_FIRST)}", segment]

    def _in_voice(self, text: str) -> Place | None:
        speaker = self._bench.speaker
        document = speaker.file.document
        at = ("locales", speaker.spoken)
        channel = speaker.channel.value
        likely = [document.keys.get((*at, key, channel)) for key in ("salutation", "sign_off")]
        starts = [place.index for place in (*likely, document.keys.get(at)) if place]
        found = (self._in_file(document.path, text, start) for start in starts)
        return next((place for place in found if place), None)

    def _in_file(self, path: str, text: str, start: int = 0) -> Place | None:
        whole = self._sources.get(path, "")
        for wanted in (text, text.strip(), text.strip().split("\n")[0]):
            index = whole.find(wanted, start) if wanted.strip() else -1
            if index >= 0:
                return Place(path, index, data=False, exact=wanted == text)
        return None


class _Frame(Speech):
    """The greeting or the sign-off, which the brand says around every text of a locale on a channel."""

    def __init__(self, file: TextFile, bench: Bench, sources: Mapping[str, str], name: str) -> None:
        self.file = file
        self._bench = bench
        self._sources = sources
        self._table = [_INSIDE]
        tag = bench.frame(f"{name}()")
        index = _line_start(sources.get(tag.origin.path, ""), tag.origin.line)
        place = Place(tag.origin.path, index, data=True, exact=False)
        self._said = self._compile(self._part(name, [self._mark(place), tag]))
        self._frames = ()


Frames = dict[tuple[str, ...], tuple[Speech, ...]]
"""Greetings and sign-offs, by who speaks."""


def _find(whole: str, segment: Segment, position: int, path: str) -> tuple[Place, int]:
    """The place of a segment at or after ``position`` of a file, and where to look for the next one."""
    if isinstance(segment, Tag):
        opening = r"\{\{" if segment.kind == "output" else r"\{%"
        match = re.compile(rf"{opening}[-+]?{re.escape(segment.inner)}").search(whole, position)
        index, end = match.span() if match else (position, position)
        return Place(path, index, data=True, exact=match is not None, inner=segment.inner), end
    index = whole.find(segment, position)
    if index < 0:  # written with escapes or folded
        return Place(path, position, data=False, exact=False), position
    return Place(path, index, data=False), index + len(segment)


def _line_start(text: str, line: int) -> int:
    index = 0
    for _ in range(line - 1):
        index = text.find("\n", index) + 1
        if index == 0:
            return 0
    return index


def place_of(passage: Passage, start: int, end: int) -> Place:
    """Where the stretch of a passage is written: its first written character, else the tag that put it in."""
    starts = [run for run, _ in passage.runs]
    first = max(bisect_right(starts, start) - 1, 0)
    chosen: Place | None = None
    for index in range(first, len(passage.runs)):
        run, place = passage.runs[index]
        if run >= max(end, start + 1) and chosen is not None:
            break
        if not place.data:
            offset = max(start - run, 0) if place.exact else 0
            return replace(place, index=place.index + offset)
        chosen = chosen or place
    return chosen or Place("", 0, data=True, exact=False)


def is_data(passage: Passage) -> Sequence[tuple[int, int]]:
    """The stretches of a passage that data put in."""
    ends = [*(run for run, _ in passage.runs), len(passage.text)][1:]
    return [(run, end) for (run, place), end in zip(passage.runs, ends, strict=True) if place.data]


def line_and_column(sources: Mapping[str, str], place: Place) -> tuple[int, int]:
    """Line and column of a place, from 1; a place that is not exact is told by the first word of its line."""
    text = sources.get(place.path, "")
    line, column = locate(text, min(place.index, len(text)))
    if not place.exact:
        words = text.split("\n")[line - 1]
        column = max(column, len(words) - len(words.lstrip()) + 1)
    return line, column
