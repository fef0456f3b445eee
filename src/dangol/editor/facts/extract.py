"""Facts taken from texts, in Korean and English notation."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from dangol.editor.facts.codes import codes
from dangol.editor.facts.counts import durations, quantities
from dangol.editor.facts.dates import dates, weekdays
from dangol.editor.facts.found import Found, levelled
from dangol.editor.facts.model import Fact, Kind
from dangol.editor.facts.money import money, percentages
from dangol.editor.facts.numerals import ENGLISH, NATIVE
from dangol.editor.facts.roles import role
from dangol.editor.facts.targets import addresses, links, phones, target
from dangol.editor.facts.times import times

_BETWEEN = re.compile(r"\n(?=\s*(?:\n|[-*>#]|\d+\.\s))")
_LINK = re.compile(r"://|@|www\.|mailto:|tel:|sms:", re.IGNORECASE)
_DIGIT = re.compile("[0-9０-９]")
_CURRENCY = re.compile("원|won|달러|dollar|유로|euro|엔|yen|위안|yuan|파운드|pound|불", re.IGNORECASE)
_SHARE = re.compile("%|퍼|프로|반|half|per", re.IGNORECASE)
_CAPITALS = re.compile("[A-Z]{4}")
_MAY_TELL = re.compile(
    rf"[0-9０-９A-Z]{{4}}|[0-9０-９]|요일|정오|자정|하루|[이사나엿]틀|흘|닷새|이레|보름|일주일|반|half|day|noon|midnight|once|twice"
    rf"|{NATIVE}|[일이삼사오육칠팔구십백천만억]|{ENGLISH}|\ban?\s",
    re.IGNORECASE,
)
"""Something of which a number, a day or a code is made."""

MAX_TEXT = 100_000
"""Characters of a part that are looked at; no message is that long."""


def extract(parts: Mapping[str, str], locale: str, *, own: frozenset[str] = frozenset()) -> tuple[Fact, ...]:
    """The facts of a message's parts, in the order in which they are told.

    ``parts`` are named texts, such as ``Rendering.parts``; `link` holds one link and nothing else. ``own`` are phone
    numbers, addresses and links of the brand's own, which are no facts of a message. Never raises for what texts hold.
    """
    ours = frozenset(known for one in own for known in _targets(one))
    return tuple(
        fact for part, text in parts.items() for fact in _of_part(part, text, locale) if not _is_own(fact, ours)
    )


def _of_part(part: str, text: str, locale: str) -> Iterator[Fact]:
    for start, paragraph in _paragraphs(text[:MAX_TEXT]):
        for fact in _of_paragraph(part, paragraph, locale):
            yield replace(fact, start=start + fact.start, end=start + fact.end) if start else fact


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Where each paragraph or item of a list begins, and what it says; no fact goes on in the next one."""
    start = 0
    for match in _BETWEEN.finditer(text):
        yield start, text[start : match.end()]
        start = match.end()
    yield start, text[start:]


@lru_cache(maxsize=50_000)
def _of_paragraph(part: str, text: str, locale: str) -> tuple[Fact, ...]:
    """Kept, for most paragraphs read the same to every sample."""
    level = levelled(text)
    taken = _Taken()
    kept = [found for found in _found(part, level, locale) if taken.take(found)]
    told = []
    for found in sorted(kept, key=lambda one: (one.start, one.end)):
        if text[found.end : found.end + 1] == "…":
            continue  # cut off: nobody knows how it went on
        said = found.role or role(found.kind, level, found.start, found.end)
        written = text[found.start : found.end]
        told.append(Fact(found.kind, found.value, written, part, found.start, found.end, said, found.weight))
    return tuple(told)


def _found(part: str, text: str, locale: str) -> Iterator[Found]:
    """What each grammar finds; what comes first claims its characters. Those whose signs are absent are not asked."""
    if _LINK.search(text):
        yield from links(text)
        yield from addresses(text)
    if part == "link" or not _MAY_TELL.search(text):
        return
    digits = _DIGIT.search(text) is not None
    if digits or _CURRENCY.search(text):
        yield from money(text)
    if _SHARE.search(text):
        yield from percentages(text)
    if digits:
        yield from dates(text, locale)
        yield from phones(text)
    if digits or _CAPITALS.search(text):
        yield from codes(text)
    yield from times(text)
    yield from weekdays(text)
    yield from durations(text)
    yield from quantities(text)


class _Taken:
    """Stretches of a text that a fact was found in; none belongs to two."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def take(self, found: Found) -> bool:
        """Claim the fact's stretch; False if a part of it is taken."""
        index = bisect_left(self._starts, found.end)
        if index and self._ends[index - 1] > found.start:
            return False
        self._starts.insert(index, found.start)
        self._ends.insert(index, found.end)
        return True


def _targets(own: str) -> Iterator[str]:
    """What the brand's own phone number, address or link may look like in a text."""
    if "://" in own:
        yield target(own)
    elif "@" in own:
        yield target(f"mailto:{own}")
    else:
        yield target(f"tel:{own}")
        yield target(f"tel:{own}").removeprefix("tel:")
        yield from (str(found.value[0]) for found in phones(own))


def _is_own(fact: Fact, own: frozenset[str]) -> bool:
    return fact.kind in {Kind.LINK, Kind.PHONE} and fact.value[0] in own
