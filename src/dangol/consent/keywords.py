"""What a reply by text message asks for: keywords exactly, and the same wish in other words. Pure.

A person who wants to be left alone may say so in any reasonable way (47 CFR 64.1200(a)(10)), and Korean law lets
nobody make it hard (정보통신망법 §50). So the wish is understood in Korean and English sentences, too:

* A keyword alone, with courtesies around it, is that keyword: `STOP please`, `수신거부 부탁드려요`.
* A wish to get no more messages is ``stop``. In doubt between that and nothing it is ``stop`` as well.
* What only may be a wish to leave, because it may as well be about an order (`취소해 주세요`, `cancel it for me`), is
  ``unclear``: nothing is withdrawn, and a person reads it.
* Its opposite and questions about other things (`don't stop`, `when does the sale stop?`) are ``other``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 1_000
"""Characters of a reply that are read; six parts of a text message hold fewer."""


class Intent(StrEnum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    UNCLEAR = "unclear"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Understood:
    """What a reply asks for, and by what that was told: a keyword, or the name of a way to say it.

    ``by`` is a word of ours and never the text of the person; it is empty where nothing was recognised.
    """

    intent: Intent
    by: str = ""


FRENCH: Mapping[Intent, tuple[str, ...]] = {
    Intent.STOP: (
        *("ARRET", "ARRÊT", "ARRETER", "ARRÊTER", "DESABONNER", "DÉSABONNER", "DESABONNEMENT", "DÉSABONNEMENT"),
    ),
    Intent.HELP: ("AIDE", "INFOS"),
    Intent.START: (
        *("DEBUT", "DÉBUT", "DEBUTER", "DÉBUTER", "COMMENCER", "REPRENDRE", "OUI"),
        *("REABONNER", "RÉABONNER", "REABONNEMENT", "RÉABONNEMENT"),
    ),
}
"""As they are written in Canada, with and without accents; STOP, START and INFO are the same in French."""
KEYWORDS: Mapping[Intent, tuple[str, ...]] = {
    Intent.STOP: (
        *("STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"),
        *FRENCH[Intent.STOP],
        *("수신거부", "거부", "그만", "중단", "해지", "무료거부", "무료수신거부", "수신차단", "차단"),
    ),
    Intent.HELP: ("HELP", "INFO", *FRENCH[Intent.HELP], "도움말", "도움", "문의"),
    Intent.START: ("START", "YES", "UNSTOP", *FRENCH[Intent.START], "수신동의", "다시받기", "재수신", "수신거부해제"),
}
"""The words that carriers and laws know, the French ones of Canada among them, and those that people in Korea use."""
_IN_FRENCH = "in French"
"""The name of every way to say it in French."""


def _any_of(words: str, *phrases: str) -> str:
    """A pattern for one of these, the longest that is there."""
    return "(?:" + "|".join(sorted({*words.split(), *phrases}, key=len, reverse=True)) + ")"


_SPELLINGS = {"OPT OUT": "OPTOUT", "OPT-OUT": "OPTOUT", "STOP ALL": "STOPALL", "UNSUB": "UNSUBSCRIBE"}
_EXACT = {"".join(word.split()).casefold(): (intent, word) for intent, words in KEYWORDS.items() for word in words} | {
    re.sub(r"[\s-]", "", said).casefold(): (Intent.STOP, word) for said, word in _SPELLINGS.items()
}
_COURTESY = _any_of(
    "please pls plz plse kindly just now ok okay hey hi hello sir thanks thx ty sorry asap immediately already today "
    "sms me it this that all everything yes yeah no so really",
    "thank you",
    "right now",
)
_POLITE = _any_of(
    "요 이요 해요 해 해줘 해줘요 해주세요 해주십시오 해주시기바랍니다 해달라고 해달라고요 합니다 할게요 할께요 하겠습니다 하세요 하십시오 "
    "할래요 해라 하라고 하라고요 하고싶어요 하고싶습니다 부탁 부탁해요 부탁드려요 부탁드립니다 부탁합니다 바랍니다 바래요 원해요 원합니다 "
    "신청 신청해요 신청합니다 요청 요청합니다 요청드립니다 처리 처리해주세요 처리부탁드립니다 입니다 이에요 예요 주세요 제발 "
    "지금 당장 빨리 진짜 정말 네 아 저기요 안녕하세요 죄송하지만 죄송합니다 감사합니다 고맙습니다 저는 저 전 싶어요"
)
_MESSAGES = (
    r"(?:text messages?|texts?|txts?|messages?|msgs?|sms|ads?|adverts?|advertis\w+|promos?|promotions?|promotional|"
    r"notifications?|alerts?|spam\w*|marketing|newsletters?|mailings?|offers?|contact|list)"
)
_SENDING = (
    r"(?:text(?:ing)?|txt(?:ing)?|messag(?:e|ing)|sms(?:ing)?|send(?:ing)?|contact(?:ing)?|call(?:ing)?|"
    r"spam(?:ming)?|bother(?:ing)?|harass(?:ing)?|email(?:ing)?|writ(?:e|ing)|bug(?:ging)?|reply(?:ing)?)"
)

# English, on lower case with single spaces.

_KEPT: Sequence[str] = (
    # the opposite of stopping, and stops that are no wish: cut out before anything else is read
    r"(?:do not|don'?t|never|please don'?t|no need to|not going to|won'?t|can'?t|cannot|couldn'?t|wouldn'?t|didn'?t|"
    r"doesn'?t|not asking you to|no reason to|did not) (?:ever |you dare |want (?:you |it |this |them )?to |wanna )?"
    r"(?:stop|quit|cancel|end|unsubscribe|opt out|revoke|remove me)(?: sending| texting| messaging| these| it| me)*",
    r"(?:non|bus|next|last|first|final|train|subway|metro|pit|tour|truck|full|one|short|door|dead|year|week|month|"
    r"front|back|high|low|the|a|an|at|in|by)[ -](?:stop|end)s?\b(?! (?:sending|texting|messaging))",
    r"stop(?:ped|s)? (?:by|in|over|at|off|for|here|there)\b",
    r"(?:did not|didn'?t|never) (?:mean|intend|want) to \w+|"
    r"(?:why(?! (?:won|can)'?t you)|when|where|how long|did|does|has|have|if|until|till|before|after|since)\b[^.!?]*?"
    r"\b(?:stop|end|quit|cancel)(?:s|ped|ed)?\b(?! (?:these|those|the|your|this|all|my|getting|receiving|"
    rf"{_MESSAGES}))[^.!?]*",
    r"weekend\w*|endless\w*|in the end|end up|ends? (?:on|in|at|of)\b|stop ?watch\w*",
)
_STOPS: Mapping[str, str] = {
    "keyword and courtesy": rf"(?:{_COURTESY}[ ,.!]+)*+(?:stop all|stopall|stop|unsubscribe|unsub|quit|end|cancel|revoke|"
    rf"opt ?-?out)\b(?:[ ,.!]+(?:{_COURTESY}|stop|{_MESSAGES}|the|these|those|your|my|of|from|for|to|{_SENDING})\b)*+[ .!]*",
    _IN_FRENCH: r"(?:svp |s'il vous plait |s'il vous plaît )*+(?:arr[eê]t(?:er|ez)?|d[ée]sabonn(?:er|ez|ement)|stop)"
    r"(?:[ ,.!]+(?:tout|moi|[cl]es messages|de m'(?:envoyer|[ée]crire).*|svp|merci|s'il vous pla[iî]t))*+[ .!,]*",
    "stop, and more": rf"(?:{_COURTESY}[ ,.!]+)*+stop(?: it| this| that| now)?\s*[.!,;:)\-–—].*|.*[.!,;:\-–—]\s*stop",
    "won't you stop": r".*\b(?:won'?t|can'?t) you (?:just |please )?stop\b.*",
    "stop sending": rf"(?:.*\b)?(?:stop|quit|cease) (?:with )?(?:all |the |these |those |your |this |with )*"
    rf"(?:me )?(?:{_SENDING}|{_MESSAGES}|crap|shit|bs|junk)\b.*",
    "ends with stop": r".*\b(?:just|said|please|now|you|to|must|should|all|this|it|me|god|sake) stop(?: it| now| this)?",
    "stop getting": rf"(?:.*\b)?(?:stop|quit|end) (?:getting|receiving|all|my|these|those|this|your) .*{_MESSAGES}\b.*",
    "do not text": r"(?:.*\b)?(?:do not|don'?t|never|no longer|please not) (?:you )?(?:ever )?"
    r"(?:text|txt|message|msg|sms|contact|call|spam|bother|email|write(?: to)?) (?:me|us|this number|my|here|again|any ?more)"
    r"\b.*",
    "do not send": r"(?:.*\b)?(?:do not|don'?t|never|no longer) (?:ever )?send (?:me |us |out )?"
    rf"(?:any ?(?:more|thing|of)?|more|these|this|those|such|your|stuff|{_MESSAGES})\b.*(?:{_MESSAGES}|any ?more|again|"
    rf"anything|stuff|please)?.*",
    "do not want": r"(?:.*\b)?(?:do not|don'?t|no longer|never) (?:want|wish|need|care|like|wanna)(?: to)? "
    rf"(?:(?:receive|get|see|hear|be)\b.*(?:{_MESSAGES}|from you|contacted|texted|anything|this|these)|"
    rf"(?:any |more |these |this |your |those |any more |the |no )*{_MESSAGES})\b.*",
    "remove me": r"(?:.*\b)?(?:remove|delete|take|drop|erase) (?:me|us|(?:my |this )?(?:phone |cell |mobile )?(?:number|#))"
    r"\b(?!.*\b(?:order|account|cart)\b).*",
    "unsubscribe": r"(?:.*\b)?(?:unsubscribe|unsub|stopall|opt(?:ing)? ?-?(?:me )?out|opted ?-?out)\b.*",
    "no more": rf"(?:.*\b)?(?:no more|enough(?: with| of)?|no|zero) (?:of )?(?:your |these |those |the |this )*"
    rf"{_MESSAGES}\b.*|(?:{_COURTESY} )*+(?:no more|enough|that'?s enough)(?: {_COURTESY})*+[ .!]*",
    "revoke consent": r"(?:.*\b)?(?:revoke|withdraw|rescind|cancel|retract)\w* (?:my |all |any )*(?:consent|permission)\b.*",
    "leave me alone": r".*\b(?:leave (?:me|us) (?:alone|be)|lose (?:my|this) number|go away|get lost|f(?:uck|\*+|) ?off|"
    r"piss off|let me be)\b.*",
    "wrong number": r".*\b(?:wrong (?:number|person|guy)|not (?:my|the right) number|(?:you have|got) the wrong)\b.*",
    "not interested": rf"(?:{_COURTESY}[ ,.!]+|i'?m |i am |we'?re )*+not interested(?:[ ,.!]+{_COURTESY}\b)*+[ .!]*",
    "called spam": r"(?:this is |it'?s |its |such |you are |more )*spam(?:mer|ming)?[ .!]*|.*\breport(?:ing|ed)? (?:you|this)"
    r"(?: as| for)? ?(?:spam)?.*",
    "cancel the messages": rf"(?:.*\b)?(?:cancel|end|quit|discontinue|cease|halt|disable|block|turn off|switch off|terminate) "
    rf"(?:all |the |these |those |your |this |my |any |further |receiving )*(?:{_MESSAGES})\b.*",
    "how to stop": rf"(?:.*\b)?how (?:do|can|could|would|to) ?(?:i|we|you)? ?(?:stop|end|cancel|get out of|get off|turn off)\b.*"
    rf"(?:{_MESSAGES}|these|this|list)\b.*",
    "take me off": rf"(?:.*\b)?(?:get|take|put) (?:me|my name|us) (?:off|out)\b.*|(?:{_COURTESY} )*+remove(?: {_COURTESY})*+[ .!]*",
    "never signed up": r".*\b(?:did not|didn'?t|never) (?:sign(?:ed)? up|subscribed?|agreed? to|asked? for (?:this|these|texts))\b.*",
}
_HELPS = (
    rf"(?:{_COURTESY}[ ,.!]+)*+(?:help|info|who (?:is|r|are) (?:this|you)(?: from)?|who'?s this)"
    rf"(?:[ ,.!]+{_COURTESY}\b)*+[ ?.!]*"
)
_STARTS = (
    r"(?:(?:please|pls|hi|hello|ok|okay)[ ,.!]+)*+(?:start|unstop|resubscribe|re-subscribe|opt ?-?in|yes|"
    r"(?:text|message) me again|start (?:texting|sending|messaging)(?: me)?(?: again)?|sign me (?:back )?up(?: again)?|"
    rf"opt me (?:back )?in)(?:[ ,.!]+(?:{_COURTESY}|again)\b)*+[ .!]*"
)
_POLITE_FRENCH = (
    r"(?:svp|stp|s'il (?:vous|te) pla[iî]t|merci|bonjour|allo|oui|de nouveau|encore|les (?:messages|textos))"
)
_HELPS_FRENCH = (
    rf"(?:{_POLITE_FRENCH}[ ,.!]+)*+(?:aide|aidez[- ]moi|infos?|qui [eê]tes[- ]vous|c'est qui|qui est-ce)"
    rf"(?:[ ,.!]+{_POLITE_FRENCH}\b)*+[ ?.!]*"
)
_STARTS_FRENCH = (
    rf"(?:{_POLITE_FRENCH}[ ,.!]+)*+(?:d[ée]but(?:er|ez)?|commence[rz]|reprend(?:re|ez)|r[ée]abonn(?:er|ez|ement)|"
    rf"r[ée]abonnez[- ]moi|start)(?:[ ,.!]+{_POLITE_FRENCH}\b)*+[ .!]*"
)
_MAYBE_ENGLISH = (
    r"\b(?:stop|cancel|end|quit|remove|delete|unsubscribe|refund|revoke|enough|no thanks?|no thank you|not interested|"
    r"terminate|discontinue)\b"
)

# Korean, with everything but letters and digits taken out, for people space as they like.

_ORDERS = (
    r"(?:주문|배송|배달|택배|상품|물건|음반|판|엘피|lp|cd|영수증|환불|결제|카드|예약|교환|반품|구독|정기|회원|탈퇴|계좌|쿠폰|메일|"
    r"이메일|계약|적립|포인트|자동이체|행사|세일|할인|공연|픽업|굿즈|입고|이벤트|사진)"
)
_TEXTS = r"(?:문자|메시지|메세지|메시지들|광고|광고문자|연락|알림|홍보|홍보문자|카톡|톡|sms|스팸|스팸문자|마케팅|소식|안내|수신|이런거|이런것)"
_PARTICLE = _any_of("들 를 을 은 는 도 좀 이 가 만 같은거 같은것 따위 더이상 더는 이제 앞으로 제발 더 다시는 자꾸 계속")
_KEYWORD = _any_of("무료수신거부 수신거부 수신차단 무료거부 거부 그만 중단 해지 차단 스팸 stop")
_AROUND = rf"(?:(?!{_KEYWORD})(?:{_POLITE}|{_TEXTS}|{_PARTICLE}))*+"
_NOT = r"(?:지|지는|지를|지좀)(?:좀|제발)*(?:마|말|않|안|못)"
_KEPT_KOREAN: Sequence[str] = (
    rf"(?:그만두|그만보내|그만하|중단하|중단시키|거부하|해지하|차단하|끊|취소하|삭제하|수신거부하|빼){_NOT}"
    r"(?:아|세|아주세|아주시|고|라고|라|아요|습니다|을게|았|는|어)*(?:요|용)?",
    r"(?:수신거부|거부|해지|중단|차단)(?:가|는|은|를|을)?(?:아니|아닌|안했|안할|안해|아녜)\w*",
    rf"(?:왜|언제|어디|혹시)\w*{_ORDERS}\w*|{_ORDERS}\w{{0,6}}(?:언제|왜|어디)\w*|왜\w*안(?:보내|와|오)\w*",
    r"그만큼|그만한|그만하면\w*|거부감\w*|도중단",
)
_STOPS_KOREAN: Mapping[str, str] = {
    "keyword and courtesy": rf"{_AROUND}(?:{_KEYWORD}{_AROUND})+",
    "거부하려는 물음": rf".*{_KEYWORD}(?:하는|할|하려면|를|을)?(?:방법|어떻게|절차).*|.*거부(?:가|를|도|는)?안(?:돼|되|됩).*",
    "수신거부": r".*(?:수신거부|수신차단|수신중단|수신해지|수신철회|광고거부|문자거부|스팸등록|스팸처리|스팸신고).*",
    "동의 철회": r".*(?:동의|허락)(?:를|을|는|은|했던거|한거)?(?:철회|취소|거둬|거두|해지|안하|안할|안했|하지않|한적없|한적이없|한적도없).*",
    "그만 보내기": r".*그만(?:좀|제발|들|이제)*(?:보내|보네|보낼|연락|문자|오|받|하|해|날려|날리|쏴|쏘|와).*",
    "메시지 사양": rf".*{_TEXTS}(?:{_PARTICLE})*+(?:그만|중단|거부|차단|사절|사양|싫|필요없|안받|안오게|안왔으면|받기싫|받고싶지않|받고싶지가않|"
    r"받지않|원하지|원치않|보내지|보내지도|하지마|하지말|오지마|끊|빼|오지않|끄|꺼|해지|멈춰|멈추|지겹|지긋|그만오|보내는거그만|받을생각없|삭제).*",
    "보내지 마세요": r".*(?:보내|보네|연락하|연락|문자하|전송하|전화하|발송하)(?:지|지도|지는|지들|지좀)(?:좀|제발|들|를)*(?:마|말|않|안).*",
    "안 보내도 됨": r".*안(?:보내|보네|하|해)(?:셔도|주셔도|줘도|도|주시면|주셨으면|줬으면|시면|셨으면|으면).*|.*보내지않.*",
    "명단에서 빼기": r".*(?:번호|연락처|명단|목록|리스트|제이름)(?:을|를|에서|은|는|에)?(?:저를|저|제거|제번호|좀|제발|이제)*"
    r"(?:삭제|지워|지우|빼|제외|제거|없애).*|(?:저|저는|저를|나|나는|전)(?:좀|이제)*(?:빼|제외)\w*",
    "안 받기": r".*(?:안받을|안받고|안받겠|안받아|받고싶지않|받고싶지가않|받기싫|받지않겠|받지않을|받기를원하지|받길원하지|받는거싫|수신원하지|수신을원하지|"
    r"더는안받).*",
    "관심 없음": rf"(?:{_POLITE}|{_TEXTS}|{_PARTICLE})*+관심(?:이|은|도)?없\w*",
    "내버려 두기": r".*(?:귀찮|지긋지긋|짜증|신고할|신고합|신고하|잘못보내|잘못보낸|잘못된번호|번호잘못|번호가잘못|전화번호틀|꺼져|"
    r"사람잘못|다른사람번호).*",
    "더는 싫음": r"(?:더이상|더는|이제|앞으로|다시는|두번다시)*+(?:원하지않|원치않|싫|됐어|됐습니다|필요없)\w*",
}
_ALWAYS_KOREAN = frozenset({"수신거부", "동의 철회"})
"""Ways that leave no doubt, even where the text speaks of an order."""
_HELPS_KOREAN = r"(?:도움말|도움|문의)(?:해주세요|드립니다|드려요|주세요|요청|이요|좀|요)*+|(?:거기|여기|근데)?(?:누구세요|누구신가요|누구시죠|누구십니까|누구야|어디서보내는건가요)"
_STARTS_KOREAN = (
    r"(?:네|예)?(?:수신동의|다시받기|재수신|수신거부(?:를)?(?:해제|취소|철회))"
    rf"(?:{_POLITE})*+|"
    rf"{_TEXTS}(?:를|을)?다시(?:보내주세요|보내줘요|보내줘|받을게요|받을께요|받고싶어요|받고싶습니다|받겠습니다|받을래요|보내주셔도돼요)"
)
_MAYBE_KOREAN = r"자꾸|취소|해지|중단|그만|거부|삭제|탈퇴|환불|철회|빼주|필요없|싫어|안받|보내지"


def understand(text: str) -> Understood:
    """What a reply asks for. Any text is understood as something; only its first ``LONGEST`` characters are read."""
    plain = _plain(text[:LONGEST])
    exact = _exact(plain)
    if exact is not None:
        return exact
    found = (_in_korean(plain), _in_english(plain))
    for intent in (Intent.STOP, Intent.START, Intent.HELP, Intent.UNCLEAR):
        for understood in found:
            if understood.intent is intent:
                return understood
    return Understood(Intent.OTHER)


def in_french(understood: Understood) -> bool:
    """Whether a reply was recognised by a word or a way that is French alone."""
    return understood.by == _IN_FRENCH or understood.by in FRENCH.get(understood.intent, ())


def _plain(text: str) -> str:
    """Lower case, one kind of quotes and digits, single spaces, and nothing that cannot be seen."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'").replace("`", "'")
    seen = "".join(" " if unicodedata.category(one) in {"Zs", "Zl", "Zp", "Cc", "So"} else one for one in text)
    seen = "".join(one for one in seen if unicodedata.category(one) not in {"Cf", "Mn"} and one != "\ufe0f")
    return " ".join(seen.split())


