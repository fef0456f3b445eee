"""How it sounds: set phrases, pressure, blame, slang and the looks of spam."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.lexicon import Lexicon, quoted
from dangol.editor.model import Hit, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule

_PLAIN = "say it as you would across the counter"
_TELL = "tell the date or the number, and let the reader decide"

_SET_PHRASES = Lexicon(
    {
        "en": [
            (r"(?:do not|don't|don’t) hesitate", "write `please ask` or `call us`"),
            (r"at your earliest convenience|in a timely manner|in due course", "name the day"),
            (r"valued customers?|your (?:call|business|opinion|feedback|satisfaction) is (?:very )?important", _PLAIN),
            (r"we (?:strive|endeavou?r|pride ourselves)|rest assured|we value (?:your|you)", "say what you do"),
            (r"for your convenience|thank you for your (?:understanding|cooperation|patronage)", _PLAIN),
            (r"committed to (?:excellence|providing|your)|going the extra mile|customer is king", "say what you do"),
            (r"it has come to our attention|please be advised|please note that|hereby|herein|as per|kindly", _PLAIN),
            (
                r"(?:continued|ongoing) (?:support|loyalty|trust)|(?:our )?(?:top|number one|first|highest) priority|feel free to",
                _PLAIN,
            ),
            (
                r"(?:we are|we're|we’re) (?:excited|thrilled|delighted|proud|pleased) to (?:announce|introduce|inform|share|offer)",
                "tell the news itself",
            ),
            (
                r"committed to|dedicated to|passionate about|look no further|sit back and relax|state of the art|we care about you",
                "say what you do",
            ),
            (
                r"(?:any )?inconvenience (?:this )?(?:may )?(?:have )?caused?|we regret to inform|apologi[sz]e for (?:the|any) inconvenience",
                "name what happened to the reader",
            ),
            (
                r"(?:look(?:ing)? forward to|pleasure of|happy to) serv(?:e|ing)|thank you for choosing us|as a valued|helps? us (?:to )?(?:improve|serve|provide)",
                _PLAIN,
            ),
            (r"utili[sz]e[sd]?|leverag(?:e|ing)|touch base|circle back|reach out", _PLAIN),
            (r"unlock(?:ing)? (?:the|your|a|exclusive)|elevate your|embark on|seamless(?:ly)?|dive into", _PLAIN),
        ],
        "ko": [
            (
                r"최선을 다(?:하|해)|만전을 기(?:하|해)|더욱 노력하|노력하겠습니다|노력하는",
                "무엇을 언제까지 할지 적으세요",
            ),
            (r"고객 ?만족을 위해|고객 ?감동|고객을? 가족처럼|고객의 소리", "하는 일을 그대로 적으세요"),
            (
                r"성원에 (?:보답|힘입|감사)|많은 (?:관심|성원|이용)(?:을)? ?부탁|변함없는 (?:성원|사랑|관심)|(?:고객|손님) 중심|(?:언제나|항상|늘) (?:저희|가게)[가-힣 ]{0,30}감사",
                "고마운 까닭을 적으세요",
            ),
            (
                r"(?:너른 |넓은 |깊은 )?양해(?:를)? ?(?:부탁|바랍|구합|해 주시)",
                "사정을 적고, 손님이 하실 수 있는 일을 알려 주세요",
            ),
            (
                r"(?:아껴|사랑해) 주시는|보내 주신 (?:성원|사랑|관심)|(?:발전하는|달라진|나은|새로운) 모습|많은 (?:이용|참여|구매)(?:을)? ?(?:부탁|바랍)",
                "하실 수 있는 일을 그대로 적으세요",
            ),
            (
                r"양해(?:를|의 말씀)? ?(?:바랍|드립|구합|부탁)|(?:최상|최고|최선)의 (?:서비스|품질|노력)|가정에 (?:행복|평안)|건승|다름이 아니(?:라|오라)",
                "손님께 말하듯 적으세요",
            ),
            (r"심려를 끼|소중한 (?:고객|회원)|사랑하는 (?:고객|회원)|무궁한 발전|번창하", "손님께 말하듯 적으세요"),
            (r"당사(?:는|의|가|에서)|금번|상기|익일|금일|작일|하기와 같|아래와 같이 공지|귀사", "쉬운 말로 적으세요"),
            (r"거듭나|앞장서(?:는|겠)|불편을 최소화|신속(?:히|하게|한) 처리", "무엇을 언제까지 할지 적으세요"),
        ],
    }
)


@rule(
    "cliche",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Phrases that every company uses: do not hesitate, valued customer, 최선을 다하겠습니다, 양해 부탁드립니다",
    why="They say nothing, so readers stop reading.",
    bad="Please do not hesitate to contact us at your earliest convenience.",
    better="Call us, or reply to this email.",
)
def cliche(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for found in _SET_PHRASES.find(sentence.mask, scene.language):
        yield Hit(found.start, found.end, f"{quoted(found.words)} is a set phrase", found.advice)


_HURRY = Lexicon(
    {
        "en": [
            (
                r"act (?:now|fast)|hurry up|hurry(?=[,!:]|\s+(?:while|before|and|now|or|in)\b)|don(?:'|’)?t (?:miss|wait|delay)|do not miss|(?:your|the|a|it(?:'|’)?s|is) last chance(?! to see them)",
                _TELL,
            ),
            (
                r"limited[- ]time|today only|only today|(?:offer )?ends (?:tonight|soon|today|in)|final (?:hours|call|days)",
                _TELL,
            ),
            (r"before (?:it(?:'|’)?s|it is) (?:too late|gone)|while (?:stocks?|supplies) lasts?|now or never", _TELL),
            (
                r"(?:running|selling) (?:out|fast)|(?:order|buy|shop) now|only \d+ (?:left|remaining)|expires soon",
                _TELL,
            ),
            (
                r"(?:be quick|grab (?:yours|it|one)|snap (?:it )?up|won(?:'|’)?t last|going fast|almost gone|last (?:few|\d+) (?:copies|records|items|seats|left)|before (?:someone|anyone|everyone) else)",
                _TELL,
            ),
            (
                r"(?:deadline|time) is (?:near|short|almost up)|secure yours|claim (?:it|yours) (?:now|today)|now is the time",
                _TELL,
            ),
            (
                r"urgent(?: notice| offer|:)|time is running out|what are you waiting for|one time offer|clock is ticking",
                _TELL,
            ),
        ],
        "ko": [
            (r"서두르(?:세요|시)|서둘러|얼른|빨리 (?:주문|구매|오[세시]|신청|사)|지금 (?:바로|당장)", _TELL),
            (r"(?:마감|품절|매진|종료) ?임박|곧 (?:종료|마감|끝|품절)|마지막 기회|막차|카운트다운", _TELL),
            (r"오늘 ?(?:하루)?만|단 (?:하루|\d+ ?(?:일|시간|명|개|분)|[한두세네] )", _TELL),
            (
                r"(?:오늘|내일|이번 주) ?(?:자정|밤)?까지만|늦기 전에|(?:오늘|이번 주|이번 달)[이가] 지나면|늦으면|품절되기 전|사라지기 전|(?:수량|재고|자리)[이가]? 얼마 남지|몇 (?:장|개) (?:안 )?남지 않|남은 (?:수량|자리)|망설이(?:지 마|는 사이)",
                _TELL,
            ),
            (r"놓치지 마|놓치면|놓치실|후회하(?:실|지)|기회를? (?:잡|놓)|선착순|한정 ?(?:수량|판매|특가)", _TELL),
        ],
    }
)


@rule(
    "pressure",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Hurry: act now, last chance, 마감 임박, 놓치지 마세요",
    why="People who feel pushed buy once and leave.",
    bad="마감 임박! 지금 바로 주문하세요.",
    better="이 가격은 11월 30일까지입니다.",
)
def pressure(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for found in _HURRY.find(sentence.mask, scene.language):
        yield Hit(found.start, found.end, f"{quoted(found.words)} hurries the reader", found.advice)


_BLAME = Lexicon(
    {
        "en": [
            (
                r"you (?:failed|neglected|forgot|should have|were supposed|misread|must have (?:misread|entered|made))",
                "say what is missing and how to mend it",
            ),
            (
                r"your (?:mistake|fault|failure|error|negligence|oversight)|due to your",
                "say what happened, not who is to blame",
            ),
            (
                r"as (?:we )?(?:already|previously) (?:stated|told|explained|mentioned|informed)",
                "say it again, as if for the first time",
            ),
            (
                r"because of your|you (?:did not|didn't|never) (?:read|tell|reply|respond|check)|you ought to have",
                "say what is missing and how to mend it",
            ),
            (
                r"you claim|contrary to your|we are not (?:responsible|liable)|not our (?:fault|responsibility)",
                "say what you can do",
            ),
        ],
        "ko": [
            (
                r"(?:고객|손님|회원|본인|귀하)(?:님)?(?:께서|의|께서는)? ?(?:실수|부주의|착오|잘못|과실)",
                "누구 탓인지보다 무엇을 하면 되는지 적으세요",
            ),
            (
                r"(?:읽|보|적|알리|지키)지 않으(?:셔서|신 탓|신 까닭|셨기)|(?:손님|고객)(?:께서|이) (?:잘못|틀리)",
                "무엇을 하면 되는지 적으세요",
            ),
            (r"확인하지 않(?:으셔서|으신|아서)|제대로 (?:읽|확인|보)[가-힣 ]{0,6}않", "무엇을 하면 되는지 적으세요"),
            (
                r"이미 (?:안내|공지|고지|설명)(?:해 )?(?:드렸|드린|했|한)|주장하시|숙지하시|누차",
                "처음 말씀드리듯 다시 적으세요",
            ),
            (
                r"(?:저희|당사|가게)(?:의|에는|는|에)? ?책임(?:이|은)? ?(?:없|아니|지지 않)|책임지지 않",
                "저희가 할 수 있는 일을 적으세요",
            ),
        ],
    }
)


@rule(
    "blame",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="Telling readers that it is their fault: you failed to, as already stated, 고객님의 실수",
    why="Whoever feels accused does not hear the help.",
    bad="You failed to enter your address.",
    better="Your address is still missing. You can add it here.",
)
def blame(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for found in _BLAME.find(sentence.mask, scene.language):
        yield Hit(found.start, found.end, f"{quoted(found.words)} lays the blame on the reader", found.advice)


_SLANG = Lexicon(
    {
        "en": [
            (
                r"lol|omg|wanna|gonna|gotta|yay|woo?hoo+|hey (?:guys|there)|y['’]?all|thx|pls|plz|btw|asap|fyi|awsm|tbh",
                _PLAIN,
            )
        ],
        "ko": [
            (r"ㅋ{2,}|ㅎ{2,}|[ㅠㅜ]{2,}|ㄱㄱ|\^{2}|\^_\^", "글로 적으세요"),
            (
                r"꿀팁|득템|겟하|겟!|존맛|쩐다|쩔|가즈아|고고씽|넘나|개이득|찐으로|인싸|핵꿀|핫딜|굿즈각|소확행|갬성",
                "쉬운 말로 적으세요",
            ),
            (r"(?<=[가-힣])~+(?=[\s!.]|$)", "마침표로 맺으세요"),
        ],
    }
)


@rule(
    "slang",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="The language of chats: lol, gonna, ㅋㅋ, ㅠㅠ, 득템",
    why="It ages fast, and it is not for everyone.",
    bad="주문하신 음반 도착했어요ㅎㅎ",
    better="주문하신 음반이 도착했습니다.",
)
def slang(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for found in _SLANG.find(sentence.mask, scene.language):
        yield Hit(found.start, found.end, f"{quoted(found.words)} is the language of chats", found.advice)


_SPAM = [
    (re.compile(r"\bFREE\b|\$\$+|₩₩+|!{3,}"), "write it in small letters, once"),
    (re.compile(r"(?:[★☆▶►◀♥♡■□◆◇※♣♠♬]\s*)+"), "leave the ornament out"),
    (re.compile(r"(?<![A-Za-z])(?:[A-Za-z][ .*_-]){3,}[A-Za-z](?![A-Za-z])"), "write the word as a word"),
    (
        re.compile(
            r"(?:무[\s.*]+료|공[\s.*]+짜|특[\s.*]+가|할[\s.*]+인|당[\s.*]+첨)(?![가-힣])|[가-힣](?:[.*·^][가-힣]){2,}"
        ),
        "write the word as a word",
    ),
    (
        re.compile(
            r"\byou(?:'ve|’ve| have)? won\b|\bcongratulations\b|\bwinner\b|당첨(?:되|을|자)|축하합니다!", re.IGNORECASE
        ),
        "say what it is",
    ),
    (
        re.compile(r"\bclick (?:now|below|this)\b|\bopen (?:now|immediately)\b", re.IGNORECASE),
        "say where the link leads",
    ),
    (
        re.compile(
            r"\b(?:cash bonus|extra cash|earn money|make money|double your|no obligation|no strings attached|100 ?% free|act immediately)\b",
            re.IGNORECASE,
        ),
        "say what you offer",
    ),
    (
        re.compile(r"공짜|경품 ?대방출|대방출|무료 ?증정|떨이|왕창|싹쓸이|\[(?:특가|긴급|필독|속보|이벤트|무료)\]"),
        "무엇을 드리는지 그대로 적으세요",
    ),
    (re.compile(r"\d{2,3} ?% ?(?:OFF|SALE)\b|\bSALE\b"), "write the price, and what it was before"),
]
_PRETENDED = re.compile(r"^\s*(?:re|fwd?|회신|답장|전달)\s*:", re.IGNORECASE)


@rule(
    "spam-shape",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="What spam looks like: FREE, $$$, ★, spaced letters, a `Re:` that answers nothing, 공짜, [특가]",
    why="Filters weigh it, and so do readers.",
    bad="★FREE★ F R E E gift inside",
    better="A gift for your tenth order",
)
def spam_shape(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for pattern, advice in _SPAM:
        for match in pattern.finditer(sentence.mask):
            yield Hit(match.start(), match.end(), f"{quoted(match[0])} is the shape of spam", advice)
    pretended = _PRETENDED.match(sentence.mask) if sentence.part in {"subject", "title"} else None
    if pretended:
        yield Hit(0, pretended.end(), f"{quoted(pretended[0])} pretends to be an answer", "leave it out")
