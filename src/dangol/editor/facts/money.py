"""Money and percentages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from babel.core import Locale

from dangol.editor.facts.found import Found
from dangol.editor.facts.model import Kind, Weight
from dangol.editor.facts.numerals import DIGITS, ENGLISH, MIXED, SCALED, SINO, decimal, english, mixed, scaled, sino

_NAMED = {
    "원": "KRW",
    "won": "KRW",
    "달러": "USD",
    "불": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "유로": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "엔": "JPY",
    "yen": "JPY",
    "위안": "CNY",
    "yuan": "CNY",
    "파운드": "GBP",
    "pound": "GBP",
    "pounds": "GBP",
}
_NOT_MONEY = (
    "원(?=인|래|두(?!고)|하|고|본|서|작|곡|형|소|액|산|천|룸|칙|문|장|단|효|들)|엔(?=진|딩|트)|불(?=가|편|만|이|량|교)"
)


def _symbols() -> dict[str, str]:
    """What stands before an amount → currency, as CLDR writes it in Korean and English."""
    locales = (Locale("en"), Locale("ko"))
    symbols = [(str(sign), str(code)) for locale in locales for code, sign in locale.currency_symbols.items()]
    found = {sign: code for sign, code in symbols if not sign.isalnum()}
    codes = {str(code): str(code) for code in locales[0].currencies if re.fullmatch("[A-Z]{3}", str(code))}
    return {**found, **codes, "$": "USD", "¥": "JPY", "€": "EUR", "£": "GBP", "₩": "KRW", "US$": "USD"}


_SYMBOLS = _symbols()
_CODES = "|".join(sorted(symbol for symbol in _SYMBOLS if symbol.isalnum()))
_SIGNS = "|".join(re.escape(sign) for sign in sorted(_SYMBOLS, key=lambda s: (-len(s), s)) if not sign.isalnum())
_TO = r"(?:\s?[~–]\s?|-|\s-\s|\sto\s|에서\s?)"
_NUMBER = rf"(?:{SCALED}|{MIXED}|{DIGITS})"

_BEFORE = re.compile(
    rf"(?P<minus>-)?(?P<currency>{_SIGNS}|(?<![A-Za-z])(?:{_CODES}))\s?(?P<inner>-)?"
    rf"(?P<number>{_NUMBER})(?:{_TO}(?P<second>{_NUMBER})(?!\s?(?:{_SIGNS})))?"
)
_AFTER = re.compile(
    rf"(?<![\d.,A-Za-z])(?P<minus>-)?(?:(?P<first>{_NUMBER}){_TO})?(?P<number>{_NUMBER}|{ENGLISH}|(?<![가-힣]){SINO})\s?"
    rf"(?P<currency>(?!{_NOT_MONEY})(?:원|달러|유로|엔|위안|파운드|불)"
    rf"|(?:won|dollars?|euros?|yen|yuan|pounds?|(?-i:{_CODES}))\b|€|₩)",
    re.IGNORECASE,
)
_MANY = re.compile(r"[만억]")


def money(text: str) -> Iterator[Found]:
    """`₩30,000`, `3만원`, `KRW 30,000`, `30,000 won`, `10,000~20,000원`."""
    for match in _BEFORE.finditer(text):
        currency = _SYMBOLS[match["currency"]]
        if _is_a_word(text, match):
            continue
        sign = -1 if (match["minus"] and not _joins(text, match.start())) or match["inner"] else 1
        for name in ("number", "second"):
            if match[name] and (value := _number(match[name])) is not None:
                start = match.start() if name == "number" else match.start(name)
                yield Found(Kind.MONEY, (currency, sign * value), start, match.end(name))
                sign = 1
    for match in _AFTER.finditer(text):
        value = _number(match["number"])
        if value is None:
            continue
        currency = _NAMED.get(match["currency"].lower()) or _SYMBOLS[match["currency"]]
        if match["first"] and (first := _first(match["first"], match["number"])) is not None:
            yield Found(Kind.MONEY, (currency, first), match.start("first"), match.end("first"))
        minus = match["minus"] and not match["first"] and not _joins(text, match.start())
        start = match.start() if minus else match.start("number")
        yield Found(Kind.MONEY, (currency, -value if minus else value), start, match.end())


def _is_a_word(text: str, match: re.Match[str]) -> bool:
    """`ALL 3` and `TOP 10` are capitals, no money."""
    return match["currency"] in {"ALL", "TOP", "TRY", "CUP", "MOP"} and "," not in match["number"]


def _joins(text: str, start: int) -> bool:
    """Whether a hyphen at ``start`` joins two words, as in `A-1042`."""
    return start > 0 and text[start - 1].isalnum()


def _first(text: str, last: str) -> Decimal | None:
    """The first of two amounts: `1~2만원` begins at 10,000."""
    value = _number(text)
    unit = _MANY.search(last)
    if value is not None and unit and value < 1000 and text.strip().isdigit():
        return value * (10_000 if unit[0] == "만" else 10**8)
    return value


def _number(text: str) -> Decimal | None:
    if re.fullmatch(DIGITS, text):
        return decimal(text)
    if re.fullmatch(SINO, text):
        return sino(text)
    if re.fullmatch(SCALED, text, re.IGNORECASE):
        return scaled(text)
    return mixed(text) if text[0].isdigit() else Decimal(english(text))


_PERCENT = re.compile(
    rf"(?<![\d.,A-Za-z%])(?P<minus>-)?(?:(?P<first>{DIGITS})\s?%?{_TO})?"
    rf"(?P<number>{DIGITS}|{ENGLISH}|(?<![가-힣]){SINO}|(?<![가-힣])[일이삼사오육칠팔구십](?=\s?퍼))\s?"
    r"(?:%p?|per\s?cent\b|퍼센트|프로(?!필|그|젝|모|듀|세|덕|페|포|야|축|농|배))",
    re.IGNORECASE,
)
_HALF = re.compile(
    r"(?P<plain>반값|반액|50\s?%|\bhalf[- ](?:price|off)\b|\bhalf (?:of )?(?:the|its|their) (?:\w+ )?price\b)"
    r"|(?P<idle>절반|\bhalf\b(?![- ](?:an?|past|hours?|years?|days?|months?|dozen|way|time|a)\b|-))",
    re.IGNORECASE,
)


def percentages(text: str) -> Iterator[Found]:
    """`30%`, `30 percent`, `삼십 퍼센트`, `20~30%`, `반값`, `half price`."""
    for match in _PERCENT.finditer(text):
        number = match["number"]
        value = Decimal(sino(number) or 0) if re.fullmatch("[가-힣]+", number) else _number(number)
        if value is None:
            continue
        if match["first"]:
            yield Found(Kind.PERCENT, (decimal(match["first"]),), match.start("first"), match.end("first"))
        yield Found(Kind.PERCENT, (value,), match.start("number"), match.end())
    for match in _HALF.finditer(text):
        weight = Weight.PLAIN if match["plain"] else Weight.IDLE
        yield Found(Kind.PERCENT, (Decimal(50),), match.start(), match.end(), weight)
