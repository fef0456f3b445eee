"""What decisions and reasons are called in front of people who have never seen the code, in English and Korean.

``{channel}`` is the channel's own word; Korean sentences avoid particles that would change with it. A test holds
every member of ``Decision`` and ``Reason`` to have its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dangol.model.vocabulary import Channel, Decision, Reason

Language = Literal["en", "ko"]
Outcome = Literal["sent", "on_its_way", "waiting", "not_sent", "unknown"]


@dataclass(frozen=True, slots=True)
class Words:
    """One language. ``moment`` writes a local time ``at``; ``details`` name what the evidence holds."""

    decisions: Mapping[Decision, str]
    reasons: Mapping[Reason, str]
    outcomes: Mapping[Outcome, str]
    channels: Mapping[Channel, str]
    details: Mapping[str, str]
    moment: str
    no_channel: str
    no_consent_needed: str
    likely_zones: str


_ENGLISH = Words(
    decisions={
        Decision.JOURNEY_ENTERED: "Entered the campaign.",
        Decision.JOURNEY_REFUSED: "Did not enter the campaign.",
        Decision.JOURNEY_ENDED: "Left the campaign.",
        Decision.SCHEDULE_FIRED: "The campaign's schedule ran.",
        Decision.SCHEDULE_MISSED: "The campaign's schedule did not run.",
        Decision.SCHEDULE_STOPPED: "The campaign's schedule stopped half-way.",
        Decision.MESSAGE_PLANNED: "A message was planned.",
        Decision.MESSAGE_DEFERRED: "Put off, not sent yet.",
        Decision.MESSAGE_REROUTED: "Not possible by {channel}.",
        Decision.MESSAGE_SENDING: "Handed over by {channel}.",
        Decision.MESSAGE_ACCEPTED: "Sent by {channel}.",
        Decision.MESSAGE_RETRIED: "Not sent yet, to be tried again.",
        Decision.MESSAGE_FAILED: "Not sent by {channel}.",
        Decision.MESSAGE_UNKNOWN: "Nobody knows whether it was sent.",
        Decision.MESSAGE_SUPPRESSED: "Not sent.",
        Decision.MESSAGE_EXPIRED: "Not sent.",
        Decision.MESSAGE_CANCELLED: "Not sent, taken back.",
    },
    reasons={
        Reason.EVENT_MATCHED: "Something the person did met the campaign's entry rule.",
        Reason.AUDIENCE_MATCHED: "The person was in the audience when the schedule ran.",
        Reason.ALREADY_IN_JOURNEY: "The person was still in an earlier round of this campaign.",
        Reason.ENTERED_BEFORE: "The campaign takes each person only once.",
        Reason.ENTERED_TOO_RECENTLY: "The person was in this campaign too recently.",
        Reason.COMPLETED: "Every step was done.",
        Reason.EXIT_STEP: "The campaign ends at this step.",
        Reason.EXIT_EVENT: "Something happened that ends the campaign for this person.",
        Reason.GOAL_REACHED: "The campaign's goal was reached.",
        Reason.DUE_BY_SCHEDULE: "Its time had come.",
        Reason.OUT_OF_SERVICE: "The campaign was taken out of service before everybody in its audience was in.",
        Reason.MISSED_WHILE_DOWN: "The system was down at that time, and only the latest run is made up for.",
        Reason.STEP_REACHED: "The person reached the step that sends it.",
        Reason.ALLOWED: "Every rule allowed it.",
        Reason.ACCEPTED_BY_PROVIDER: "The provider took it over.",
        Reason.PROVIDER_BUSY: "The provider could not take it at that moment.",
        Reason.QUIET_HOURS: "It was quiet hours where the person is.",
        Reason.CAPPED: "A frequency cap was used up.",
        Reason.PROFILE_ERASED: "The person's data was erased.",
        Reason.ADDRESS_MISSING: "No address for {channel} is known.",
        Reason.ADDRESS_SUPPRESSED: "The address is on the list of those that must not be written to.",
        Reason.CONSENT_MISSING: "No consent is on record for {channel} and this purpose.",
        Reason.CONSENT_WITHDRAWN: "The consent for {channel} and this purpose was withdrawn.",
        Reason.EXPIRED: "It was too late, the message had expired.",
        Reason.HELD_OUT: "The person is in the group that gets nothing on purpose, so that the effect can be measured.",
        Reason.TIMEZONE_UNKNOWN: "The person's time zone is not known, so quiet hours could not be kept.",
        Reason.QUIET_HOURS_OUTLAST_EXPIRY: "Quiet hours would have ended only after the message expired.",
        Reason.CAP_OUTLASTS_EXPIRY: "The frequency cap would have allowed it only after the message expired.",
        Reason.TEMPLATE_MISSING: "The message has no text for {channel}.",
        Reason.RENDER_FAILED: "The text could not be put together from this person's data.",
        Reason.CONTENT_TOO_LONG: "The finished text was too long for {channel}.",
        Reason.GATE_FAILED: "A rule could not be checked, and in doubt nothing is sent.",
        Reason.PROVIDER_MISSING: "No provider is set up for {channel}.",
        Reason.PROVIDER_REFUSED: "The provider refused it for good.",
        Reason.RETRIES_EXHAUSTED: "The provider refused it every time it was tried.",
        Reason.OUTCOME_UNKNOWN: "The provider's answer was unclear. It is not sent again, so as not to arrive twice.",
        Reason.LEASE_LOST: "The system stopped in mid-sending. It is not sent again, so as not to arrive twice.",
    },
    outcomes={
        "sent": "sent",
        "on_its_way": "on its way",
        "waiting": "waiting",
        "not_sent": "not sent",
        "unknown": "not known",
    },
    channels={Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.PUSH: "push"},
    details={
        "consent": "consent record",
        "local": "local time",
        "zone": "time zone",
        "caps": "caps, used before",
        "cap": "deciding cap",
        "until": "next attempt",
        "too_late": "earliest possible time",
        "expired_at": "expired",
        "due_at": "due",
        "expires_at": "expires",
        "channels": "channels in order",
        "cause": "cause",
        "share": "share held out",
        "exit": "exit",
        "provider": "provider",
        "attempt": "attempt",
        "detail": "answer",
        "rule": "rule",
        "error": "error",
        "missed": "runs missed",
        "fired_at": "run of",
        "fire_at": "run of",
    },
    moment="{at.day} {at:%b} {at.year}, {at:%H:%M}",
    no_channel="this channel",
    no_consent_needed="not needed for this purpose",
    likely_zones="unknown; had to fit {zone} likely ones",
)

_KOREAN = Words(
    decisions={
        Decision.JOURNEY_ENTERED: "캠페인에 들어왔습니다.",
        Decision.JOURNEY_REFUSED: "캠페인에 넣지 않았습니다.",
        Decision.JOURNEY_ENDED: "캠페인에서 나왔습니다.",
        Decision.SCHEDULE_FIRED: "예약된 캠페인을 실행했습니다.",
        Decision.SCHEDULE_MISSED: "예약된 실행을 건너뛰었습니다.",
        Decision.SCHEDULE_STOPPED: "예약된 실행을 도중에 멈췄습니다.",
        Decision.MESSAGE_PLANNED: "메시지를 준비했습니다.",
        Decision.MESSAGE_DEFERRED: "발송을 미뤘습니다.",
        Decision.MESSAGE_REROUTED: "{channel}로는 보낼 수 없었습니다.",
        Decision.MESSAGE_SENDING: "{channel}로 발송을 시작했습니다.",
        Decision.MESSAGE_ACCEPTED: "{channel}로 보냈습니다.",
        Decision.MESSAGE_RETRIED: "아직 보내지 못했고, 다시 시도합니다.",
        Decision.MESSAGE_FAILED: "{channel}로 보내지 못했습니다.",
        Decision.MESSAGE_UNKNOWN: "보냈는지 확인할 수 없습니다.",
        Decision.MESSAGE_SUPPRESSED: "보내지 않았습니다.",
        Decision.MESSAGE_EXPIRED: "보내지 않았습니다.",
        Decision.MESSAGE_CANCELLED: "발송을 취소했습니다.",
    },
    reasons={
        Reason.EVENT_MATCHED: "고객의 행동이 캠페인 시작 조건과 맞았습니다.",
        Reason.AUDIENCE_MATCHED: "예약 시각에 발송 대상에 속해 있었습니다.",
        Reason.ALREADY_IN_JOURNEY: "같은 캠페인이 아직 진행 중이었습니다.",
        Reason.ENTERED_BEFORE: "한 사람에게 한 번만 진행하는 캠페인입니다.",
        Reason.ENTERED_TOO_RECENTLY: "같은 캠페인에 들어온 지 얼마 되지 않았습니다.",
        Reason.COMPLETED: "모든 단계를 마쳤습니다.",
        Reason.EXIT_STEP: "캠페인이 이 단계에서 끝납니다.",
        Reason.EXIT_EVENT: "캠페인을 마치는 조건에 해당하는 일이 있었습니다.",
        Reason.GOAL_REACHED: "캠페인의 목표를 이루었습니다.",
        Reason.DUE_BY_SCHEDULE: "예약한 시각이 되었습니다.",
        Reason.OUT_OF_SERVICE: "대상자가 모두 들어오기 전에 캠페인을 내렸습니다.",
        Reason.MISSED_WHILE_DOWN: "그 시각에 시스템이 멈춰 있었고, 가장 최근 예약만 실행합니다.",
        Reason.STEP_REACHED: "메시지를 보내는 단계에 이르렀습니다.",
        Reason.ALLOWED: "모든 발송 규칙을 통과했습니다.",
        Reason.ACCEPTED_BY_PROVIDER: "발송사가 접수했습니다.",
        Reason.PROVIDER_BUSY: "발송사가 그때 접수하지 못했습니다.",
        Reason.QUIET_HOURS: "고객이 있는 곳의 야간 발송 제한 시간이었습니다.",
        Reason.CAPPED: "정해진 발송 횟수를 모두 채웠습니다.",
        Reason.PROFILE_ERASED: "고객 정보가 삭제되었습니다.",
        Reason.ADDRESS_MISSING: "{channel} 연락처가 없습니다.",
        Reason.ADDRESS_SUPPRESSED: "발송 금지 목록에 있는 연락처입니다.",
        Reason.CONSENT_MISSING: "이 목적의 {channel} 수신 동의 기록이 없습니다.",
        Reason.CONSENT_WITHDRAWN: "이 목적의 {channel} 수신 동의를 철회했습니다.",
        Reason.EXPIRED: "메시지의 유효 시간이 지났습니다.",
        Reason.HELD_OUT: "효과를 비교하려고 일부러 보내지 않는 그룹에 속합니다.",
        Reason.TIMEZONE_UNKNOWN: "고객의 시간대를 알 수 없어 야간 발송 제한을 지킬 수 없었습니다.",
        Reason.QUIET_HOURS_OUTLAST_EXPIRY: "야간 발송 제한이 끝나기 전에 메시지의 유효 시간이 지납니다.",
        Reason.CAP_OUTLASTS_EXPIRY: "발송 횟수에 여유가 생기기 전에 메시지의 유효 시간이 지납니다.",
        Reason.TEMPLATE_MISSING: "{channel}로 보낼 문안이 없습니다.",
        Reason.RENDER_FAILED: "고객 정보로 문안을 완성하지 못했습니다.",
        Reason.CONTENT_TOO_LONG: "완성된 문안이 {channel}로 보내기에 너무 깁니다.",
        Reason.GATE_FAILED: "발송 규칙을 확인하지 못했습니다. 확실하지 않으면 보내지 않습니다.",
        Reason.PROVIDER_MISSING: "{channel} 발송사가 설정되어 있지 않습니다.",
        Reason.PROVIDER_REFUSED: "발송사가 거절했습니다.",
        Reason.RETRIES_EXHAUSTED: "여러 번 시도했지만 발송사가 받지 않았습니다.",
        Reason.OUTCOME_UNKNOWN: "발송사의 답이 분명하지 않습니다. 두 번 가지 않도록 다시 보내지 않습니다.",
        Reason.LEASE_LOST: "발송 도중 시스템이 멈췄습니다. 두 번 가지 않도록 다시 보내지 않습니다.",
    },
    outcomes={
        "sent": "보냄",
        "on_its_way": "보내는 중",
        "waiting": "기다리는 중",
        "not_sent": "보내지 않음",
        "unknown": "확인 불가",
    },
    channels={Channel.EMAIL: "이메일", Channel.SMS: "문자", Channel.PUSH: "앱 푸시"},
    details={
        "consent": "동의 기록",
        "local": "현지 시각",
        "zone": "시간대",
        "caps": "이전까지의 발송 횟수",
        "cap": "적용된 제한",
        "until": "다음 시도",
        "too_late": "가장 빠른 발송 가능 시각",
        "expired_at": "유효 시간 만료",
        "due_at": "발송 예정",
        "expires_at": "유효 시간",
        "channels": "채널 순서",
        "cause": "사유",
        "share": "비교 그룹 비율",
        "exit": "종료 이름",
        "provider": "발송사",
        "attempt": "시도 횟수",
        "detail": "응답",
        "rule": "규칙",
        "error": "오류",
        "missed": "건너뛴 횟수",
        "fired_at": "예약 시각",
        "fire_at": "예약 시각",
    },
    moment="{at.year}년 {at.month}월 {at.day}일 {at:%H:%M}",
    no_channel="이 채널",
    no_consent_needed="이 목적에는 필요 없음",
    likely_zones="알 수 없음, 가능한 {zone}곳 모두에 맞춤",
)

WORDS: Mapping[Language, Words] = {"en": _ENGLISH, "ko": _KOREAN}
