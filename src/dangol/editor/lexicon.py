"""Lists of wordings, each with what to say instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A wording at ``start`` of a text, and the advice that goes with it."""

    start: int
    end: int
    words: str
    advice: str


class Lexicon:
    """Per language, patterns and their advice. English patterns stand between word boundaries."""

    def __init__(self, entries: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._advice: dict[str, list[str]] = {}
        for language, pairs in entries.items():
            self._advice[language] = [advice for _, advice in pairs]
            joined = "|".join(f"(?P<_{number}>{pattern})" for number, (pattern, _) in enumerate(pairs))
            bounded = rf"(?<![A-Za-z0-9_'’])(?:{joined})(?![A-Za-z0-9_])" if language == "en" else joined
            self._patterns[language] = re.compile(bounded, re.IGNORECASE)

    def find(self, text: str, language: str) -> Iterator[Found]:
        """The wordings of the language in the text, from left to right."""
        pattern = self._patterns.get(language)
        for match in pattern.finditer(text) if pattern else ():
            number = int(str(match.lastgroup).removeprefix("_"))
            yield Found(match.start(), match.end(), match[0], self._advice[language][number])


def quoted(words: str, most: int = 60) -> str:
    """Words as a message cites them."""
    text = " ".join(words.replace("\ue020", "…").split())
    text = re.sub("…{2,}", "…", text)
    return f"`{text if len(text) <= most else text[: most - 1].rstrip() + '…'}`"
