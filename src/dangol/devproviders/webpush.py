"""A push service for browsers: ``POST /wp/<id>`` as RFC 8030 has it, with VAPID (RFC 8292) and aes128gcm (RFC 8291)."""

from __future__ import annotations

import base64
import re
import time
from functools import lru_cache

import http_ece
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from dangol.devproviders.carrier import Carrier
from dangol.devproviders.http import Reply, Request, answer, answer_json
from dangol.devproviders.words import Act

ROOT = "/wp/"
MAX_BODY = 4096
_VAPID = re.compile(r"vapid\s+t=([\w.-]+)\s*,\s*k=([\w-]+)|vapid\s+k=([\w-]+)\s*,\s*t=([\w.-]+)", re.IGNORECASE)
_LONGEST = 24 * 3600
_STATUSES = {"gone": 410, "missing": 404, "invalid": 400, "mismatch": 403, "404": 404}
_WORDS = {
    400: "the request is not what RFC 8030 asks for",
    401: "VAPID is needed",
    403: "the VAPID key is not the one that the subscription was made with",
    404: "there is no such subscription",
    410: "the subscription is no more",
    413: "the payload is too large",
    429: "too many requests",
    500: "something went wrong here",
    502: "something went wrong behind here",
    503: "the service is not available",
}


class WebPush(Carrier):
    """Takes pushes, and reads them: the simulator keeps the browsers' keys."""

    provider = "webpush"
    success = 201

    def send(self, request: Request) -> Reply:
        """``POST /wp/<id>``."""
        name = request.path.decode("ascii", "replace").removeprefix(ROOT)
        wrong = _mistake(request)
        if wrong is not None:
            status, text = wrong
            return self.refused(_problem(status, text), status)
        act = self.decider.decide("webpush", name)
        if act.refusal:
            return self._refuse(act)
        try:
            message_id = self._message_id(name, request.body)
        except (ValueError, http_ece.ECEException):
            return self.refused(_problem(400, "the payload was not encrypted for this subscription"), 400)
        broken = self.broken(act)
        if broken is not None:
            return broken
        made = self.unique().hex()
        self.record.accept("webpush", message_id, name, made, self.heard(act))
        headers = {"Location": f"/wp-message/{made}", "TTL": request.headers[b"ttl"].decode()}
        return self.accepted(act, answer(201, b"", headers))

    def _message_id(self, name: str, body: bytes) -> str:
        """The id in the payload. Raises ValueError or ECEException for what no browser could read."""
        if not body:
            return ""
        subscription = self.credentials.subscription(name)
        text = http_ece.decrypt(
            body, private_key=subscription.private, auth_secret=subscription.auth, version="aes128gcm"
        )
        try:
            told = orjson.loads(text)
        except orjson.JSONDecodeError:
            return ""
        data = told.get("data") if isinstance(told, dict) else None
        for place in (data, told):
            if isinstance(place, dict):
                found = place.get("dangol_message_id") or place.get("id")
                if isinstance(found, str):
                    return found
        return ""

    def _refuse(self, act: Act) -> Reply:
        status = _STATUSES.get(act.refusal) or (int(act.refusal) if act.refusal.isdigit() else 400)
        wait = self.decider.retry_after("webpush", act)
        headers = {"Retry-After": str(wait)} if status in (429, 503) else None
        return self.refused(_problem(status, _WORDS[status], headers), status, act.delay)

    def server_error(self) -> bytes:
        return _problem(500, _WORDS[500])


def _mistake(request: Request) -> tuple[int, str] | None:
    headers = request.headers
    if request.method != b"POST":
        return 400, "expected POST"
    if not headers.get(b"ttl", b"").isdigit():
        return 400, "the TTL header is missing or no number of seconds"
    if len(request.body) > MAX_BODY:
        return 413, f"found {len(request.body)} bytes, expected at most {MAX_BODY}"
    if request.body and headers.get(b"content-encoding") != b"aes128gcm":
        return 400, "expected Content-Encoding: aes128gcm"
    if headers.get(b"urgency", b"normal") not in (b"very-low", b"low", b"normal", b"high"):
        return 400, "found another Urgency than very-low, low, normal or high"
    if not re.fullmatch(rb"[\w-]{1,32}", headers.get(b"topic", b"t")):
        return 400, "a Topic has at most 32 characters of the URL-safe base64 alphabet"
    match = _VAPID.fullmatch(headers.get(b"authorization", b"").decode("ascii", "replace").strip())
    if match is None:
        return 401, "expected Authorization: vapid t=…, k=…"
    origin = f"http://{headers.get(b'host', b'').decode('ascii', 'replace')}"
    wrong = _vapid_mistake(match[1] or match[4], match[2] or match[3], origin, int(time.time()) // 60)
    return None if not wrong else (403, wrong)


@lru_cache(maxsize=1024)
def _vapid_mistake(token: str, key: str, origin: str, minute: int) -> str:
    """What is wrong with a VAPID token; senders use one for many messages, so this is kept for a minute."""
    try:
        signed, _, signature = token.rpartition(".")
        header, claims = (orjson.loads(_b64(part)) for part in signed.split("."))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _b64(key))
        raw = _b64(signature)
        numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public.verify(encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256()))
        expires = int(claims["exp"])
    except InvalidSignature:
        return "the VAPID signature does not verify"
    except (ValueError, KeyError, TypeError):
        return "the VAPID token cannot be read"
    if header.get("alg") != "ES256":
        return "the VAPID token must use ES256"
    if str(claims.get("aud", "")).rstrip("/").partition("://")[2] != origin.partition("://")[2]:
        return f"the VAPID audience must be {origin}"
    if not minute * 60 < expires <= (minute + 1) * 60 + _LONGEST:
        return "the VAPID token has expired, or lasts longer than a day"
    return ""


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _problem(status: int, text: str, headers: dict[str, str] | None = None) -> bytes:
    return answer_json(
        status, {"code": status, "message": text, "more_info": "https://www.rfc-editor.org/rfc/rfc8030"}, headers
    )
