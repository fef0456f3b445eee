"""How much a message informs, and how much it speaks to feelings, in the stage it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.model import DATA, Hit, Reading
from dangol.editor.registry import Scope, Severity, rule

_EMOTION = {
    "en": re.compile(
        r"\b(?:thank|sorry|glad|happy|hope|wish|welcome|love|enjoy|trust|pleasure|trouble|appreciate|proud|dear|kind|"
        r"look forward|friend|feel|pity|please|miss(?:ed)?|care)\w*\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"고맙|감사|죄송|반가|기쁘|기쁨|바랍니다|바라|마음|즐거|즐기|축하|인사|믿|그리|서운|편안|함께|덕분|좋아하|설레|따뜻|응원|기다리|괜찮"
    ),
}
_INFORMATION = re.compile(rf"\d|{DATA}|https?://|[:：]")
_MARGIN = 0.25


@rule(
    "information-balance",
    Scope.MESSAGE,
    Severity.NOTE,
    looks_for="A share of information against emotion that is far from what voice.yaml wants in the stage",
    why="At the till one wants facts, after a fault one wants to be heard, among friends both.",
    bad="A letter of thanks that is only a list of figures",
    better="A word of thanks first, then the figures",
)
def information_balance(reading: Reading) -> Iterable[Hit]:
    wanted = reading.scene.wishes.information
    sentences = [one for one in reading.sentences if one.part == "body" and not one.label and not one.quoted]
    pattern = _EMOTION.get(reading.scene.language)
    if wanted is None or pattern is None or len(sentences) < 4:
        return
    feeling = sum(bool(pattern.search(one.mask)) and not _INFORMATION.search(one.mask) for one in sentences)
    share = 1 - feeling / len(sentences)
    if abs(share - wanted) > _MARGIN:
        much = "more" if share > wanted else "less"
        message = f"about {share:.0%} of the sentences inform; in this stage the brand wants about {wanted:.0%}"
        hint = "speak to the reader as well" if much == "more" else "tell more of what the reader needs to know"
        first = sentences[0]
        yield Hit(first.start, first.start + len(first.text), message, hint)
