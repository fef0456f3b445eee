"""Carriers as they sign what they report, for tests: their own libraries where those can sign."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twilio.request_validator import RequestValidator

FORM = "application/x-www-form-urlencoded"


class SendGrid:
    """Signs like SendGrid's Event Webhook, with a key of its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b64encode(der).decode()

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "x-twilio-email-event-webhook-signature": b64encode(signature).decode(),
            "x-twilio-email-event-webhook-timestamp": timestamp,
            "content-type": "application/json",
        }


def events(*items: Mapping[str, Any]) -> bytes:
    """A body as SendGrid writes it, its line break at the end included."""
    return orjson.dumps(list(items)) + b"\r\n"


def twilio_form(url: str, secret: str, fields: Mapping[str, str], settings: str = "") -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form that Twilio signs for ``url``."""
    algorithm = "HMAC_SHA256" if settings else "HMAC_SHA1"
    signature = RequestValidator(secret).compute_signature(url, dict(fields), algorithm)
    headers = {"x-twilio-signature": signature, "content-type": FORM}
    if settings:
        headers["x-twilio-webhooks-signature-settings"] = settings
    return urlencode(fields).encode(), headers


def twilio_json(url: str, secret: str, fields: Mapping[str, Any]) -> tuple[str, bytes, dict[str, str]]:
    """URL, body and headers of a JSON request that Twilio signs."""
    body = orjson.dumps(fields)
    sep = "&" if "?" in url else "?"
    signed = f"{url}{sep}bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(secret).compute_signature(signed, {})
    return signed, body, {"x-twilio-signature": signature, "content-type": "application/json"}
