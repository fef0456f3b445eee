"""The log in plain words: every word exists in both languages, and evidence is told, not hidden."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from dangol.ledger.explain import OUTCOMES, UnderWay, explain, tell
from dangol.ledger.reader import Entry
from dangol.ledger.words import WORDS, Language
from dangol.model.vocabulary import Channel, Decision, JourneyStatus, Reason

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LANGUAGES = get_args(Language)


def entry(decision: str, reason: str, seq: int = 1, **told: Any) -> Entry:
    fields: dict[str, Any] = {
        "seq": seq,
        "id": f"{seq:026d}",
        "at": START + timedelta(hours=seq),
        "decision": decision,
        "reason": reason,
        "profile_id": "P",
        "campaign_key": "win_back",
        "version_id": "V",
        "journey_id": "J",
        "message_id": "M" if decision.startswith("message") else None,
        "stage": "loyalty",
        "step": "come_back" if decision.startswith("message") else None,
        "channel": None,
        "evidence": {},
        "content_hash": None,
        "sealed": None,
    }
    return Entry(**{**fields, **told})


@pytest.mark.parametrize("language", LANGUAGES)
class TestEveryWord:
    def test_every_decision_has_words(self, language: Language) -> None:
        words = WORDS[language].decisions
        assert set(words) == set(Decision)
        assert all(text.endswith(".") for text in words.values())

    def test_every_reason_has_words_of_its_own(self, language: Language) -> None:
        words = WORDS[language].reasons
        assert set(words) == set(Reason)
        assert len(set(words.values())) == len(words)
        assert all(text.endswith(".") for text in words.values())

    def test_every_channel_and_outcome_has_words(self, language: Language) -> None:
        assert set(WORDS[language].channels) == set(Channel)
        assert set(WORDS[language].outcomes) == set(OUTCOMES.values())

    def test_the_same_evidence_is_told(self, language: Language) -> None:
        assert set(WORDS[language].details) == set(WORDS["en"].details)

    @pytest.mark.parametrize("decision", Decision)
    def test_no_placeholder_is_left(self, language: Language, decision: Decision) -> None:
        for reason in Reason:
            for channel in (*Channel, None):
                told = tell(entry(decision.value, reason.value, channel=channel), language=language)
                assert "{" not in told.text


def test_korean_words_are_korean_and_english_words_are_not() -> None:
    hangul = re.compile("[가-힣]")
    for language, is_korean in (("en", False), ("ko", True)):
        words = WORDS[language]
        for text in (*words.decisions.values(), *words.reasons.values(), *words.outcomes.values()):
            assert bool(hangul.search(text)) is is_korean, text


def test_every_decision_about_a_message_or_a_call_says_how_it_stands() -> None:
    assert set(OUTCOMES) == {decision for decision in Decision if decision.value.startswith(("message_", "call_"))}


def test_a_message_is_told_from_plan_to_end_and_summed_up_by_its_last_decision() -> None:
    (account,) = explain(
        [
            entry("journey_entered", "event_matched", 1),
            entry("message_planned", "step_reached", 2, evidence={"channels": "push,email"}),
            entry("message_rerouted", "address_missing", 3, channel="push"),
            entry("message_suppressed", "consent_missing", 4, channel="email"),
        ]
    )
    (message,) = account.messages
    assert (account.campaign, account.journey_id) == ("win_back", "J")
    assert (message.name, message.outcome, message.status) == ("come_back", "not_sent", "not sent")
    assert message.summary == "Not sent. No consent is on record for email and this purpose."
    assert message.lines[0].details == ("channels in order: push, email",)
    assert message.lines[1].text == "Not possible by push. No address for push is known."


def test_evidence_is_told_in_words() -> None:
    evidence = {
        "consent": "01JCONSENT",
        "zone": "Asia/Seoul",
        "local": "2026-03-02T11:00+09:00",
        "caps": {"weekly": "2/3", "daily": "0/1"},
    }
    line = tell(entry("message_sending", "allowed", channel="sms", evidence=evidence))
    assert line.details == (
        "consent record: 01JCONSENT",
        "local time: 2 Mar 2026, 11:00",
        "caps, used before: weekly 2/3, daily 0/1",
    )


def test_a_put_off_message_says_until_when_in_the_persons_zone() -> None:
    evidence = {"zone": "Asia/Seoul", "local": "2026-03-02T22:14+09:00", "until": "2026-03-02T23:00:00+00:00"}
    english = tell(entry("message_deferred", "quiet_hours", evidence=evidence))
    assert english.text == "Put off, not sent yet. It was quiet hours where the person is."
    assert "next attempt: 3 Mar 2026, 08:00" in english.details
    korean = tell(entry("message_deferred", "quiet_hours", evidence=evidence), language="ko")
    assert "다음 시도: 2026년 3월 3일 08:00" in korean.details


def test_a_time_that_came_too_late_is_not_called_a_next_attempt() -> None:
    evidence = {"until": "2026-03-02T23:00:00+00:00"}
    line = tell(entry("message_suppressed", "quiet_hours_outlast_expiry", evidence=evidence))
    assert line.details == ("earliest possible time: 2 Mar 2026, 23:00",)


def test_an_uncertain_zone_is_said_to_be_uncertain() -> None:
    evidence = {"zone": "any of 4", "local": "2026-03-02T11:00+09:00"}
    line = tell(entry("message_sending", "allowed", evidence=evidence))
    assert "time zone: unknown; had to fit 4 likely ones" in line.details


@pytest.mark.parametrize(
    ("given", "evidence", "told"),
    [
        ("Asia/Seoul", {}, "Asia/Seoul"),
        ("Mars/Olympus", {}, "UTC"),
        ("Mars/Olympus", {"zone": "Europe/London"}, "Europe/London"),
        (None, {"zone": "any of 4"}, "UTC"),
        (None, {}, "UTC"),
    ],
)
def test_times_are_the_persons_own_if_known(given: str | None, evidence: dict[str, str], told: str) -> None:
    (account,) = explain([entry("message_sending", "allowed", evidence=evidence)], zone=given)
    assert account.zone == told


def test_refusals_to_enter_are_one_account_per_campaign() -> None:
    told = explain(
        [
            entry("journey_refused", "entered_before", 1, journey_id=None),
            entry("journey_entered", "event_matched", 2, campaign_key="other"),
            entry("journey_refused", "entered_before", 3, journey_id=None),
        ]
    )
    assert [(account.campaign, account.journey_id, len(account.lines)) for account in told] == [
        ("win_back", None, 2),
        ("other", "J", 1),
    ]


def test_words_of_another_release_are_shown_as_they_are() -> None:
    line = tell(entry("message_teleported", "worm_hole", channel="pigeon"))
    assert line.text == "message_teleported worm_hole"
    (account,) = explain([entry("message_teleported", "worm_hole")])
    assert account.messages[0].outcome == "unknown"


def test_a_message_is_called_by_its_name_and_by_its_stage_where_that_is_not_on_record() -> None:
    (account,) = explain([entry("message_planned", "step_reached", evidence={"message": "welcome"})])
    assert account.messages[0].name == "welcome"
    (account,) = explain([entry("message_suppressed", "consent_missing", step="0.1")])
    assert account.messages[0].name == "loyalty"


SEOUL = "Asia/Seoul"
TOMORROW = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("standing", "english", "korean"),
    [
        (
            UnderWay(JourneyStatus.WAITING, TOMORROW, None),
            "Waits until 3 Mar 2026, 10:00.",
            "2026년 3월 3일 10:00까지 기다립니다.",
        ),
        (
            UnderWay(JourneyStatus.WAITING, TOMORROW, "Checkout Resumed"),
            "Waits for “Checkout Resumed” until 3 Mar 2026, 10:00.",
            "2026년 3월 3일 10:00까지 ‘Checkout Resumed’ 이벤트를 기다립니다.",
        ),
        (
            UnderWay(JourneyStatus.PAUSED, TOMORROW, None),
            "Is paused for this person.",
            "이 고객의 진행을 멈춰 두었습니다.",
        ),
    ],
)
def test_a_journey_that_goes_on_says_what_it_waits_for(standing: UnderWay, english: str, korean: str) -> None:
    entered = entry("journey_entered", "event_matched")
    told = {
        language: explain([entered], language=language, zone=SEOUL, under_way={entered.journey_id or "": standing})
        for language in ("en", "ko")
    }
    assert [account.now for account in told["en"]] == [english]
    assert [account.now for account in told["ko"]] == [korean]
    assert [account.now for account in explain([entered])] == [""]
