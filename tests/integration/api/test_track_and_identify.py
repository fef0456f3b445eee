"""``/v1/track`` and ``/v1/identify``: 200 after commit, and nothing but JSON with code and message otherwise."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event as sql_events

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.errors import StoreUnavailable
from dangol.profiles import people
from dangol.store.tables import devices, events, profiles
from dangol.surfaces.api.body import MAX_BODY
from tests.integration.api.conftest import WRITE_KEY, Post, basic, rows

TRACK = {"userId": "c-1", "event": "Order Completed", "properties": {"value": 29.3}, "messageId": "m-1"}


def test_a_track_call_is_committed_and_answered_with_200(post: Post, dangol: Dangol, clock: VirtualClock) -> None:
    answer = post("/v1/track", TRACK)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    [event] = rows(dangol, events)
    assert (event.name, event.message_id, event.properties, event.source) == (
        "Order Completed",
        "m-1",
        {"value": 29.3},
        "api",
    )
    assert event.occurred_at == event.received_at == clock.now()


def test_an_identify_call_updates_the_profile_and_its_device(post: Post, dangol: Dangol) -> None:
    call = {
        "userId": 1042,
        "traits": {"email": "jiwoo@example.com", "phone": "010-1234-5678", "country": "KR", "given_name": "지우"},
        "context": {"locale": "ko-KR", "timezone": "Asia/Seoul", "device": {"token": "t-1", "type": "iOS"}},
    }
    assert post("/v1/identify", call).status_code == 200
    [profile] = rows(dangol, profiles)
    assert (profile.external_id, profile.email, profile.phone) == ("1042", "jiwoo@example.com", "+821012345678")
    assert (profile.locale, profile.timezone, profile.country) == ("ko-KR", "Asia/Seoul", "KR")
    assert profile.attributes == {"given_name": "지우"}
    assert [device.token for device in rows(dangol, devices)] == ["t-1"]


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_whoever_is_just_being_decided_about_holds_up_no_others(post: Post, dangol: Dangol) -> None:
    def ordered(who: str) -> int:
        return post("/v1/track", {**TRACK, "userId": who, "messageId": f"m-{who}"}).status_code

    assert post("/v1/identify", {"userId": "held"}).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        with dangol.database.write() as tx:
            people.lock(tx, people.find(tx, ["held"]).values())
            waits = pool.submit(ordered, "held")
            assert list(pool.map(ordered, (f"c-{number}" for number in range(20)))) == [200] * 20
            assert not waits.done()
        assert waits.result(timeout=30) == 200
    assert len(rows(dangol, events)) == 21


def test_the_same_message_id_counts_once_also_from_eight_at_once(post: Post, dangol: Dangol) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post("/v1/track", TRACK).status_code, range(16)))
    assert answers == [200] * 16
    assert len(rows(dangol, events)) == 1


def test_without_a_message_id_each_call_is_an_event(post: Post, dangol: Dangol) -> None:
    for _ in range(2):
        assert post("/v1/track", {"anonymousId": "a-1", "event": "Product Viewed"}).status_code == 200
    assert len({event.message_id for event in rows(dangol, events)}) == 2
    assert [profile.external_id for profile in rows(dangol, profiles)] == ["anonymous:a-1"]


def test_a_clock_that_goes_wrong_is_corrected_by_sent_at(post: Post, dangol: Dangol, clock: VirtualClock) -> None:
    skewed = clock.now() + timedelta(hours=9)
    call = TRACK | {"timestamp": (skewed - timedelta(minutes=5)).isoformat(), "sentAt": skewed.isoformat()}
    assert post("/v1/track", call).status_code == 200
    assert rows(dangol, events)[0].occurred_at == clock.now() - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("headers", "in_body"),
    [
        ({}, WRITE_KEY),
        (basic(WRITE_KEY), None),
        ({"Authorization": "basic " + base64.b64encode(f"{WRITE_KEY}:anything".encode()).decode()}, None),
    ],
)
def test_the_write_key_is_taken_from_the_header_or_the_body(
    headers: dict[str, str], in_body: str | None, client: TestClient, dangol: Dangol
) -> None:
    body = TRACK | ({"writeKey": in_body} if in_body else {})
    assert client.post("/v1/track", json=body, headers=headers).status_code == 200
    assert "writeKey" not in json.dumps(rows(dangol, events)[0].properties)


@pytest.mark.parametrize("path", ["/v1/track", "/v1/identify", "/v1/batch"])
@pytest.mark.parametrize(
    ("headers", "in_body"),
    [
        pytest.param({}, {}, id="no key"),
        pytest.param({}, {"writeKey": "wrong"}, id="wrong in the body"),
        pytest.param({}, {"writeKey": ["wrong"]}, id="no text in the body"),
        pytest.param(basic("wrong"), {"writeKey": WRITE_KEY}, id="wrong in the header"),
        pytest.param({"Authorization": "Bearer wk-1"}, {}, id="another scheme"),
        pytest.param({"Authorization": "Basic ///"}, {}, id="no base64"),
        pytest.param({"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:").decode()}, {}, id="no UTF-8"),
        pytest.param({"Authorization": "Basic"}, {}, id="nothing after the scheme"),
    ],
)
def test_without_the_right_key_nothing_is_stored(
    path: str, headers: dict[str, str], in_body: dict[str, Any], client: TestClient, dangol: Dangol
) -> None:
    answer = client.post(path, json={**TRACK, "batch": [{**TRACK, "type": "track"}], **in_body}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert WRITE_KEY not in answer.text
    assert rows(dangol, events) == rows(dangol, profiles) == []


def test_a_country_that_names_its_state_is_the_country_and_the_state(post: Post, dangol: Dangol) -> None:
    assert post("/v1/identify", TRACK | {"traits": {"country": "US-FL"}}).status_code == 200
    (person,) = rows(dangol, profiles)
    assert (person.country, person.attributes["state"]) == ("US", "FL")


@pytest.mark.parametrize(
    ("path", "changed", "status", "code"),
    [
        ("/v1/track", {"event": ""}, 400, "invalid_event"),
        ("/v1/track", {"userId": None}, 400, "missing_user"),
        ("/v1/track", {"timestamp": "yesterday"}, 400, "invalid_timestamp"),
        ("/v1/track", {"timestamp": "2026-03-04T00:00:00Z"}, 400, "timestamp_in_future"),
        ("/v1/track", {"sentAt": 5, "timestamp": "2026-03-02T00:00:00Z"}, 400, "invalid_timestamp"),
        ("/v1/track", {"properties": []}, 400, "invalid_properties"),
        ("/v1/track", {"messageId": "m" * 101}, 400, "invalid_message_id"),
        ("/v1/track", {"properties": {"text": "x" * 33_000}}, 413, "too_large"),
        ("/v1/identify", {"traits": {"email": "nobody"}}, 400, "invalid_email"),
        ("/v1/identify", {"traits": {"phone": "12"}}, 400, "invalid_phone"),
        ("/v1/identify", {"traits": {"country": "US-FX"}}, 400, "invalid_country"),
        ("/v1/identify", {"context": "web"}, 400, "invalid_context"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_for_good(
    path: str, changed: dict[str, Any], status: int, code: str, post: Post, dangol: Dangol
) -> None:
    answer = post(path, TRACK | changed)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert rows(dangol, events) == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"", {}, 400, "invalid_json", id="nothing"),
        pytest.param(b"{", {}, 400, "invalid_json", id="half an object"),
        pytest.param(b"[]", {}, 400, "not_an_object", id="a list"),
        pytest.param(b"\xff\xfe{}", {}, 400, "invalid_json", id="no UTF-8"),
        pytest.param(b"[" * 100_000, {}, 400, "invalid_json", id="very deep"),
        pytest.param(b'{"a":' + b"9" * 5_000 + b"}", {}, 400, "invalid_json", id="a very long number"),
        pytest.param(b'{"userId":"c","event":"E","properties":{"v":NaN}}', {}, 400, "invalid_number", id="NaN"),
        pytest.param(b'{"userId":"c","event":"\\ud800"}', {}, 400, "invalid_text", id="half a character"),
        pytest.param(b" " * (MAX_BODY + 1), {}, 413, "too_large", id="too long"),
        pytest.param(
            b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", id="form"
        ),
        pytest.param(
            b"{}", {"Content-Type": "application/json; charset=euc-kr"}, 415, "unsupported_media_type", id="euc-kr"
        ),
        pytest.param(b"{}", {"Content-Encoding": "br"}, 415, "unsupported_encoding", id="brotli"),
        pytest.param(b"{}", {"Content-Encoding": "gzip"}, 400, "invalid_gzip", id="not gzip"),
        pytest.param(gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 400, "invalid_gzip", id="half a gzip"),
        pytest.param(gzip.compress(b"{}") * 2, {"Content-Encoding": "gzip"}, 400, "invalid_gzip", id="two gzips"),
        pytest.param(gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"}, 413, "too_large", id="zip bomb"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_body_that_makes_no_sense_is_refused(
    body: bytes, headers: dict[str, str], status: int, code: str, client: TestClient
) -> None:
    sent = basic(WRITE_KEY) | {"Content-Type": "application/json"} | headers
    answer = client.post("/v1/track", content=body, headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_body_without_an_announced_length_is_bounded_too(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b" " * 10_000

    answer = client.post(
        "/v1/track", content=endless(), headers=basic(WRITE_KEY) | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_gzipped_body_is_understood(client: TestClient, dangol: Dangol) -> None:
    headers = basic(WRITE_KEY) | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.post("/v1/track", content=gzip.compress(json.dumps(TRACK).encode()), headers=headers)
    assert answer.status_code == 200
    assert len(rows(dangol, events)) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("path", "method"), [("/v1/track", "ingest"), ("/v1/identify", "identify")])
def test_while_the_database_is_away_the_answer_is_503_and_when_to_try_again(
    path: str, method: str, post: Post, dangol: Dangol, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_calls: object, **_options: object) -> None:
        raise StoreUnavailable("database db.internal: connection refused")

    monkeypatch.setattr(dangol.pipeline, method, away)
    answer = post(path, TRACK)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "db.internal" not in answer.text


def test_what_fails_before_the_commit_is_not_answered_with_200(
    post: Post, dangol: Dangol, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: object) -> None:
        raise StoreUnavailable("the disk is full")

    sql_events.listen(dangol.database.engine, "commit", cut)
    assert post("/v1/track", TRACK).status_code == 503
    sql_events.remove(dangol.database.engine, "commit", cut)
    assert rows(dangol, events) == []
    assert post("/v1/track", TRACK).status_code == 200
    assert len(rows(dangol, events)) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_other_origins_get_no_permission(client: TestClient) -> None:
    answer = client.options(
        "/v1/track", headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_a_time_without_an_offset_is_utc(post: Post, dangol: Dangol) -> None:
    assert post("/v1/track", TRACK | {"timestamp": "2026-03-01T00:00:00"}).status_code == 200
    assert rows(dangol, events)[0].occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
