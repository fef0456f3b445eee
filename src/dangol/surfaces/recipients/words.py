"""What the pages for recipients say, in Korean and English."""

from __future__ import annotations

from typing import Any

from dangol.model.vocabulary import Channel, ConsentStatus, Purpose

LANGUAGES = ("ko", "en")
PAUSES = (7, 30, 90)
"""Days that a pause may have."""
FREQUENCIES: dict[str, int | None] = {"1": 1, "2": 2, "usual": None}
"""What a person may choose → marketing messages in seven days."""
WORDING_VERSION = "preferences-2"
"""Counts up when what people say yes to on the preference page is said otherwise."""
KEEP_VERSION = "keep-1"
"""The same for what they say when they keep what they agreed to."""

_KOREAN: dict[str, Any] = {
    "channels": {Channel.EMAIL: "이메일", Channel.SMS: "문자", Channel.PUSH: "앱 알림"},
    "purposes": {
        Purpose.MARKETING: "소식과 혜택 (광고)",
        Purpose.SERVICE: "이용에 관한 안내",
        Purpose.TRANSACTIONAL: "주문에 관한 안내",
    },
    "rest": {
        Purpose.MARKETING: ("그 밖의 소식과 혜택", "위에 없는 광고성 정보 전부입니다."),
        Purpose.SERVICE: ("이용에 관한 안내", "찾아오신 뒤의 안부나 설문 같은 안내입니다."),
    },
    "only": {Purpose.MARKETING: ("소식과 혜택", "새 소식, 추천, 할인 같은 광고성 정보입니다.")},
    "night": ("밤에도 받기", "밤 9시부터 아침 8시 사이에도 보내 드립니다. 원하지 않으시면 체크를 해제해 주세요."),
    "statement": {
        Purpose.MARKETING: "체크하신 내용의 광고성 정보를 체크하신 방법으로 받는 데 동의합니다. "
        "동의하지 않으셔도 주문과 이용에는 아무 불편이 없고, 동의는 언제든지 이 화면에서 철회하실 수 있습니다.",
        Purpose.SERVICE: "체크하신 안내를 체크하신 방법으로 받는 데 동의합니다. "
        "동의는 언제든지 이 화면에서 철회하실 수 있습니다.",
    },
    "statuses": {
        ConsentStatus.GRANTED: "동의하셨습니다",
        ConsentStatus.PENDING: "확인을 기다립니다",
        ConsentStatus.WITHDRAWN: "철회하셨습니다",
        ConsentStatus.EXPIRED: "기한이 지났습니다",
    },
    "moment": "{0.year}년 {0.month}월 {0.day}일",
    "title": "수신 설정",
    "lead": "무엇을, 어디로, 얼마나 자주 받으실지 정하실 수 있습니다.",
    "done": {
        "saved": "저장했습니다. 지금부터 이대로 보내 드립니다.",
        "paused": "잠시 멈췄습니다. 그동안 소식을 보내 드리지 않습니다.",
        "resumed": "다시 보내 드립니다.",
        "language": "언어를 바꿨습니다.",
        "asked": "저장했습니다. 새로 고르신 것은 확인 메시지를 보내 드립니다. 7일 안에 그 안의 링크를 눌러 주세요.",
        "kept": "계속 받으시는 것으로 적어 두었습니다.",
        "left": "모두 그만 보내 드립니다. 이미 보내는 중이던 것은 도착할 수 있습니다.",
    },
    "wrong": {
        "choice": "보내신 내용을 알아보지 못했습니다. 아래에서 다시 골라 주세요.",
        "elsewhere": "다른 사이트에서 보낸 요청이라 처리하지 않았습니다. 아래에서 다시 골라 주세요.",
        "press": "보내신 내용을 알아보지 못했습니다. 아래 단추를 눌러 주세요.",
        "stale": "개인정보를 내려받으려면 최근 30일 안에 받으신 메시지의 링크로 들어와 주세요.",
    },
    "wrong_title": "처리하지 못한 것이 있습니다",
    "leave_title": "모두 그만 받기",
    "leave_text": "단추를 한 번 누르시면 소식과 혜택, 이용 안내를 모두 멈춥니다. "
    "주문과 문의에 대한 답은 계속 보내 드립니다.",
    "leave_button": "모두 수신거부",
    "choose_title": "받을 내용",
    "by": "받는 방법",
    "nothing_to_choose": "지금은 연락드릴 방법을 알지 못해 고르실 것이 없습니다.",
    "often_title": "받는 횟수",
    "often": {"1": "일주일에 한 번까지만", "2": "일주일에 두 번까지만", "usual": "평소대로"},
    "save": "저장",
    "to_confirm": "새로 체크하신 내용({by})은 확인 메시지의 링크를 누르신 뒤부터 보내 드립니다.",
    "keep_title": "계속 받으시겠습니까?",
    "keep_lead": "지금 동의하고 계신 것입니다.",
    "keep_statement": "위의 광고성 정보를 계속 받는 데 동의합니다. 동의는 언제든지 철회할 수 있습니다.",
    "keep_button": "계속 받기",
    "keep_stop": "그만 받기",
    "keep_silence": "아무것도 누르지 않으셔도 동의는 그대로 유지됩니다.",
    "kept": (
        "계속 보내 드리겠습니다",
        ["오늘 날짜로 적어 두었습니다. 마음이 바뀌시면 언제든지 그만 받으실 수 있습니다."],
    ),
    "keep_stopped": (
        "그만 보내 드립니다",
        [
            "소식과 혜택을 더 보내지 않습니다. 이미 보내는 중이던 것은 도착할 수 있습니다.",
            "주문에 관한 안내는 계속 보내 드립니다.",
        ],
    ),
    "keep_nothing": ("지금 동의하고 계신 것이 없습니다", ["받지 않고 계시니 따로 하실 일이 없습니다."]),
    "astray": ("찾으시는 화면이 없습니다", ["주소를 다시 확인하시거나, 받으신 메시지의 링크로 다시 들어와 주세요."]),
    "pause_title": "잠시 멈추기",
    "pause_text": "동의는 그대로 두고, 소식과 혜택만 한동안 쉽니다.",
    "pause_days": "쉬는 기간",
    "days": {7: "일주일", 30: "한 달 (30일)", 90: "석 달 (90일)"},
    "pause_button": "잠시 멈추기",
    "paused_until": "{when}까지 멈춰 두셨습니다.",
    "resume_button": "지금부터 다시 받기",
    "language_title": "언어",
    "language_label": "메시지를 받을 언어",
    "language_button": "언어 바꾸기",
    "held_title": "보관하고 있는 동의",
    "held_none": "보관하고 있는 동의가 없습니다.",
    "since": "{when}부터",
    "on": "{when}",
    "all_of": "전체",
    "night_topic": "밤에도 받기",
    "wording": "동의하신 문구 보기",
    "wording_none": "남아 있는 문구가 없습니다.",
    "data_title": "내 정보",
    "data_text": "보관하고 있는 정보를 모두 담은 파일(JSON)을 내려받으실 수 있습니다.",
    "data_button": "내 정보 내려받기",
    "erase_link": "내 정보 삭제 요청하기",
    "erase_asked": "삭제를 요청하셨습니다. 늦어도 {when}까지 삭제합니다.",
    "erase_title": "정보 삭제를 요청하시겠습니까?",
    "erase_text": [
        "요청하시면 소식과 안내를 바로 멈추고, 늦어도 한 달 안에 정보를 삭제합니다. 되돌릴 수 없습니다.",
        "법에 따라 보관해야 하는 거래 기록은 정해진 기간 동안 따로 보관한 뒤 삭제합니다.",
    ],
    "erase_button": "삭제 요청하기",
    "erase_back": "설정으로 돌아가기",
    "switch": "한국어로 보기",
    "cut_off": ("쓸 수 없는 링크입니다", ["주소가 잘렸거나 바뀌었습니다. 받으신 메시지에서 링크를 다시 눌러 주세요."]),
    "expired": ("기한이 지난 링크입니다", ["가장 최근에 받으신 메시지의 링크를 눌러 주세요."]),
    "nobody": ("보여 드릴 것이 없습니다", ["이 링크로 보여 드릴 설정이 없습니다. 보내 드리는 것도 없습니다."]),
    "too_often": (
        "잠시 뒤에 다시 해 주세요",
        ["이 링크가 짧은 동안에 너무 여러 번 쓰였습니다. 1분 뒤에 다시 눌러 주세요."],
    ),
    "too_long": ("처리하지 못했습니다", ["보내신 내용이 너무 깁니다. 받으신 메시지의 링크로 다시 들어와 주세요."]),
    "later": ("잠시 뒤에 다시 해 주세요", ["지금은 처리하지 못했습니다. 1분 뒤에 다시 눌러 주세요."]),
    "confirm_title": "수신 동의 확인",
    "confirm_text": "아래 내용에 동의하신 것이 맞으면 단추를 눌러 주세요. "
    "신청하신 적이 없다면 아무것도 하지 않으셔도 됩니다.",
    "confirm_button": "동의 확인",
    "confirmed": ("확인되었습니다", ["동의해 주셔서 고맙습니다. 마음이 바뀌시면 언제든지 철회하실 수 있습니다."]),
    "confirm_over": (
        "확인할 것이 없습니다",
        ["이 신청은 더 이상 유효하지 않습니다. 받고 싶으시면 다시 신청해 주세요."],
    ),
    "confirm_elsewhere": (
        "이 링크로는 확인하실 수 없습니다",
        [
            "링크를 보내 드린 뒤에 연락처가 바뀌었습니다. 동의한 것은 없습니다.",
            "받고 싶으시면 지금 쓰시는 연락처로 다시 신청해 주세요. 그 연락처로 새 링크를 보내 드립니다.",
        ],
    ),
    "form_email": "이메일 주소",
    "form_phone": "휴대전화 번호",
    "form_phone_hint": "예: 010-1234-5678",
    "form_topics": "받고 싶은 소식",
    "form_wording": "동의 내용",
    "form_agree": "위 내용을 읽었고 동의합니다.",
    "form_required": "꼭 필요합니다",
    "form_button": "신청하기",
    "form_wrong": {
        "email": "이메일 주소를 다시 확인해 주세요. 예: name@example.com",
        "phone": "휴대전화 번호를 다시 확인해 주세요. 예: 010-1234-5678",
        "address": "연락받으실 곳을 하나 이상 적어 주세요.",
        "topics": "받고 싶은 소식을 하나 이상 골라 주세요.",
        "agree": "동의하시면 체크해 주세요. 동의하지 않으시면 신청하지 않으셔도 됩니다.",
        "incomplete": "보내신 내용이 온전하지 않았습니다. 아래 동의 내용을 읽고 다시 보내 주세요.",
        "changed": "보시는 동안 동의 내용이 바뀌었습니다. 새 내용을 읽고 다시 체크해 주세요.",
        "elsewhere": "다른 사이트에서 보낸 요청이라 처리하지 않았습니다. 여기에서 다시 보내 주세요.",
    },
    "form_done": (
        "신청을 받았습니다",
        [
            "확인 메시지를 보내 드립니다. 그 안의 링크를 눌러 확인해 주셔야 신청이 끝납니다.",
            "7일 안에 확인하지 않으시면 아무것도 보내 드리지 않습니다.",
        ],
    ),
    "form_done_at_once": (
        "신청이 끝났습니다",
        ["동의해 주셔서 고맙습니다. 마음이 바뀌시면 언제든지 철회하실 수 있습니다."],
    ),
    "form_unknown": ("찾으시는 신청서가 없습니다", ["주소를 다시 확인해 주세요."]),
}

