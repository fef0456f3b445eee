"""Marks: exclamation, emoji, capitals, and what a branch leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import emoji

from dangol.editor.lexicon import quoted
from dangol.editor.model import DATA, Hit, Reading, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule

_PERHAPS_EMOJI = re.compile("[\u203c-\u3299\U0001f000-\U0001faff]")
"""Where emoji lie, and more; the library's own look is slower."""
_CAPITALS = re.compile(r"(?<![\w/@#.-])[A-Z][A-Z'’]{3,}(?![\w@-])|(?<![\w/@#.-])[A-Z]{2,}(?:[ ,]+[A-Z]{2,})+(?![\w@-])")
_KNOWN = frozenset(
    "STOP HELP KRW USD EUR JPY GBP HTML HTTP HTTPS ASCII ISBN IBAN NASA UNESCO FAQ VIP DVD VINYL".split()
)
_MARKS = re.compile(r"[!?！？]{2,}|\.{4,}|…{2,}|~{2,}|,{2,}|(?<!\.)\.\.(?!\.)")
_STRAY = re.compile(r"(?<=\S)  +(?=\S)| [,.!?;:](?=\s|$)|\( *\)|\[ *\]|\( | \)|[,;:] *[.!?](?=\s|$)|(?<=\s)[,;:](?=\s)")
_TWICE = {
    "en": re.compile(r"\b(?!had\b|that\b|very\b|so\b|no\b|bye\b|ha\b|long\b|many\b)([a-z]+) \1\b", re.IGNORECASE),
    "ko": re.compile(
        r"(?<![가-힣])(?!하나|오래|아주|정말|매우|조금|두루|차근|하루|너무|자꾸|가지)([가-힣]{2,}) \1(?![가-힣])"
    ),
}


def _over(
    reading: Reading, places: Iterator[tuple[Sentence, int, str]], limit: int, what: str, hint: str
) -> Iterable[Hit]:
    for number, (sentence, start, mark) in enumerate(places, 1):
        if number > limit:
            allowed = f"at most {limit}" if limit else "none"
            message = f"{quoted(mark)}: the brand allows {allowed} of these {what} in a message"
            at = sentence.start + start
            yield Hit(at, at + len(mark), message, hint, sentence.part)
            return


@rule(
    "exclamation",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="More exclamation marks than voice.yaml allows in a message on the channel",
    why="They raise the voice. Good news does not need them, and bad news does not bear them.",
    bad="Your records are here!",
    better="Your records are here.",
)
def exclamation(reading: Reading) -> Iterable[Hit]:
    places = (
        (one, match.start(), match[0]) for one in reading.of(*reading.parts) for match in re.finditer("[!！]", one.mask)
    )
    limit = reading.scene.wishes.exclamation
    return _over(reading, places, limit, "exclamation marks", "end the sentence with a full stop")


@rule(
    "emoji",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="More emoji than voice.yaml allows in a message on the channel",
    why="They look different on every phone, screen readers read them out, and in an SMS they cost.",
    bad="Thank you 🎉",
    better="Thank you.",
)
def emojis(reading: Reading) -> Iterable[Hit]:
    places = (
        (one, int(found["match_start"]), str(found["emoji"]))
        for one in reading.sentences
        if not one.quoted and _PERHAPS_EMOJI.search(one.mask)
        for found in emoji.emoji_list(one.mask)
        if str(found["emoji"]) not in "©®™"
    )
    return _over(reading, places, reading.scene.wishes.emoji, "emoji", "say it in words")


@rule(
    "capitals",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Words in capitals: four letters and more, or several in a row",
    why="Capitals shout, are slow to read, and look like spam.",
    bad="IMPORTANT: read this",
    better="Please read this first",
)
def capitals(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for match in _CAPITALS.finditer(sentence.mask):
        if match[0] not in _KNOWN and match[0] not in scene.wishes.brand:
            yield Hit(
                match.start(), match.end(), f"{quoted(match[0])} is in capitals", f"write `{match[0].capitalize()}`"
            )


@rule(
    "repeated-marks",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Marks in a row: `!!`, `??`, `....`, `~~`",
    why="One mark says it.",
    bad="잘 받으셨나요??",
    better="잘 받으셨나요?",
)
def repeated_marks(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for match in _MARKS.finditer(sentence.mask):
        yield Hit(match.start(), match.end(), f"{quoted(match[0])} is more than one mark", "write one")


@rule(
    "stray-space",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="Two spaces, a space before a comma, empty brackets: mostly what is left when data is missing",
    why="It shows that a machine wrote it.",
    bad="Hello , your order () is here.",
    better="Hello{% if profile.name is present %} {{ profile.name }}{% endif %}, your order is here.",
)
def stray_space(reading: Reading) -> Iterable[Hit]:
    for part, prose in reading.parts.items():
        text = prose.text.rstrip()
        for match in _STRAY.finditer(text, len(text) - len(text.lstrip())):
            around = prose.mask[max(match.start() - 1, 0) : match.end() + 1]
            if prose.mask[match.start() : match.end()].strip(DATA) and not around.startswith("\n"):
                shown = text[max(match.start() - 12, 0) : match.end() + 8].replace("\n", " ")
                message = f"in `…{shown}…` a space or a mark is left over"
                hint = "put it inside the `{% if … %}` that it belongs to"
                yield Hit(match.start(), match.end(), message, hint, part)


@rule(
    "doubled-word",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="The same word twice in a row",
    why="It is a slip of the pen.",
    bad="We sent the the parcel.",
    better="We sent the parcel.",
)
def doubled_word(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    if pattern := _TWICE.get(scene.language):
        for match in pattern.finditer(sentence.mask):
            yield Hit(match.start(), match.end(), f"{quoted(match[0])} says one word twice", f"write `{match[1]}` once")
