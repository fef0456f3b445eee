"""Web Push (RFC 8030, 8291, 8292): encrypted messages for browsers; what answers mean is in docs/providers.md."""

from __future__ import annotations

import binascii
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException

from dangol.clock import Clock
from dangol.delivery.addresses import AddressGuard
from dangol.delivery.http.messages import Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.patience import asked
from dangol.delivery.providers.carrying import Unsendable, carry
from dangol.delivery.providers.push import MESSAGE_ID, RECEIPT, is_subscription, seconds_to_live
from dangol.delivery.providers.setup import Setup, lacking
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause

_MINUTE = timedelta(minutes=1)
_PROVEN_FOR = timedelta(hours=12)
_RENEWED_AFTER = timedelta(hours=1)
_ROOM = 3993
"""Bytes of text that fit into the 4,096 that every push service takes, once they are encrypted (RFC 8291)."""
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SUBJECT = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://\S+")
_LONGEST_REFERENCE = 200


def webpush(setup: Setup) -> WebPush:
    """The Web Push provider of these settings."""
    settings = setup.settings
    key = settings.webpush_private_key.get_secret_value() if settings.webpush_private_key else ""
    lacking(
        "webpush",
        {"DANGOL_WEBPUSH_PRIVATE_KEY": bool(key), "DANGOL_WEBPUSH_SUBJECT": bool(settings.webpush_subject)},
    )
    if not _SUBJECT.fullmatch(settings.webpush_subject):
        raise UsageError("DANGOL_WEBPUSH_SUBJECT: expected mailto:somebody@example.com, or an https:// address")
    try:
        vapid = Vapid02.from_string(key)
    except (ValueError, binascii.Error) as error:
        raise UsageError("DANGOL_WEBPUSH_PRIVATE_KEY: expected a key as `dangol dev vapid` makes it") from error
    return WebPush(
        vapid,
        settings.webpush_subject,
        clock=setup.clock,
        transport=setup.transport,
        guard=AddressGuard(settings.webhook_allow),
        patience=setup.patience,
    )


@dataclass(frozen=True, slots=True)
class _Subscription:
    """Where a browser is reached, and the keys that only it can open messages with."""

    endpoint: str
    told: dict[str, Any]


class WebPush:
    """Hands push messages to browsers, encrypted for each, through the push service that a subscription names.

    Who may report a device may thereby name any address, so ``guard`` says which ones are called.
    """

    name = "webpush"
    channels = frozenset({Channel.PUSH})

    def __init__(
        self,
        vapid: Vapid02,
        subject: str,
        *,
        clock: Clock,
        transport: Transport,
        guard: AddressGuard,
        patience: timedelta = timedelta(minutes=5),
    ) -> None:
        self._vapid = vapid
        self._subject = subject
        self._clock = clock
        # Connections go only to addresses that were checked: names may have changed since the subscription was made.
        self._transport = transport.guarded(guard.addresses)
        self._guard = guard
        self._patience = patience
        self._lock = threading.Lock()
        self._proofs: dict[str, tuple[str, datetime]] = {}

    def takes(self, envelope: Envelope) -> bool:
        return is_subscription(envelope.to)

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        now = self._clock.now()
        write = partial(self._request, now=now)
        return carry(
            "the push service", self._transport, batch, write=write, meaning=self._meaning, patience=self._patience
        )

    def close(self) -> None:
        self._transport.close()

    def _request(self, envelope: Envelope, *, now: datetime) -> Request:
        """Raises Unsendable."""
        subscription = _subscription(envelope.to)
        self._check(subscription.endpoint)
        told = orjson.loads(envelope.rendered.payload(envelope.message_id))
        told |= {RECEIPT: envelope.receipt} if envelope.receipt else {}
        text = orjson.dumps({**told, MESSAGE_ID: envelope.message_id})
        if len(text) > _ROOM:
            raise Unsendable(f"a push to a browser has room for {_ROOM} bytes")
        headers = {
            "Authorization": self._proof(subscription.endpoint, now),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(seconds_to_live(envelope, now)),
            "Urgency": "normal",
        }
        if _TOPIC.fullmatch(envelope.rendered.collapse_key):
            headers["Topic"] = envelope.rendered.collapse_key
        return Request(subscription.endpoint, _encrypted(subscription, text), headers, not_after=envelope.not_after)

    def _check(self, endpoint: str) -> None:
        """A push service is encrypted, except a simulator that is listed. Raises Unsendable."""
        try:
            split = urlsplit(endpoint)
            host, port = split.hostname or "", split.port or 80
        except ValueError:
            raise Unsendable("the endpoint of the browser's subscription is no URL") from None
        if not host or not (split.scheme == "https" or (split.scheme == "http" and self._guard.excepts(host, port))):
            raise Unsendable("the endpoint of the browser's subscription is not https://…")

    def _proof(self, endpoint: str, now: datetime) -> str:
        """Who we are, signed for one push service; kept for a while, for signing takes long."""
        split = urlsplit(endpoint)
        audience = f"{split.scheme}://{split.netloc}"
        with self._lock:
            proof, made = self._proofs.get(audience, ("", now - _PROVEN_FOR))
            if not made <= now < made + _RENEWED_AFTER:
                until = int((now + _PROVEN_FOR).timestamp())
                claims = {"aud": audience, "sub": self._subject, "exp": until}
                proof = str(self._vapid.sign(claims)["Authorization"])
                if len(self._proofs) >= 256:
                    self._proofs.clear()
                self._proofs[audience] = (proof, now)
            return proof

    def _meaning(self, reply: Reply) -> Outcome:
        status = reply.status
        detail = f"the push service refused: {status}"
        if status in {200, 201, 202, 204}:
            return Accepted(reply.headers.get("location", "")[-_LONGEST_REFERENCE:])
        if status in {404, 410}:
            return Refused(True, detail, cause=RefusalCause.DEAD_TOKEN)
        if status == 429:
            pause = asked(reply.headers.get("retry-after", ""), self._clock.now())
            return Refused(False, "the push service is busy: 429", retry_after=pause or _MINUTE)
        if status in {401, 403}:
            return Refused(False, detail, cause=RefusalCause.ACCOUNT)
        if status in {400, 413}:
            return Refused(True, detail, cause=RefusalCause.CONTENT)
        if 400 <= status < 500:
            return Refused(True, detail)
        return Unknown(f"the push service answered {status}")


def _subscription(token: str) -> _Subscription:
    """Raises Unsendable."""
    try:
        told = orjson.loads(token)
        endpoint, keys = told["endpoint"], told["keys"]
        fit = isinstance(endpoint, str) and all(isinstance(keys[name], str) for name in ("p256dh", "auth"))
    except (ValueError, LookupError, TypeError):
        fit = False
    if not fit:
        raise Unsendable("the device is no browser's subscription: expected endpoint, keys.p256dh and keys.auth")
    return _Subscription(endpoint, {"endpoint": endpoint, "keys": {name: keys[name] for name in ("p256dh", "auth")}})


def _encrypted(subscription: _Subscription, text: bytes) -> bytes:
    try:
        return bytes(WebPusher(subscription.told).encode(text)["body"])
    except (WebPushException, ValueError, TypeError, IndexError) as error:
        raise Unsendable("the keys of the browser's subscription are no keys") from error
