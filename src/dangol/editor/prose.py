"""From what is said to what is read: prose without mark-up, cut into sentences, with links and images.

Mark-up is looked for where authors wrote, never in data: a customer's asterisk is a letter like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from dangol.editor.model import DATA, PARTS, Image, Link, Passage, Prose, Reading, Scene, Sentence
from dangol.editor.spoken import is_data
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel

_BREAK = "\n\n"
_LINK = re.compile(r"(?P<image>!?)\[(?P<label>[^\]\[]*)\]\(\s*(?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)[^()]*\)")
_MARKUP = re.compile(
    r"""(?P<hard>\\\n|[ ]{2,}\n)        # a line that ends here
    |(?P<escape>\\)(?=[!-/:-@\[-`{-~])  # a backslash before a mark
    |(?P<element></?(?:mj-[a-z-]+|h[1-6]|br?|hr|[apisu]|em|strong|div|span|img|t(?:able|body|head|[rdh])|[uo]l|li|small
        |blockquote|su[bp]|code|pre|center|font|section|head|body|html|style)\b[^<>]*>)  # in bodies of HTML or MJML
    |(?P<strong>\*\*|__|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)|`+)
    |(?P<start>(?<=\n)[ \t]*(?:[-*+][ \t]+|\d{1,2}[.)][ \t]+|\#{1,6}[ \t]+))
    """,
    re.VERBOSE,
)
_QUOTE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_BLOCKS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|a\.m|p\.m|approx)|(?<![A-Za-z])[A-Z])\.$")
_END = re.compile(r"[.!?…。]+[\"'”’)\]]*(?=\s|$)|\n")
BARE_URL = re.compile(r"https?://[^\s<>\"'”’)\]]+|www\.[^\s<>\"'”’)\]]+", re.IGNORECASE)


def masked(passage: Passage) -> str:
    """The passage with DATA for every character that data put in."""
    mask = passage.text
    for start, end in is_data(passage):
        mask = f"{mask[:start]}{DATA * (end - start)}{mask[end:]}"
    return mask


def plain(passage: Passage) -> Prose:
    """A passage that has no mark-up, such as a subject or an SMS."""
    return Prose(passage.text, masked(passage), tuple(range(len(passage.text))), passage)


def read(scene: Scene, passages: Mapping[str, Passage], rendered: Rendered | None = None) -> Reading:
    """The message as a reader has it before them."""
    parts: dict[str, Prose] = {}
    sentences: list[Sentence] = []
    links: list[Link] = []
    images: list[Image] = []
    for part in PARTS:
        if part not in passages:
            continue
        if part == "body" and scene.channel is Channel.EMAIL:
            body = _Body(passages[part])
            parts[part] = body.prose
            sentences += body.sentences()
            links, images = body.links, body.images
        else:
            parts[part] = plain(passages[part])
            sentences += cut_sentences(parts[part], part)
    if scene.channel is not Channel.EMAIL and "body" in parts:
        links = list(bare_links(parts["body"]))
    return Reading(scene, parts, tuple(sentences), tuple(links), tuple(images), rendered)


def bare_links(prose: Prose) -> Iterator[Link]:
    """Addresses that stand in the text as they are."""
    for match in BARE_URL.finditer(prose.text):
        target = match[0].rstrip(".,;:!?")
        written = prose.mask[match.start() : match.start() + len(target)]
        yield Link(target, target, match.start(), button=False, written=written)


def cut_sentences(
    prose: Prose, part: str, start: int = 0, end: int | None = None, *, block: int = 0, quoted: bool = False
) -> Iterator[Sentence]:
    """The sentences of a stretch of prose, in order; data never ends one."""
    stop = len(prose.text) if end is None else end
    begun = start
    for match in [*_END.finditer(prose.mask, start, stop), None]:
        if match is not None and _ABBREVIATED.search(prose.mask, begun, match.end()):
            continue
        until = match.end() if match else stop
        stretch = prose.text[begun:until]
        if stretch.strip():
            first = begun + len(stretch) - len(stretch.lstrip())
            last = begun + len(stretch.rstrip())
            yield Sentence(prose.text[first:last], prose.mask[first:last], part, first, block, quoted)
        begun = until


class _Body:
    """An email's body in Markdown, read."""

    def __init__(self, passage: Passage) -> None:
        self.links: list[Link] = []
        self.images: list[Image] = []
        self._passage = passage
        mask = f"\n{masked(passage)}"
        self._quotes = [match.start() for match in _QUOTE.finditer(mask)]
        self._mask = _QUOTE.sub(_blank, mask)
        self._text = _blank_at(f"\n{passage.text}", _QUOTE.finditer(mask))
        self._pieces: list[str] = []
        self._masks: list[str] = []
        self._back: list[int] = []
        self._length = 0
        self._blocks: list[tuple[int, int, bool, bool]] = []
        for begun, ended in self._stretches():
            self._block(begun, ended)
        self.prose = Prose("".join(self._pieces), "".join(self._masks), tuple(self._back), passage)

    def sentences(self) -> list[Sentence]:
        return [
            replace(one, label=label)
            for number, (start, end, quoted, label) in enumerate(self._blocks)
            for one in cut_sentences(self.prose, "body", start, end, block=number, quoted=quoted)
        ]

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Paragraphs and list items, as they lie in the text."""
        begun = 0
        for match in [*_BLOCKS.finditer(self._mask), None]:
            ended = match.start() if match else len(self._mask)
            yield from self._items(begun, ended)
            begun = match.end() - 1 if match else ended

    def _items(self, begun: int, ended: int) -> Iterator[tuple[int, int]]:
        starts = [
            match.start() - 1
            for match in re.finditer(r"(?<=\n)[ \t]*(?:[-*+]|\d{1,2}[.)])[ \t]+", self._mask[begun:ended])
            if match.start() > 1
        ]
        edges = [begun, *(begun + start for start in starts), ended]
        yield from ((one, other) for one, other in pairwise(edges) if self._mask[one:other].strip())

    def _block(self, begun: int, ended: int) -> None:
        mask = self._mask[begun:ended]
        quoted = any(begun <= start < ended for start in self._quotes)
        alone = _LINK.fullmatch(mask.strip())
        button = alone is not None and not alone["image"]
        if self._length:
            self._add(begun, begun, extra=_BREAK)
        start = self._length
        self._inline(begun, ended, button)
        self._blocks.append((start, self._length, quoted, button))

    def _inline(self, begun: int, ended: int, button: bool) -> None:
        position = begun
        while position < ended:
            found = [one for mark in (_LINK, _MARKUP) if (one := mark.search(self._mask, position, ended))]
            match = min(found, key=lambda one: one.start(), default=None)
            self._add(position, match.start() if match else ended)
            if match is None:
                return
            if match.re is _LINK:
                self._link(match, button)
            elif match["hard"]:
                self._add(match.end() - 1, match.end(), hard=True)
            position = match.end()

    def _link(self, match: re.Match[str], button: bool) -> None:
        target = self._text[match.start("target") : match.end("target")]
        if match["image"]:
            alt = self._text[match.start("label") : match.end("label")]
            self.images.append(Image(alt, target, self._length))
            return
        start = self._length
        self._inline(match.start("label"), match.end("label"), button=False)
        label = "".join(self._pieces)[start:]
        self.links.append(Link(label, target, start, button, match["target"]))

    def _add(self, start: int, end: int, *, extra: str = "", hard: bool = False) -> None:
        """Prose from the text between two indices; line ends become spaces, unless the author meant one."""
        text, mask = (extra, extra) if extra else (self._text[start:end], self._mask[start:end])
        if not extra and not hard:
            text, mask = text.replace("\n", " "), mask.replace("\n", " ")
        if not self._pieces or self._pieces[-1].endswith((" ", "\n")):
            kept = text.lstrip(" ") if not extra else text
            start, text, mask = start + len(text) - len(kept), kept, mask[len(mask) - len(kept) :]
        self._pieces.append(text)
        self._masks.append(mask)
        self._back += [start - 1] * len(extra) if extra else range(start - 1, start - 1 + len(text))
        self._length += len(text)


def _blank(match: re.Match[str]) -> str:
    return match[0].replace(">", " ")


def _blank_at(text: str, marks: Iterable[re.Match[str]]) -> str:
    for mark in marks:
        text = f"{text[: mark.start()]}{_blank(mark)}{text[mark.end() :]}"
    return text


def words(text: str) -> list[str]:
    """The words of a text as white space divides them; in Korean 어절. Marks alone are no words."""
    return [word for word in text.split() if any(character.isalnum() or character == DATA for character in word)]


def first_of(sentences: Iterable[Sentence], pattern: re.Pattern[str]) -> tuple[int, re.Match[str]] | None:
    """The first sentence in which an author wrote something of ``pattern``: its number and the match."""
    for number, sentence in enumerate(sentences):
        if match := pattern.search(sentence.mask):
            return number, match
    return None
