"""Promises that nobody can keep, and praise that nobody believes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.lexicon import Lexicon, quoted
from dangol.editor.model import Hit, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule

_SAY_WHAT = "say what you do, by when, and what follows if you cannot"
_SAY_HOW = "say what is so and how you know, or leave it out"
_COMPARE = "name the price, and with what you compare it"

_PROMISES = Lexicon(
    {
        "en": [
            (r"guarantee(?:s|d)?|guaranteed", _SAY_WHAT),
            (
                r"100 ?% ?(?:satisf|safe|secure|risk|free|guarante|money|sure|certain|reliab|effective|happy)\w*",
                _SAY_WHAT,
            ),
            (r"risk[- ]free|(?:no|zero) risk|without any risk", _SAY_WHAT),
            (r"(?:will|can|'ll|’ll) never|never (?:fails?|disappoints?|lets? you down|regret|run out|late)", _SAY_WHAT),
            (r"(?:always|never) (?:be )?(?:on time|in stock|works?|available|late|there for you|perfect)", _SAY_WHAT),
            (
                r"always (?:\w+ ){0,2}(?:perfect|mint|flawless|free)|(?:is|are) assured|there is no way you|removes? (?:all|every)|(?:all|every) (?:scratch|problem|stain)\w*",
                _SAY_WHAT,
            ),
            (r"always the (?:best|lowest|cheapest)", _COMPARE),
            (r"(?:lowest|best|cheapest|unbeatable|unbeaten) (?:possible )?(?:prices?|deals?|value)", _COMPARE),
            (r"(?:nobody|no one|no other \w+) (?:beats?|offers?|comes close|can match|matches)", _COMPARE),
            (
                r"(?:we are|we're|we’re) always (?:here|there|available|ready)|always here for you|you can (?:always )?count on us",
                _SAY_WHAT,
            ),
            (
                r"you (?:will not|won't|won’t|will never) (?:regret|be disappointed|find)|cannot go wrong|can't go wrong",
                _SAY_WHAT,
            ),
            (
                r"without fail|no matter what|whatever happens|in every case|under any circumstances|at all costs",
                _SAY_WHAT,
            ),
            (
                r"(?:completely|absolutely|totally|perfectly|entirely) (?:safe|certain|sure|satisfied|secure|flawless)",
                _SAY_WHAT,
            ),
            (r"every(?:one| customer|body) (?:loves?|will love|is (?:happy|delighted|satisfied))", _SAY_HOW),
            (r"forever|for life|lifetime (?:guarantee|warranty|access)|for ever", _SAY_WHAT),
            (r"we promise(?: you)?|i promise|you have our (?:word|promise)", _SAY_WHAT),
            (r"instant(?:ly)? (?:results|refunds?|solutions?|delivery)", _SAY_WHAT),
            (r"solves? (?:all|every|any)|(?:all|any of) your problems", _SAY_WHAT),
            (r"(?:will )?definitely(?: will)?|will surely|for sure|without (?:a )?doubt", _SAY_WHAT),
            (r"the only (?:shop|store|place|brand|service) (?:that|in|where|you)", _SAY_HOW),
            (r"unconditional(?:ly)?|no questions ever|flawless(?:ly)?", _SAY_WHAT),
        ],
        "ko": [
            (r"무조건", _SAY_WHAT),
            (r"반드시[^.!?]{0,30}?(?:겠습니다|드립니다|됩니다|할게요|드릴게요|돼요|됩니다|드려요)", _SAY_WHAT),
            (
                r"절대(?:로|적으로)?(?! ?음감)[^.!?]{0,20}?(?:없습|없어요|없다|않습|않아요|않겠|않을|안 (?:하|되|늦))",
                _SAY_WHAT,
            ),
            (r"(?:100 ?%|백 ?퍼센트|백프로) ?(?:보장|만족|환불|안전|정품|천연|책임|당첨|확실|해결|완치)", _SAY_WHAT),
            (r"보장(?:합니다|해|된|되|드|하|받)", _SAY_WHAT),
            (r"완벽(?:한|하게|히|합|해|하)", _SAY_HOW),
            (r"영원(?:히|한)|평생(?:토록)? ?(?:무료|보장|책임|함께|사용|A/S|동안)", _SAY_WHAT),
            (r"최저가|가장 (?:싼|저렴한) 가격", _COMPARE),
            (r"틀림없(?:이|습)|확실(?:히|하게)|확신(?:합|하셔)", _SAY_WHAT),
            (r"전혀 (?:문제|걱정|위험|부작용|손해)", _SAY_WHAT),
            (r"모든 (?:문제|고민|걱정|불편)[을를이가]? ?(?:해결|해소|사라)", _SAY_WHAT),
            (r"누구나 (?:만족|좋아|반)", _SAY_HOW),
            (r"무제한|무한(?:정)?으로", _SAY_WHAT),
            (r"(?:어떤|어떠한|어느) 경우(?:에도|라도)|무슨 일이 있어도|어떤 일이 있어도|기필코", _SAY_WHAT),
            (r"약속(?:드립니다|합니다|드려요|해요|드리겠습니다)", _SAY_WHAT),
            (
                r"장담(?:합|해|하|드)|실망(?:하지|시키지) 않|평생|(?:항상|언제나|늘) (?:더 |가장 )?(?:저렴|싸게|쌉)",
                _SAY_WHAT,
            ),
            (r"즉시 ?(?:해결|환불|처리|도착)", _SAY_WHAT),
            (r"실패 ?없(?:는|이)|후회 ?없(?:는|이|으)|후회하지 않으|걱정 ?(?:끝|제로)|손해 ?볼 ?(?:일|것)", _SAY_WHAT),
            (r"(?:항상|언제나|늘) (?:최저|최고|정시|제시간|제때|만족|완벽)", _SAY_WHAT),
            (r"(?:단 )?한 번도|하나도 없|단 하나도|한 치의|빠짐없이 모두|예외 없이", _SAY_WHAT),
            (r"(?:믿고|안심하고) (?:맡기|구매|주문)하|걱정하지 (?:마|않으셔도)|걱정 마|책임지(?:겠|고)", _SAY_WHAT),
            (r"다시는[^.!?]{0,25}(?:없|않)", _SAY_WHAT),
        ],
    }
)
_DENIED = re.compile(
    r"\b(?:cannot|can't|can’t|could not|not|no|don't|don’t|won't|nobody)\b[^,;.]{0,25}$", re.IGNORECASE
)
_DENIED_AFTER = re.compile(
    r"^[가-힣]{0,4}(?:지|하지|할 수|해 드릴 수|드릴 수|하기|해 드리기)? ?(?:는|도|가)? ?(?:못|않|없|어렵)"
)
_ABLE = frozenset({"will never", "can never", "'ll never", "’ll never"})


@rule(
    "over-promise",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Guarantees, absolutes and superlatives of price: guarantee, never, 100 %, 무조건, 보장, 최저가",
    why="What cannot be kept costs trust, and in advertising it may be against the law.",
    bad="We guarantee that your parcel will never be late.",
    better="We send it today. If it is late, we tell you before you have to ask.",
)
def over_promise(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for found in _PROMISES.find(sentence.mask, scene.language):
        before, after = sentence.mask[: found.start], sentence.mask[found.end :]
        if scene.language == "en" and found.words.lower() not in _ABLE and _DENIED.search(before):
            continue
        if scene.language == "ko" and _DENIED_AFTER.match(after):
            continue
        if scene.language == "ko" and re.search(r"(?:지 못|지 않|수 없|어렵)", found.words) and "보장" in found.words:
            continue
        message = f"{quoted(found.words)} promises more than anyone can keep"
        yield Hit(found.start, found.end, message, found.advice)


_PRAISE = Lexicon(
    {
        "en": [
            (r"amazing(?:ly)?|incredibl[ey]|unbelievabl[ey]|awesome|fantastic|phenomenal|sensational", _SAY_HOW),
            (r"revolutionary|groundbreaking|game[- ]chang(?:er|ing)|next[- ]level|cutting[- ]edge", _SAY_HOW),
            (
                r"world[- ]class|second to none|unparalleled|unrivall?ed|unmatched|one[- ]of[- ]a[- ]kind|see (?:this|it) to believe|#1|number one",
                _SAY_HOW,
            ),
            (r"best[- ]ever|the best \w+(?: \w+)? (?:ever|anywhere|in (?:the )?\w+)|best in (?:town|class)", _SAY_HOW),
            (r"ultimate|mind[- ]blowing|jaw[- ]dropping|breathtaking|spectacular|stunning|extraordinary", _SAY_HOW),
            (
                r"unforgettable|irresistible|unbeatable|never (?:heard|seen) anything like|won(?:'|’)?t believe|will blow you away",
                _SAY_HOW,
            ),
            (
                r"(?:the )?(?:finest|greatest|most exciting) \w+(?: \w+)? (?:ever|around|in (?:town|the \w+)|of all time)|(?:record|album|sale|deal|event|gift) of the (?:century|year|decade)",
                _SAY_HOW,
            ),
            (
                r"exceptional(?:ly)?|marvell?ous|sublime|to die for|dream come true|masterpiece|treasure trove|top[- ]notch",
                _SAY_HOW,
            ),
            (r"must[- ]have|once[- ]in[- ]a[- ]lifetime|unmissable|insane(?:ly)?|epic|legendary|magical", _SAY_HOW),
            (r"like never before|out of this world|the greatest|super[- ]duper|mega|hottest", _SAY_HOW),
            (r"the most \w+(?: \w+)? (?:ever|in the world|of all time|you will ever)", _SAY_HOW),
            (r"the perfect \w+|absolutely (?:love|amazing|perfect|gorgeous)|life[- ]changing", _SAY_HOW),
        ],
        "ko": [
            (r"최고(?:의|로|예요|입니다|급|를)|최상(?:의|급)|으뜸|최강", _SAY_HOW),
            (r"역대(?:급| ?최)|사상 최|대박|레전드|끝판왕|인생템|갓성비|넘버원", _SAY_HOW),
            (r"놀라운|놀랄 만한|환상적|황홀|꿈같은|꿈만 같은|기적(?:의|같은| 같은|적)", _SAY_HOW),
            (r"압도적|혁신적|독보적|파격(?:적|가)?|차원이 다른|전설적|경이로운", _SAY_HOW),
            (r"믿을 수 없(?:는|을)|상상(?:을)? ?초월|상상도 못|말도 안 되는|믿기지 않는", _SAY_HOW),
            (
                r"두 번 다시 (?:없|오지)|다시 없을|전설의|불후의|귀가 번쩍|눈이 번쩍|심장이 (?:뛰|두근)|잊지 못할|잊을 수 없는",
                _SAY_HOW,
            ),
            (
                r"명품|걸작|보물 ?같은|궁극의|끝내주|눈부신|찬란한|감동의 (?:도가니|물결)|최고급|초호화|완판|품절 대란|화제의",
                _SAY_HOW,
            ),
            (r"어디에도 없|어디서도 (?:볼|들을|만날) 수 없|가슴(?:이|을) (?:벅|울리)|단연", _SAY_HOW),
            (r"유일무이|둘도 없는|세상에 (?:없|하나뿐)|단 하나뿐|비교 ?불가", _SAY_HOW),
            (r"(?:국내|세계|업계|대한민국|한국) ?(?:유일|최고|최대|최초|1위)", _SAY_HOW),
            (r"초특가|특급|폭탄|미친|어마어마|엄청(?:난|나게)|굉장(?:한|히)|단언컨대", _SAY_HOW),
        ],
    }
)


@rule(
    "exaggeration",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Praise of oneself in superlatives: amazing, world-class, 최고의, 역대급",
    why="Readers discount it, and then they discount the rest.",
    bad="이번 달 최고의 음반을 놀라운 가격에 만나 보세요.",
    better="이번 달에 가게에서 가장 오래 들은 음반입니다.",
)
def exaggeration(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for found in _PRAISE.find(sentence.mask, scene.language):
        yield Hit(found.start, found.end, f"{quoted(found.words)} praises instead of telling", found.advice)
