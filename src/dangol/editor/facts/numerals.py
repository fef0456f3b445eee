"""Numbers as people write them: digits, `3만 5천`, `삼만`, `두`, `twenty-five`, `30 thousand`."""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,15})(?:\.\d{1,4})?(?![\d])"
"""`30,000`, `12.5`."""

MIXED = (
    r"\d{1,3}(?:,\d{3}){0,4}(?:\.\d{1,3})?\s?[십백천]?[만억조]?(?<=[십백천만억조])"
    r"(?:\s?\d{1,3}(?:,\d{3}){0,4}\s?[십백천]?[만억]?){0,4}"
)
"""`3만`, `1만 5천`, `3만5,000`, `1억 2천만`."""

SINO = (
    r"(?:[일이삼사오육칠팔구십백천]{0,8}[만억]\s?[일이삼사오육칠팔구십백천]{1,8}|[일이삼사오육칠팔구십백천만억]{2,12})"
)
"""`삼만`, `만 오천`, `이십`: at least two letters, for one alone is mostly something else."""

_SMALL = {"": 1, "십": 10, "백": 100, "천": 1000}
_BIG = {"": 1, "만": 10**4, "억": 10**8, "조": 10**12}
_TERM = re.compile(r"([\d,.]+)\s?([십백천]?)([만억조]?)")
_SINO_DIGITS = {letter: number for number, letter in enumerate("일이삼사오육칠팔구", 1)}

_TENS = {"열": 10, "스물": 20, "서른": 30, "마흔": 40, "쉰": 50}
_ONES = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9}
NATIVE_NUMBERS: dict[str, int] = {
    **_ONES,
    **_TENS,
    "석": 3,
    "넉": 4,
    "스무": 20,
    **{ten + one: tens + ones for ten, tens in _TENS.items() for one, ones in _ONES.items()},
}
"""`한`, `두`, … as they stand before what is counted."""
NATIVE = "(?<![가-힣])(?:" + "|".join(sorted(NATIVE_NUMBERS, key=lambda word: (-len(word), word))) + ")"

_EN_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_EN_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_EN_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_EN: dict[str, int] = {
    **{word: number for number, word in enumerate(_EN_ONES) if number},
    **{word: 10 * number for number, word in enumerate(_EN_TENS, 2)},
}
_EN_WORD = "(?:" + "|".join(sorted([*_EN, *_EN_SCALES], key=lambda word: (-len(word), word))) + ")"
ENGLISH = rf"\b(?:{_EN_WORD})(?:(?:-|\s|\sand\s){_EN_WORD}){{0,6}}\b"
"""`two`, `twenty-five`, `thirty thousand`. Case is the user's to ignore."""

SCALED = rf"{DIGITS}\s?(?:thousand|million|billion|k|m)\b"
"""`30 thousand`, `30k`."""


_ANY = re.compile(rf"(?P<digits>{DIGITS})|(?P<native>{NATIVE})|(?P<english>{ENGLISH})", re.IGNORECASE)


def numbers(text: str) -> frozenset[Decimal]:
    """Every number that a text names, in digits or in letters, whatever it counts."""
    found = set()
    for match in _ANY.finditer(text):
        if match["digits"]:
            found.add(decimal(match["digits"]))
        else:
            found.add(Decimal(NATIVE_NUMBERS[match["native"]] if match["native"] else english(match["english"])))
    return frozenset(found)


def decimal(digits: str) -> Decimal:
    """The value of DIGITS."""
    return Decimal(digits.replace(",", "")).normalize() + 0


def mixed(text: str) -> Decimal:
    """The value of MIXED: `1억 2천만` is 120,000,000."""
    total = section = Decimal(0)
    for number, small, big in _TERM.findall(text):
        section += Decimal(number.replace(",", "").rstrip(".") or 0) * _SMALL[small]
        if big:
            total, section = total + section * _BIG[big], Decimal(0)
    return (total + section).normalize() + 0


def sino(text: str) -> Decimal | None:
    """The value of SINO; None if it is no number, such as `이일만`."""
    total = section = digit = 0
    for letter in "".join(text.split()):
        if letter in _SINO_DIGITS:
            if digit:
                return None
            digit = _SINO_DIGITS[letter]
        elif letter in _SMALL:
            section, digit = section + (digit or 1) * _SMALL[letter], 0
        else:
            total, section, digit = total + (section + digit or 1) * _BIG[letter], 0, 0
    return Decimal(total + section + digit)


def english(text: str) -> int:
    """The value of ENGLISH."""
    total = current = 0
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _EN:
            current += _EN[word]
        elif word == "hundred":
            current = (current or 1) * 100
        elif word in _EN_SCALES:
            total, current = total + (current or 1) * _EN_SCALES[word], 0
    return total + current


def scaled(text: str) -> Decimal:
    """The value of SCALED."""
    number, scale = re.findall(r"[\d.,]+", text)[0], text.rstrip().lower()
    times = next((value for word, value in {**_EN_SCALES, "k": 10**3, "m": 10**6}.items() if scale.endswith(word)), 1)
    return (decimal(number) * times).normalize() + 0
