"""Signatures of webhooks, as SendGrid and Twilio make them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def sendgrid_signature(key: ec.EllipticCurvePrivateKey, timestamp: str, body: bytes) -> str:
    """ECDSA on P-256 with SHA-256 over time stamp and raw body, DER form in base64."""
    return base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()


def twilio_signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """HMAC-SHA1 over the URL and, sorted by name, each parameter's name and value, in base64."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
