"""Korean speech: levels, things that are honoured like people, passives made twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from dangol.editor.korean import level
from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Reading, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule
from dangol.editor.wishes import LEVELS


def _levels(reading: Reading) -> list[tuple[Sentence, str]]:
    scene = reading.scene
    if scene.language != "ko":
        return []
    sentences = [one for one in reading.of(*reading.parts) if not one.label]
    told = [(one, level(one.mask.replace("\ue020", "○"), scene.wishes.also_said)) for one in sentences]
    return [(one, found) for one, found in told if found is not None]


def _ending(sentence: Sentence) -> Hit:
    """The sentence's last word, where its level stands."""
    end = len(sentence.text)
    start = max(sentence.text.rfind(" ", 0, end) + 1, 0)
    return Hit(sentence.start + start, sentence.start + end, "", part=sentence.part)


@rule(
    "mixed-speech-level",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="Sentences of one Korean message that close in different speech levels (합쇼체, 해요체, 해체, 해라체)",
    why="It sounds as if two people wrote it, or one who cannot decide how near the reader is.",
    bad="주문을 잘 받았습니다. 내일 보내드릴게요.",
    better="주문을 잘 받았습니다. 내일 보내드리겠습니다.",
)
def mixed_speech_level(reading: Reading) -> Iterable[Hit]:
    told = _levels(reading)
    counted = Counter(found for _, found in told)
    if len(counted) < 2:
        return
    wanted = reading.scene.wishes.level
    main = wanted if wanted in counted else counted.most_common(1)[0][0]
    for sentence, found in told:
        if found != main:
            hit = _ending(sentence)
            words = quoted(sentence.text[hit.start - sentence.start :])
            message = f"{words} closes in {LEVELS.get(found, found)}, other sentences in {LEVELS.get(main, main)}"
            yield Hit(hit.start, hit.end, message, f"close it in {LEVELS.get(main, main)}", sentence.part)


@rule(
    "speech-level",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="A Korean message in another speech level than voice.yaml wants on the channel",
    why="The brand has one manner of speaking on each channel.",
    bad="주문을 잘 받았어요.",
    better="주문을 잘 받았습니다.",
)
def speech_level(reading: Reading) -> Iterable[Hit]:
    told = _levels(reading)
    wanted = reading.scene.wishes.level
    if wanted not in LEVELS or len({found for _, found in told}) != 1 or told[0][1] == wanted:
        return
    sentence, found = told[0]
    hit = _ending(sentence)
    words = quoted(sentence.text[hit.start - sentence.start :])
    message = f"{words} closes in {LEVELS.get(found, found)}; the brand says {LEVELS[wanted]} here"
    yield Hit(hit.start, hit.end, message, f"close it in {LEVELS[wanted]}", sentence.part)


_THINGS = "상품|제품|음반|예약|접수|문의|신청|요청|커피|음료|주문|결제|금액|사이즈|배송|포인트|적립금|쿠폰|가격|재고|색상|택배|메뉴|요금|배송비|비용|값|할인|반품|교환|환불|이벤트|화장실|자리|좌석"
_HONOURED = re.compile(
    rf"(?:{_THINGS})(?:이|가|은|는|도|께서)? ?(?:[가-힣]{{1,6}} )?"
    r"(?:[가-힣0-9,]{1,8} ?[가-힣]{0,2})?(?:나오(?:셨|십)|있으(?:시|십|세)|없으(?:시|십|세)|품절이(?:시|십|세)|도착하(?:셨|십)|되(?:십니다|세요|셨습니다)|"
    r"이(?:십니다|세요|시고|신데)|이셔|출고되(?:셨|십)|준비되(?:셨|십)|완료되(?:셨|십)|들어오(?:셨|십)|오(?:셨|십))"
)
_EXCUSED = re.compile(r"있으시면|없으시면|있으신|없으신|있으실|없으실|있으셨|없으셨")


@rule(
    "honoured-thing",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Honorifics for things instead of people: `커피 나오셨습니다`",
    why="It honours the parcel, not the reader, and sounds like a script.",
    bad="주문하신 음반이 도착하셨습니다.",
    better="주문하신 음반이 도착했습니다.",
)
def honoured_thing(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    if scene.language != "ko":
        return
    for match in _HONOURED.finditer(sentence.mask):
        rest = sentence.mask[match.start() : match.end() + 2]
        if not _EXCUSED.search(rest):
            yield Hit(match.start(), match.end(), f"{quoted(match[0])} honours a thing", "높임말은 손님께만 쓰세요")


_TWICE = re.compile(
    r"되어[지질집졌진]|[보쓰놓짜모]여[지질집졌진]|(?:불리|잊히|나뉘|갈리|읽히|믿기)[어여]?워?[지질집졌진]|잊혀[지질집졌진]|불리워|보여지|되여"
)


@rule(
    "double-passive",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Korean passives made twice: 되어지다, 보여지다, 잊혀지다",
    why="One passive is enough; an active verb is usually better.",
    bad="주문이 처리되어졌습니다.",
    better="주문을 처리했습니다.",
)
def double_passive(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    if scene.language != "ko":
        return
    for match in _TWICE.finditer(sentence.mask):
        yield Hit(
            match.start(), match.end(), f"{quoted(match[0])} is a passive made twice", "하나만 쓰거나 능동으로 적으세요"
        )
