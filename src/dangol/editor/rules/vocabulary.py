"""The brand's own words: its glossary and what it never says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule
from dangol.editor.wishes import Avoided


@lru_cache(maxsize=256)
def _pattern(avoided: tuple[Avoided, ...]) -> re.Pattern[str] | None:
    """All words to avoid, longest first, so that 고객님 is found before 고객."""
    terms = sorted({word for one in avoided for word in one.words}, key=lambda word: (-len(word), word))
    if not terms:
        return None
    return re.compile("|".join(_term(word) for word in terms), re.IGNORECASE)


def _term(word: str) -> str:
    escaped = re.sub(r"(?:\\ )+", r"\\s+", re.escape(" ".join(word.split())))
    if re.search("[가-힣]", word):
        return rf"(?<![가-힣]){escaped}"
    start = r"(?<!\w)" if word[:1].isalnum() else ""
    return rf"{start}{escaped}(?:e?s)?(?!\w)" if word[-1:].isalnum() else f"{start}{escaped}"


def _find(mask: str, avoided: Sequence[Avoided]) -> Iterable[tuple[re.Match[str], Avoided]]:
    pattern = _pattern(tuple(avoided))
    for match in pattern.finditer(mask) if pattern else ():
        for one in avoided:
            if any(re.fullmatch(_term(word), match[0], re.IGNORECASE) for word in one.words):
                yield match, one
                break


@rule(
    "avoided-term",
    Scope.SENTENCE,
    Severity.ERROR,
    looks_for="A word that the glossary of voice.yaml avoids",
    why="One thing has one name, so that the brand sounds like itself everywhere. voice.yaml gives the reason.",
    bad="고객님의 주문을 받았습니다.",
    better="손님의 주문을 받았습니다.",
)
def avoided_term(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for match, one in _find(sentence.mask, scene.wishes.glossary):
        because = f": {one.because}" if one.because else ""
        hint = f"say `{one.say}`" if one.say else "leave it out"
        yield Hit(match.start(), match.end(), f"{quoted(match[0])} is a word that the brand avoids{because}", hint)


@rule(
    "banned-phrase",
    Scope.SENTENCE,
    Severity.ERROR,
    looks_for="A phrase that voice.yaml bans",
    why="The brand has decided against it. voice.yaml gives the reason.",
    bad="국내 최고의 음반 가게입니다.",
    better="두 사람이 꾸리는 음반 가게입니다.",
)
def banned_phrase(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for match, one in _find(sentence.mask, scene.wishes.banned):
        because = f": {one.because}" if one.because else ""
        hint = f"rather `{one.say}`" if one.say else "leave it out"
        yield Hit(match.start(), match.end(), f"{quoted(match[0])} is banned by the brand{because}", hint)