def _exact(plain: str) -> Understood | None:
    """A keyword and nothing else, perhaps several times, in quotes or with marks around it."""
    words = re.sub(r"[^\w\s]|_", "", plain).split()
    said = {"".join(words), *(words if len(set(words)) == 1 else ())}
    for one in said:
        if one in _EXACT:
            return Understood(*_EXACT[one])
    return None


def _in_english(plain: str) -> Understood:
    text = plain.strip(" \"'()[]")
    if re.fullmatch(_STARTS_RE, text):
        return Understood(Intent.START, "start again")
    left = " ".join(_KEPT_RE.sub(" ", text).split())
    for name, pattern in _STOPS_RE.items():
        if pattern.fullmatch(left):
            return Understood(Intent.STOP, name)
    if _HELPS_RE.fullmatch(text):
        return Understood(Intent.HELP, "asks for help")
    if _STARTS_FRENCH_RE.fullmatch(text):
        return Understood(Intent.START, _IN_FRENCH)
    if _HELPS_FRENCH_RE.fullmatch(text):
        return Understood(Intent.HELP, _IN_FRENCH)
    return Understood(Intent.UNCLEAR if _MAYBE_ENGLISH_RE.search(left) else Intent.OTHER)


def _in_korean(plain: str) -> Understood:
    text = re.sub(r"[\W_]", "", plain)
    if not re.search("[가-힣]", text):
        return Understood(Intent.OTHER)
    if _STARTS_KOREAN_RE.fullmatch(text):
        return Understood(Intent.START, "다시 받기")
    if _HELPS_KOREAN_RE.fullmatch(text):
        return Understood(Intent.HELP, "도움말")
    left = _KEPT_KOREAN_RE.sub(" ", text)
    about_orders = _ORDERS_RE.search(left) is not None and _TEXTS_RE.search(left) is None
    for name, pattern in _STOPS_KOREAN_RE.items():
        if pattern.fullmatch(left.replace(" ", "")) and (name in _ALWAYS_KOREAN or not about_orders):
            return Understood(Intent.STOP, name)
    return Understood(Intent.UNCLEAR if _MAYBE_KOREAN_RE.search(left) else Intent.OTHER)


_KEPT_RE = re.compile("|".join(rf"\b(?:{one})" for one in _KEPT))
_STOPS_RE = {name: re.compile(pattern) for name, pattern in _STOPS.items()}
_HELPS_RE, _STARTS_RE = re.compile(_HELPS), re.compile(_STARTS)
_HELPS_FRENCH_RE, _STARTS_FRENCH_RE = re.compile(_HELPS_FRENCH), re.compile(_STARTS_FRENCH)
_MAYBE_ENGLISH_RE = re.compile(_MAYBE_ENGLISH)
_KEPT_KOREAN_RE = re.compile("|".join(_KEPT_KOREAN))
_STOPS_KOREAN_RE = {name: re.compile(pattern) for name, pattern in _STOPS_KOREAN.items()}
_HELPS_KOREAN_RE, _STARTS_KOREAN_RE = re.compile(_HELPS_KOREAN), re.compile(_STARTS_KOREAN)
_ORDERS_RE, _TEXTS_RE = re.compile(_ORDERS), re.compile(_TEXTS)
_MAYBE_KOREAN_RE = re.compile(_MAYBE_KOREAN)
