"""What is answered to a reply: one text, without advertising, which says who writes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "ko": {
        "stopped": (
            "{brand}입니다. 수신거부가 처리되어 문자를 더 보내지 않습니다. 다시 받으시려면 START라고 답장해 주세요."
        ),
        "started": "{brand}입니다. 문자를 다시 보내드립니다. 그만 받으시려면 수신거부 또는 STOP이라고 답장해 주세요.",
        "help": "{brand}입니다. 문자를 그만 받으시려면 수신거부 또는 STOP이라고 답장해 주세요. 문의 {phone}",
    },
    "en": {
        "stopped": "{brand}: You are unsubscribed and will get no more texts from us. Reply START to get them again.",
        "started": "{brand}: You will get our texts again. Reply STOP to stop them, HELP for help.",
        "help": "{brand}: Reply STOP to get no more texts from us. Help: {phone}",
    },
    # with no letter that the alphabet of text messages lacks, such as `ê` or `ç`
    "fr": {
        "stopped": (
            "{brand} : désabonnement fait, vous ne recevrez plus nos textos. Répondez START pour les recevoir à "
            "nouveau."
        ),
        "started": (
            "{brand} : vous recevrez à nouveau nos textos. Répondez STOP pour ne plus les recevoir, AIDE pour l'aide."
        ),
        "help": "{brand} : répondez STOP pour ne plus recevoir nos textos. Aide : {phone}",
    },
}


LANGUAGES = frozenset(_TEXTS)


def text_of(answer: str, locale: str, *, brand: str, phone: str) -> str:
    """The text of an answer, ``stopped``, ``started`` or ``help``, in ``ko``, ``en`` or ``fr``."""
    return _TEXTS[locale][answer].format(brand=brand, phone=phone)
