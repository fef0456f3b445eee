"""Codes and numbers that name something: orders, cases, bookings, coupons, pick-ups."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dangol.editor.facts.found import Found
from dangol.editor.facts.model import Kind

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9]|[-_](?=[A-Za-z0-9])){2,31}(?![A-Za-z0-9])"
_ROLES = {
    "order": r"주문(?:\s?번호)?|orders?(?:\s(?:number|no\.?|id))?",
    "case": r"(?:접수|문의|상담)(?:\s?번호)?|case(?:\s(?:number|no\.?|id))?",
    "booking": r"예약(?:\s?번호)?|(?:booking|reservation)(?:\s(?:number|no\.?|code))?",
    "tracking": r"(?:운?송장)(?:\s?번호)?|tracking(?:\s(?:number|no\.?|code))?",
    "coupon": r"(?:쿠폰|할인|프로모션|프로모)\s?(?:코드|번호)|쿠폰|"
    r"(?:coupon|promo|promotion|discount|voucher)(?:\scode)?",
    "pickup": r"(?:픽업|수령|찾으실|받으실|찾아가실)\s?(?:코드|번호)|pick-?\s?up\s(?:code|number)",
    "": r"인증\s?번호|코드|번호|(?:\w{1,20}\s)?code|number|no\.",
}
_STRONG = re.compile(r"번호|코드|number|no\.?|code|id|#", re.IGNORECASE)
_KEYED = re.compile(
    r"(?P<key>(?<![A-Za-z])(?:"
    + "|".join(f"(?P<{name or 'any'}>{words})" for name, words in _ROLES.items())
    + r"))(?:은|는|이|가|을|를)?\s{0,3}[:#]?\s{0,3}(?:is\s{1,3}|are\s{1,3})?[#\"“'‘(\[`]{0,2}"
    rf"(?P<token>{_NAME})",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?<![A-Za-z0-9@/.&=?_-])#?(?P<token>[A-Z0-9]{1,16}(?:-[A-Z0-9]{1,12}){0,4})(?![A-Za-z0-9@/_-])")


def codes(text: str) -> Iterator[Found]:
    """`주문 A-1042`, `case C-7`, `쿠폰 코드 SPRING26`, `pick-up code 4821`, and bare `A-1042`."""
    for match in _KEYED.finditer(text):
        role = next((name for name in _ROLES if name and match[name]), "")
        if _is_code(match["token"], keyword=match["key"], role=role):
            token = match["token"].upper()
            yield Found(Kind.CODE, (token,), match.start("token"), match.end("token"), role=role)
    for match in _BARE.finditer(text):
        if _looks_made(match["token"]):
            yield Found(Kind.CODE, (match["token"],), match.start("token"), match.end("token"))


def _is_code(token: str, *, keyword: str, role: str) -> bool:
    """A token after a keyword is a code if it has a digit; of digits only, if the keyword says so or it is long."""
    if token.isdigit():
        return len(token) >= 3 and (_STRONG.search(keyword) is not None or len(token) >= 5)
    if any(letter.isdigit() for letter in token):
        return not re.fullmatch(r"\d{1,4}[a-z]{1,12}|\d+(?:st|nd|rd|th)", token)
    return token.isupper() and len(token) >= 4 and role in {"coupon", "pickup", ""}


def _looks_made(token: str) -> bool:
    """Whether capitals and digits without a keyword look like a code, not like `MP3` or `2026`."""
    digits = sum(letter.isdigit() for letter in token)
    letters = sum(letter.isalpha() for letter in token)
    return letters > 0 and digits >= 2 and len(token) >= 5
