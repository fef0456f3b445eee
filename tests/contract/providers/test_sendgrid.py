"""What SendGrid gets, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import SecretStr
from structlog.testing import capture_logs

from dangol.clock import VirtualClock
from dangol.delivery.http.transport import Transport
from dangol.delivery.providers.carrying import Unsendable
from dangol.delivery.providers.sendgrid import SendGrid
from dangol.delivery.providers.sendgrid_mail import body_of, by_helpers
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from tests.contract.providers.carriers import HANG_UP, Say, SendGridCarrier, running

KIM = "kim@example.com"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SPEC = Draft202012Validator(json.loads((Path(__file__).parent / "specs" / "sendgrid_mail_send.json").read_text()))
LEAVING = {
    "List-Unsubscribe": "<https://dangol.example/u/1>, <mailto:leave@dangol.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def envelope(**fields: Any) -> Envelope:
    rendered = Rendered(Channel.EMAIL, "ko", text="안녕하세요", subject="단골 소식", html="<p>안녕하세요</p>")
    return replace(Envelope("M1", Channel.EMAIL, KIM, "단골 커피, 서울 <hello@dangol.example>", rendered), **fields)


@pytest.fixture
def carrier() -> Iterator[SendGridCarrier]:
    with running(SendGridCarrier()) as carrier:
        yield carrier
        assert not carrier.wrong


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(clock=VirtualClock(NOW))
    yield transport
    transport.close()


def make(carrier: SendGridCarrier, transport: Transport, **settings: Any) -> SendGrid:
    clock = VirtualClock(NOW)
    return SendGrid(carrier.url, SecretStr(SendGridCarrier.key), clock=clock, transport=transport, **settings)


def outcome_of(carrier: SendGridCarrier, transport: Transport, say: Say | None, **settings: Any) -> Outcome:
    carrier.answer(KIM, say)
    (outcome,) = make(carrier, transport, **settings).send_many([envelope()])
    assert len(carrier.requests) == 1, "never sent again"
    return outcome


def test_the_request_holds_what_was_rendered_and_our_id_and_nothing_that_changes_it(
    carrier: SendGridCarrier, transport: Transport
) -> None:
    (outcome,) = make(carrier, transport).send_many([envelope(headers=LEAVING)])
    assert outcome == Accepted("sg-0")
    (mail,) = carrier.taken
    assert mail == {
        "from": {"name": "단골 커피, 서울", "email": "hello@dangol.example"},
        "subject": "단골 소식",
        "personalizations": [{"to": [{"email": KIM}], "headers": LEAVING, "custom_args": {"dangol_message_id": "M1"}}],
        "content": [
            {"type": "text/plain", "value": "안녕하세요"},
            {"type": "text/html", "value": "<p>안녕하세요</p>"},
        ],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }


def test_tracking_and_the_sandbox_are_switched_on_by_settings_alone(
    carrier: SendGridCarrier, transport: Transport
) -> None:
    make(carrier, transport, tracking=True, sandbox=True).send_many([envelope()])
    (mail,) = carrier.requests
    assert mail["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert mail["tracking_settings"]["click_tracking"] == {"enable": True, "enable_text": False}
    assert mail["tracking_settings"]["open_tracking"] == {"enable": True}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters='<>"'), max_size=12)
ADDRESS = st.sampled_from(["a@example.com", "a.b+c@sub.example.com", "x@한글.example"])
HEADERS = st.dictionaries(st.sampled_from(["List-Unsubscribe", "X-One", "Precedence"]), TEXT, max_size=3)


@given(TEXT, TEXT, st.one_of(st.just(""), TEXT), ADDRESS, NAME, ADDRESS, HEADERS, st.booleans(), st.booleans())
def test_the_fast_way_makes_the_very_bytes_that_sendgrids_helpers_make_and_they_fit_the_document(
    subject: str,
    text: str,
    html: str,
    to: str,
    name: str,
    bare: str,
    headers: dict[str, str],
    tracking: bool,
    sandbox: bool,
) -> None:
    rendered = Rendered(Channel.EMAIL, "ko", text=text, subject=subject, html=html)
    sender = f"{name} <{bare}>" if name.strip() else bare
    one = Envelope("01K", Channel.EMAIL, to, sender, rendered, headers)
    built = by_helpers(one, tracking=tracking, sandbox=sandbox)
    assert body_of(one, tracking=tracking, sandbox=sandbox) == orjson.dumps(built)
    SPEC.validate(built)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"to": "kim"}, "the recipient is not an email address"),
        ({"sender": "nobody"}, "the sender is not an email address"),
        ({"headers": {"Reply-To": "a@example.com"}}, "header Reply-To is set by SendGrid itself"),
        ({"rendered": Rendered(Channel.EMAIL, "ko", text="", subject="s")}, "SendGrid takes no email without"),
        ({"rendered": Rendered(Channel.EMAIL, "ko", text="t", subject="")}, "SendGrid takes no email without"),
    ],
)
def test_what_sendgrid_cannot_take_is_refused_for_good_without_asking_it(
    carrier: SendGridCarrier, transport: Transport, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(Unsendable, match=why):
        by_helpers(envelope(**fields), tracking=False, sandbox=False)
    (outcome,) = make(carrier, transport).send_many([envelope(**fields)])
    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert outcome.detail.startswith(why)
    assert not carrier.requests


def test_what_is_too_late_is_not_sent(carrier: SendGridCarrier, transport: Transport) -> None:
    (outcome,) = make(carrier, transport).send_many([envelope(not_after=NOW)])
    assert outcome == Refused(False, "not begun: the time in which it was allowed is over")
    assert not carrier.requests


def errors(field: str | None, message: str = f"{KIM} does not contain a valid address.") -> dict[str, Any]:
    return {"errors": [{"message": message, "field": field, "help": None}]}


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (Say(202), Accepted("")),
        (Say(202, b"<html>", {"X-Message-Id": "x" * 300}), Accepted("x" * 200)),
        (
            Say(400, errors("personalizations.0.to.0.email")),
            Refused(True, "SendGrid refused: 400 (personalizations.0.to.0.email)", cause=RefusalCause.DEAD_ADDRESS),
        ),
        (
            Say(400, errors("from.email")),
            Refused(False, "SendGrid refused: 400 (from.email)", cause=RefusalCause.ACCOUNT),
        ),
        (
            Say(400, errors("content.0.value")),
            Refused(True, "SendGrid refused: 400 (content.0.value)", cause=RefusalCause.CONTENT),
        ),
        (Say(400, errors("null")), Refused(True, "SendGrid refused: 400", cause=RefusalCause.CONTENT)),
        (Say(400, errors(KIM)), Refused(True, "SendGrid refused: 400", cause=RefusalCause.CONTENT)),
        (Say(400, b"junk"), Refused(True, "SendGrid refused: 400", cause=RefusalCause.CONTENT)),
        (Say(413), Refused(True, "SendGrid refused: 413", cause=RefusalCause.CONTENT)),
        (Say(401), Refused(False, "SendGrid refused: 401", cause=RefusalCause.ACCOUNT)),
        (Say(403), Refused(False, "SendGrid refused: 403", cause=RefusalCause.ACCOUNT)),
        (Say(404), Refused(False, "SendGrid refused: 404", cause=RefusalCause.ACCOUNT)),
        (Say(405), Refused(False, "SendGrid refused: 405", cause=RefusalCause.ACCOUNT)),
        (Say(406), Refused(False, "SendGrid refused: 406", cause=RefusalCause.ACCOUNT)),
        (Say(408), Refused(False, "SendGrid refused: 408")),
        (Say(429), Refused(False, "SendGrid is busy: 429", timedelta(minutes=1))),
        (
            Say(429, headers={"X-RateLimit-Reset": str(int(NOW.timestamp()) + 7)}),
            Refused(False, "SendGrid is busy: 429", timedelta(seconds=7)),
        ),
        (
            Say(429, headers={"Retry-After": "30", "X-RateLimit-Reset": "1"}),
            Refused(False, "SendGrid is busy: 429", timedelta(seconds=30)),
        ),
        (Say(200), Unknown("SendGrid answered 200")),
        (Say(204), Unknown("SendGrid answered 204")),
        (Say(302, headers={"Location": "https://elsewhere.example/"}), Unknown("SendGrid answered 302")),
        (Say(500), Unknown("SendGrid answered 500")),
        (Say(502, b"<html>bad gateway"), Unknown("SendGrid answered 502")),
        (Say(503, headers={"Retry-After": "5"}), Unknown("SendGrid answered 503")),
        (Say(504), Unknown("SendGrid answered 504")),
        (HANG_UP, Unknown("no answer from SendGrid: connection closed")),
    ],
)
def test_every_answer_has_one_meaning(
    carrier: SendGridCarrier, transport: Transport, say: Say | None, expected: Outcome
) -> None:
    assert outcome_of(carrier, transport, say) == expected


def test_in_the_sandbox_200_says_that_the_message_would_do(carrier: SendGridCarrier, transport: Transport) -> None:
    assert outcome_of(carrier, transport, Say(200), sandbox=True) == Accepted("")


def test_a_refused_key_burns_no_campaign_and_is_told_loudly_once_a_batch(
    carrier: SendGridCarrier, transport: Transport
) -> None:
    carrier.always = Say(401)
    with capture_logs() as lines:
        outcomes = make(carrier, transport).send_many([envelope(message_id=f"M{number}") for number in range(20)])
    assert {(type(one), one.permanent) for one in outcomes if isinstance(one, Refused)} == {(Refused, False)}
    told = [line for line in lines if line["event"] == "carrier_refuses_account"]
    assert len(told) == 1
    assert told[0]["messages"] == 20
    assert SendGridCarrier.key not in str(lines)
