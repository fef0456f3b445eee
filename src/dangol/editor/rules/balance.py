"""How much a message informs, and how much it speaks to feelings, in the stage it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.model import DATA, Hit, Reading
from dangol.editor.registry import Scope, Severity, rule
from dangol.model.vocabulary import Purpose

_EMOTION = {
    "en": re.compile(
        r"\b(?:thank|sorry|glad|happy|hope|wish|welcome|love|enjoy|trust|pleasure|trouble|appreciate|proud|kind|letter|evening|"
        r"look forward|friend|feel|pity|miss(?:ed)?|care|wonder|remember|curious|right|fine|hurry|hello|listen|quiet|worry|"
        r"rather|regular|name|beside|wait|difficult|honest)\w*\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"고맙|감사|죄송|반가|기쁘|기쁨|바랍니다|바라|마음|즐거|즐기|축하|인사|믿|그리|서운|편안|함께|덕분|좋아하|설레|따뜻|응원|기다리|괜찮|"
        r"단골|이야기|기억|저녁|밤에|궁금|아쉬|재촉|도리|천천히|여쭙|여쭈|처음|오랜만|뵙|편지|듣|들어 보|힘이"
    ),
}
_INFORMATION = {
    "en": re.compile(
        rf"\d|{DATA}|https?://|[:：]|\b(?:order|cart|price|parcel|address|until|by (?:\w+day|today)|paid|charged|code|account|"
        r"shipping|refund|replace|cancel|carrier|box|credit|week|month|day|free|closed|open|list|discount|cost|return)\w*\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        rf"\d|{DATA}|https?://|[:：]|주문|배송|가격|결제|번호|날짜|까지|매장|조회|반품|환불|포장|계정|적립금|금액|택배|상자|취소|일주일|"
        r"한 달|하루|무료|쉽니다|목록|할인|비용|기간|알림|장바구니"
    ),
}
_MARGIN = 0.4
_ENOUGH = 5


@rule(
    "information-balance",
    Scope.MESSAGE,
    Severity.NOTE,
    looks_for="A share of information against emotion far from what voice.yaml wants in the stage; not where the purpose is transactional",
    why="At the till one wants facts, after a fault one wants to be heard, among friends both.",
    bad="A letter of thanks that is only a list of figures",
    better="A word of thanks first, then the figures",
)
def information_balance(reading: Reading) -> Iterable[Hit]:
    wanted = reading.scene.wishes.information
    language = reading.scene.language
    sentences = [one for one in reading.sentences if one.part == "body" and not one.label and not one.quoted]
    if wanted is None or language not in _EMOTION or reading.scene.purpose is Purpose.TRANSACTIONAL:
        return  # what has to be said is no matter of taste
    informing = sum(bool(_INFORMATION[language].search(one.mask)) for one in sentences)
    feeling = sum(bool(_EMOTION[language].search(one.mask)) for one in sentences)
    if informing + feeling < _ENOUGH:
        return
    share = informing / (informing + feeling)
    if abs(share - wanted) > _MARGIN:
        message = f"about {share:.0%} of what it says informs; in this stage the brand wants about {wanted:.0%}"
        hint = "speak to the reader as well" if share > wanted else "tell more of what the reader needs to know"
        first = sentences[0]
        yield Hit(first.start, first.start + len(first.text), message, hint)
