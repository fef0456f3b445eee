"""Signatures of outbound calls, as Standard Webhooks has them (ADR 19), so that receivers can use its libraries.

Signed is ``id.timestamp.body`` with HMAC-SHA-256. Several secrets, separated by spaces, make several signatures: the
new and the old one while receivers change over.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta

from dangol.errors import UsageError

TOLERANCE = timedelta(minutes=5)
"""How far a receiver lets the timestamp be from its own clock."""
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)


class Signer:
    """Signs with every secret it is given. Raises UsageError, never quoting a secret, if one is none."""

    def __init__(self, secrets: str) -> None:
        self._keys = [_key(secret) for secret in secrets.split()]
        if not self._keys:
            raise UsageError(f"DANGOL_WEBHOOK_SECRET is blank; {_EXPECTED}")

    def headers(self, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """The three headers of one attempt; the id is the same for every attempt, the time is not."""
        timestamp = str(int(at.timestamp()))
        signatures = [f"v1,{b64encode(_digest(key, webhook_id, timestamp, body)).decode()}" for key in self._keys]
        return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def verify(secrets: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Did whoever knows one of the secrets send this body within the last minutes?

    What receivers do, for tests of receivers. ``headers`` have lower-case names. Takes as long for a wrong signature
    as for a right one.
    """
    try:
        webhook_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        age = abs(now.timestamp() - int(timestamp))
        given = headers["webhook-signature"].encode().split()
    except (KeyError, ValueError):
        return False
    expected = [b"v1," + b64encode(_digest(_key(secret), webhook_id, timestamp, body)) for secret in secrets.split()]
    matches = [hmac.compare_digest(one, other) for one in given for other in expected]
    return any(matches) and age <= TOLERANCE.total_seconds()


def new_secret(key: bytes) -> str:
    """A secret as it is written, of 24 to 64 random bytes."""
    return _PREFIX + b64encode(key).decode()


_EXPECTED = (
    f"expected {_PREFIX} and the base64 of {_KEY_BYTES[0]} to {_KEY_BYTES[-1]} random bytes, or several such secrets "
    "separated by spaces; without the setting dangol makes one itself"
)


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise UsageError(f"DANGOL_WEBHOOK_SECRET is no secret; {_EXPECTED}")
    return key


def _digest(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, b".".join((webhook_id.encode(), timestamp.encode(), body)), hashlib.sha256)
