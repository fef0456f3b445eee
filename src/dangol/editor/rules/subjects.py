"""Subjects, preheaders and titles: what is read before anything else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from dangol.editor.lexicon import quoted
from dangol.editor.model import DATA, Hit, Reading
from dangol.editor.registry import Scope, Severity, rule
from dangol.model.vocabulary import Channel

_NUMBER = re.compile(r"(?<![\w.,])[₩$€£]?\d[\d,.]*\d?\s?(?:%|퍼센트|만|천)?")
_CODE = re.compile(r"\b(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{4,}\b")
_WORDS = {
    "1": r"\bone\b|\bfirst\b|하나|한 |첫", "2": r"\btwo\b|\btwice\b|둘|두 ", "3": r"\bthree\b|셋|세 ",
    "4": r"\bfour\b|넷|네 ", "5": r"\bfive\b|다섯", "6": r"\bsix\b|여섯", "7": r"\bseven\b|일곱|일주일",
    "8": r"\beight\b|여덟", "9": r"\bnine\b|아홉", "10": r"\bten\b|열 ",
}  # fmt: skip
_PROMISED = {
    "en": [
        (r"discounts?|% off|sale", r"discount|% off|sale|price|less"),
        (r"coupons?|vouchers?", r"coupon|voucher|code"),
        (r"gifts?|presents?|surprises?", r"gift|present|give|surprise|on us"),
        (r"refunds?", r"refund|pay (?:you )?back|paid (?:you )?back|money"),
        (r"free", r"free|no charge|nothing to pay|at no cost|on us"),
        (r"invoices?|receipts?", r"invoice|receipt|paid|amount|total"),
        (r"credits?|points?", r"credit|point|balance"),
        (r"invitations?|invited", r"invit|join|come|seat|chair|meet"),
        (r"prize|reward", r"prize|reward|credit|give"),
        (r"delivery date|arrival date", r"\d|date|day|arriv"),
        (r"password", r"password"),
    ],
    "ko": [
        (r"할인", r"할인|가격|싸게|%|내렸"),
        (r"쿠폰", r"쿠폰|코드"),
        (r"선물|사은품", r"선물|사은품|드립니다|드리는"),
        (r"환불", r"환불|돌려"),
        (r"무료", r"무료|비용|그냥 드|값을 받지"),
        (r"영수증|명세서|청구서", r"영수증|명세|금액|결제"),
        (r"적립금|포인트", r"적립금|포인트"),
        (r"초대", r"초대|모이|모임|오시|자리|함께|모십니다|모시"),
        (r"비밀번호", r"비밀번호"),
        (r"경품|당첨", r"경품|당첨"),
        (r"도착 ?예정일|배송 ?일정", r"\d|예정|도착"),
    ],
}


@rule(
    "subject-unkept",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="Numbers, percentages, codes and offers in a subject or push title that the text never mentions",
    why="It is why people opened it. Once fooled, they do not open the next.",
    bad="Subject `20 % off for you` over a letter that names no discount",
    better="Say in the text what costs 20 % less, and until when.",
)
def subject_unkept(reading: Reading) -> Iterable[Hit]:
    subject = reading.parts.get("subject") or reading.parts.get("title")
    body = reading.parts.get("body")
    if subject is None or body is None:
        return
    part = "subject" if "subject" in reading.parts else "title"
    told = " ".join([body.text, *(link.target for link in reading.links)])
    plain = re.sub(r"(?<=\d)[,.](?=\d{3})|\s(?=%)", "", told)
    for match in [*_NUMBER.finditer(subject.mask), *_CODE.finditer(subject.mask)]:
        wanted = re.sub(r"[,\s₩$€£]|(?<=\d)[.,]$", "", match[0]).strip(".,")
        spelled = _WORDS.get(wanted)
        if wanted not in plain and not (spelled and re.search(spelled, told, re.IGNORECASE)):
            yield _unkept(match, part)
    for offer, kept in _PROMISED.get(reading.scene.language, []):
        bounded = rf"(?<![\w])(?:{offer})(?![A-Za-z])" if reading.scene.language == "en" else offer
        match = re.search(bounded, subject.mask, re.IGNORECASE)  # type: ignore[assignment]
        if match and not re.search(kept, told, re.IGNORECASE):
            yield _unkept(match, part)


def _unkept(match: re.Match[str], part: str) -> Hit:
    message = f"the {part} promises {quoted(match[0])}, and the text never mentions it"
    return Hit(match.start(), match.end(), message, f"tell it in the text, or leave it out of the {part}", part)


def _tokens(text: str) -> list[str]:
    return [word.casefold() for word in re.findall(r"[^\W_]+", text)]


@rule(
    "preheader-repeats",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="A preheader that says the subject again, or a push text that says the title again",
    why="It is the second line that readers see, and the last chance to say what is inside.",
    bad="Subject and preheader are both `Your records are ready`.",
    better="Preheader: `Where they are, and until when we keep them.`",
)
def preheader_repeats(reading: Reading) -> Iterable[Hit]:
    first, second = ("subject", "preheader") if "preheader" in reading.parts else ("title", "body")
    if first not in reading.parts or second not in reading.parts:
        return
    one, other = (_tokens(reading.parts[part].text) for part in (first, second))
    if not one or not other:
        return
    shared = len(set(one) & set(other)) / len(set(one) | set(other))
    if shared >= 0.75 or (len(one) >= 2 and other[: len(one)] == one and len(other) <= len(one) + 3):
        text = reading.parts[second].text
        start = len(text) - len(text.lstrip())
        message = f"the {'preheader' if second == 'preheader' else 'text'} says the {first} again"
        yield Hit(start, start + len(text.strip()), message, "say what the other does not", second)


_WIDEST = {"subject": 70, "title": 44}


@rule(
    "title-shape",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="Subjects wider than 70 columns, push titles wider than 44 (Hangul takes two); a full stop at their end",
    why="Phones cut off the rest, and a title is no sentence of the letter.",
    bad="push title: `The record that you asked us to tell you about came in today.`",
    better="push title: `The record you asked about is here`",
)
def title_shape(reading: Reading) -> Iterable[Hit]:
    for part in ("subject", "title"):
        if part not in reading.parts or (part == "title" and reading.scene.channel is Channel.EMAIL):
            continue
        mask = re.sub(f"{DATA}+", DATA * 8, reading.parts[part].mask).strip()
        width = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in mask)
        whole = len(reading.parts[part].mask)
        if width > _WIDEST[part]:
            message = f"the {part} is {width} columns wide; phones show about {_WIDEST[part]}"
            yield Hit(0, whole, message, "put what matters first, and leave the rest to the text", part)
        elif re.search(r"[^.][.。]$", mask):
            yield Hit(whole - 1, whole, f"the {part} ends with a full stop", "leave it out", part)
