"""SendGrid and Twilio keep to what every provider keeps to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from dangol.clock import SystemClock
from dangol.delivery.http.messages import Limits
from dangol.delivery.http.transport import Transport
from dangol.delivery.providers.sendgrid import SendGrid
from dangol.delivery.providers.twilio import Account, Twilio
from dangol.model.vocabulary import Channel
from dangol.testing.provider_contract import Arrived, ProviderContract
from tests.contract.providers.carriers import HANG_UP, Say, SendGridCarrier, TwilioCarrier, running

SOON = timedelta(seconds=2)


class OverHttp(ProviderContract):
    in_order = False

    @pytest.fixture(autouse=True)
    def _transport(self, dead_port: int) -> Iterator[None]:
        self.dead = f"http://127.0.0.1:{dead_port}"
        limits = Limits(connect=SOON, tls=SOON, read=SOON, total=SOON, connections=32)
        self.transport = Transport(clock=SystemClock(), limits=limits)
        yield
        self.transport.close()


class TestSendGrid(OverHttp):
    @pytest.fixture(autouse=True)
    def _carrier(self) -> Iterator[None]:
        with running(SendGridCarrier()) as self.carrier:
            yield
            assert not self.carrier.wrong

    def make(self, url: str) -> SendGrid:
        return SendGrid(url, SecretStr(SendGridCarrier.key), clock=SystemClock(), transport=self.transport)

    def make_provider(self) -> SendGrid:
        return self.make(self.carrier.url)

    def make_unreachable_provider(self) -> SendGrid:
        return self.make(self.dead)

    def refused_address(self) -> str:
        fault = {"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}
        return self.carrier.answer("bob@example.com", Say(400, {"errors": [fault]}))

    def busy_address(self) -> str:
        return self.carrier.answer("carol@example.com", Say(429))

    def lost_address(self) -> str:
        return self.carrier.answer("dave@example.com", HANG_UP)

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                mail["personalizations"][0]["custom_args"]["dangol_message_id"],
                mail["personalizations"][0]["to"][0]["email"],
                mail["content"][0]["value"],
                mail["subject"],
            )
            for mail in self.carrier.taken
        ]


class TestTwilio(OverHttp):
    channel = Channel.SMS
    sender = "+15005550006"

    @pytest.fixture(autouse=True)
    def _carrier(self) -> Iterator[None]:
        with running(TwilioCarrier()) as self.carrier:
            yield
            assert not self.carrier.wrong

    def make(self, url: str) -> Twilio:
        account = Account(TwilioCarrier.sid, TwilioCarrier.sid, TwilioCarrier.token)
        return Twilio(
            url,
            account,
            clock=SystemClock(),
            transport=self.transport,
            messaging_service="MG" + "0" * 32,
            public_url="https://dangol.example",
        )

    def make_provider(self) -> Twilio:
        return self.make(self.carrier.url)

    def make_unreachable_provider(self) -> Twilio:
        return self.make(self.dead)

    def address(self, number: int) -> str:
        return f"+1415555{number:04}"

    def refused_address(self) -> str:
        return self.carrier.answer("+14155559001", Say(400, {"code": 21211, "message": "Invalid 'To' Phone Number"}))

    def busy_address(self) -> str:
        return self.carrier.answer("+14155559002", Say(429, {"code": 20429}))

    def lost_address(self) -> str:
        return self.carrier.answer("+14155559003", HANG_UP)

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(parse_qs(urlsplit(sms["StatusCallback"]).query)["message"][0], sms["To"], sms["Body"])
            for sms in self.carrier.taken
        ]
