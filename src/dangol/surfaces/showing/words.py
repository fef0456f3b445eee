"""The words around messages that are shown, in English and Korean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from babel.core import Locale, UnknownLocaleError

from dangol.ledger.words import Language

_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_ENGLISH = {
    "messages": "Messages",
    "message": "Message",
    "count": "{count} messages",
    "one_message": "1 message",
    "lead": "Every message as its readers get it: each channel, each locale.",
    "made_up": "Said to somebody who does not exist.",
    "person": "Said to a real person of this installation; what happened is made up. Do not pass it on.",
    "sent_by": "Sent by",
    "nobody": "no campaign",
    "unsent": "No campaign sends it. It is shown as a service message.",
    "stage": "Stage",
    "purpose": "Purpose",
    "after": "After",
    "said_to": "Said to",
    "look": "Look",
    "light": "Light",
    "dark": "Dark",
    "email": "Email",
    "sms": "SMS",
    "push": "Push",
    "from": "From",
    "subject": "Subject",
    "preheader": "Preheader",
    "title": "Title",
    "link": "Link",
    "size": "Size",
    "label": "Label",
    "opt_out": "Opt-out",
    "put_in": "put in by dangol",
    "none": "none",
    "segments": "{count} segments, {characters} characters",
    "segment": "1 segment, {characters} characters",
    "kilobytes": "{kilobytes} KB of HTML",
    "phone": "375 px, a phone",
    "desktop": "600 px, a desktop",
    "plain_text": "Plain text",
    "now": "now",
    "not_sent": "The campaign does not send it on this channel.",
    "cannot": "Cannot be shown to this reader: nothing would be sent to somebody like this.",
    "mistakes": "Cannot be shown until this is mended:",
    "findings": "Findings",
    "no_findings": "no findings",
    "elsewhere": "Also found",
    "facts": "Facts",
    "facts_lead": "What the texts tell, side by side. Marked cells tell otherwise.",
    "kind": "Kind",
    "value": "Value",
    "texts": "Texts",
    "nothing": "There are no messages yet.",
    "broken": "Some files cannot be read. What depends on them is not shown, or not up to date.",
    "error": "error",
    "warning": "warning",
    "note": "note",
    "pictures": "Pictures from elsewhere are not loaded here.",
    "live": "Follows the files as they are saved.",
    "away": "dangol does not answer. What is shown may be out of date.",
    "files": "Files",
    "service": "In service",
    "which": "Which version",
    "language": "Language",
    "made": "Made by dangol {version}",
}
_KOREAN = {
    "messages": "메시지",
    "message": "메시지",
    "count": "메시지 {count}개",
    "one_message": "메시지 1개",
    "lead": "모든 메시지를 받는 사람이 보는 그대로, 채널과 언어별로 보여 줍니다.",
    "made_up": "실제로는 없는 사람에게 보내는 글입니다.",
    "person": "실제 고객에게 보내는 글이고, 일어난 일은 지어낸 것입니다. 다른 곳에 전하지 마세요.",
    "sent_by": "보내는 캠페인",
    "nobody": "없음",
    "unsent": "보내는 캠페인이 없어 서비스 메시지로 보여 줍니다.",
    "stage": "단계",
    "purpose": "목적",
    "after": "계기",
    "said_to": "받는 사람",
    "look": "화면",
    "light": "밝게",
    "dark": "어둡게",
    "email": "이메일",
    "sms": "문자",
    "push": "푸시",
    "from": "보낸 사람",
    "subject": "제목",
    "preheader": "미리보기 문구",
    "title": "제목",
    "link": "링크",
    "size": "크기",
    "label": "표시",
    "opt_out": "수신거부 안내",
    "put_in": "dangol이 넣음",
    "none": "없음",
    "segments": "{count}건, {characters}자",
    "segment": "1건, {characters}자",
    "kilobytes": "HTML {kilobytes} KB",
    "phone": "375 px, 휴대전화",
    "desktop": "600 px, 컴퓨터",
    "plain_text": "일반 텍스트",
    "now": "지금",
    "not_sent": "캠페인이 이 채널로는 보내지 않습니다.",
    "cannot": "이 사람에게는 보여 줄 수 없습니다. 이런 사람에게는 아무것도 가지 않습니다.",
    "mistakes": "다음을 고쳐야 볼 수 있습니다.",
    "findings": "발견한 점",
    "no_findings": "발견한 점 없음",
    "elsewhere": "그 밖에 발견한 점",
    "facts": "사실",
    "facts_lead": "글마다 무엇을 알리는지 나란히 보여 줍니다. 다르게 알리는 칸은 표시되어 있습니다.",
    "kind": "종류",
    "value": "값",
    "texts": "글",
    "nothing": "아직 메시지가 없습니다.",
    "broken": "읽지 못한 파일이 있습니다. 그 파일에 달린 것은 보이지 않거나 예전 그대로일 수 있습니다.",
    "error": "오류",
    "warning": "주의",
    "note": "참고",
    "pictures": "다른 곳에 있는 그림은 불러오지 않습니다.",
    "live": "파일을 저장하면 바로 바뀝니다.",
    "away": "dangol이 응답하지 않습니다. 보이는 것이 예전 것일 수 있습니다.",
    "files": "파일",
    "service": "서비스 중",
    "which": "어느 판",
    "language": "언어",
    "made": "dangol {version}에서 만듦",
}
WORDS: Mapping[Language, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "ko": _KOREAN})


def language_of(text: str) -> Language:
    """The ``lang`` of a text, so that screen readers speak it right."""
    return "ko" if _HANGUL.search(text) else "en"


def locale_name(name: str, language: Language) -> str:
    """What people call a locale: ``Korean``, ``한국어``; the name itself if nobody does."""
    try:
        return Locale.parse(name, sep="-").get_display_name(language) or name
    except (ValueError, UnknownLocaleError):
        return name
