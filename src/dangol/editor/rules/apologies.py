"""What a brand says when it has let somebody down."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Reading, Sentence
from dangol.editor.prose import first_of
from dangol.editor.registry import Scope, Severity, rule
from dangol.model.vocabulary import Channel

_SORRY = {
    "en": re.compile(
        r"\b(?:we(?:'re| are|’re| were)(?: (?:very|so|truly|really|deeply|terribly))? sorry|our (?:sincere |sincerest )?apolog\w+|"
        r"(?:we |i |sincerely |would like to )apologi[sz]e|apologies for|sorry (?:for|that|about)|we regret|please accept our)",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"죄송(?:합|해|하다|스럽|한 (?:소식|말씀|마음))|사과(?:의 말씀|드립|드려|를 드|하겠)|미안(?:합|해)|송구"
    ),
}
_CAUSE = {
    "en": re.compile(
        r"\b(?:cause[sd]?|because|reason|why|found (?:out|that)|fault|broke|failed|mistake|mix-?up|looking (?:for|into)|"
        r"what (?:was|went) wrong|damaged|wrong|late|longer|delay(?:ed)?|storm|strike|carrier|courier|warehouse|forgot|"
        r"missed|out of stock|error|due to|badly|dropped|packed|broken|not (?:yet )?(?:know|done|kept)|lost|have not|no word)\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"원인|까닭|때문|이유|탓|문제였|살피|살펴|확인(?:하고|해 보|한 결과|해 보니)|늦어|늦게|지키지 못|고장|잘못|실수|누락|빠뜨|"
        r"폭설|파손|깨|상해|상한|품절|모자라|몰려|밀려|오류|바뀌|뒤바|없어|알지 못|잃어|부서|떨어뜨|지지 못|도착했다는 기록이"
    ),
}
_REMEDY = {
    "en": re.compile(
        r"\b(?:refund\w*|replac\w*|send (?:it|them|you|the|another|a new)|sent (?:you |another|a new|it)|pay (?:you )?back|"
        r"paid back|mend(?:ed)?|fix(?:ed)?|repair\w*|look(?:ing|ed)? (?:for|into)|cancel\w*|correct(?:ed)?|exchange\w*|credit(?:ed)?|"
        r"put (?:it )?right|put through|make (?:it )?(?:right|up)|working on|what we did|answer|settled|return(?:ed)?|"
        r"ask(?:ed)? the (?:carrier|courier)|new (?:one|copy|date)|keep(?:ing)? you)\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"돌려|환불|교환|다시 보내|새(?:로| 것| 음반| 상품)|고치|고쳤|바꿔|바꾸|취소|답을 드리|찾아 달라|찾아보|보상|수리|바로잡|"
        r"처리했|마무리했|한 일|살피고|살피는|살펴|조치|채워|정정|무료로|맡아|맡습니다|이어 드"
    ),
}
_NEXT = {
    "en": re.compile(
        r"\b(?:we(?:'ll|’ll| will| ask| tell| write| call)|will (?:be|call|write|answer|tell|come|arrive)|by (?:\w+day|today|tomorrow|the end|\ue020)|until|"
        r"as soon as|next (?:week|time|step)|again|reply|call us|please (?:call|reply)|tomorrow|within|in about|date)\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"까지|겠습니다|드리겠|알려|연락|답장|전화|앞으로|다음부터|내일|이내|안에|대로|예정일|[할줄릴]게요"
    ),
}
_NAMES = (
    ("the cause", _CAUSE, re.compile(r"\.\w*(?:cause|reason)")),
    ("the remedy", _REMEDY, re.compile(r"\.\w*(?:remedy|solution|action|refund)")),
    ("what happens next", _NEXT, re.compile(r"\.\w*(?:answer_by|expected|until|next|arrives)")),
)
"""What an apology names: by which words of the author, or by which data."""


@rule(
    "formulaic-apology",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="An apology that does not name cause, remedy and what happens next (in an SMS or push: two of the three)",
    why="Sorry without a cause is a formula, and without a remedy it is no help.",
    bad="We apologise for any inconvenience caused.",
    better="We packed the wrong record, and we are sorry. The right one leaves today; we tell you when it is there.",
)
def formulaic_apology(reading: Reading) -> Iterable[Hit]:
    language = reading.scene.language
    sentences = reading.of("subject", "preheader", "title", "body")
    found = first_of(sentences, _SORRY[language]) if language in _SORRY else None
    if found is None:
        return
    said = " ".join(one.text for one in reading.sentences if one.part not in {"greeting", "sign_off"})
    data = " ".join(place.inner for prose in reading.parts.values() for _, place in prose.passage.runs if place.data)
    without = _SORRY[language].sub(" ", said)
    missing = [name for name, words, facts in _NAMES if not (words[language].search(without) or facts.search(data))]
    allowed = 0 if reading.scene.channel is Channel.EMAIL else 1
    if len(missing) > allowed:
        number, match = found
        start = sentences[number].start + match.start()
        message = f"{quoted(match[0])} apologises without naming {' and '.join(missing)}"
        hint = "say what went wrong, what you do about it, and when the reader hears from you"
        yield Hit(start, start + len(match[0]), message, hint, sentences[number].part)


_SOLUTION = {
    "en": re.compile(
        r"\b(?:refund(?:ed)?|replac(?:e|ed|ement)|voucher|coupon|discount|credit|we (?:will|can|have) (?:send|sent|fix|fixed|repair|exchange|pay)|"
        r"please (?:fill|complete|send|return|contact)|we(?:'ll|’ll) (?:send|fix|repair|exchange|pay))\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"환불|교환(?:해|을)|쿠폰|적립금|할인|보상|다시 보내|새 (?:음반|상품|제품)|돌려 ?드|수리|조치(?:했|하겠)|처리(?:했|하겠|해)|작성해|제출|접수해"
    ),
}
_EMPATHY = {
    "en": re.compile(
        r"\b(?:sorry|apolog\w+|understand|thank you for (?:telling|writing|letting|your patience|waiting)|heard|trouble[sd]?|"
        r"disappoint\w*|frustrat\w*|upset|wait(?:ed|ing)?|annoy\w*|trust(?:ed)?|patien\w+|hop(?:ed|ing)|pity|let you down|all right|settled for you)\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"죄송|미안|사과|송구|고맙|감사|들었습니다|마음|불편|기다리|기다려|속상|실망|이해|걱정|서운|염려|믿고|괜찮|언짢|번거로|말씀하신|놀라"
    ),
}


@rule(
    "empathy-first",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="A message about a complaint whose body offers a solution before it shows that anybody listened",
    why="People who are upset want to be heard first; a solution that comes before that reads like a form.",
    bad="Your refund has been processed.",
    better="You waited for a record that arrived broken, and we are sorry. We paid you back today.",
)
def empathy_first(reading: Reading) -> Iterable[Hit]:
    language = reading.scene.language
    if language not in _SOLUTION or not reading.scene.is_complaint:
        return
    for sentence in reading.of("body"):
        if _EMPATHY[language].search(sentence.mask):
            return
        if match := _SOLUTION[language].search(sentence.mask):
            yield _before_empathy(sentence, match)
            return


def _before_empathy(sentence: Sentence, match: re.Match[str]) -> Hit:
    start = sentence.start + match.start()
    message = f"{quoted(match[0])} comes before any word for what the reader went through"
    hint = "first say what happened to them and that you are sorry, then what you do"
    return Hit(start, start + len(match[0]), message, hint, sentence.part)
