"""Keys of accounts that exist nowhere. All but Google's follow from the seed, so settings outlive a restart."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dangol.devproviders.options import Options

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PROJECT = "dangol-simulator"
FROM_NUMBER = "+15005550006"
"""Twilio's magic number that may always send."""


class UnusableKey(ValueError):
    """A key file cannot be used; says which one and why."""


@dataclass(frozen=True)
class Subscription:
    """A browser's subscription whose private key the simulator keeps, so it can read what is pushed to it."""

    private: ec.EllipticCurvePrivateKey
    auth: bytes

    def keys(self) -> dict[str, str]:
        """The part of a PushSubscription that the sender gets."""
        public = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {"p256dh": _b64url(public), "auth": _b64url(self.auth)}


class Credentials:
    """What the simulated accounts are known by."""

    def __init__(self, options: Options) -> None:
        self._seed, self._options = options.seed.encode(), options
        self.sendgrid_key = f"SG.{_b64url(self._bytes('sendgrid', 16))}.{_b64url(self._bytes('sendgrid key', 32))}"
        self.account_sid = "AC" + self._bytes("twilio account", 16).hex()
        self.auth_token = self._bytes("twilio token", 16).hex()
        self.messaging_service = "MG" + self._bytes("twilio service", 16).hex()
        self.from_number = FROM_NUMBER
        self.project = PROJECT
        self.vapid_subject = "mailto:push@dangol.example"

    @cached_property
    def webhook_key(self) -> ec.EllipticCurvePrivateKey:
        """Signs SendGrid's webhooks. Raises UnusableKey if a file was given and cannot be used."""
        path = self._options.webhook_key
        if path is None:
            return self._p256("sendgrid webhooks")
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise UnusableKey(f"{path}: found no private key in PEM form without a password: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise UnusableKey(f"{path}: found another kind of key, expected an EC key on P-256")
        return key

    def webhook_public_key(self) -> str:
        """What SendGrid shows as the verification key: base64 of the DER form."""
        der = self.webhook_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    @cached_property
    def vapid_key(self) -> str:
        """A private key for an application server, as raw base64url, which is how web push libraries take it."""
        return _b64url(self._p256("vapid").private_numbers().private_value.to_bytes(32, "big"))

    @cached_property
    def google_key(self) -> rsa.RSAPrivateKey:
        """Signs assertions of the service account; from the given file if that holds one. Raises UnusableKey."""
        path = self._options.service_account
        if path is None or not path.exists():
            return rsa.generate_private_key(65537, 2048)
        try:
            key = serialization.load_pem_private_key(json.loads(path.read_text())["private_key"].encode(), None)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnusableKey(f"{path}: found no service account with a private key in it") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise UnusableKey(f"{path}: found another kind of key, expected an RSA key")
        return key

    def service_account(self, url: str) -> dict[str, str]:
        """A service account whose tokens come from this simulator."""
        pem = self.google_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self._bytes("google key", 20).hex(),
            "private_key": pem.decode(),
            "client_email": f"push@{self.project}.iam.gserviceaccount.com",
            "client_id": str(int.from_bytes(self._bytes("google client", 8), "big")),
            "auth_uri": f"{url}/auth",
            "token_uri": f"{url}/token",
            "universe_domain": "googleapis.com",
        }

    def subscription(self, name: str) -> Subscription:
        """The subscription behind ``/wp/<name>``."""
        return Subscription(self._p256(f"subscription {name}"), self._bytes(f"auth {name}", 16))

    def told(self, url: str) -> dict[str, object]:
        """Everything that a client needs."""
        return {
            "sendgrid": {"api_key": self.sendgrid_key, "url": url, "webhook_public_key": self.webhook_public_key()},
            "twilio": {
                "account_sid": self.account_sid,
                "auth_token": self.auth_token,
                "url": url,
                "from": self.from_number,
                "messaging_service_sid": self.messaging_service,
            },
            "fcm": {"url": url, "project": self.project, "service_account": self.service_account(url)},
            "webpush": {"private_key": self.vapid_key, "subject": self.vapid_subject},
        }

    def _p256(self, what: str) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(
            int.from_bytes(self._bytes(what, 40), "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1()
        )

    def _bytes(self, what: str, size: int) -> bytes:
        return blake2b(what.encode(), key=blake2b(self._seed, digest_size=32).digest(), digest_size=size).digest()


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
