"""A push as the body of Firebase Cloud Messaging's ``messages:send``, for Android, iOS and browsers at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson

from dangol.delivery.providers.carrying import Unsendable
from dangol.delivery.providers.push import MESSAGE_ID, RECEIPT, is_subscription, seconds_to_live
from dangol.model.message import Envelope

_COLLAPSE_ID_BYTES = 64
_TAKEN_BYTES = 4096
_LONGEST_TOKEN = 4096


def body_of(envelope: Envelope, now: datetime) -> bytes:
    """The body in JSON. Raises Unsendable."""
    rendered = envelope.rendered
    if is_subscription(envelope.to) or not 0 < len(envelope.to) <= _LONGEST_TOKEN:
        raise Unsendable("FCM takes the tokens of apps, not a browser's subscription")
    if not rendered.text:
        raise Unsendable("FCM takes no push without a text")
    notification = {"title": rendered.subject, "body": rendered.text, "image": rendered.image}
    data = {MESSAGE_ID: envelope.message_id, RECEIPT: envelope.receipt, "link": rendered.link}
    shown, carried = _given(notification), _given(data)
    if len(orjson.dumps({**shown, **carried})) > _TAKEN_BYTES:
        raise Unsendable(f"FCM takes at most {_TAKEN_BYTES} bytes")
    lives = seconds_to_live(envelope, now)
    message = {
        "token": envelope.to,
        "notification": shown,
        "data": carried,
        "android": _android(envelope, lives),
        "apns": _apns(envelope, lives, now),
        "webpush": _webpush(envelope, lives),
    }
    return orjson.dumps({"message": message})


def _android(envelope: Envelope, lives: int) -> dict[str, Any]:
    return _given({"ttl": f"{lives}s", "collapse_key": envelope.rendered.collapse_key})


def _apns(envelope: Envelope, lives: int, now: datetime) -> dict[str, Any]:
    """Apple counts until an instant; an image needs the app's own extension, which this wakes."""
    until = int((now + timedelta(seconds=lives)).timestamp()) if lives else 0
    headers = {"apns-expiration": str(until)}
    key = envelope.rendered.collapse_key
    if key and len(key.encode()) <= _COLLAPSE_ID_BYTES:
        headers["apns-collapse-id"] = key
    told: dict[str, Any] = {"headers": headers}
    if envelope.rendered.image:
        told["payload"] = {"aps": {"mutable-content": 1}}
        told["fcm_options"] = {"image": envelope.rendered.image}
    return told


def _webpush(envelope: Envelope, lives: int) -> dict[str, Any]:
    told: dict[str, Any] = {"headers": {"TTL": str(lives)}}
    if envelope.rendered.link.startswith("https://"):
        told["fcm_options"] = {"link": envelope.rendered.link}
    return told


def _given(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
