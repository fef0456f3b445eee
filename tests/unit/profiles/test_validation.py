"""What reporters may send, what is refused, and with which code."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.errors import InvalidEvent
from dangol.jurisdictions import known_places, packs
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.profiles.validation import parse_consent, parse_event, parse_profile

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TRACK: dict[str, Any] = {
    "type": "track",
    "messageId": "m-1",
    "userId": "alice",
    "event": "Order Completed",
    "properties": {"value": 29.3, "items": [{"sku": "A"}]},
    "timestamp": "2026-03-02T09:30:00+09:00",
}


def event(**changes: Any) -> IncomingEvent:
    return parse_event(TRACK | changes, source="api", now=NOW, new_id=lambda: "made-up")


def profile(traits: dict[str, Any], **changes: Any) -> ProfileChange:
    return parse_profile({"userId": "alice", "traits": traits} | changes, places=known_places(packs()))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_track_call_becomes_an_event() -> None:
    assert event() == IncomingEvent(
        "m-1", "alice", "Order Completed", TRACK["properties"], datetime(2026, 3, 2, 0, 30, tzinfo=UTC), "api"
    )


def test_an_anonymous_visitor_has_an_id_of_its_own_kind() -> None:
    assert event(userId=None, anonymousId="v-9").external_id == "anonymous:v-9"


def test_a_numeric_customer_id_is_taken_as_text() -> None:
    assert event(userId=42).external_id == "42"


def test_an_event_without_message_id_gets_one() -> None:
    assert event(messageId=None).message_id == event(messageId=" ").message_id == "made-up"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"userId": None}, "missing_user"),
        ({"userId": "  "}, "missing_user"),
        ({"userId": ["alice"]}, "invalid_user"),
        ({"userId": True}, "invalid_user"),
        ({"userId": "a" * 201}, "invalid_user"),
        ({"userId": None, "anonymousId": "a" * 191}, "invalid_user"),
        ({"event": None}, "invalid_event"),
        ({"event": "\t"}, "invalid_event"),
        ({"event": 7}, "invalid_event"),
        ({"event": "e" * 201}, "invalid_event"),
        ({"messageId": "m" * 101}, "invalid_message_id"),
        ({"messageId": 5}, "invalid_message_id"),
        ({"properties": [1]}, "invalid_properties"),
        ({"properties": {"text": "a" * 33_000}}, "too_large"),
        ({"properties": {"text": "가" * 11_000}}, "too_large"),
        ({"properties": {"deep": nested(9)}}, "too_deep"),
        ({"properties": {"deep": nested(100_000)}}, "too_deep"),
        ({"properties": {"text": "a\0b"}}, "invalid_text"),
        ({"properties": {"na\0me": 1}}, "invalid_text"),
        ({"properties": {"text": "\ud800"}}, "invalid_text"),
        ({"event": "Order\0"}, "invalid_text"),
        ({"properties": {"value": float("nan")}}, "invalid_number"),
        ({"properties": {"value": float("inf")}}, "invalid_number"),
        ({"properties": {"value": 10**5000}}, "invalid_number"),
        ({"properties": {"value": object()}}, "invalid_value"),
        ({"timestamp": "yesterday"}, "invalid_timestamp"),
        ({"timestamp": 1_700_000_000}, "invalid_timestamp"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, "invalid_timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:00"}, "invalid_timestamp"),
        ({"timestamp": "2026-03-03T01:00:01Z"}, "timestamp_in_future"),
        ({"timestamp": "9999-12-31T00:00:00Z", "sentAt": "1970-01-01"}, "invalid_timestamp"),
    ],
)
def test_a_malformed_event_is_refused_with_its_code(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        event(**changes)
    assert refused.value.code == code


@pytest.mark.parametrize("raw", [None, "text", 3, [TRACK]])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_event(raw, source="api", now=NOW)
    assert refused.value.code == "not_an_object"


def test_ten_levels_are_allowed() -> None:
    assert event(properties={"deep": nested(8)}).properties == {"deep": nested(8)}


@pytest.mark.parametrize(
    ("reported", "means"),
    [
        ({"timestamp": None}, NOW),
        ({"timestamp": "1997-01-01"}, datetime(1997, 1, 1, tzinfo=UTC)),
        ({"timestamp": "2026-03-01T12:00:00"}, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"timestamp": None, "originalTimestamp": "2026-03-01T12:00:00Z"}, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ({"timestamp": "2026-03-03T00:59:59Z"}, NOW),
    ],
)
def test_when_it_happened(reported: dict[str, Any], means: datetime) -> None:
    assert event(**reported).occurred_at == means


def test_a_wrong_clock_is_corrected_by_when_the_call_was_sent() -> None:
    an_hour_fast = {"timestamp": "2026-03-02T01:50:00Z", "sentAt": "2026-03-02T02:00:00Z"}
    assert event(**an_hour_fast).occurred_at == NOW - timedelta(minutes=10)
    told = parse_event(TRACK, source="api", now=NOW, sent_at=NOW - timedelta(minutes=5))
    assert told.occurred_at == datetime(2026, 3, 2, 0, 35, tzinfo=UTC)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from([*TRACK, "sentAt", "anonymousId"]), json_values) | json_values)
def test_whatever_comes_is_an_event_that_can_be_stored_or_a_refusal(raw: Any) -> None:
    try:
        found = parse_event(raw, source="api", now=NOW)
    except InvalidEvent:
        return
    stored = json.dumps(dict(found.properties), ensure_ascii=False, allow_nan=False).encode()
    assert b"\\u0000" not in stored
    assert datetime(1970, 1, 1, tzinfo=UTC) <= found.occurred_at <= NOW
    assert 0 < len(found.message_id) <= 100
    assert 0 < len(found.external_id) <= 200
    assert 0 < len(found.name) <= 200


def test_an_identify_call_becomes_a_profile_change() -> None:
    traits = {
        "email": " Kim@EXAMPLE.com ",
        "phone": "010-1234-5678",
        "address": {"country": "kr", "city": "Seoul"},
        "locale": "ko_KR",
        "timezone": "Asia/Seoul",
        "name": "김단골",
        "tier": None,
    }
    context = {"locale": "en-US", "device": {"token": "t-1", "type": "iOS"}}
    assert profile(traits, context=context) == ProfileChange(
        "alice",
        email="Kim@example.com",
        phone="+821012345678",
        locale="ko-KR",
        timezone="Asia/Seoul",
        country="KR",
        attributes={"address": traits["address"], "name": "김단골", "tier": None},
        device_token="t-1",
        device_platform="ios",
    )


def test_context_stands_in_for_absent_traits() -> None:
    change = profile({}, context={"locale": "en-KR", "timezone": "Asia/Seoul"})
    assert (change.locale, change.timezone) == ("en-KR", "Asia/Seoul")


def test_what_a_device_gets_wrong_does_not_cost_the_customer() -> None:
    change = profile({"email": "kim@example.com"}, context={"locale": "C.UTF-8!", "timezone": "x" * 65})
    assert (change.email, change.locale, change.timezone) == ("kim@example.com", None, None)


def test_blank_and_null_fields_say_nothing() -> None:
    assert profile({"email": "", "phone": None, "locale": " "}) == ProfileChange("alice")


def test_a_zone_that_does_not_exist_is_kept_as_given() -> None:
    assert profile({"timezone": "Mars/Olympus"}).timezone == "Mars/Olympus"


@pytest.mark.parametrize("locale", ["ko", "ko-KR", "zh-Hant-TW", "es-419", "en-KR"])
def test_real_locales_are_understood(locale: str) -> None:
    assert profile({"locale": locale}).locale == locale


@pytest.mark.parametrize(
    ("traits", "code"),
    [
        ({"email": "kim"}, "invalid_email"),
        ({"email": "kim@localhost"}, "invalid_email"),
        ({"email": "kim@example.com\r\nBcc: all@example.com"}, "invalid_email"),
        ({"email": 7}, "invalid_email"),
        ({"phone": "010-1234-5678"}, "invalid_phone"),
        ({"phone": "12", "country": "KR"}, "invalid_phone"),
        ({"country": "KOR"}, "invalid_country"),
        ({"country": "ZZ"}, "invalid_country"),
        ({"address": {"country": "Korea"}}, "invalid_country"),
        ({"locale": "korean"}, "invalid_locale"),
        ({"locale": "ko-XQ"}, "invalid_locale"),
        ({"timezone": "x" * 65}, "invalid_timezone"),
    ],
)
def test_a_malformed_profile_is_refused_with_its_code(traits: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        profile(traits)
    assert refused.value.code == code


CONSENT = {
    "userId": "alice",
    "channel": "SMS",
    "purpose": "marketing",
    "action": "granted",
    "occurred_at": "2026-03-01T09:00:00+09:00",
}


def test_a_consent_names_channel_purpose_action_and_time() -> None:
    assert parse_consent(CONSENT, source="import", now=NOW, places=known_places(packs())) == ConsentChange(
        "alice",
        Channel.SMS,
        Purpose.MARKETING,
        ConsentAction.GRANTED,
        datetime(2026, 3, 1, tzinfo=UTC),
        source="import",
        utc_offset=540,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"channel": "fax"}, "invalid_channel"),
        ({"channel": None}, "invalid_channel"),
        ({"purpose": "fun"}, "invalid_purpose"),
        ({"action": "maybe"}, "invalid_action"),
        ({"occurred_at": None}, "invalid_timestamp"),
        ({"occurred_at": "2026-03-02T01:00:01Z"}, "consent_in_future"),
        ({"userId": ""}, "missing_user"),
        ({"source": "s" * 201}, "invalid_source"),
        ({"source": "kim@example.com"}, "personal_data"),
        ({"proof": "rang from +82 10 1234 5678"}, "personal_data"),
        ({"action": "restored"}, "invalid_action"),
        ({"topic": "Sale news"}, "invalid_topic"),
        ({"jurisdiction": "Korea"}, "invalid_jurisdiction"),
        ({"jurisdiction": "US-ZZ"}, "invalid_jurisdiction"),
        ({"jurisdiction": "ZZ"}, "invalid_jurisdiction"),
        ({"basis": "because"}, "invalid_basis"),
        ({"basis": 7}, "invalid_basis"),
        ({"locale": "korean"}, "invalid_locale"),
        ({"wording_version": "v" * 101}, "invalid_wording_version"),
        ({"proof": "p" * 301}, "invalid_proof"),
        ({"ip": "here"}, "invalid_ip"),
        ({"user_agent": 7}, "invalid_user_agent"),
    ],
)
def test_a_malformed_consent_is_refused_with_its_code(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_consent(CONSENT | changes, source="import", now=NOW, places=known_places(packs()))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("occurred_at", "offset"),
    [("2026-03-01T09:00:00+09:00", 540), ("2026-03-01T00:00:00Z", None), ("2026-03-01", None)],
)
def test_the_clock_of_the_person_is_kept_where_the_time_tells_it(occurred_at: str, offset: int | None) -> None:
    told = parse_consent(CONSENT | {"occurred_at": occurred_at}, source="import", now=NOW, places=known_places(packs()))
    assert told.utc_offset == offset


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"basis": "writen_consent"},
            ["'writen_consent'", "consent, written_consent", "did you mean 'written_consent'?"],
        ),
        ({"jurisdiction": "US_CA"}, ["'US_CA'", "KR or US-CA", "did you mean 'US-CA'?"]),
        ({"channel": "emial"}, ["'emial'", "email, sms, push", "did you mean 'email'?"]),
    ],
)
def test_an_unknown_word_is_answered_with_what_there_is_and_what_is_near(
    changes: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_consent(CONSENT | changes, source="import", now=NOW, places=known_places(packs()))
    assert [part for part in parts if part not in str(refused.value)] == []


@pytest.mark.parametrize(
    ("told", "kept"),
    [("kr", "KR"), ("us-ca", "US-CA"), ("EU", "EU"), ("FR", "FR"), ("PR", "PR"), ("Default", "default"), (" ", "")],
)
def test_a_jurisdiction_is_a_pack_or_a_place_that_one_serves(told: str, kept: str) -> None:
    found = parse_consent(CONSENT | {"jurisdiction": told}, source="", now=NOW, places=known_places(packs()))
    assert found.jurisdiction == kept


def test_a_basis_is_understood_in_any_case() -> None:
    told = parse_consent(CONSENT | {"basis": "Written_Consent"}, source="", now=NOW, places=known_places(packs()))
    assert told.basis == "written_consent"


class TestState:
    """``country: US-FL`` is ISO 3166-2: the country is the country, its state an attribute that the law looks at."""

    @pytest.mark.parametrize("traits", [{"country": "us-fl"}, {"address": {"country": "US-FL"}}])
    def test_the_state_in_a_country_becomes_the_attribute(self, traits: dict[str, Any]) -> None:
        told = profile(traits)
        assert (told.country, told.attributes["state"]) == ("US", "FL")

    def test_a_country_alone_says_nothing_of_a_state(self) -> None:
        told = profile({"country": "US"})
        assert (told.country, "state" in told.attributes) == ("US", False)

    @pytest.mark.parametrize("beside", ["FL", "fl", "US-FL"])
    def test_the_same_state_beside_it_is_the_same(self, beside: str) -> None:
        assert profile({"country": "US-FL", "state": beside}).attributes["state"] == "FL"

    def test_another_state_beside_it_is_a_contradiction(self) -> None:
        with pytest.raises(InvalidEvent, match="'US-FL' and `state` 'Georgia'") as refused:
            profile({"country": "US-FL", "state": "Georgia"})
        assert refused.value.code == "invalid_country"

    def test_a_phone_is_read_by_the_country(self) -> None:
        assert profile({"country": "US-FL", "phone": "(212) 555-0123"}).phone == "+12125550123"

    def test_where_the_states_are_not_known_any_code_is_taken(self) -> None:
        told = profile({"country": "KR-11"})
        assert (told.country, told.attributes["state"]) == ("KR", "11")

    @pytest.mark.parametrize(
        ("country", "said"),
        [
            ("US-FX", "expected a state of US; found 'US-FX' (did you mean 'US-"),
            ("US-", "such as US-FL"),
            ("US-FLOR", "such as US-FL"),
        ],
    )
    def test_what_is_no_state_is_refused(self, country: str, said: str) -> None:
        with pytest.raises(InvalidEvent) as refused:
            profile({"country": country})
        assert said in str(refused.value)
        assert refused.value.code == "invalid_country"
