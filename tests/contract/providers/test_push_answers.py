"""What FCM's and push services' answers mean, one by one; docs/providers.md has the same tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from py_vapid import Vapid02
from pydantic import SecretStr

from dangol.clock import SystemClock, VirtualClock
from dangol.delivery.addresses import AddressGuard
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import NothingSent, takes
from dangol.delivery.providers.fcm import Fcm, fcm
from dangol.delivery.providers.fcm_message import body_of
from dangol.delivery.providers.google_token import AccessToken
from dangol.delivery.providers.setup import Setup
from dangol.delivery.providers.webpush import WebPush, webpush
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from dangol.settings import Settings
from tests.contract.providers.carriers import FcmCarrier, PushService, Say, google_says, running

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DEAD, CONTENT, ACCOUNT = RefusalCause.DEAD_TOKEN, RefusalCause.CONTENT, RefusalCause.ACCOUNT
MINUTE = timedelta(minutes=1)


def envelope(to: str = "device-1", **fields: object) -> Envelope:
    rendered = replace(Rendered(Channel.PUSH, "ko", text="주문하신 원두가 도착했어요", subject="단골"), **fields)
    return Envelope("01K" + "0" * 23, Channel.PUSH, to, "단골", rendered)


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(clock=SystemClock())
    yield transport
    transport.close()


@pytest.fixture
def google() -> Iterator[FcmCarrier]:
    with running(FcmCarrier()) as carrier:
        yield carrier


@pytest.fixture
def browser() -> Iterator[PushService]:
    with running(PushService()) as service:
        yield service


def to_fcm(carrier: FcmCarrier, transport: Transport) -> Fcm:
    clock = SystemClock()
    token = AccessToken(carrier.account(), clock=clock, transport=transport)
    return Fcm(carrier.url, carrier.project, token, clock=clock, transport=transport)


def to_browser(transport: Transport, allow: str = "127.0.0.1") -> WebPush:
    vapid = Vapid02()
    vapid.generate_keys()
    return WebPush(
        vapid, "mailto:a@dangol.example", clock=SystemClock(), transport=transport, guard=AddressGuard(allow)
    )


@pytest.mark.parametrize(
    ("say", "means"),
    [
        (Say(200, b"not JSON"), Accepted()),
        (google_says(404, "NOT_FOUND", "UNREGISTERED"), Refused(True, "FCM refused: 404 UNREGISTERED", cause=DEAD)),
        (
            google_says(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
            Refused(True, "FCM refused: 403 SENDER_ID_MISMATCH", cause=DEAD),
        ),
        (
            google_says(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
            Refused(True, "FCM refused: 400 INVALID_ARGUMENT", cause=DEAD),
        ),
        (
            google_says(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"),
            Refused(True, "FCM refused: 400 INVALID_ARGUMENT (message.token)", cause=DEAD),
        ),
        (
            google_says(400, "INVALID_ARGUMENT", field="message.android.ttl"),
            Refused(True, "FCM refused: 400 INVALID_ARGUMENT (message.android.ttl)", cause=CONTENT),
        ),
        (Say(400, b"<html>"), Refused(True, "FCM refused: 400", cause=CONTENT)),
        (google_says(401, "UNAUTHENTICATED"), Refused(False, "FCM refused: 401 UNAUTHENTICATED", cause=ACCOUNT)),
        (
            google_says(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
            Refused(False, "FCM refused: 401 THIRD_PARTY_AUTH_ERROR", cause=ACCOUNT),
        ),
        (google_says(403, "PERMISSION_DENIED"), Refused(False, "FCM refused: 403 PERMISSION_DENIED", cause=ACCOUNT)),
        (google_says(404, "NOT_FOUND"), Refused(False, "FCM refused: 404", cause=ACCOUNT)),
        (Say(410), Refused(True, "FCM refused: 410")),
        (
            google_says(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
            Refused(False, "FCM is busy: 429", retry_after=MINUTE),
        ),
        (
            Say(429, headers={"Retry-After": "9"}),
            Refused(False, "FCM is busy: 429", retry_after=timedelta(seconds=9)),
        ),
        (google_says(503, "UNAVAILABLE", "UNAVAILABLE"), Refused(False, "FCM is busy: 503", retry_after=MINUTE)),
        (Say(503), Unknown("FCM answered 503")),
        (google_says(500, "INTERNAL", "INTERNAL"), Unknown("FCM answered 500")),
        (Say(302, headers={"Location": "http://127.0.0.1/"}), Unknown("FCM answered 302")),
    ],
)
def test_every_answer_of_fcm_has_one_meaning(
    google: FcmCarrier, transport: Transport, say: Say, means: Outcome
) -> None:
    google.always = say
    assert list(to_fcm(google, transport).send_many([envelope()])) == [means]


@pytest.mark.parametrize(
    ("say", "means"),
    [
        (Say(201, headers={"Location": "https://push.example/m/1"}), Accepted("https://push.example/m/1")),
        (Say(202), Accepted()),
        (Say(404), Refused(True, "the push service refused: 404", cause=DEAD)),
        (Say(410), Refused(True, "the push service refused: 410", cause=DEAD)),
        (Say(413), Refused(True, "the push service refused: 413", cause=CONTENT)),
        (Say(400), Refused(True, "the push service refused: 400", cause=CONTENT)),
        (Say(403), Refused(False, "the push service refused: 403", cause=ACCOUNT)),
        (Say(405), Refused(True, "the push service refused: 405")),
        (Say(429), Refused(False, "the push service is busy: 429", retry_after=MINUTE)),
        (Say(500), Unknown("the push service answered 500")),
    ],
)
def test_every_answer_of_a_push_service_has_one_meaning(
    browser: PushService, transport: Transport, say: Say, means: Outcome
) -> None:
    browser.always = say
    provider = to_browser(transport)
    assert list(provider.send_many([envelope(browser.subscription(1))])) == [means]
    provider.close()


class TestTokens:
    def test_one_token_serves_all_messages_until_shortly_before_it_ends(
        self, google: FcmCarrier, transport: Transport
    ) -> None:
        clock = VirtualClock(NOW)
        token = AccessToken(google.account(), clock=clock, transport=transport)
        for _ in range(3):
            assert token.get() == google.token
        assert google.tokens_given == 1
        clock.move_to(NOW + timedelta(minutes=56))
        token.get()
        assert google.tokens_given == 2

    def test_a_token_that_google_no_longer_takes_is_got_anew(self, google: FcmCarrier, transport: Transport) -> None:
        provider = to_fcm(google, transport)
        google.always = google_says(401, "UNAUTHENTICATED")
        provider.send_many([envelope()])
        google.always = None
        assert isinstance(provider.send_many([envelope()])[0], Accepted)
        assert google.tokens_given == 2

    def test_without_a_token_nothing_is_sent(self, google: FcmCarrier, transport: Transport) -> None:
        google.token_answer = Say(400, {"error": "invalid_grant", "error_description": "account sender@x is unknown"})
        with pytest.raises(NothingSent, match=r"RefreshError.*DANGOL_FCM_CREDENTIALS") as told:
            to_fcm(google, transport).send_many([envelope()])
        assert "sender@x" not in str(told.value)
        assert not google.requests


class TestWhatFcmGets:
    def test_life_key_image_and_link_are_told_to_every_kind_of_device(self) -> None:
        told = json.loads(
            body_of(
                replace(
                    envelope(
                        ttl=timedelta(hours=2),
                        collapse_key="cart",
                        image="https://x.example/a.png",
                        link="https://x.example/cart",
                    ),
                    until=NOW + timedelta(hours=1),
                ),
                NOW,
            )
        )["message"]
        assert told["android"] == {"ttl": "3600s", "collapse_key": "cart"}
        assert told["apns"]["headers"] == {
            "apns-expiration": str(int(NOW.timestamp()) + 3600),
            "apns-collapse-id": "cart",
        }
        assert told["webpush"] == {"headers": {"TTL": "3600"}, "fcm_options": {"link": "https://x.example/cart"}}
        assert told["data"] == {"dangol_message_id": "01K" + "0" * 23, "link": "https://x.example/cart"}

    def test_a_push_lives_four_weeks_at_most(self) -> None:
        told = json.loads(body_of(envelope(ttl=timedelta(days=90)), NOW))["message"]
        assert told["android"]["ttl"] == "2419200s"

    def test_more_than_4096_bytes_are_not_sent(self, google: FcmCarrier, transport: Transport) -> None:
        (outcome,) = to_fcm(google, transport).send_many([envelope(text="가" * 1400)])
        assert outcome == Refused(True, "FCM takes at most 4096 bytes")


class TestWhatABrowserGets:
    def test_life_and_topic_are_told_to_the_push_service(self, browser: PushService, transport: Transport) -> None:
        provider = to_browser(transport)
        provider.send_many([envelope(browser.subscription(1), ttl=timedelta(minutes=5), collapse_key="cart")])
        head = browser.heads[0]
        assert (head["TTL"], head["Topic"], head["Content-Encoding"]) == ("300", "cart", "aes128gcm")
        provider.close()

    def test_the_proof_of_who_we_are_is_made_once_for_a_push_service(
        self, browser: PushService, transport: Transport
    ) -> None:
        provider = to_browser(transport)
        provider.send_many([envelope(browser.subscription(number)) for number in range(3)])
        assert len({head["Authorization"] for head in browser.heads}) == 1
        provider.close()

    @pytest.mark.parametrize(
        ("subscription", "why"),
        [
            ("{", "no browser's subscription"),
            ('{"endpoint": "https://push.example/1"}', "no browser's subscription"),
            ('{"endpoint": "http://push.example/1", "keys": {"p256dh": "a", "auth": "b"}}', "not https"),
            ('{"endpoint": "https://[", "keys": {"p256dh": "a", "auth": "b"}}', "no URL"),
            ('{"endpoint": "https://push.example/1", "keys": {"p256dh": "aaaa", "auth": "b"}}', "no keys"),
        ],
    )
    def test_a_subscription_that_makes_no_sense_is_refused_for_good(
        self, transport: Transport, subscription: str, why: str
    ) -> None:
        provider = to_browser(transport)
        (outcome,) = provider.send_many([envelope(subscription)])
        assert isinstance(outcome, Refused)
        assert outcome.permanent
        assert why in outcome.detail
        provider.close()

    def test_no_endpoint_leads_into_our_own_network(self, browser: PushService, transport: Transport) -> None:
        keys = json.loads(browser.subscription(1))["keys"]
        provider = to_browser(transport, allow="")
        (outcome,) = provider.send_many([envelope(json.dumps({"endpoint": "https://127.0.0.1/latest", "keys": keys}))])
        assert isinstance(outcome, Refused)
        assert "not a public address" in outcome.detail
        assert not browser.requests
        provider.close()


def test_apps_are_reached_by_fcm_and_browsers_by_web_push(
    google: FcmCarrier, browser: PushService, transport: Transport
) -> None:
    app, tab = to_fcm(google, transport), to_browser(transport)
    assert [takes(app, envelope("device-1")), takes(tab, envelope("device-1"))] == [True, False]
    assert [takes(app, envelope(browser.subscription(1))), takes(tab, envelope(browser.subscription(1)))] == [
        False,
        True,
    ]
    tab.close()


class TestSettings:
    def setup(self, transport: Transport, **settings: object) -> Setup:
        return Setup(
            "x",
            SystemClock(),
            transport,
            Settings(_env_file=None, **settings),  # type: ignore[arg-type]
            {},
        )

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (None, "cannot be read"),
            ("no", "is no JSON"),
            ("{}", "has no project_id, client_email, private_key, token_uri"),
            (
                '{"project_id": "p", "client_email": "c", "private_key": "k", "token_uri": "http://x.example"}',
                "expected https",
            ),
            (
                '{"project_id": "p", "client_email": "c", "private_key": "k", "token_uri": "https://x.example"}',
                "no key of a service account",
            ),
        ],
    )
    def test_a_key_file_that_is_none_is_told_by_its_setting(
        self, tmp_path: Path, transport: Transport, content: str | None, why: str
    ) -> None:
        file = tmp_path / "key.json"
        if content is not None:
            file.write_text(content)
        with pytest.raises(UsageError, match=why) as told:
            fcm(self.setup(transport, fcm_credentials=file))
        assert "DANGOL_FCM_CREDENTIALS" in str(told.value)

    def test_a_key_file_is_enough(self, tmp_path: Path, transport: Transport, google: FcmCarrier) -> None:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(google.account()))
        provider = fcm(self.setup(transport, fcm_credentials=file, fcm_url=google.url))
        assert isinstance(provider.send_many([envelope()])[0], Accepted)

    @pytest.mark.parametrize(
        ("settings", "why"),
        [
            ({}, "set DANGOL_WEBPUSH_PRIVATE_KEY and DANGOL_WEBPUSH_SUBJECT"),
            ({"webpush_private_key": SecretStr("x"), "webpush_subject": "me"}, "DANGOL_WEBPUSH_SUBJECT: expected"),
            (
                {"webpush_private_key": SecretStr("x"), "webpush_subject": "mailto:a@b.example"},
                "DANGOL_WEBPUSH_PRIVATE_KEY: expected",
            ),
        ],
    )
    def test_web_push_says_what_lacks(self, transport: Transport, settings: dict[str, object], why: str) -> None:
        with pytest.raises(UsageError, match=why):
            webpush(self.setup(transport, **settings))