_ENGLISH: dict[str, Any] = {
    "channels": {Channel.EMAIL: "Email", Channel.SMS: "Text message", Channel.PUSH: "App notification"},
    "purposes": {
        Purpose.MARKETING: "News and offers (advertising)",
        Purpose.SERVICE: "Messages about your visits",
        Purpose.TRANSACTIONAL: "Messages about your orders",
    },
    "rest": {
        Purpose.MARKETING: ("Other news and offers", "All advertising that is not listed above."),
        Purpose.SERVICE: ("Messages about your visits", "A word after your visit, or a short survey."),
    },
    "only": {Purpose.MARKETING: ("News and offers", "News, recommendations and discounts: advertising.")},
    "night": ("At night too", "Also between 9 in the evening and 8 in the morning. Untick it if you would rather not."),
    "statement": {
        Purpose.MARKETING: "I agree to get the advertising that I ticked, in the ways that I ticked. "
        "I can order and use everything without it, and take this back on this page whenever I like.",
        Purpose.SERVICE: "I agree to get the messages that I ticked, in the ways that I ticked. "
        "I can take this back on this page whenever I like.",
    },
    "statuses": {
        ConsentStatus.GRANTED: "You agreed",
        ConsentStatus.PENDING: "Waiting for you to confirm",
        ConsentStatus.WITHDRAWN: "You took it back",
        ConsentStatus.EXPIRED: "It has run out",
    },
    "moment": "{0.day} {0:%B} {0.year}",
    "title": "Your preferences",
    "lead": "Choose what you get, by which way, and how often.",
    "done": {
        "saved": "Saved. It holds from now on.",
        "paused": "Paused. We will send no news until then.",
        "resumed": "You will hear from us again.",
        "language": "The language was changed.",
        "asked": "Saved. What you newly ticked begins once you follow the link in the message that we send you, "
        "within 7 days.",
        "kept": "Noted: you keep what you agreed to.",
        "left": "We will send no more of anything. One that was already on its way may still arrive.",
    },
    "wrong": {
        "choice": "That was not understood. Please choose again below.",
        "elsewhere": "This came from another site, so nothing was done. Please choose again below.",
        "press": "That was not understood. Please press a button below.",
        "stale": "To download your data, come by the link in a message from the last 30 days.",
    },
    "wrong_title": "Something could not be done",
    "leave_title": "Stop everything",
    "leave_text": "One press ends news, offers and messages about your visits. "
    "Answers about your orders and questions still come.",
    "leave_button": "Unsubscribe from everything",
    "choose_title": "What you get",
    "by": "How it reaches you",
    "nothing_to_choose": "We know no way to reach you just now, so there is nothing to choose.",
    "often_title": "How often",
    "often": {"1": "At most once a week", "2": "At most twice a week", "usual": "As usual"},
    "save": "Save",
    "to_confirm": "What you newly tick ({by}) begins once you follow the link in a message that we send you. "
    "Until then we send nothing for it.",
    "keep_title": "Do you still want to hear from us?",
    "keep_lead": "This is what you have agreed to.",
    "keep_statement": "I go on agreeing to get the advertising above. I can take this back whenever I like.",
    "keep_button": "Keep it",
    "keep_stop": "Stop it",
    "keep_silence": "If you press neither, it stays as it is.",
    "kept": ("You will go on hearing from us", ["We noted that today. You can stop whenever you like."]),
    "keep_stopped": (
        "You will hear no more news from us",
        [
            "We send no more news and offers. One that was already on its way may still arrive.",
            "Messages about your orders still come.",
        ],
    ),
    "keep_nothing": ("You have not agreed to anything", ["You get nothing of it, so there is nothing you need to do."]),
    "astray": ("There is no such page", ["Check the address, or follow the link in our message once more."]),
    "pause_title": "Take a break",
    "pause_text": "What you agreed to stays; only news and offers rest for a while.",
    "pause_days": "For how long",
    "days": {7: "One week", 30: "30 days", 90: "90 days"},
    "pause_button": "Pause",
    "paused_until": "Paused until {when}.",
    "resume_button": "Start again now",
    "language_title": "Language",
    "language_label": "Language of our messages",
    "language_button": "Change language",
    "held_title": "What you agreed to",
    "held_none": "We hold no consents of yours.",
    "since": "since {when}",
    "on": "on {when}",
    "all_of": "all of it",
    "night_topic": "at night too",
    "wording": "The words you agreed to",
    "wording_none": "No wording was kept.",
    "data_title": "Your data",
    "data_text": "Download a file (JSON) with everything we hold about you.",
    "data_button": "Download my data",
    "erase_link": "Ask for my data to be erased",
    "erase_asked": "You asked for your data to be erased. It will be done by {when}.",
    "erase_title": "Ask for your data to be erased?",
    "erase_text": [
        "We stop news and messages at once, and erase your data within a month. It cannot be undone.",
        "Records of purchases that the law makes us keep are kept apart for their time, and erased then.",
    ],
    "erase_button": "Ask for erasure",
    "erase_back": "Back to your preferences",
    "switch": "Read this in English",
    "cut_off": (
        "This link does not work",
        ["The address was cut off or changed. Follow the link in our message once more."],
    ),
    "expired": ("This link has expired", ["Use the link in the latest message you got from us."]),
    "nobody": ("There is nothing to show", ["This link leads to no preferences, and we send nothing for it."]),
    "too_often": ("Please try again shortly", ["This link was used too often in a short time. Try again in a minute."]),
    "too_long": ("That could not be done", ["What was sent is too long. Follow the link in our message once more."]),
    "later": ("Please try again shortly", ["We could not do this just now. Try again in a minute."]),
    "confirm_title": "Confirm your consent",
    "confirm_text": "If you asked for this, press the button. If you did not, there is nothing you need to do.",
    "confirm_button": "Confirm",
    "confirmed": ("Confirmed", ["Thank you. You can take it back whenever you like."]),
    "confirm_over": ("There is nothing to confirm", ["This request no longer stands. Ask again if you would like to."]),
    "confirm_elsewhere": (
        "This link cannot confirm it",
        [
            "The address changed after we sent you the link. Nothing was agreed to.",
            "If you would like to hear from us, ask again with the address you use now. We will send a new link there.",
        ],
    ),
    "form_email": "Email address",
    "form_phone": "Mobile number",
    "form_phone_hint": "With the country code, such as +82 10 1234 5678",
    "form_topics": "What you would like to hear about",
    "form_wording": "What you agree to",
    "form_agree": "I have read this and agree.",
    "form_required": "needed",
    "form_button": "Sign up",
    "form_wrong": {
        "email": "Please check the email address; it looks like name@example.com.",
        "phone": "Please check the mobile number; it looks like +82 10 1234 5678.",
        "address": "Please tell us at least one way to reach you.",
        "topics": "Please choose at least one thing to hear about.",
        "agree": "Please tick the box if you agree. If you do not, there is no need to sign up.",
        "incomplete": "What came in was not complete. Please read below what you agree to, and send it again.",
        "changed": "What you agree to has changed meanwhile. Please read it and tick the box again.",
        "elsewhere": "This came from another site, so nothing was done. Please send it from here.",
    },
    "form_done": (
        "Thank you for signing up",
        [
            "We send you a message with a link. Follow it to confirm, and you are done.",
            "If you do not within 7 days, we send nothing.",
        ],
    ),
    "form_done_at_once": ("You are signed up", ["Thank you. You can take it back whenever you like."]),
    "form_unknown": ("There is no such form", ["Please check the address."]),
}

WORDS: dict[str, dict[str, Any]] = {"ko": _KOREAN, "en": _ENGLISH}
