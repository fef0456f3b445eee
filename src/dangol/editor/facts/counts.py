"""Durations, and quantities with their units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from dangol.editor.facts.found import Found
from dangol.editor.facts.model import Kind, Weight
from dangol.editor.facts.numerals import DIGITS, ENGLISH, NATIVE, NATIVE_NUMBERS, decimal, english

_DAY = 24 * 60
_KOREAN_DAYS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "열흘": 10, "보름": 15}
_KOREAN_UNITS = {
    "분": ("minutes", 1),
    "시간": ("minutes", 60),
    "일": ("minutes", _DAY),
    "주": ("minutes", 7 * _DAY),
    "주일": ("minutes", 7 * _DAY),
    "개월": ("months", 1),
    "달": ("months", 1),
    "년": ("months", 12),
    "해": ("months", 12),
    "영업일": ("working days", 1),
}
_ENGLISH_UNITS = {
    "minute": ("minutes", 1),
    "min": ("minutes", 1),
    "hour": ("minutes", 60),
    "day": ("minutes", _DAY),
    "week": ("minutes", 7 * _DAY),
    "fortnight": ("minutes", 14 * _DAY),
    "month": ("months", 1),
    "year": ("months", 12),
}
_TO = r"(?:\s?[~–]\s?|-|\s-\s|\s(?:to|or)\s|에서\s?)"
_KOREAN_DURATION = re.compile(
    rf"(?<![\d.,월년:/])(?P<working>영업일\s?(?:기준(?:으로)?\s?)?)?(?:(?P<first>\d{{1,3}}){_TO})?"
    rf"(?:(?P<number>{DIGITS})\s?(?P<unit>영업일|개월|주일|시간|분|일|주|달|년)"
    rf"|(?P<native>{NATIVE})\s?(?P<nunit>개월|주일|시간|주|달|해))"
    r"(?P<half>\s?반(?![가-힣]))?"
    r"(?!정|반|차|째|기|석|야|위|요|년|산|소|말|원|문|자|제|유소|\s?\d{1,2}월)"
)
_KOREAN_NAMED = re.compile(
    rf"(?<![가-힣])(?:(?P<days>{'|'.join(_KOREAN_DAYS)})|(?P<week>일주일)|(?P<year>일\s?년|1년)|(?P<halfyear>반년)"
    r"|(?P<halfhour>반\s?시간))(?!하루|살이|빨리)"
)
_ENGLISH_DURATION = re.compile(
    rf"(?<![\d.,:])(?:(?P<first>\d{{1,3}}|one|two|three|four|five|six){_TO})?"
    rf"(?P<number>{DIGITS}|{ENGLISH}|\b(?:an?|half\san?)(?=[\s-]))[\s-]"
    r"(?:(?:full|whole|more|extra)\s)?(?P<working>(?:business|working)\s)?"
    r"(?P<unit>minute|min|hour|day|week|fortnight|month|year)s?\b(?P<half>\sand\sa\shalf\b)?"
    r"(?![-\s]old)",
    re.IGNORECASE,
)
_ENGLISH_UNIT = re.compile("min|hour|day|week|fortnight|month|year", re.IGNORECASE)
_SPOKEN_ONE = frozenset({"a", "an"})
_PAST = re.compile(r"\b(?:past|last|next|coming|this)\s(?P<unit>day|week|month|year)\b", re.IGNORECASE)
_THE_DAY_BEFORE = re.compile(r"\bthe\sday\s(?:before|after)\b", re.IGNORECASE)


def durations(text: str) -> Iterator[Found]:
    """`7일`, `일주일`, `이틀`, `두 주`, `3개월`, `영업일 기준 3일`, `a week`, `2-3 days`, `24 hours`."""
    for match in _KOREAN_DURATION.finditer(text):
        yield from _korean(match)
    for match in _KOREAN_NAMED.finditer(text):
        yield _korean_named(match)
    for match in _ENGLISH_DURATION.finditer(text) if _ENGLISH_UNIT.search(text) else ():
        yield from _english(match)
    for match in _PAST.finditer(text):
        dimension, size = _ENGLISH_UNITS[match["unit"].lower()]
        yield Found(Kind.DURATION, (dimension, Decimal(size)), match.start(), match.end(), Weight.IDLE)
    for match in _THE_DAY_BEFORE.finditer(text):
        yield Found(Kind.DURATION, ("minutes", Decimal(_DAY)), match.start(), match.end(), Weight.IDLE)


def _korean(match: re.Match[str]) -> Iterator[Found]:
    dimension, size = _KOREAN_UNITS[match["unit"] or match["nunit"]]
    if match["working"] and dimension == "minutes" and size == _DAY:
        dimension, size = "working days", 1
    number = decimal(match["number"]) if match["number"] else Decimal(NATIVE_NUMBERS[match["native"]])
    if match["unit"] == "년" and number > 99:
        return  # a year
    weight = _weight(number, worded=bool(match["native"]))
    if match["first"]:
        first = Decimal(match["first"]) * size
        yield Found(Kind.DURATION, (dimension, first), match.start("first"), match.end("first"))
    value = _times(number + (Decimal("0.5") if match["half"] else 0), size)
    yield Found(Kind.DURATION, (dimension, value), _begin(match), match.end(), weight)


def _times(number: Decimal, size: int) -> Decimal:
    return (number * size).normalize() + 0


def _begin(match: re.Match[str]) -> int:
    if match["working"] and not match["first"]:
        return match.start()
    return match.start("number") if match["number"] else match.start("native")


def _korean_named(match: re.Match[str]) -> Found:
    weight = Weight.WORDED
    if match["days"]:
        days = _KOREAN_DAYS[match["days"]]
        value: tuple[str, Decimal] = ("minutes", Decimal(days * _DAY))
        weight = Weight.IDLE if days == 1 else weight
    elif match["week"]:
        value = ("minutes", Decimal(7 * _DAY))
    elif match["halfhour"]:
        value = ("minutes", Decimal(30))
    else:
        value = ("months", Decimal(12 if match["year"] else 6))
    return Found(Kind.DURATION, value, match.start(), match.end(), weight)


def _english(match: re.Match[str]) -> Iterator[Found]:
    dimension, size = _ENGLISH_UNITS[match["unit"].lower()]
    if match["working"] and match["unit"].lower() == "day":
        dimension, size = "working days", 1
    word = match["number"].lower()
    weight = Weight.PLAIN if word[0].isdigit() else Weight.WORDED
    if word in _SPOKEN_ONE:
        number, weight = Decimal(1), Weight.IDLE
    elif word.startswith("half"):
        number = Decimal("0.5")  # of an hour, a day
    else:
        number = decimal(word) if word[0].isdigit() else Decimal(english(word))
    if word == "one" and size <= _DAY:
        weight = Weight.IDLE
    if match["first"]:
        start = match["first"].lower()
        first = Decimal(start) if start.isdigit() else Decimal(english(start))
        yield Found(Kind.DURATION, (dimension, first * size), match.start("first"), match.end("first"), weight)
    value = _times(number + (Decimal("0.5") if match["half"] else 0), size)
    yield Found(Kind.DURATION, (dimension, value), match.start("number"), match.end(), weight)


def _weight(number: Decimal, *, worded: bool) -> Weight:
    if not worded:
        return Weight.PLAIN
    return Weight.IDLE if number == 1 else Weight.WORDED


_THINGS = "things"
_KOREAN_COUNTERS = {
    **dict.fromkeys(("장", "개", "권", "병", "벌", "곡", "가지", "세트", "건", "통", "송이", "켤레", "상자"), _THINGS),
    **dict.fromkeys(("잔",), "cups"),
    **dict.fromkeys(("명", "사람", "인"), "people"),
    **dict.fromkeys(("자리", "석"), "seats"),
    **dict.fromkeys(("번", "회"), "times"),
    **dict.fromkeys(("점", "포인트"), "points"),
    **dict.fromkeys(("쪽", "페이지"), "pages"),
    **dict.fromkeys(("kg", "킬로그램"), "kg"),
    **dict.fromkeys(("km", "킬로미터"), "km"),
    **dict.fromkeys(("cm", "센티미터"), "cm"),
    **dict.fromkeys(("g", "그램"), "g"),
    **dict.fromkeys(("ml", "밀리리터"), "ml"),
}
_NATIVE_ONLY = {"분": "people"}
_ENGLISH_NOUNS = {
    **dict.fromkeys(
        "record item piece ticket coupon copy book song track set album lp cd letter package parcel box bottle order "
        "gift thing vinyl single voucher stamp sticker poster bag pair".split(),
        _THINGS,
    ),
    **dict.fromkeys("person people guest customer visitor friend member reader".split(), "people"),
    **dict.fromkeys("seat chair place".split(), "seats"),
    **dict.fromkeys("cup glass coffee".split(), "cups"),
    **dict.fromkeys("time visit".split(), "times"),
    **dict.fromkeys("point".split(), "points"),
    **dict.fromkeys("page".split(), "pages"),
}
_SCALES = {"kg": "kg", "km": "km", "cm": "cm", "g": "g", "ml": "ml"}
_IRREGULAR = {"copies": "copy", "boxes": "box", "glasses": "glass", "people": "people"}

_KOREAN_QUANTITY = re.compile(
    rf"(?<![\d.,A-Za-z])(?:(?P<first>\d{{1,3}}){_TO})?(?:(?P<number>{DIGITS})\s?"
    r"(?P<unit>가지|세트|상자|송이|켤레|사람|자리|포인트|페이지|킬로그램|킬로미터|센티미터|그램|밀리리터|장|개|권|병|벌|곡|건|"
    r"통|잔|명|인|석|번|회|점|쪽|kg|km|cm|ml|g)"
    rf"|(?P<native>{NATIVE})\s?(?P<nunit>가지|세트|상자|송이|켤레|사람|자리|장|개|권|병|벌|곡|건|통|잔|명|분|번|쪽))"
    r"(?!째|월|원|르|치|승|분|소|바|터|물|강|심|포|호|지금|\s?(?:출구|창구|플랫폼|버스|홀|테이블)|길|동|한 장|한 분|"
    r"로|류|선|당|용|실|반|하|[A-Za-z])"
)
_ENGLISH_QUANTITY = re.compile(
    rf"(?<![\d.,:/#-])(?:(?P<first>\d{{1,3}}){_TO})?(?P<number>{DIGITS}|{ENGLISH})\s?-?"
    r"(?:(?:new|used|more|free|small|other|rare|vinyl|regular|jazz|first|good|of\s(?:our|the|your|these|them))\s){0,2}"
    r"(?P<unit>records?|items?|pieces?|tickets?|coupons?|copies|copy|books?|songs?|tracks?|sets?|albums?|LPs?|CDs?|"
    r"letters?|packages?|parcels?|boxes|box|bottles?|orders?|gifts?|things?|singles?|vouchers?|stamps?|stickers?|"
    r"posters?|bags?|pairs?|persons?|people|guests?|customers?|visitors?|friends?|members?|readers?|seats?|chairs?|"
    r"places?|cups?|glasses|glass|coffees?|times?|visits?|points?|pages?|kg|km|cm|ml|g)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(rf"\d|{ENGLISH}", re.IGNORECASE)
_TWICE = re.compile(r"\b(?:(?P<once>once)|(?P<twice>twice))\b", re.IGNORECASE)


def quantities(text: str) -> Iterator[Found]:
    """`3장`, `두 장`, `2 records`, `two records`, `5명`, `1,000 points`, `twice`."""
    for match in _KOREAN_QUANTITY.finditer(text):
        name = match["unit"] or match["nunit"]
        unit = _NATIVE_ONLY.get(name) or _KOREAN_COUNTERS[name]
        number = decimal(match["number"]) if match["number"] else Decimal(NATIVE_NUMBERS[match["native"]])
        yield from _quantity(match, unit, number, "native" if match["native"] else "number")
    for match in _ENGLISH_QUANTITY.finditer(text) if _COUNTED.search(text) else ():
        word = match["unit"].lower()
        noun = _IRREGULAR.get(word) or (word if word in _SCALES else word.removesuffix("s"))
        unit = _SCALES.get(noun) or _ENGLISH_NOUNS[noun]
        digits = match["number"][0].isdigit()
        number = decimal(match["number"]) if digits else Decimal(english(match["number"]))
        yield from _quantity(match, unit, number, "number")
    for match in _TWICE.finditer(text):
        count, weight = (1, Weight.IDLE) if match["once"] else (2, Weight.WORDED)
        yield Found(Kind.QUANTITY, ("times", Decimal(count)), match.start(), match.end(), weight)


def _quantity(match: re.Match[str], unit: str, number: Decimal, group: str) -> Iterator[Found]:
    if match["first"]:
        value = (unit, Decimal(match["first"]))
        yield Found(Kind.QUANTITY, value, match.start("first"), match.end("first"))
    weight = _weight(number, worded=not match[group][0].isdigit())
    yield Found(Kind.QUANTITY, (unit, number), match.start(group), match.end(), weight)
