"""Korean sentence endings: in which speech level a sentence closes."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLOSED = re.compile(r"[\s.!?…~。\"'”’)\]]+$")
_MARKED_END = re.compile(r"[.!?…~。][\"'”’)\]]*\s*$")
_NOUNS_IN_YO = re.compile(r"(?:필요|중요|수요|개요|소요|강요|민요|동요|주요)$")
_VERB_IN_NA = re.compile(r"(?:만|일어|떠|태어|끝|드러|신|혼)나요$")
_BIEUP, _SSANG_SIOT, _NIEUN = 17, 20, 4

_HAEYO = re.compile(r"(?:요|죠)$")
_PLAIN_VERB = re.compile(r"(?:이|아니|하|되|지|크|르|프|쁘|시|보|주|오|가|리|기|치|키|우|두|나|내|서|켜|펴)다$")
_PLAIN_ADJECTIVE = re.compile(r"(?:없|있|같|좋|많|싫|높|낮|깊|작|적|얇|넓|짧|옳|맑|밝|젊|늙|굵)다$")
_PLAIN_ORDER = re.compile(
    r"(?:하|해|보|주|두|가|오|사|지|알아|찾아|받아|골라|들어|눌러)(?:라|거라)$|(?:달|두|놓)라$|(?:하|보|가|사|듣|먹|고르|나누|만나|모이)자$|(?:느|으)?냐$|ㄴ가$"
)
_HAE = re.compile(
    r"(?:"
    r"(?P<past>[가-힣])어"  # 했어, 있어: the syllable before has ㅆ
    r"|(?:없|싶|좋|같|많|괜찮|싫)(?:어|아)"
    r"|(?<![이올피방새북남])해|해 ?(?:줘|봐|둬)|(?:[아어여와워려져]) ?(?:줘|봐|둬)|(?:돼|줄래|할래|볼래|올래|갈래)"
    r"|(?:할|줄|볼|갈|올|둘|될|릴|을|낼)게|(?:이|거|뭐|아니)야|잖아|거든|더라|구나|는걸|겠지|[봐어아여]야지|해야지|했지|있지|하지|맞지|그렇지|이지"
    r"|(?:네|군)"
    r")$"
)
_NOT_HAE = re.compile(r"(?:이해|올해|피해|방해|새해|손해|공해|동네|어른네|장군|우리네|여러 가지|까지|편지)$")


def _final(syllable: str) -> int:
    """The number of the final consonant of a syllable, 0 if it has none."""
    return (ord(syllable) - 0xAC00) % 28 if "가" <= syllable <= "힣" else -1


def level(sentence: str, also_said: Sequence[str] = ()) -> str | None:
    """``hapsyo``, ``haeyo``, ``hae`` or ``haera``; None where the ending does not tell, as in headings.

    Endings in ``also_said`` suit the brand's level beside its own, so they tell nothing either.
    """
    marked = bool(_MARKED_END.search(sentence))
    words = _CLOSED.sub("", sentence)
    if not words or not "가" <= words[-1] <= "힣":
        return None
    if any(words.endswith(ending) for ending in also_said) and not _VERB_IN_NA.search(words):
        return None
    if re.search(r"(?:십시오|으시오|소서|옵니다)$", words):
        return "hapsyo"
    if match := re.search(r"(.)(?:니다|니까)$", words):
        return "hapsyo" if _final(match[1]) == _BIEUP else ("haera" if words.endswith("니다") and marked else None)
    if re.search(r"(.)시다$", words) and len(words) > 2 and _final(words[-3]) == _BIEUP:
        return "hapsyo"
    if _HAEYO.search(words):
        return None if _NOUNS_IN_YO.search(words) else "haeyo"
    return _familiar(words, marked)


def _familiar(words: str, marked: bool) -> str | None:
    """The levels without 요: only a sentence that is closed by a mark tells, for nouns end alike."""
    if not marked:
        return None
    if words.endswith("다") and len(words) > 1:
        if _final(words[-2]) in {_SSANG_SIOT, _NIEUN} or _PLAIN_VERB.search(words) or _PLAIN_ADJECTIVE.search(words):
            return "haera"
        return None
    if _PLAIN_ORDER.search(words):
        return "haera"
    match = _HAE.search(words)
    if match is None or _NOT_HAE.search(words):
        return None
    if match["past"]:
        return "hae" if _final(match["past"]) == _SSANG_SIOT else None
    return "hae"
