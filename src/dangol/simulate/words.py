"""The report's words, in English and Korean. Reasons keep the words of the log, so that both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dangol.ledger.words import WORDS as LOG_WORDS
from dangol.model.vocabulary import Reason
from dangol.simulate.outcomes import (
    BEGAN_OTHERWISE,
    BRAND_CHANGED,
    DATA_CHANGED,
    IN_JOURNEY,
    OTHER_CHANNELS,
    OTHER_MESSAGE,
    PLANNED_OTHERWISE,
    TEXT_CHANGED,
)
from dangol.simulate.phrases import CHANNEL_WORDS, WORDS, Language
from dangol.simulate.tally import NEVER_ENTERED, NO_MESSAGE, STILL_WAITING

_MEANINGS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        NEVER_ENTERED: "No campaign took them in.",
        STILL_WAITING: "They are in a journey that goes on after the last day.",
        NO_MESSAGE: "Their journeys ended before any message.",
        IN_JOURNEY: "The journey goes on after the last day.",
        BEGAN_OTHERWISE: "The journey began at another time.",
        PLANNED_OTHERWISE: "The steps before it take another time.",
        OTHER_CHANNELS: "The step names other channels.",
        OTHER_MESSAGE: "The step sends another message.",
        TEXT_CHANGED: "The message's text was changed.",
        BRAND_CHANGED: "What all messages share, such as voice and layout, was changed.",
        DATA_CHANGED: "The text is the same; what it tells is another.",
    },
    "ko": {
        NEVER_ENTERED: "어느 캠페인에도 들어가지 않았습니다.",
        STILL_WAITING: "마지막 날 이후까지 이어지는 캠페인에 있습니다.",
        NO_MESSAGE: "메시지를 받기 전에 캠페인이 끝났습니다.",
        IN_JOURNEY: "캠페인이 마지막 날 이후까지 이어집니다.",
        BEGAN_OTHERWISE: "캠페인에 들어온 시각이 다릅니다.",
        PLANNED_OTHERWISE: "그 앞 단계에 걸리는 시간이 다릅니다.",
        OTHER_CHANNELS: "단계에 적힌 채널이 다릅니다.",
        OTHER_MESSAGE: "단계가 보내는 메시지가 다릅니다.",
        TEXT_CHANGED: "메시지의 글이 바뀌었습니다.",
        BRAND_CHANGED: "말투나 레이아웃처럼 모든 메시지가 함께 쓰는 것이 바뀌었습니다.",
        DATA_CHANGED: "글은 같고 담기는 내용이 다릅니다.",
    },
}


def meaning(reason: str, language: Language) -> str:
    """What a reason code means, in a sentence."""
    own = _MEANINGS[language].get(reason)
    if own is not None:
        return own
    try:
        known = Reason(reason)
    except ValueError:
        return reason.replace("_", " ")
    words = LOG_WORDS[language]
    if language == "en" or known not in words.reasons:
        return known.meaning
    return words.reasons[known].format(channel=words.no_channel)


def because(change: Mapping[str, Any], language: Language) -> str:
    """Why a message changes, in a sentence."""
    why = meaning(change["why"], language)
    return WORDS[language][f"because_{change['how']}"].format(why=why) if change["how"] else why


def headline(found: Mapping[str, Any], language: Language) -> str:
    """How many people, how many days, from when."""
    words = WORDS[language]["headline_of_a_day" if found["days"] == 1 else "headline"]
    return words.format(people=found["people"], days=found["days"], start=found["start"][:10])


def rule_told(rule: Mapping[str, Any], language: Language) -> str:
    """A rule of what must never happen, in words."""
    if language == "en":
        return str(rule["rule"])
    about = dict(rule["about"])
    if "channel" in about:
        about["channel"] = CHANNEL_WORDS["ko"][about["channel"]]
    if "between" in about:
        about["between"] = "~".join(about["between"])
    if "within" in about:
        count, unit = about["within"].split()
        about["within"] = f"{count}{_UNITS[unit.removesuffix('s')]}"
    return ", ".join(form.format(about[name]) for name, form in _RULE_PARTS.items() if name in about)


_UNITS = {"second": "초", "minute": "분", "hour": "시간", "day": "일", "week": "주"}
_RULE_PARTS = {
    "campaign": "캠페인 {}",
    "message": "메시지 {}",
    "channel": "{}",
    "after": "{} 이벤트 뒤",
    "where": "조건 {}",
    "contains": "‘{}’가 든 글",
    "between": "{} 사이",
    "within": "{} 동안",
    "more_than": "{}건 넘게",
}


def weeks_note(found: Mapping[str, Any], language: Language) -> str:
    """What the weeks are shares of, and which days are in none."""
    words, days = WORDS[language], found["days"]
    counted = found["variants"][-1]["weeks_counted"] * 7
    if days < counted:
        return f"{words['weeks_note']} {words['weeks_short'].format(days=days)}"
    return words["weeks_note"] + (f" {words['weeks_rest'].format(days=days - counted)}" if days > counted else "")


def said(told: Mapping[str, Any], language: Language) -> str:
    """What the answers say about how they were made: a code and its values, in words."""
    return WORDS[language][told["code"]].format(**told["values"])
