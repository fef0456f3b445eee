"""Webhooks back: what is told, in which form, and that the vendors' own validators believe it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sendgrid.helpers.eventwebhook import EventWebhook
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from dangol.devproviders import Options, Sim, running
from tests.integration.devproviders.conftest import Answer
from tests.receiver import Received, Receiver, receiver, status

PUBLIC = "https://shop.example"
SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
Send = Callable[..., Answer]


@pytest.fixture(scope="module")
def hooks_of_all() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture(scope="module")
def started(hooks_of_all: Receiver) -> Iterator[Sim]:
    with running(Options(webhooks_to=hooks_of_all.url, public_url=PUBLIC)) as sim:
        yield sim


@pytest.fixture
def hooks(hooks_of_all: Receiver, sim: Sim) -> Receiver:
    hooks_of_all.received.clear()
    hooks_of_all.answers = [status(204)]
    return hooks_of_all


@pytest.fixture
def twilio(sim: Sim) -> Client:
    known = sim.credentials()["twilio"]
    client = Client(known["account_sid"], known["auth_token"], http_client=TwilioHttpClient(timeout=5))
    client.api.base_url = sim.url
    return client


def events(hooks: Receiver) -> list[dict[str, Any]]:
    return [event for one in hooks.received if one.path == "/hooks/sendgrid" for event in json.loads(one.body)]


def forms(hooks: Receiver) -> list[dict[str, str]]:
    return [dict(parse_qsl(one.body.decode())) for one in hooks.received if one.path.startswith("/hooks/twilio")]


def genuine(sim: Sim, one: Received) -> bool:
    verifier = EventWebhook(sim.credentials()["sendgrid"]["webhook_public_key"])
    return bool(verifier.verify_signature(one.body.decode(), one.headers[SIGNATURE], one.headers[TIMESTAMP]))


def test_an_email_is_told_to_be_processed_and_delivered(sim: Sim, hooks: Receiver, send: Send) -> None:
    reference = send("anna@example.com", "m-1", categories=["cart"]).headers["x-message-id"]
    sim.settle()
    processed, delivered = events(hooks)
    assert (processed["event"], delivered["event"]) == ("processed", "delivered")
    for event in (processed, delivered):
        assert event["email"] == "anna@example.com"
        assert event["dangol_message_id"] == "m-1"
        assert event["sg_message_id"].startswith(f"{reference}.")
        assert event["category"] == ["cart"]
        assert abs(event["timestamp"] - time.time()) < 5
    assert processed["sg_event_id"] != delivered["sg_event_id"]


def test_sendgrids_own_validator_believes_the_signature(sim: Sim, hooks: Receiver, send: Send) -> None:
    send("anna@example.com")
    sim.settle()
    (one,) = hooks.received
    assert one.body.endswith(b"\r\n")
    assert genuine(sim, one)
    changed = Received(one.path, one.headers, one.body.replace(b"anna", b"anne"))
    assert not genuine(sim, changed)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("bounce", [("processed", {}), ("bounce", {"type": "bounce", "status": "5.1.1"})]),
        ("blocked", [("processed", {}), ("bounce", {"type": "blocked"})]),
        ("dropped", [("dropped", {"reason": "Bounced Address"})]),
        ("deferred", [("processed", {}), ("deferred", {"attempt": "1"}), ("delivered", {})]),
        ("open", [("processed", {}), ("delivered", {}), ("open", {"sg_machine_open": False})]),
        ("machine-open", [("processed", {}), ("delivered", {}), ("open", {"sg_machine_open": True})]),
        (
            "click",
            [("processed", {}), ("delivered", {}), ("open", {}), ("click", {"url": "https://example.com/cart"})],
        ),
        ("spam", [("processed", {}), ("delivered", {}), ("spamreport", {})]),
        ("unsubscribe", [("processed", {}), ("delivered", {}), ("unsubscribe", {})]),
        ("silent", []),
    ],
)
def test_an_address_says_what_becomes_of_the_email(
    sim: Sim, hooks: Receiver, send: Send, word: str, told: list[tuple[str, dict[str, Any]]]
) -> None:
    send(f"anna+{word}@example.com")
    sim.settle()
    assert [event["event"] for event in events(hooks)] == [name for name, _ in told]
    for event, (_, fields) in zip(events(hooks), told, strict=True):
        assert event.items() >= fields.items()


def test_what_was_accepted_has_its_fate_although_the_caller_heard_of_an_error(
    sim: Sim, hooks: Receiver, send: Send
) -> None:
    assert send("anna+bounce+500-after-accept@example.com").status == 500
    sim.settle()
    assert [event["event"] for event in events(hooks)] == ["processed", "bounce"]


def test_events_travel_together_and_no_more_than_a_thousand_of_them(sim: Sim, hooks: Receiver, send: Send) -> None:
    people = [{"to": [{"email": f"{number}@example.com"}]} for number in range(600)]
    send("", personalizations=people)
    sim.settle()
    sizes = [len(json.loads(one.body)) for one in hooks.received]
    assert sum(sizes) == 1_200
    assert max(sizes) <= 1_000
    assert 2 <= len(sizes) <= 12  # 2 where the machine has time for both
    assert all(genuine(sim, one) for one in hooks.received)


def test_events_come_twice_if_wanted(sim: Sim, hooks: Receiver, send: Send) -> None:
    sim.behave("sendgrid", webhook_duplicates="100%")
    send("anna@example.com")
    sim.settle()
    assert Counter(event["event"] for event in events(hooks)) == {"processed": 2, "delivered": 2}
    assert len({event["sg_event_id"] for event in events(hooks)}) == 2


def test_events_come_out_of_order_if_wanted(sim: Sim, hooks: Receiver, send: Send) -> None:
    sim.behave("sendgrid", webhook_shuffle=True)
    for number in range(20):
        send(f"click+{number}@example.com")
    sim.settle()
    orders = {}
    for event in events(hooks):
        orders.setdefault(event["email"], []).append(event["event"])
    assert all(sorted(order) == ["click", "delivered", "open", "processed"] for order in orders.values())
    assert any(order.index("click") < order.index("delivered") for order in orders.values())


def test_events_come_later_if_wanted(sim: Sim, hooks: Receiver, send: Send) -> None:
    sim.behave("sendgrid", webhook_delay="300ms")
    began = time.monotonic()
    send("anna@example.com")
    sim.settle()
    assert time.monotonic() - began > 0.5
    assert len(hooks.received) == 2


def test_sendgrid_tells_again_until_it_is_heard(sim: Sim, hooks: Receiver, send: Send) -> None:
    hooks.answers = [status(503), status(200)]
    send("anna@example.com")
    sim.settle()
    first, second = hooks.received
    assert first.body == second.body
    assert genuine(sim, second)
    assert sim.counts()["webhooks"] == {"pending": 0, "events told": 2, "events tried again": 2}


def test_twilios_own_validator_believes_callbacks(sim: Sim, hooks: Receiver, twilio: Client) -> None:
    callback = f"{PUBLIC}/hooks/twilio/status?message=m-1"
    made = twilio.messages.create(
        to="+12025550199", from_=sim.credentials()["twilio"]["from"], body="Hello", status_callback=callback
    )
    sim.settle()
    assert sorted(form["MessageStatus"] for form in forms(hooks)) == ["delivered", "sent"]
    validator = RequestValidator(sim.credentials()["twilio"]["auth_token"])
    for one, form in zip(hooks.received, forms(hooks), strict=True):
        assert one.path == "/hooks/twilio/status?message=m-1"
        assert form["MessageSid"] == made.sid
        assert validator.validate(callback, form, one.headers["x-twilio-signature"])
        assert not validator.validate(callback, form | {"MessageStatus": "read"}, one.headers["x-twilio-signature"])


@pytest.mark.parametrize(
    ("ending", "last", "code"),
    [("40", "undelivered", "30003"), ("42", "undelivered", "30006"), ("44", "failed", "30008")],
)
def test_a_number_says_what_becomes_of_the_sms(
    sim: Sim, hooks: Receiver, twilio: Client, ending: str, last: str, code: str
) -> None:
    sms(sim, twilio, f"+120255500{ending}")
    sim.settle()
    told = {form["MessageStatus"]: form.get("ErrorCode") for form in forms(hooks)}
    assert told == {"sent": None, last: code}


def test_a_late_sent_does_not_undo_what_twilio_shows(sim: Sim, hooks: Receiver, twilio: Client) -> None:
    made = sms(sim, twilio, "+12025550047")
    sim.settle()
    assert {form["MessageStatus"] for form in forms(hooks)} == {"sent", "delivered"}
    assert twilio.messages(made).fetch().status == "delivered"


def test_an_inbound_message_is_told_and_signed_for_the_public_url(sim: Sim, hooks: Receiver) -> None:
    sid = sim.inbound("+12025550199", "그만", opt_out_type="STOP")
    sim.settle()
    (one,), (form,) = hooks.received, forms(hooks)
    assert one.path == "/hooks/twilio/inbound"
    assert (form["MessageSid"], form["From"], form["Body"]) == (sid, "+12025550199", "그만")
    assert form["OptOutType"] == "STOP"
    validator = RequestValidator(sim.credentials()["twilio"]["auth_token"])
    assert validator.validate(f"{PUBLIC}/hooks/twilio/inbound", form, one.headers["x-twilio-signature"])


def test_somebody_answers_stop(sim: Sim, hooks: Receiver, twilio: Client) -> None:
    sms(sim, twilio, "+12025550050")
    sim.settle()
    (told,) = (form for form in forms(hooks) if "Body" in form)
    assert (told["From"], told["Body"], told["OptOutType"]) == ("+12025550050", "STOP", "STOP")


def test_twilio_does_not_tell_again_after_an_error(sim: Sim, hooks: Receiver) -> None:
    hooks.answers = [status(500)]
    sim.inbound("+12025550199", "hello")
    sim.settle()
    assert len(hooks.received) == 1
    assert sim.counts()["webhooks"]["inbound failed"] == 1


def test_a_reset_drops_what_is_not_told_yet(sim: Sim, hooks: Receiver, send: Send) -> None:
    sim.behave("sendgrid", webhook_delay="1h")
    send("anna@example.com")
    assert sim.counts()["webhooks"]["pending"] == 2
    sim.reset()
    assert sim.counts() == {"accepted": 0, "providers": {}, "webhooks": {"pending": 0}}


def sms(sim: Sim, twilio: Client, to: str) -> str:
    callback = f"{PUBLIC}/hooks/twilio/status?message=m-1"
    sender = sim.credentials()["twilio"]["from"]
    return str(twilio.messages.create(to=to, from_=sender, body="Hello", status_callback=callback).sid)
