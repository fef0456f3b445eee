"""Advertising inside messages that people get without having agreed to any.

KR: a message with any advertising in it is advertising as a whole (Network Act §50; guide of KISA), mark v.
US: the primary purpose is commercial if the subject reads so, or if what the message is for does not stand at the
beginning of its body (CAN-SPAM, 16 CFR 316.3), mark R.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dangol.editor.lexicon import Lexicon, quoted
from dangol.editor.model import DATA, Hit, Reading
from dangol.editor.registry import Scope, Severity, rule
from dangol.model.vocabulary import Purpose

_N = rf"(?:\d[\d,.]*|{DATA}+)"
"""A figure: written, or put in by data."""

_CUT = "say it in a campaign of purpose `marketing`, which asks for consent; leave it out here"
_FACT = "say only what was done for this person, such as `the discount was taken off`; keep offers for marketing"
_KEEP = "keep suggestions for a campaign of purpose `marketing`; here say what this message is for"

_ADVERTISING = Lexicon(
    {
        "en": [
            (rf"(?:up to |extra |another )?{_N} ?(?:%|percent|per cent) (?:off|discount)", _FACT),
            (rf"(?<!took )(?<!take )(?<!taken )(?:[$€£₩] ?{_N}|(?<![\d,.]){_N} (?:won|dollars|euros|pounds)) off", _FACT),
            (rf"save (?:up to |an extra )?(?:[$€£₩] ?)?{_N} ?(?:%|percent|won|dollars|euros|on|when)", _FACT),
            (r"half[- ]price|money off|buy one,? get one|(?:2|two) for (?:1|one)|off your (?:next|first)\b", _FACT),
            (
                r"(?:get|enjoy|claim|redeem|grab|receive|pick up|here is|here's|here’s|we have) (?:a|an|your|this|our|one)"
                r" (?:[\w$€£₩%,.-]+ ){0,3}(?:discount|coupon|voucher|offer|deal|promo code|gift card|bonus)s?",
                _FACT,
            ),
            (
                r"(?:(?:a|an|one|your|this) )?(?:[\w-]+ )?(?:discount|coupon|voucher|promo(?:tional)?) ?(?:code)? "
                r"(?:for|on) (?:your|the|any|every|all) (?:next|first|other|whole|new)",
                _FACT,
            ),
            (r"(?:use|enter|apply) (?:the |this |your )?(?:\w+ )?code [\w-]+ (?:at checkout|for|to get|to save)", _FACT),
            (r"(?:special|limited|exclusive|introductory|seasonal|members?['’]?|today['’]s|best|great|hot) "
             r"(?:offer|deal|price|discount)s?|limited[- ]time|bargains?|price cuts?|promotions?", _CUT),
            (r"(?:summer|winter|spring|autumn|fall|clearance|flash|holiday|weekend|anniversary|black friday|our|season) "
             r"sale|sale (?:starts|ends|begins|is on|now on|prices?)|(?:now|are|is) on sale", _CUT),
            (rf"(?:for|at|from) (?:only|just|as little as) (?:[$€£₩] ?)?{_N}|prices? (?:from|start(?:ing|s)? at)", _CUT),
            (r"(?:lower|reduced|lowest|better|unbeatable|low) prices?", _CUT),
            (r"(?:shop|buy|order|pre-?order|book|subscribe|upgrade|sign up|join) (?:it |one |yours |them )?"
             r"(?:now|today and|here and save|online and)|shop (?:our|the|all|new|today)|buy (?:two|more|another)", _CUT),
            (r"(?:browse|discover|explore|check out|have a look at|take a look at|visit|see) (?:our|the|all|these|this|what(?:'s|’s| is)) "
             r"(?:\w+ ){0,2}(?:new|newest|latest|collections?|range|catalogue|arrivals?|bestsellers?|picks|offers?|deals?)", _CUT),
            (r"(?:browse|discover|explore) (?:our|new|more|other)|why not (?:add|try|take|give|pick|visit|treat|come)|"
             r"and save(?! (?:it|the|your|this|them|a))|upgrade to \w+", _CUT),
            (r"we(?:'ve|’ve| have)? (?:picked|chosen|chose|selected|found) (?:these|this|some|a few|two|three)(?: \w+)? for you", _KEEP),
            (r"new arrivals?|just (?:arrived|landed) (?:in|at) (?:our|the)|best-?sell(?:ers?|ing)|trending now|"
             r"most popular (?:records?|right now)|hand-?picked for you", _CUT),
            (r"you (?:may|might|could|will|'ll|’ll) (?:also |well )*(?:like|love|enjoy|be interested)(?! to)|"
             r"you(?:'ll|’ll) (?:also )?(?:like|love|enjoy)|recommended for you|(?:our|more|other|some) (?:top )?"
             r"(?:recommendations?|suggestions?|picks)|we (?:also )?(?:recommend|suggest) (?:these|this|the following|"
             r"another|two|three|some|trying)", _KEEP),
            (r"(?:customers|people|others|readers|regulars)(?: who [\w ]{2,30}?)? also (?:bought|liked?|loved?|chose|ordered|took)",
             _KEEP),
            (r"(?:goes|pairs|go|pair) (?:well|perfectly|nicely|great) with|complete (?:your|the) (?:collection|set|look)|"
             r"while you(?:'re|’re| are) (?:here|waiting|at it)|perfect (?:gift|present)|gift ideas?|treat yourself", _KEEP),
            (r"free (?:shipping|delivery|gifts?|samples?|records?) (?:on|for|with|over|when|if|from|on your|until)", _FACT),
            (r"(?:earn|collect|get) (?:double|triple|extra|bonus|twice|more|\d+x) (?:the )?(?:points|credit)|double points|"
             rf"(?:earn|collect|get) {_N} (?:\w+ )?points? (?:when|if|for|with|on|by)", _FACT),
            (r"(?:join|subscribe to|sign up (?:for|to)) our (?:\w+ ){0,2}(?:newsletter|club|letter|programme|program|list|channel)|"
             r"refer (?:a|your) friends?|invite (?:a|your) friends? (?:and|to get)|follow us (?:on|for)", _CUT),
            (r"add (?:it|one|this|them|these|\w+ more) to (?:your|the) (?:cart|basket|order)|order (?:another|one more|more)", _KEEP),
            (r"pre-?orders? (?:are |is )?(?:open|now)|now available to (?:buy|order)|available now for", _CUT),
        ],
        "ko": [
            (rf"{_N} ?(?:%|퍼센트|프로) ?(?:할인|세일|싸게|저렴|더 ?싸|추가 ?할인|인하)", _FACT),
            (rf"{_N} ?원 ?(?:할인 ?(?:쿠폰|혜택|받|해 ?드(?:립|려|리)|됩)|싸게|더 ?싸|저렴)", _FACT),
            (r"할인 ?(?:쿠폰(?! ?[\d,]* ?원?[을를이은]? ?(?:쓰셨|사용하셨|적용|되돌|돌려))|코드|혜택|행사|이벤트|판매|기간|찬스|가로|가에|특전|중)", _FACT),
            (
                r"할인(?:을|도|까지|된 가격(?:에|으로)?)? ?(?:받으(?:세요|실|시려|십시오|시면)|해 ?드(?:립니다|려요|리고|릴게요|리겠|릴)|"
                r"누리|만나|됩니다|들어갑니다|시작)",
                _FACT,
            ),
            (
                r"쿠폰(?:을|도|이|함|으로|까지|부터)? ?(?:드(?:립|려|리|릴|렸)|받(?:으|아)|써 ?보|쓰세요|쓰실|사용해|사용하(?:세요|실|시면|시고)|"
                r"챙기|챙겨|발급|다운|도착|준비|넣어 ?드|보내 ?드(?:립|려|렸|리)|마련)",
                _FACT,
            ),
            (r"특가|반값|핫딜|타임 ?딜|파격|초저가|최저가|단돈|득템|1 ?\+ ?1|원 ?플러스 ?원|하나 더 드", _CUT),
            (r"(?<!어)세일(?!즈|러|링)", _CUT),
            (r"프로모션|기획전|사은품|경품|증정|선착순|할인전|감사제|감사전", _CUT),
            (r"이벤트(?:에|를|가|도|로)? ?(?:참여(?!하신|해 ?주셔)|진행|응모(?!하신|해 ?주셔)|열(?:립|었|고)|준비|놓치|하고|중|당첨|시작|마련|확인)", _CUT),
            (r"(?:오늘만|단 ?(?:하루|\d+일|이틀|사흘)|이번 ?주만|기간 ?한정|한정 ?(?:판매|수량|기간)|마감 ?임박)", _CUT),
            (
                r"무료 ?배송 ?(?:혜택|쿠폰|이벤트|으로 (?:만나|받)|해 ?드(?:립|려|리))|"
                rf"{_N} ?원 이상 (?:\S+ )?(?:구매|주문|구입|사)\S* (?:\S+ )?(?:무료|할인|드립|드려|적립)",
                _FACT,
            ),
            (
                r"추천(?:해 ?드|합니다|해요|드려|드립|드리| ?상품| ?음반| ?목록|하는 (?:음반|상품|곡))|골라 ?보았|"
                r"이런 (?:음반|상품|제품|곡)(?:은|도|들은|들도)? ?(?:어떠|어떨|어때|좋|마음)|(?:음반|상품|제품)(?:은|도) 어떨까",
                _KEEP,
            ),
            (
                r"함께 (?:사|구매하|구입하|들으|보|두|쓰|담으)시?면 (?:더 )?(?:좋|할인|어울)|(?:다른 |많은 )?(?:분|손님|고객)(?:들|님들)?(?:이|은|께서|께서는)? "
                r"(?:함께|많이|또) (?:찾|고르|고른|사|산|구매|구입|담|보)|잘 어울리는 (?:음반|상품|제품|바늘|재킷)|베스트 ?셀러|인기 (?:음반|상품|제품|순위)",
                _KEEP,
            ),
            (
                r"(?:지금|오늘|바로|서둘러|어서)(?: 바로)? (?:구매|구입|주문|쇼핑|가입|예약|신청|장만|담아|만나|둘러|사러)\S{0,3}?"
                r"(?:하세요|해 ?보|하기|하시면|하십|보세요|보기|가기|두세요)",
                _CUT,
            ),
            (r"(?:구매|구입|쇼핑|예약 ?구매)하(?:러 ?가기|기(?! ?전| ?[어때])|세요|러 오세요)|사러 가기|장바구니에 담(?:기|아 ?보|으세요|아 두세)", _CUT),
            (
                r"(?:신상품?|신곡|신제품|신보|신작|새로 (?:나온|들어온|들여온) (?:음반|상품|제품)|새 (?:상품|제품|앨범))(?:을|를|이|가|도|들을|들도)? ?"
                r"(?:\S+ )?(?:나왔|들어왔|입고|출시|만나|둘러|소개|구경|보러|확인|보세요|보기|준비)",
                _CUT,
            ),
            (
                r"(?:쓰|작성하|남기|설치하|가입하|바꾸|추가하|공유하|올리)시면 (?:\S+ ){0,3}?(?:적립금|쿠폰|할인|포인트|혜택|선물)|"
                r"놓치(?:지 ?마|면 (?:아쉬|아까|후회))",
                _CUT,
            ),
            (r"만나 ?보(?:세요|실|시면)|(?:음반|상품|제품|컬렉션|매장|소식|가게)(?:들)?(?:을|를|도)? ?(?:천천히 |한번 )?(?:둘러 ?보|구경하)(?:세요|러)", _CUT),
            (
                r"(?:적립금?|포인트|마일리지)(?:을|를|도|이|가)? ?(?:두 ?배|세 ?배|\d+ ?배|추가로|더블|더 (?:드|쌓|받)|혜택|이벤트|받으(?:세요|실))|"
                r"(?:두|세|\d+) ?배(?:로)? 적립|추가 ?적립",
                _FACT,
            ),
            (
                r"(?:다음|첫|추가|재) ?(?:구매|주문|구입)(?: ?때| 시|에|에서| 하실 때|하실 때|하시면)? ?(?:쓰|사용|할인|쿠폰|\d|드|혜택|무료|적립)|"
                r"(?:구매|주문|구입)하시면 (?:\S+ ){0,4}?(?:드립|드려|드리|무료|할인|적립)",
                _FACT,
            ),
            (
                r"(?:회원|특별|한정|단독|추가|구매|가입|다양한|풍성한|깜짝|전용|이달의|멤버십) ?혜택|"
                r"혜택(?:을|도|까지)? ?(?:누리|받(?:으|아)|놓치|드(?:립|려|리)|만나|챙기|챙겨|더)",
                _CUT,
            ),
            (
                r"(?:소식지|뉴스레터|채널|회원)(?:을|를|도|에|으로)? ?(?:구독|신청해|신청하(?:세|시)|추가해|추가하(?:세|시)|가입해|가입하(?:세|시))|"
                r"친구(?:를|에게|분을|분께)? ?(?:추천|초대|소개)(?:하|해)|구독(?:하세요|하시면|해 ?보)",
                _CUT,
            ),
            (r"(?:사전 ?예약|예약 ?판매|예판|예약 ?주문)(?:이|을|를|도)? ?(?:시작|하세요|하시면|받|진행|중|열)", _CUT),
        ],
    }
)  # fmt: skip


@rule(
    "hidden-advertising",
    Scope.MESSAGE,
    Severity.ERROR,
    looks_for="Offers, coupons, sales or recommendations in subject, title, preheader or the first half of the text of a "
    "transactional or service message",
    why="Whoever gets it did not agree to advertising. With it the whole message may count as advertising: in Korea "
    "always, in the USA by its subject or its beginning.",
    bad="Your order has left. Here is a coupon for your next order.",
    better="Your order has left. It should be with you on Thursday.",
)
def hidden_advertising(reading: Reading) -> Iterable[Hit]:
    return (hit for hit, first in _advertising(reading) if first)


@rule(
    "advertising-beside",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="The same in the second half of the text of a transactional or service message",
    why="In Korea any advertising may make the whole message advertising, with consent, label and quiet hours; "
    "elsewhere it costs the trust that such messages live on.",
    bad="A long receipt that ends with `You might also like these records`",
    better="A receipt that ends with whom to ask",
)
def advertising_beside(reading: Reading) -> Iterable[Hit]:
    return (hit for hit, first in _advertising(reading) if not first)


def _advertising(reading: Reading) -> Iterator[tuple[Hit, bool]]:
    """The first wording of each sentence that advertises, and whether it stands where readers look first.

    A text that no campaign sends may be meant for one that may advertise: nothing is said of it.
    """
    scene = reading.scene
    if scene.purpose is Purpose.MARKETING or scene.unsent:
        return
    body = reading.parts.get("body")
    half = len(body.text) / 2 if body is not None else 0.0
    for sentence in reading.of("subject", "preheader", "title", "body"):
        for found in _ADVERTISING.find(sentence.mask, scene.language):
            start = sentence.start + found.start
            message = f"{quoted(found.words)} is advertising, and the message is {scene.purpose.value}"
            yield (
                Hit(start, start + len(found.words), message, found.advice, sentence.part),
                sentence.part != "body" or start < half,
            )
            break
