"""Carriers are believed by their signature alone; what they report is stored before they are answered, once each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from dangol.bootstrap import Dangol
from dangol.errors import StoreUnavailable
from dangol.store.tables import feedback, replies, suppressions
from dangol.surfaces.hooks.router import MOST_BYTES
from dangol.surfaces.hooks.tally import Came
from dangol.surfaces.web import create_app
from tests.carriers import SendGrid, events, twilio_form, twilio_json
from tests.integration.hooks.conftest import SHARED, TOKEN, URL
from tests.integration.pipeline.house import House

SETTINGS = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


def counted(client: TestClient) -> dict[tuple[str, str], int]:
    return dict(client.app.state.hooks.counts())  # type: ignore[attr-defined]


def state_of(house: House, channel: str) -> str:
    (row,) = [row for row in house.messages if row.channel == channel]
    return row.state


def id_of(house: House, channel: str) -> str:
    (row,) = [row for row in house.messages if row.channel == channel]
    return row.id


def delivered(house: House, **others: Any) -> dict[str, Any]:
    return {
        "event": "delivered",
        "email": "kim@example.com",
        "timestamp": int(house.clock.now().timestamp()),
        "sg_event_id": "e1",
        "sg_message_id": "X1.filter.1",
        "dangol_message_id": id_of(house, "email"),
        **others,
    }


def post(client: TestClient, sendgrid: SendGrid, house: House, *items: Mapping[str, Any]) -> Response:
    body = events(*items)
    return client.post("/hooks/sendgrid", content=body, headers=sendgrid.headers(body, house.clock.now()))


# SendGrid.


def test_what_sendgrid_reports_is_stored_and_then_worked_off(
    client: TestClient, sendgrid: SendGrid, house: House
) -> None:
    answer = post(client, sendgrid, house, delivered(house))
    assert (answer.status_code, answer.content, state_of(house, "email")) == (204, b"", "accepted")
    house.work()
    assert state_of(house, "email") == "delivered"


def test_thousands_of_events_in_one_request_are_stored_at_once(
    client: TestClient, sendgrid: SendGrid, house: House
) -> None:
    items = [delivered(house, sg_event_id=f"e{number % 3_000}") for number in range(4_000)]
    assert post(client, sendgrid, house, *items).status_code == 204
    assert len(house.rows(feedback)) == 3_000
    assert counted(client) == {("sendgrid", Came.ACCEPTED): 3_000, ("sendgrid", Came.REPEATED): 1_000}


def test_a_request_that_is_played_again_changes_nothing(client: TestClient, sendgrid: SendGrid, house: House) -> None:
    body = events(delivered(house))
    headers = sendgrid.headers(body, house.clock.now())
    for _ in range(2):
        assert client.post("/hooks/sendgrid", content=body, headers=headers).status_code == 204
    assert (len(house.rows(feedback)), counted(client)["sendgrid", Came.REPEATED]) == (1, 1)


def test_what_sendgrid_tries_again_a_day_later_is_taken(client: TestClient, sendgrid: SendGrid, house: House) -> None:
    body = events(delivered(house))
    headers = sendgrid.headers(body, house.clock.now())
    house.clock.advance(timedelta(hours=24))
    assert client.post("/hooks/sendgrid", content=body, headers=headers).status_code == 204
    house.clock.advance(timedelta(hours=2))
    assert client.post("/hooks/sendgrid", content=body, headers=headers).status_code == 403
    assert counted(client)["sendgrid", Came.STALE] == 1


@pytest.mark.parametrize(
    ("change", "came"),
    [
        ({"x-twilio-email-event-webhook-signature": ""}, Came.UNSIGNED),
        ({"x-twilio-email-event-webhook-timestamp": ""}, Came.UNSIGNED),
        ({"x-twilio-email-event-webhook-signature": "not base64!"}, Came.FORGED),
        ({"x-twilio-email-event-webhook-signature": "AAAA"}, Came.FORGED),
        ({"x-twilio-email-event-webhook-signature": "A" * 4_000}, Came.FORGED),
        ({"x-twilio-email-event-webhook-timestamp": "1"}, Came.FORGED),
        ({"x-twilio-email-event-webhook-timestamp": "soon"}, Came.FORGED),
    ],
)
def test_what_sendgrid_did_not_sign_is_refused_and_counted(
    client: TestClient, sendgrid: SendGrid, house: House, change: dict[str, str], came: Came
) -> None:
    body = events(delivered(house))
    headers = sendgrid.headers(body, house.clock.now()) | change
    assert client.post("/hooks/sendgrid", content=body, headers=headers).status_code == 403
    assert (house.rows(feedback), counted(client)) == ([], {("sendgrid", came): 1})


@pytest.mark.parametrize("body", [b"[]", b'[{"event":"delivered"}]', b""])
def test_another_body_than_was_signed_is_refused(
    client: TestClient, sendgrid: SendGrid, house: House, body: bytes
) -> None:
    headers = sendgrid.headers(events(delivered(house)), house.clock.now())
    assert client.post("/hooks/sendgrid", content=body, headers=headers).status_code == 403


def test_a_signature_of_the_future_is_refused(client: TestClient, sendgrid: SendGrid, house: House) -> None:
    body = events(delivered(house))
    headers = sendgrid.headers(body, house.clock.now() + timedelta(hours=1))
    assert client.post("/hooks/sendgrid", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b"[", b'"text"', b"\xff\xfe", b"[" * 5_000])
def test_what_is_no_list_of_events_is_malformed(
    client: TestClient, sendgrid: SendGrid, house: House, body: bytes
) -> None:
    answer = client.post("/hooks/sendgrid", content=body, headers=sendgrid.headers(body, house.clock.now()))
    assert (answer.status_code, counted(client)) == (400, {("sendgrid", Came.MALFORMED): 1})


def test_strange_events_among_others_hold_up_none(client: TestClient, sendgrid: SendGrid, house: House) -> None:
    strange = [None, 7, [], {}, {"event": 3}, {"event": "teleported", "timestamp": "x", "email": 3, "url": []}]
    hostile = {"event": "click", "sg_event_id": "a\0b", "url": "http://[", "timestamp": 1e300, "dangol_message_id": "x"}
    answer = post(client, sendgrid, house, *strange, hostile, delivered(house))  # type: ignore[arg-type]
    house.work()
    assert (answer.status_code, state_of(house, "email")) == (204, "delivered")
    assert counted(client)["sendgrid", Came.UNREADABLE] == 5


def test_a_body_of_ten_megabytes_is_read_and_a_larger_one_is_not(
    client: TestClient, sendgrid: SendGrid, house: House
) -> None:
    body = events(delivered(house, padding="x" * (MOST_BYTES - 1_000)))
    assert len(body) < MOST_BYTES
    assert client.post("/hooks/sendgrid", content=body, headers=sendgrid.headers(body, house.clock.now())).is_success
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while read < 5 * MOST_BYTES:
            read += 64 * 1024
            yield b" " * 64 * 1024

    assert client.post("/hooks/sendgrid", content=b" " * (MOST_BYTES + 1)).status_code == 413
    assert client.post("/hooks/sendgrid", content=endless()).status_code == 413
    assert counted(client)["sendgrid", Came.TOO_LARGE] == 2


def test_a_store_that_is_away_asks_to_try_again(
    client: TestClient, sendgrid: SendGrid, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> int:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(house.pipeline, "take_in", away)
    answer = post(client, sendgrid, house, delivered(house))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert counted(client) == {("sendgrid", Came.STORE_AWAY): 1}


@pytest.mark.parametrize("path", ["/hooks/sendgrid", "/hooks/twilio/status", "/hooks/twilio/inbound"])
def test_a_hook_without_its_key_believes_nobody(dangol: Dangol, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    nothing = {"sendgrid_webhook_key": "", "twilio_auth_token": None, "twilio_shared_keys": None}
    monkeypatch.setattr(dangol, "settings", dangol.settings.model_copy(update=nothing))
    with TestClient(create_app(dangol), base_url=URL) as client:
        assert client.post(path, content=b"[]").status_code == 503
        assert list(counted(client).values()) == [1]


# Twilio.


def test_twilio_reports_by_the_url_that_it_knows_whatever_a_proxy_calls_us(client: TestClient, house: House) -> None:
    path = f"/hooks/twilio/status?message={id_of(house, 'sms')}"
    body, headers = twilio_form(URL + path, TOKEN, {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+1"})
    assert client.post(path, content=body, headers={**headers, "host": "letters.dangol.example:8443"}).is_success
    house.work()
    assert state_of(house, "sms") == "delivered"


def test_twilio_may_have_signed_the_port_as_well(client: TestClient, house: House) -> None:
    path = f"/hooks/twilio/status?message={id_of(house, 'sms')}"
    fields = {"MessageSid": "SM1", "MessageStatus": "sent", "New": "", "Another": "값"}
    body, headers = twilio_form(f"{URL}:443{path}", TOKEN, fields)
    assert client.post(path, content=body, headers=headers).status_code == 204


def test_twilio_may_report_in_json(client: TestClient, house: House) -> None:
    path = f"/hooks/twilio/status?message={id_of(house, 'sms')}"
    url, body, headers = twilio_json(
        URL + path, TOKEN, {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": 30006}
    )
    assert client.post(url.removeprefix(URL), content=body, headers=headers).status_code == 204
    house.work()
    assert state_of(house, "sms") == "bounced"
    altered = body.replace(b"undelivered", b"delivered")
    assert client.post(url.removeprefix(URL), content=altered, headers=headers).status_code == 403
    assert client.post(path, content=body, headers=headers).status_code == 403


def test_a_shared_key_signs_in_the_auth_tokens_stead(client: TestClient, house: House) -> None:
    path = "/hooks/twilio/status?message=1"
    fields = {"MessageSid": "SM1", "MessageStatus": "sent"}
    body, headers = twilio_form(URL + path, SHARED, fields, SETTINGS)
    assert client.post(path, content=body, headers=headers).status_code == 204
    body, headers = twilio_form(URL + path, TOKEN, fields, SETTINGS)
    assert client.post(path, content=body, headers=headers).status_code == 403
    body, headers = twilio_form(URL + path, SHARED, fields)
    assert client.post(path, content=body, headers=headers).status_code == 403
    assert len(house.rows(feedback)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"x-twilio-signature": ""},
        {"x-twilio-signature": "AAAA"},
        {"x-twilio-signature": "é"},
        {"content-type": "application/json"},
        {"x-twilio-webhooks-signature-settings": "key=1,algorithm=NONE"},
        {"x-twilio-webhooks-signature-settings": "algorithm"},
    ],
)
def test_what_twilio_did_not_sign_is_refused(client: TestClient, house: House, change: dict[str, str]) -> None:
    path = "/hooks/twilio/status?message=1"
    body, headers = twilio_form(URL + path, TOKEN, {"MessageSid": "SM1", "MessageStatus": "sent"})
    told = [(name.encode(), value.encode()) for name, value in {**headers, **change}.items()]
    assert client.post(path, content=body, headers=told).status_code == 403
    for spoilt in (body + b"&More=1", b"\xff", b"", b"&".join([b"a=1"] * 2_000)):
        assert client.post(path, content=spoilt, headers=headers).status_code == 403
    assert client.post("/hooks/twilio/status?message=2", content=body, headers=headers).status_code == 403
    assert house.rows(feedback) == []


def inbound(client: TestClient, text: str, *, sid: str = "SM9", **others: str) -> Response:
    fields = {"From": "+821051234567", "To": "+8225551234", "Body": text, "MessageSid": sid, **others}
    body, headers = twilio_form(f"{URL}/hooks/twilio/inbound", TOKEN, fields)
    return client.post("/hooks/twilio/inbound", content=body, headers=headers)


def test_stop_is_obeyed_before_twilio_is_answered_and_the_answer_confirms_it(client: TestClient, house: House) -> None:
    answer = inbound(client, "STOP")
    assert answer.headers["content-type"].startswith("text/xml")
    assert re.search("<Response><Message>.+</Message></Response>", answer.text)
    assert [row.cause for row in house.rows(suppressions)] == ["stop"]
    assert inbound(client, "STOP").text == answer.text
    assert len(house.rows(replies)) == 1


@pytest.mark.parametrize("text", ["STOP", "arrêt"])
def test_who_twilio_itself_has_confirmed_it_to_is_not_answered_twice(
    client: TestClient, house: House, text: str
) -> None:
    answer = inbound(client, text, OptOutType="STOP")
    assert answer.text.endswith("<Response></Response>")
    assert [row.cause for row in house.rows(suppressions)] == ["stop"]


def test_stop_is_stop_even_where_twilio_took_it_for_something_else(client: TestClient, house: House) -> None:
    inbound(client, "please stop texting me", OptOutType="HELP")
    assert [row.cause for row in house.rows(suppressions)] == ["stop"]


def test_start_by_twilios_keyword_takes_back_the_stop(client: TestClient, house: House) -> None:
    inbound(client, "STOP", OptOutType="STOP")
    house.clock.advance(timedelta(minutes=1))
    assert inbound(client, "recommencer", sid="SM10", OptOutType="START").text.endswith("<Response></Response>")
    assert [row.lifted_at is not None for row in house.rows(suppressions)] == [True]


@pytest.mark.parametrize("sender", ["whatsapp:+821051234567", "12345", "+999"])
def test_what_is_no_text_from_a_number_is_passed_over(client: TestClient, house: House, sender: str) -> None:
    assert inbound(client, "STOP", From=sender).status_code == 200
    assert (house.rows(suppressions), house.rows(replies)) == ([], [])


# Push.


def test_a_device_reports_what_it_can_prove_that_it_got(client: TestClient, house: House) -> None:
    message = id_of(house, "push")
    told = {"message": message, "receipt": house.dangol.links.receipt(message), "event": "opened"}
    answer = client.post("/hooks/push", json=told)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    house.work()
    assert (state_of(house, "push"), house.told("message_opened")) == ("delivered", [("message_opened", "reported")])


def test_another_messages_receipt_proves_nothing(client: TestClient, house: House) -> None:
    other = house.dangol.links.receipt(id_of(house, "email"))
    for receipt in (other, "", "é", "x" * 10_000):
        told = {"message": id_of(house, "push"), "receipt": receipt, "event": "opened"}
        assert client.post("/hooks/push", json=told).status_code == 403
    assert (house.rows(feedback), counted(client)) == ([], {("push", Came.FORGED): 4})


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"message":"1"}', '{"message":"01KJP0Y9M0PRP3C54PEBHN9R74","receipt":"a","event":"eaten"}'],
)
def test_a_report_of_a_device_that_cannot_be_read_is_malformed(client: TestClient, body: str) -> None:
    answer = client.post("/hooks/push", content=body, headers={"content-type": "text/plain"})
    assert (answer.status_code, "expected" in answer.text) == (400, True)


def test_a_browser_may_ask_before_it_reports_from_another_site(client: TestClient) -> None:
    answer = client.options("/hooks/push", headers={"origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "POST")
