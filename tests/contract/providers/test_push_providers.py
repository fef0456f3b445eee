"""FCM and Web Push keep to what every provider keeps to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from py_vapid import Vapid02

from dangol.clock import SystemClock
from dangol.delivery.addresses import AddressGuard
from dangol.delivery.providers.fcm import Fcm
from dangol.delivery.providers.google_token import AccessToken
from dangol.delivery.providers.webpush import WebPush
from dangol.model.vocabulary import Channel
from dangol.testing.provider_contract import Arrived
from tests.contract.providers.carriers import HANG_UP, FcmCarrier, PushService, Say, google_says, running
from tests.contract.providers.test_http_providers import OverHttp


class ByPush(OverHttp):
    channel = Channel.PUSH


class TestFcm(ByPush):
    @pytest.fixture(autouse=True)
    def _carrier(self) -> Iterator[None]:
        with running(FcmCarrier()) as self.carrier:
            yield
            assert not self.carrier.wrong

    def make(self, url: str) -> Fcm:
        clock = SystemClock()
        token = AccessToken(self.carrier.account(), clock=clock, transport=self.transport)
        return Fcm(url, FcmCarrier.project, token, clock=clock, transport=self.transport)

    def make_provider(self) -> Fcm:
        return self.make(self.carrier.url)

    def make_unreachable_provider(self) -> Fcm:
        return self.make(self.dead)

    def refused_address(self) -> str:
        return self.carrier.answer("device-gone", google_says(404, "NOT_FOUND", "UNREGISTERED"))

    def busy_address(self) -> str:
        return self.carrier.answer("device-busy", google_says(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"))

    def lost_address(self) -> str:
        return self.carrier.answer("device-lost", HANG_UP)

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                push["data"]["dangol_message_id"],
                push["token"],
                push["notification"]["body"],
                push["notification"]["title"],
            )
            for push in self.carrier.taken
        ]


class TestWebPush(ByPush):
    @pytest.fixture(autouse=True)
    def _carrier(self) -> Iterator[None]:
        self.vapid = Vapid02()
        self.vapid.generate_keys()
        with running(PushService()) as self.carrier:
            yield
            assert not self.carrier.wrong

    def make_provider(self) -> WebPush:
        return WebPush(
            self.vapid,
            "mailto:hello@dangol.example",
            clock=SystemClock(),
            transport=self.transport,
            guard=AddressGuard("127.0.0.1"),
        )

    def address(self, number: int) -> str:
        return self.carrier.subscription(number)

    def answering(self, number: int, say: Say | None) -> str:
        self.carrier.answer(f"/wp/{number}", say)
        return self.carrier.subscription(number)

    def refused_address(self) -> str:
        return self.answering(9001, Say(410))

    def busy_address(self) -> str:
        return self.answering(9002, Say(429, headers={"Retry-After": "7"}))

    def lost_address(self) -> str:
        return self.answering(9003, HANG_UP)

    def arrived(self) -> list[Arrived]:
        by_path = {urlsplit(json.loads(self.carrier.subscription(n))["endpoint"]).path: n for n in range(600)}
        return [
            Arrived(
                push["dangol_message_id"],
                self.carrier.subscription(by_path[push["path"]]) if push["path"] in by_path else push["path"],
                push["body"],
                push["title"],
            )
            for push in self.carrier.taken
        ]
