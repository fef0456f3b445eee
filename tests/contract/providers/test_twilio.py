"""What Twilio gets, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dangol.clock import VirtualClock
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import NothingSent, Sought
from dangol.delivery.providers.twilio import Account, Twilio
from dangol.delivery.twilio_codes import CODES
from dangol.model.feedback import FeedbackKind
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from tests.contract.providers.carriers import HANG_UP, Say, TwilioCarrier, running

KIM = "+14155550100"
SEOUL = "+821012345678"
SERVICE = "MG" + "0" * 32
SID = "SM" + "a" * 32
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SPEC = Draft202012Validator(json.loads((Path(__file__).parent / "specs" / "twilio_create_message.json").read_text()))


def envelope(**fields: Any) -> Envelope:
    rendered = Rendered(Channel.SMS, "ko", text="안녕하세요 & 반가워요 ☕️+1", segments=1)
    return replace(Envelope("M 1", Channel.SMS, KIM, "1588-0000", rendered), **fields)


@pytest.fixture
def carrier() -> Iterator[TwilioCarrier]:
    with running(TwilioCarrier()) as carrier:
        yield carrier
        assert not carrier.wrong


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(clock=VirtualClock(NOW))
    yield transport
    transport.close()


def make(carrier: TwilioCarrier, transport: Transport, **settings: Any) -> Twilio:
    account = Account(TwilioCarrier.sid, TwilioCarrier.sid, TwilioCarrier.token)
    settings = {"messaging_service": SERVICE, "public_url": "https://dangol.example/", **settings}
    return Twilio(carrier.url, account, clock=VirtualClock(NOW), transport=transport, **settings)


def form(carrier: TwilioCarrier, transport: Transport, one: Envelope, **settings: Any) -> dict[str, Any]:
    (outcome,) = make(carrier, transport, **settings).send_many([one])
    assert isinstance(outcome, Accepted)
    (sent,) = carrier.requests
    SPEC.validate(sent)
    return sent


def test_the_request_holds_the_text_as_it_is_and_our_id(carrier: TwilioCarrier, transport: Transport) -> None:
    assert form(carrier, transport, envelope()) == {
        "To": KIM,
        "Body": "안녕하세요 & 반가워요 ☕️+1",
        "MessagingServiceSid": SERVICE,
        "StatusCallback": "https://dangol.example/hooks/twilio/status?message=M+1",
        "SmartEncoded": "false",
        "ShortenUrls": "false",
    }


def test_a_number_sends_where_there_is_no_service_and_reports_go_nowhere_without_a_public_url(
    carrier: TwilioCarrier, transport: Transport
) -> None:
    sent = form(carrier, transport, envelope(), messaging_service="", number="+15005550006", public_url="")
    assert sent["From"] == "+15005550006"
    assert not {"MessagingServiceSid", "StatusCallback"} & sent.keys()


@pytest.mark.parametrize(
    ("left", "validity"),
    [
        (None, None),
        (timedelta(seconds=90.9), "90"),
        (timedelta(), "1"),
        (timedelta(hours=10), None),
        (timedelta(hours=9, minutes=59, seconds=59), "35999"),
    ],
)
def test_twilio_drops_a_message_when_its_time_is_over(
    carrier: TwilioCarrier, transport: Transport, left: timedelta | None, validity: str | None
) -> None:
    until = NOW + left if left is not None else None
    assert form(carrier, transport, envelope(until=until)).get("ValidityPeriod") == validity


@pytest.mark.parametrize(
    ("countries", "to", "taken"),
    [
        ((), KIM, True),
        ((), SEOUL, False),
        (("US",), KIM, True),
        (("US",), "+447400123456", False),
        (("GB",), "+447400123456", True),
        (("KR",), SEOUL, True),
        (("CA",), KIM, False),
    ],
)
def test_countries_that_are_not_listed_are_refused_for_good_and_korea_has_to_be(
    carrier: TwilioCarrier, transport: Transport, countries: tuple[str, ...], to: str, taken: bool
) -> None:
    (outcome,) = make(carrier, transport, countries=countries).send_many([envelope(to=to)])
    assert isinstance(outcome, Accepted) is taken
    if not taken:
        assert isinstance(outcome, Refused)
        assert outcome.permanent
        assert "DANGOL_TWILIO_COUNTRIES" in outcome.detail
        assert outcome.cause is None, "the number is as good as any"
        assert not carrier.requests


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "010-1234-5678"},
        {"rendered": Rendered(Channel.SMS, "ko", text="")},
        {"rendered": Rendered(Channel.SMS, "ko", text="x" * 1601)},
        {"rendered": Rendered(Channel.SMS, "ko", text="🎁" * 801)},
    ],
)
def test_what_twilio_cannot_take_is_refused_for_good_without_asking_it(
    carrier: TwilioCarrier, transport: Transport, fields: dict[str, Any]
) -> None:
    (outcome,) = make(carrier, transport).send_many([envelope(**fields)])
    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert not carrier.requests


def said(status: int, code: object = None, **headers: str) -> Say:
    return Say(status, {"code": code, "message": f"The number {KIM} …", "status": status}, headers)


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (Say(201, {"sid": SID}), Accepted(SID)),
        (Say(201, {"sid": f"{KIM} is not an id"}), Accepted("")),
        (Say(201, b"<html>"), Accepted("")),
        (Say(201, [1]), Accepted("")),
        (said(400, 21610), Refused(True, "Twilio refused: 400: 21610", cause=RefusalCause.OPTED_OUT)),
        (said(400, 21211), Refused(True, "Twilio refused: 400: 21211", cause=RefusalCause.DEAD_ADDRESS)),
        (said(400, 21614), Refused(True, "Twilio refused: 400: 21614", cause=RefusalCause.DEAD_ADDRESS)),
        (said(400, 21635), Refused(True, "Twilio refused: 400: 21635", cause=RefusalCause.DEAD_ADDRESS)),
        (said(400, 21617), Refused(True, "Twilio refused: 400: 21617", cause=RefusalCause.CONTENT)),
        (said(400, 21612), Refused(True, "Twilio refused: 400: 21612")),
        (said(400, 21606), Refused(False, "Twilio refused: 400: 21606", cause=RefusalCause.ACCOUNT)),
        (said(403, 21408), Refused(False, "Twilio refused: 403: 21408", cause=RefusalCause.ACCOUNT)),
        (said(400, 21611), Refused(False, "Twilio refused: 400: 21611")),
        (said(400, 99999), Refused(True, "Twilio refused: 400: 99999")),
        (said(400, "21610"), Refused(True, "Twilio refused: 400")),
        (Say(400, b"junk"), Refused(True, "Twilio refused: 400")),
        (said(401, 20003), Refused(False, "Twilio refused: 401: 20003", cause=RefusalCause.ACCOUNT)),
        (Say(401), Refused(False, "Twilio refused: 401", cause=RefusalCause.ACCOUNT)),
        (Say(403), Refused(False, "Twilio refused: 403", cause=RefusalCause.ACCOUNT)),
        (said(404, 20404), Refused(False, "Twilio refused: 404: 20404", cause=RefusalCause.ACCOUNT)),
        (Say(408), Refused(False, "Twilio refused: 408")),
        (said(429, 20429), Refused(False, "Twilio is busy: 429")),
        (Say(429, headers={"Retry-After": "9"}), Refused(False, "Twilio is busy: 429", timedelta(seconds=9))),
        (Say(200, {"sid": SID}), Unknown("Twilio answered 200")),
        (Say(302), Unknown("Twilio answered 302")),
        (said(500, 20500), Unknown("Twilio answered 500")),
        (Say(502, b"<html>"), Unknown("Twilio answered 502")),
        (said(503, 20503), Unknown("Twilio answered 503")),
        (HANG_UP, Unknown("no answer from Twilio: connection closed")),
    ],
)
def test_every_answer_has_one_meaning(
    carrier: TwilioCarrier, transport: Transport, say: Say | None, expected: Outcome
) -> None:
    carrier.answer(KIM, say)
    assert list(make(carrier, transport).send_many([envelope()])) == [expected]
    assert len(carrier.requests) == 1, "never sent again"


def test_nothing_about_the_account_is_a_refusal_for_good() -> None:
    """Somebody mends the account, and the campaign goes on."""
    assert not [code for code, one in CODES.items() if one.permanent and one.cause is RefusalCause.ACCOUNT]


def test_whatever_is_learned_about_an_address_is_for_good() -> None:
    learned = {RefusalCause.OPTED_OUT, RefusalCause.DEAD_ADDRESS}
    assert all(one.permanent for one in CODES.values() if one.cause in learned)


def test_the_secret_is_never_shown() -> None:
    assert "a-token" not in repr(Account(TwilioCarrier.sid, TwilioCarrier.sid, "a-token"))


def sought(**changes: Any) -> Sought:
    made = datetime.now(UTC)
    whole = Sought(Channel.SMS, KIM, envelope().rendered.text, made - timedelta(hours=1), made + timedelta(hours=1))
    return replace(whole, **changes)


def test_a_message_is_asked_for_by_number_and_day(carrier: TwilioCarrier, transport: Transport) -> None:
    since = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    assert list(make(carrier, transport).find(sought(since=since, until=since))) == []
    assert carrier.asked == [{"To": KIM, "DateSent>": "2026-03-02", "PageSize": "200"}]


def test_every_page_is_read_and_too_many_tell_nothing(carrier: TwilioCarrier, transport: Transport) -> None:
    twilio = make(carrier, transport)
    twilio.send_many([envelope()] * 5)
    found = twilio.find(sought())
    assert [report.kind for report in found] == [FeedbackKind.DELIVERED] * 5
    assert len({report.event_id for report in found}) == 5
    twilio.send_many([envelope()] * 6)
    assert list(twilio.find(sought())) == []


@pytest.mark.parametrize("answer", [Say(401, {"code": 20003}), Say(503), Say(429)])
def test_a_list_that_is_not_told_is_no_answer(carrier: TwilioCarrier, transport: Transport, answer: Say) -> None:
    carrier.list_answer = answer
    with pytest.raises(NothingSent, match=str(answer.status)):
        make(carrier, transport).find(sought())


@pytest.mark.parametrize(
    "changes",
    [
        {"direction": "inbound"},
        {"date_created": "yesterday"},
        {"date_created": None},
        {"body": None},
        {"sid": 1},
        {"status": None},
    ],
)
def test_what_makes_no_sense_in_a_list_is_no_message(
    carrier: TwilioCarrier, transport: Transport, changes: dict[str, Any]
) -> None:
    listed = {
        "sid": SID,
        "status": "sent",
        "to": KIM,
        "body": envelope().rendered.text,
        "direction": "outbound-api",
        "date_created": format_datetime(datetime.now(UTC)),
    }
    carrier.list_answer = Say(200, {"messages": [listed | changes, "x"]})
    assert list(make(carrier, transport).find(sought())) == []
    carrier.list_answer = Say(200, {"messages": [listed]})
    assert [report.reference for report in make(carrier, transport).find(sought())] == [SID]
