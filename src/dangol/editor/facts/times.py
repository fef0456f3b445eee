"""Times of day."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dangol.editor.facts.found import Found
from dangol.editor.facts.model import Kind
from dangol.editor.facts.numerals import NATIVE, NATIVE_NUMBERS

_HALVES = {
    "오전": 0,
    "아침": 0,
    "새벽": 0,
    "오후": 12,
    "점심": 12,
    "저녁": 12,
    "밤": 12,
    "낮": 12,
}
_PART = rf"(?P<half>{'|'.join(_HALVES)})"
_KOREAN = re.compile(
    rf"(?:{_PART}\s?)?(?<!\d)(?:(?P<h>\d{{1,2}})|(?P<native>{NATIVE}))\s?시(?!간|즌|리|도|작|절|집|장|즈|험|스)"
    r"(?:\s?(?P<m>\d{1,2})분|\s?(?P<thirty>반)(?![가-힣]))?"
)
_CLOCK = re.compile(
    rf"(?:{_PART}\s?)?(?<![\d:.])(?P<h>\d{{1,2}}):(?P<m>\d{{2}})(?::\d{{2}}(?:\.\d+)?)?(?![\d:])"
    r"(?:\s?(?P<meridiem>[ap])(?:\.m\.|m\b))?",
    re.IGNORECASE,
)
_MERIDIEM = re.compile(
    r"(?<![\d:.,$₩€])(?:(?P<first>\d{1,2})(?::(?P<fm>\d{2}))?\s?(?:~|–|-|to)\s?)?"
    r"(?P<h>\d{1,2})(?::(?P<m>\d{2}))?\s?(?P<meridiem>[ap])(?:\.m\.|m\b)",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    r"(?<![\d:])(?P<h>\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
    r"(?:\so'clock\b(?:\sin\sthe\s(?P<a>morning|afternoon|evening))?|\sin\sthe\s(?P<b>morning|afternoon|evening)\b)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_SAID = re.compile("clock|in the", re.IGNORECASE)
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_NOON = re.compile(r"정오|\b(?:at|until|till|by|from|before)\snoon\b|(?P<midnight>자정|\bmidnight\b)", re.IGNORECASE)


def times(text: str) -> Iterator[Found]:
    """`오후 3시 30분`, `3:30 PM`, `15:30`, `저녁 일곱 시 반`, `2–4 PM`, `noon`."""
    for match in _KOREAN.finditer(text) if "시" in text else ():
        hour = int(match["h"]) if match["h"] else NATIVE_NUMBERS[match["native"]]
        if match["native"] and not (match["half"] or match["thirty"] or _is_told_time(text, match.end())):
            continue
        minute = 30 if match["thirty"] else int(match["m"] or 0)
        yield from _time(hour, minute, match["half"], match.start(), match.end())
    digits = _DIGIT.search(text) is not None
    for match in _MERIDIEM.finditer(text) if digits else ():
        half = match["meridiem"].lower()
        if match["first"]:
            yield from _range(match, half)
        yield from _time(int(match["h"]), int(match["m"] or 0), half, match.start("h"), match.end())
    for match in _CLOCK.finditer(text) if digits else ():
        half = match["half"] or (match["meridiem"] or "").lower()
        leading = match["h"].startswith("0")
        yield from _time(int(match["h"]), int(match["m"]), half, match.start(), match.end(), certain=leading)
    for match in _SPOKEN.finditer(text) if _SAID.search(text) else ():
        when = (match["a"] or match["b"] or "").lower()
        half = {"morning": "a", "afternoon": "p", "evening": "p"}.get(when, "")
        hour = int(match["h"]) if match["h"].isdigit() else _WORDS.index(match["h"].lower())
        yield from _time(hour, 0, half, match.start(), match.end())
    for match in _NOON.finditer(text):
        yield Found(Kind.TIME, (0 if match["midnight"] else 12, 0, False), match.start(), match.end())


def _is_told_time(text: str, end: int) -> bool:
    """Whether `열 시` is followed by what follows a time: `에`, `까지`, an end."""
    return re.match(r"에|까지|부터|정각|이?후|\s?[,.~–]|\s*$", text[end : end + 4]) is not None


def _range(match: re.Match[str], half: str) -> Iterator[Found]:
    """The first of `2–4 PM`; of `10–2 PM` it is in the morning."""
    first, minute = int(match["first"]), int(match["fm"] or 0)
    if half == "p" and first % 12 > int(match["h"]) % 12:
        half = "a"
    yield from _time(first, minute, half, match.start("first"), match.end("fm" if match["fm"] else "first"))


def _time(hour: int, minute: int, half: str | None, start: int, end: int, *, certain: bool = False) -> Iterator[Found]:
    """``half`` is the half of the day in either language; without it 1 to 12 o'clock is ambiguous."""
    if hour > 24 or minute > 59:
        return
    ambiguous = not half and not certain and 1 <= hour <= 12
    if half and hour <= 12:
        afternoon = half == "p" or _HALVES.get(half, 0) == 12
        # Night goes on after midnight: `밤 1시`, `밤 12시`.
        if half == "밤" and (hour == 12 or hour < 5):
            hour %= 12
        elif half != "낮" or hour < 6 or hour == 12:
            hour = hour % 12 + (12 if afternoon else 0)
    yield Found(Kind.TIME, (hour % 24, minute, ambiguous), start, end)
