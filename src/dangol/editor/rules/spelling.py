"""Spelling: English by dictionary, Korean by a list of what is often written wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol, cast

from dangol.editor.lexicon import quoted
from dangol.editor.model import DATA, Hit, Scene, Sentence
from dangol.editor.prose import BARE_URL
from dangol.editor.registry import Scope, Severity, rule


class _Dictionary(Protocol):
    def known(self, words: Iterable[str]) -> set[str]: ...
    def correction(self, word: str) -> str | None: ...


_WORD = re.compile(r"(?<![\w@/.:#'’-])[a-z]{3,}(?:['’][a-z]+)?(?![\w@/#]|[-.:][A-Za-z0-9])")
_OURS = frozenset(
    """online email emails preheader login signup checkout wishlist website app apps sms url vinyl turntable playlist
    restock restocked preorder hashtag unsubscribe username shipping webpage emoji homepage timeline dropdown""".split()
)

_OFTEN_WRONG = frozenset(
    """untill begining acheive agressive apparantly basicly beleive buisness calender catagory collegue commited
    comming decieve dissapoint enviroment existance foriegn goverment gaurd happend harrass hygeine immediatly
    independant knowlege libary lisence maintenence millenium neccessary noticable occassion occured occurence paralel
    persistant posession prefered publically recomend refered religous rythm seige sieze succesful supercede suprise
    tendancy therfore tommorow truely unforseen useable vaccuum wierd writting""".split()
)
"""What word lists taken from real texts let pass."""

_KOREAN = [
    (r"몇일", "며칠"), (r"되요|돼여", "돼요"), (r"안되(?=[\s.!?]|$)", "안 돼"), (r"됬", "됐"), (r"뵈요", "봬요"), (r"봽", "뵙"),
    (r"할께", "할게"), (r"(?<=[할줄릴될볼갈올둘])께(?=요)", "게"), (r"드릴께|보낼께|알릴께", "…게"),
    (r"오랫만", "오랜만"), (r"오랜동안", "오랫동안"), (r"금새(?=[\s,.])", "금세"), (r"왠만", "웬만"), (r"웬지", "왠지"),
    (r"어떻해", "어떡해"), (r"어의 ?없", "어이없"), (r"희안", "희한"), (r"역활", "역할"), (r"일일히", "일일이"), (r"깨끗히", "깨끗이"),
    (r"곰곰히", "곰곰이"), (r"틈틈히", "틈틈이"), (r"번번히", "번번이"), (r"가까히", "가까이"), (r"반듯히", "반듯이"), (r"솔직이", "솔직히"),
    (r"꼼꼼이", "꼼꼼히"), (r"천천이", "천천히"), (r"조용이", "조용히"), (r"설레임|설레이", "설렘"), (r"바램(?=[\s,.이을은의]|$)", "바람"),
    (r"문안(?:하게|하다|한)", "무난"), (r"들어나(?=[다는면지])", "드러나"), (r"낳으(?:세요|셨|시)", "나으"), (r"치뤄|치루", "치러, 치르"),
    (r"담궈|잠궈", "담가, 잠가"), (r"구지(?=\s)", "굳이"), (r"통채", "통째"), (r"내노라", "내로라"), (r"삼가해|삼가하", "삼가"),
    (r"갯수", "개수"), (r"횟수째", "번째"), (r"윗층", "위층"), (r"뒷편", "뒤편"), (r"최대값", "최댓값"), (r"촛점", "초점"), (r"댓가", "대가"),
    (r"메세지", "메시지"), (r"컨텐츠", "콘텐츠"), (r"악세사리|악세서리", "액세서리"), (r"카달로그|카다로그", "카탈로그"), (r"앵콜", "앙코르"),
    (r"자켓", "재킷"), (r"데이타", "데이터"), (r"컨셉(?!트)", "콘셉트"), (r"리더쉽|멤버쉽", "…십"), (r"쥬스", "주스"), (r"쵸콜릿|초콜렛", "초콜릿"),
    (r"(?<=[을할될볼쓸갈올받낼둘살팔알])수 ?(?:있|없)", "수 있(없)"), (r"(?<=[가-힣])것같", "것 같"), (r"(?<=[은는을할한될된])때(?=[에는마])", " 때"),
    (r"안(?=(?:하셔도|가셔도|오셔도|보셔도|쓰셔도))", "안 "), (r"못(?=(?:오시|받으|보시|쓰시))", "못 "), (r"읍니다", "습니다"), (r"있슴|없슴|했슴", "있음"),
    (r"습니다만은", "습니다만"), (r"마춰|마추어", "맞춰"), (r"부치시면 됩니다 우표", "붙이"), (r"기달려|기달리", "기다려"), (r"바뀌었슴", "바뀌었음"),
    (r"아니예요", "아니에요"), (r"(?<=[가-힣])이예요", "이에요"), (r"뭐에요|거에요", "…예요"), (r"않돼|않되", "안 돼"), (r"않(?=\s(?:하|가|오|보|쓰|사))", "안"),
    (r"(?<=[가-힣])던지(?=\s[가-힣]+던지)", "든지"), (r"갖은(?= (?:것|분|채))", "가진"), (r"예기(?=[를치하])", "얘기"), (r"요세(?=[\s는])", "요새"),
]  # fmt: skip
_RIGHT = [(re.compile(pattern), right) for pattern, right in _KOREAN]
_WRONG = [
    re.compile("|".join(pattern for pattern, _ in _KOREAN if pattern[0] not in "([")),  # begin with a letter: fast
    re.compile("|".join(pattern for pattern, _ in _KOREAN if pattern[0] in "([")),
]


@lru_cache(maxsize=1)
def _dictionary() -> _Dictionary:
    from spellchecker import SpellChecker

    return cast(_Dictionary, SpellChecker(language="en", distance=2))


_ENDINGS = (
    ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("er", ""),
    ("ise", "ize"), ("ised", "ize"), ("ises", "ize"), ("ising", "ize"), ("isation", "ization"), ("ours", "or"),
    ("our", "or"), ("oured", "or"), ("yse", "yze"), ("ogue", "og"), ("lled", "l"), ("lling", "l"), ("tre", "ter"),
)  # fmt: skip
"""Endings of words, British ones included, and what they stand for in the dictionary."""


@lru_cache(maxsize=50_000)
def _unknown(word: str) -> bool:
    word = word.split("'")[0]
    forms = {word, *(word.removesuffix(one) + other for one, other in _ENDINGS if word.endswith(one))}
    return word in _OFTEN_WRONG or not (forms & _OURS or _dictionary().known(forms))


@lru_cache(maxsize=5_000)
def _correction(word: str) -> str | None:
    found = _dictionary().correction(word)
    return found if found != word else None


@rule(
    "misspelling",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="English words that the dictionary does not know but almost knows; Korean words that are often written wrongly",
    why="A slip in the text makes readers doubt the rest.",
    bad="몇일 뒤에 다시 뵈요.",
    better="며칠 뒤에 다시 봬요.",
)
def misspelling(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    if scene.language == "ko":
        for match in (match for pattern in _WRONG for match in pattern.finditer(sentence.mask)):
            right = next(right for pattern, right in _RIGHT if pattern.match(sentence.mask, match.start()))
            yield Hit(match.start(), match.end(), f"{quoted(match[0])} is written wrongly", f"write `{right.strip()}`")
    elif scene.language == "en":
        brand = scene.wishes.brand.lower()
        text = BARE_URL.sub(lambda url: "0" * len(url[0]), sentence.mask).replace(DATA, "0").replace("’", "'")
        first = text[:1].lower() + text[1:] if text.split(" ")[0].lower() in _OFTEN_WRONG else text
        for match in _WORD.finditer(first):
            word = match[0]
            likely = _correction(word.split("'")[0]) if word not in brand and _unknown(word) else None
            if likely:
                yield Hit(
                    match.start(), match.end(), f"{quoted(word)} is in no dictionary", f"did you mean `{likely}`?"
                )
