"""The report's words, in English and Korean. Reasons keep the words of the log, so that both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

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
from dangol.simulate.tally import NEVER_ENTERED, NO_MESSAGE, STILL_WAITING

Language = Literal["en", "ko"]

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


ENGLISH = {
    "title": "Simulation",
    "nothing_sent": "Nothing was sent.",
    "headline": "{people:,} people, {days} days from {start}",
    "headline_of_a_day": "{people:,} people, one day, {start}",
    "messages": "messages",
    "message": "message",
    "reached": "people reached",
    "of_people": "of people",
    "cost": "cost",
    "parts": "SMS parts",
    "not_sent": "not sent",
    "put_off": "put off",
    "rerouted": "rerouted",
    "refused": "refused",
    "campaigns": "Campaigns",
    "campaign": "campaign",
    "entered": "entered",
    "opened": "opened",
    "clicked": "clicked",
    "bought": "bought",
    "per_day": "Messages per day",
    "per_hour": "Messages by hour of the day",
    "per_hour_note": "On each person's own clock; of who has no zone on that of {zone}.",
    "limits": "Volume against what providers take",
    "limits_note": "“Takes” is how long the provider needs for the busiest hour at its highest rate.",
    "channel": "channel",
    "busiest_hour": "busiest hour",
    "busiest_day": "busiest day",
    "takes": "takes",
    "limit": "limit",
    "over": "over the limit",
    "never": "never",
    "hours": "{n:,} hours",
    "days": "{n:,} days",
    "seconds": "{n:,.0f} s",
    "a_second": "{n:g} a second",
    "a_day": "{n:,} a day",
    "no_limit": "none known",
    "why_not": "Not sent, and why",
    "turned_away": "Not let in, and why",
    "why_put_off": "Put off, and for how long",
    "mean_hours": "hours on average",
    "reason": "reason",
    "what_it_means": "what it means",
    "times": "times",
    "competition": "Who takes whose place under a cap",
    "competition_note": "A row is a campaign whose messages met a used-up cap. Counted are those for which the "
    "campaign named held at least one of the slots; a message may have met several.",
    "cap": "cap",
    "held_by": "slots held by",
    "goals": "Goals",
    "group": "group",
    "journeys": "journeys",
    "goal_reached": "reached",
    "share": "share",
    "all": "all",
    "came_to_message": "came to a message",
    "held_out": "came to one, held out",
    "still_open": "still open",
    "goals_note": "Compare “came to a message” with “held out”: both met the same conditions, and only what they did "
    "from then on counts. “All” has those too who were through before. “Still open” may reach the goal after the last "
    "day.",
    "weeks": "Messages a person gets in a week",
    "weeks_note": "Shares of all weeks of all people.",
    "weeks_short": "There is no whole week: it is what they get in {days} days.",
    "weeks_rest": "The last {days} days make no whole week and are left out.",
    "marketing": "marketing",
    "nothing": "People who get nothing, and the most frequent reason",
    "people": "people",
    "never_title": "What must never happen, and did",
    "never_held": "All {n} rules of what must never happen held.",
    "never_rule": "rule",
    "first_of_all": "to whom first",
    "steps": "Who gets what, and when",
    "step": "step",
    "first": "first",
    "last": "last",
    "samples": "What some people get",
    "at": "at",
    "decision": "what happens",
    "assumptions": "What was assumed",
    "audience": "People",
    "events": "Events",
    "seed": "Seed",
    "grain": "Step of time",
    "minutes": "{n} minutes",
    "responses": "Answers to messages",
    "stage": "stage",
    "every": "every",
    "purchase": "purchase",
    "table": "As a table",
    "day": "day",
    "hour": "hour",
    "difference": "What changes",
    "difference_headline": "{n:,} of {people:,} people see a difference",
    "before": "before",
    "after": "after",
    "change": "change",
    "person": "person",
    "who_changes": "Who changes, and why",
    "not_listed": "… and {n:,} more people.",
    "gained": "gets a message more",
    "lost": "gets a message less",
    "into_window": "comes before the last day now",
    "after_window": "does not come before the last day now",
    "other_time": "at another time",
    "other_channel": "on another channel",
    "other_text": "with another text",
    "why": "why",
    "because_put_off": "Now put off: {why}",
    "because_not_put_off": "No longer put off: {why}",
    "because_rerouted": "Now not possible on the first channel: {why}",
    "because_not_rerouted": "No longer impossible on the first channel: {why}",
    "other_reason": "not sent either way, for another reason",
    "side_by_side": "Side by side",
    "made_by": "Made by dangol simulate. Figures rest on assumptions and on chance: they show what the rules do, not "
    "what people will do.",
    "none": "none",
    "or_more": "4 or more",
    "deferred": "put off",
    "nobody": "nothing",
    "audience_made_up": "made-up people",
    "audience_database": "people of an installation's database",
    "audience_file": "people from {file}, consents assumed",
    "audience_file_consents": "people from {file}, with their consents",
    "audience_events": "the people whom the events are about; addresses and consents are made up",
    "events_made_up": "made up, by the rates of the behaviour",
    "events_file": "{events:,} events of {people:,} people from {file}",
    "events_file_moved": "{events:,} events of {people:,} people from {file}, moved into the window",
    "note_unknown": "The tracking plan lacks events of the behaviour, which were left out: {names}.",
    "note_never": "Nobody entered these, because what they wait for never happened: {names}.",
    "note_unmet": "{campaign}: `{event}` happened {times:,} times and never met its `where`, so nobody entered.",
    "note_nobody": "{campaign}: `{event}` happened {times:,} times, and nobody entered.",
    "note_unscheduled": "Nobody entered these, because their schedule does not come in these days: {names}.",
    "note_alone": "Nobody entered these, because nobody is, or comes to be, in their audience: {names}.",
    "note_consents": "The behaviour gives no `people.consents`, so nobody has agreed to anything and whatever needs "
    "consent is not sent.",
    "note_strangers": "{events:,} events of {file} are about {people:,} people who are not in the audience; they were "
    "left out.",
    "note_unplanned": "The tracking plan lacks events of {file}, so no campaign can wait for them: {names}.",
    "note_outside": "No event of {file} lies in the window ({first} to {last}); move them there with --shift-events.",
}
KOREAN = {
    "title": "시뮬레이션",
    "nothing_sent": "실제로 보낸 메시지는 없습니다.",
    "headline": "고객 {people:,}명, {start}부터 {days}일",
    "headline_of_a_day": "고객 {people:,}명, {start} 하루",
    "messages": "메시지",
    "message": "메시지",
    "reached": "받는 고객",
    "of_people": "전체 고객 중",
    "cost": "비용",
    "parts": "문자 건수",
    "not_sent": "보내지 않음",
    "put_off": "미룸",
    "rerouted": "다른 채널로",
    "refused": "보내지 않음",
    "campaigns": "캠페인",
    "campaign": "캠페인",
    "entered": "들어옴",
    "opened": "열람",
    "clicked": "클릭",
    "bought": "구매",
    "per_day": "날짜별 메시지",
    "per_hour": "시간대별 메시지",
    "per_hour_note": "받는 사람이 있는 곳의 시각입니다. 시간대를 모르는 고객은 {zone} 기준입니다.",
    "limits": "발송사 한도와 비교",
    "limits_note": "‘걸리는 시간’은 가장 바쁜 한 시간 분량을 발송사가 최고 속도로 보낼 때 걸리는 시간입니다.",
    "channel": "채널",
    "busiest_hour": "가장 바쁜 시간",
    "busiest_day": "가장 바쁜 날",
    "takes": "걸리는 시간",
    "limit": "한도",
    "over": "한도 초과",
    "never": "없음",
    "hours": "{n:,}시간",
    "days": "{n:,}일",
    "seconds": "{n:,.0f}초",
    "a_second": "초당 {n:g}건",
    "a_day": "하루 {n:,}건",
    "no_limit": "알 수 없음",
    "why_not": "보내지 않은 까닭",
    "turned_away": "캠페인에 넣지 않은 까닭",
    "why_put_off": "미룬 까닭과 시간",
    "mean_hours": "평균 시간",
    "reason": "사유",
    "what_it_means": "뜻",
    "times": "횟수",
    "competition": "발송 횟수를 두고 벌이는 경쟁",
    "competition_note": "행은 발송 횟수 제한에 걸린 캠페인입니다. 수는 이름이 적힌 캠페인이 자리를 하나 이상 "
    "차지하고 있던 메시지의 수이며, 한 메시지가 여러 번 셈에 들어갈 수 있습니다.",
    "cap": "제한",
    "held_by": "자리를 차지한 캠페인",
    "goals": "목표 달성",
    "group": "그룹",
    "journeys": "들어온 횟수",
    "goal_reached": "달성",
    "share": "비율",
    "all": "전체",
    "came_to_message": "메시지를 받을 차례가 옴",
    "held_out": "차례가 왔으나 비교 그룹",
    "still_open": "아직 모름",
    "goals_note": "‘메시지를 받을 차례가 옴’과 ‘비교 그룹’을 견주세요. 조건이 같고, 그 뒤에 한 일만 셉니다. ‘전체’에는 "
    "그 전에 끝난 고객도 들어 있습니다. ‘아직 모름’은 마지막 날 뒤에 목표에 이를 수 있는 고객입니다.",
    "weeks": "한 사람이 한 주에 받는 메시지",
    "weeks_note": "모든 고객의 모든 주에서 차지하는 비율입니다.",
    "weeks_short": "한 주가 되지 않아 {days}일 동안 받는 것을 셌습니다.",
    "weeks_rest": "한 주가 되지 않는 마지막 {days}일은 뺐습니다.",
    "marketing": "마케팅",
    "nothing": "아무것도 받지 않는 고객과 가장 잦은 까닭",
    "people": "고객",
    "never_title": "있어서는 안 되는데 일어난 일",
    "never_held": "있어서는 안 되는 일 {n}가지 가운데 일어난 것은 없습니다.",
    "never_rule": "규칙",
    "first_of_all": "처음 겪은 고객",
    "steps": "누가 무엇을 언제 받나",
    "step": "단계",
    "first": "처음",
    "last": "마지막",
    "samples": "몇몇 고객이 받는 것",
    "at": "시각",
    "decision": "일어난 일",
    "assumptions": "가정",
    "audience": "고객",
    "events": "이벤트",
    "seed": "시드",
    "grain": "시간 간격",
    "minutes": "{n}분",
    "responses": "메시지에 대한 반응",
    "stage": "여정 단계",
    "every": "모두",
    "purchase": "구매",
    "table": "표로 보기",
    "day": "날짜",
    "hour": "시",
    "difference": "달라지는 것",
    "difference_headline": "고객 {people:,}명 중 {n:,}명에게 달라집니다",
    "before": "이전",
    "after": "이후",
    "change": "변화",
    "person": "고객",
    "who_changes": "누구에게 왜 달라지나",
    "not_listed": "… 그 밖에 {n:,}명이 더 있습니다.",
    "gained": "더 받음",
    "lost": "못 받게 됨",
    "into_window": "이제 마지막 날 전에 받음",
    "after_window": "이제 마지막 날까지는 받지 않음",
    "other_time": "시각이 다름",
    "other_channel": "채널이 다름",
    "other_text": "글이 다름",
    "why": "까닭",
    "because_put_off": "이제 미룸: {why}",
    "because_not_put_off": "이제 미루지 않음: {why}",
    "because_rerouted": "이제 먼저 고른 채널로 보낼 수 없음: {why}",
    "because_not_rerouted": "이제 먼저 고른 채널로 보낼 수 있음: {why}",
    "other_reason": "어느 쪽도 보내지 않으나 까닭이 다름",
    "side_by_side": "나란히 보기",
    "made_by": "dangol simulate로 만들었습니다. 수치는 가정과 우연에 따른 것으로, 고객이 어떻게 할지가 아니라 "
    "규칙이 무엇을 하는지를 보여 줍니다.",
    "none": "0건",
    "or_more": "4건 이상",
    "deferred": "미룸",
    "nobody": "없음",
    "audience_made_up": "지어낸 고객",
    "audience_database": "설치된 데이터베이스의 고객",
    "audience_file": "{file}의 고객, 수신 동의는 가정함",
    "audience_file_consents": "{file}의 고객과 수신 동의",
    "audience_events": "이벤트에 나오는 고객, 연락처와 수신 동의는 지어냄",
    "events_made_up": "가정한 빈도에 따라 지어냄",
    "events_file": "{file}에 있는 고객 {people:,}명의 이벤트 {events:,}건",
    "events_file_moved": "{file}에 있는 고객 {people:,}명의 이벤트 {events:,}건, 기간 안으로 옮김",
    "note_unknown": "트래킹 플랜에 없어 가정에서 뺀 이벤트: {names}.",
    "note_never": "기다리는 이벤트가 한 번도 없어 아무도 들어오지 않은 캠페인: {names}.",
    "note_unmet": "{campaign}: `{event}` 이벤트가 {times:,}번 있었지만 `where` 조건에 맞은 적이 없어 아무도 들어오지 "
    "않았습니다.",
    "note_nobody": "{campaign}: `{event}` 이벤트가 {times:,}번 있었지만 아무도 들어오지 않았습니다.",
    "note_unscheduled": "이 기간에 예정된 날이 없어 아무도 들어오지 않은 캠페인: {names}.",
    "note_alone": "대상이 되는 고객이 없어 아무도 들어오지 않은 캠페인: {names}.",
    "note_consents": "가정에 `people.consents`가 없어 아무도 수신에 동의하지 않은 것으로 보았습니다. 동의가 필요한 "
    "메시지는 나가지 않습니다.",
    "note_strangers": "{file}의 이벤트 {events:,}건은 대상에 없는 고객 {people:,}명의 것이어서 뺐습니다.",
    "note_unplanned": "{file}에 트래킹 플랜에 없는 이벤트가 있습니다. 어느 캠페인도 기다릴 수 없습니다: {names}.",
    "note_outside": "{file}의 이벤트가 기간({first}~{last}) 안에 하나도 없습니다. --shift-events로 옮길 수 있습니다.",
}
WORDS: Mapping[Language, Mapping[str, str]] = {"en": ENGLISH, "ko": KOREAN}
CHANNEL_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"email": "email", "sms": "SMS", "push": "push"},
    "ko": {"email": "이메일", "sms": "문자", "push": "앱 푸시"},
}
