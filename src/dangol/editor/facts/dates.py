"""Dates and days of the week."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from babel.core import Locale, UnknownLocaleError

from dangol.editor.facts.found import Found
from dangol.editor.facts.model import Kind

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?:(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\b"
    r"(?:\.(?=,?\s?\d))?)"
)
_DAYS = "mon tue wed thu fri sat sun".split()
_NTH = r"(?:st|nd|rd|th)?"
_TO = r"(?:\s?[~–]\s?|-|\s-\s|\s(?:to|through|and)\s)"

_KOREAN = re.compile(
    r"(?<!\d)(?:(?P<y>\d{4}|\d{2})년\s?)?(?P<m>\d{1,2})월\s?(?P<d>\d{1,2})일(?!간|째|치|정)"
    r"(?:(?:\s?\([^()]{1,5}\))?\s?(?:~|–|-|부터|에서)\s?(?P<d2>\d{1,2})일(?!간|째))?"
)
_YEAR_FIRST = re.compile(
    r"(?<![\d./-])(?P<y>\d{4})(?P<s>[-./])\s?(?P<m>\d{1,2})(?P=s)\s?(?P<d>\d{1,2})(?![\d/])"
    r"(?:\.?\s?(?:~|–)\s?(?:(?P<m2>\d{1,2})[-./]\s?)?(?P<d2>\d{1,2})(?![\d:]))?\.?(?!\d)"
)
_SHORT_KOREAN = re.compile(r"(?<![\d.])(?P<y>\d{2})\. ?(?P<m>\d{1,2})\. ?(?P<d>\d{1,2})\.?(?!\d)")
_SLASHES = re.compile(r"(?<![\d/.-])(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4}|\d{2})(?![\d/])")
_MONTH_DAY = re.compile(
    rf"\b(?P<m>{_MONTH})\s?(?P<d>\d{{1,2}}){_NTH}(?![\d:%])"
    rf"(?:{_TO}(?P<d2>\d{{1,2}}){_NTH}(?![\d:%])(?!\s?[apAP]\.?[mM]\b))?(?:,?\s(?P<y>\d{{4}})\b)?"
)
_DAY_MONTH = re.compile(
    rf"(?<![\d:.,/])(?:(?P<d2>\d{{1,2}}){_NTH}{_TO})?(?P<d>\d{{1,2}}){_NTH}\s(?:of\s)?(?P<m>{_MONTH})"
    r"(?:,?\s(?P<y>\d{4})\b)?"
)
_IN_CONTEXT = re.compile(
    r"(?:(?P<before>\b(?:on|by|until|till|from|through|before|since|to)\s|[~–]\s?|기한\s?:?\s?|기간\s?:?\s?)|(?<![\d/.]))"
    r"(?<![\d/.])(?P<a>\d{1,2})(?P<s>/|\.\s?)(?P<b>\d{1,2})\.?(?![\d/%:]|\.\d)"
    r"(?P<after>\s?(?:\((?:[월화수목금토일]|\w{3})\)|까지|부터|~|–|에\s))?",
    re.IGNORECASE,
)
_DAY_ONLY = re.compile(
    r"(?<![\d월년]\s)(?<![\d월년.,])(?P<d>\d{1,2})일(?=까지|부터|에\s|\s?\([월화수목금토일]\)|\s?[월화수목금토일]요일)"
    r"|\b(?:on|by|until|till|from|before|after|through)\sthe\s(?P<e>\d{1,2})(?:st|nd|rd|th)\b(?!\s?[a-z-]*(?:birthday|ann))",
    re.IGNORECASE,
)


@lru_cache
def _day_first(locale: str) -> bool:
    """Whether the locale writes the day before the month, as CLDR has it."""
    try:
        pattern = str(Locale.parse(locale, sep="-").date_formats["short"].pattern)
    except (ValueError, UnknownLocaleError):
        return False
    return pattern.startswith("d")


def _is_day(month: int | None, day: int) -> bool:
    longest = 31 if month is None or month in {1, 3, 5, 7, 8, 10, 12} else 29 if month == 2 else 30
    return 1 <= day <= longest and (month is None or 1 <= month <= 12)


def _year(text: str | None) -> int | None:
    if text is None:
        return None
    return int(text) + (2000 if len(text) == 2 else 0)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def dates(text: str, locale: str) -> Iterator[Found]:
    """`11월 30일`, `Nov 30`, `30 November 2026`, `2026-11-30`, `26. 11. 30.`, `by 11/30`, `30일까지`."""
    for pattern in (_KOREAN, _YEAR_FIRST, _SHORT_KOREAN, _MONTH_DAY, _DAY_MONTH):
        for match in pattern.finditer(text):
            yield from _named(match)
    for match in _SLASHES.finditer(text):
        month, day = _ordered(int(match["a"]), int(match["b"]), locale)
        if _is_day(month, day):
            yield Found(Kind.DATE, (_year(match["y"]), month, day), match.start(), match.end())
    for match in _IN_CONTEXT.finditer(text):
        if match["before"] or match["after"]:
            month, day = _ordered(int(match["a"]), int(match["b"]), locale if match["s"] == "/" else "ko")
            decimal = match["s"] == "." and not (match["after"] and "(" in match["after"])
            if _is_day(month, day) and not decimal:
                yield Found(Kind.DATE, (None, month, day), match.start("a"), match.end("b"))
    for match in _DAY_ONLY.finditer(text):
        name = "d" if match["d"] else "e"
        if _is_day(None, int(match[name])):
            end = match.end() if name == "d" else match.end(name) + 2
            yield Found(Kind.DATE, (None, None, int(match[name])), match.start(name), end)


def _named(match: re.Match[str]) -> Iterator[Found]:
    groups = match.groupdict()
    year, month, day = _year(groups["y"]), _month(groups["m"]), int(groups["d"])
    if not _is_day(month, day):
        return
    second = groups.get("d2")
    if second is None:
        yield Found(Kind.DATE, (year, month, day), match.start(), match.end())
        return
    last = int(groups["m2"]) if groups.get("m2") else month
    if match.start("d2") < match.start("d"):
        first_end = match.end("d2")
        yield Found(Kind.DATE, (year, month, int(second)), match.start(), first_end)
        yield Found(Kind.DATE, (year, month, day), match.start("d"), match.end())
        return
    end = match.end("d")
    end += match.string[end] == "일"
    yield Found(Kind.DATE, (year, month, day), match.start(), end)
    if _is_day(last, int(second)):
        start = match.start("m2") if groups.get("m2") else match.start("d2")
        yield Found(Kind.DATE, (year, last, int(second)), start, match.end())


def _ordered(first: int, second: int, locale: str) -> tuple[int, int]:
    """Month and day of two numbers with a slash between."""
    if first > 12 or (_day_first(locale) and second <= 12):
        return second, first
    return first, second


_WEEKDAY = re.compile(
    r"(?P<ko>[월화수목금토일])요일"
    r"|(?<=[일.\d])\s?\((?P<bracket>[월화수목금토일])\)"
    r"|\b(?P<en>Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)s?\b"
    r"|\b(?P<abbr>Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\b\.?"
    rf"(?=,?\s(?:\d{{1,2}}\b|{_MONTH})|\))"
)


def weekdays(text: str) -> Iterator[Found]:
    """`월요일`, `11월 30일(월)`, `Monday`, `Mon, Nov 30`."""
    for match in _WEEKDAY.finditer(text):
        korean = match["ko"] or match["bracket"]
        english = match["en"] or match["abbr"]
        number = "월화수목금토일".index(korean) if korean else _DAYS.index(english[:3].lower())
        yield Found(Kind.WEEKDAY, (number,), match.start(), match.end())
