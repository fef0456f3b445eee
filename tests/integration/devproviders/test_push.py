"""FCM as google-auth and plain HTTP meet it, and a push service as pywebpush meets it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from google.auth import jwt
from google.auth.crypt import RSASigner
from google.auth.transport.requests import Request as GoogleRequest
from google.oauth2 import service_account
from pywebpush import WebPushException, webpush

from dangol.devproviders import Sim
from tests.integration.devproviders.conftest import Answer, ask

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


@pytest.fixture(scope="module")
def token(started: Sim) -> str:
    info = started.credentials()["fcm"]["service_account"]
    found = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
    found.refresh(GoogleRequest())
    assert found.valid
    assert 3000 < (found.expiry.timestamp() - time.time()) + time.timezone < 3700
    return str(found.token)


def push(sim: Sim, token: str, message: Any, project: str = "dangol-simulator", **more: Any) -> Answer:
    headers = {"Authorization": f"Bearer {token}"}
    return ask(sim.url, "POST", f"/v1/projects/{project}/messages:send", {"message": message} | more, headers)


def test_a_push_message_is_accepted_and_recorded(sim: Sim, token: str) -> None:
    message = {"token": "device-1", "notification": {"title": "Hi"}, "data": {"dangol_message_id": "m-1"}}
    answer = push(sim, token, message)
    assert answer.status == 200
    (entry,) = sim.record()
    assert answer.json() == {"name": entry["reference"]}
    assert (entry["provider"], entry["message_id"], entry["to"]) == ("fcm", "m-1", "device-1")
    push(sim, token, {"token": "device-1", "data": {"id": "m-2"}})
    assert sim.record()[-1]["message_id"] == "m-2"


def test_a_message_that_is_only_checked_is_not_recorded(sim: Sim, token: str) -> None:
    assert push(sim, token, {"token": "device-1"}, validate_only=True).status == 200
    assert sim.record() == []


@pytest.mark.parametrize(
    ("word", "status", "name", "code"),
    [
        ("unregistered", 404, "NOT_FOUND", "UNREGISTERED"),
        ("quota", 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        ("unavailable", 503, "UNAVAILABLE", "UNAVAILABLE"),
        ("invalid", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("mismatch", 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        ("500", 500, "INTERNAL", "INTERNAL"),
    ],
)
def test_a_token_names_the_error(sim: Sim, token: str, word: str, status: int, name: str, code: str) -> None:
    answer = push(sim, token, {"token": f"{word}-abc"})
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["status"]) == (status, status, name)
    assert error["details"][0]["errorCode"] == code
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert sim.record() == []


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "message"),
        ({"token": "a", "topic": "b"}, "message"),
        ({"token": "a", "text": "b"}, "message.text"),
        ({"token": "a", "data": {"n": 1}}, "message.data[n]"),
        ({"token": "a", "data": {"google.x": "1"}}, "message.data[google.x]"),
        ({"token": "a", "data": {"text": "x" * 4100}}, "message"),
    ],
)
def test_a_mistake_is_told_with_its_field(sim: Sim, token: str, message: Any, field: str) -> None:
    answer = push(sim, token, message)
    assert (answer.status, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert answer.json()["error"]["details"][1]["fieldViolations"][0]["field"] == field


def test_without_a_token_or_with_another_project_nothing_is_accepted(sim: Sim, token: str) -> None:
    assert push(sim, "ya29.made-up", {"token": "a"}).json()["error"]["status"] == "UNAUTHENTICATED"
    assert push(sim, token, {"token": "a"}, project="other").status == 403
    assert sim.record() == []


def assertion(sim: Sim, **claims: Any) -> bytes:
    info = sim.credentials()["fcm"]["service_account"]
    now = int(time.time())
    whole = {"iss": info["client_email"], "aud": info["token_uri"], "iat": now, "exp": now + 3600} | claims
    signed = jwt.encode(RSASigner.from_service_account_info(info), whole).decode()
    return f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={signed}".encode()


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": int(time.time()) - 60}, "reasonable timeframe"),
        ({"exp": int(time.time()) + 90_000}, "reasonable timeframe"),
        ({"aud": "https://example.com/"}, "audience"),
    ],
)
def test_a_wrong_assertion_gets_no_token(sim: Sim, claims: dict[str, Any], told: str) -> None:
    answer = ask(sim.url, "POST", "/token", assertion(sim, **claims))
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
    assert told in answer.json()["error_description"]


def test_an_assertion_that_somebody_else_signed_gets_no_token(sim: Sim) -> None:
    forged = assertion(sim)
    forged = forged[:-8] + (b"AAAAAAAA" if forged[-8:] != b"AAAAAAAA" else b"BBBBBBBB")
    assert "Signature" in ask(sim.url, "POST", "/token", forged).json()["error_description"]
    assert ask(sim.url, "POST", "/token", b"grant_type=password").json()["error"] == "unsupported_grant_type"


def notify(sim: Sim, name: str, text: str = "{}", **more: Any) -> Any:
    known = sim.credentials()["webpush"]
    return webpush(
        sim.subscription(name),
        text,
        vapid_private_key=known["private_key"],
        vapid_claims={"sub": known["subject"]},
        ttl=60,
        timeout=5,
        **more,
    )


def test_a_browser_gets_what_pywebpush_encrypts(sim: Sim) -> None:
    response = notify(sim, "browser-1", json.dumps({"id": "m-1", "title": "안녕하세요"}))
    assert response.status_code == 201
    (entry,) = sim.record()
    assert (entry["provider"], entry["message_id"], entry["to"]) == ("webpush", "m-1", "browser-1")
    assert response.headers["Location"].endswith(entry["reference"])


@pytest.mark.parametrize(
    ("word", "status"), [("gone", 410), ("missing", 404), ("429", 429), ("413", 413), ("503", 503)]
)
def test_a_subscription_names_the_refusal(sim: Sim, word: str, status: int) -> None:
    with pytest.raises(WebPushException) as refused:
        notify(sim, f"{word}-browser")
    assert refused.value.response is not None
    assert refused.value.response.status_code == status
    assert ("Retry-After" in refused.value.response.headers) == (status in (429, 503))
    assert sim.record() == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 400),
        ({"TTL": "soon"}, b"", 400),
        ({"TTL": "60"}, b"", 401),
        ({"TTL": "60", "Authorization": "vapid t=a.b.c, k=d"}, b"", 403),
        ({"TTL": "60"}, b"plain", 400),
        ({"TTL": "60"}, b"x" * 4097, 413),
        ({"TTL": "60", "Urgency": "now"}, b"", 400),
    ],
)
def test_a_push_that_is_not_as_the_rfcs_have_it_is_refused(
    sim: Sim, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert ask(sim.url, "POST", "/wp/browser-1", body, headers).status == status
    assert sim.record() == []


def test_what_was_encrypted_for_another_browser_is_refused(sim: Sim) -> None:
    other = sim.subscription("browser-2") | {"endpoint": f"{sim.url}/wp/browser-1"}
    known = sim.credentials()["webpush"]
    with pytest.raises(WebPushException, match="400"):
        webpush(other, "{}", vapid_private_key=known["private_key"], vapid_claims={"sub": known["subject"]}, ttl=1)


def test_a_vapid_token_for_another_service_is_refused(sim: Sim) -> None:
    known = sim.credentials()["webpush"]
    claims: Any = {"sub": known["subject"], "aud": "https://push.example.com"}
    with pytest.raises(WebPushException, match="403"):
        webpush(sim.subscription("browser-1"), "{}", vapid_private_key=known["private_key"], vapid_claims=claims, ttl=1)
