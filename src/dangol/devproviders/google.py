"""Google: ``POST /token`` takes signed assertions, ``POST /v1/projects/<p>/messages:send`` takes push messages."""

from __future__ import annotations

import base64
import re
import time
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from dangol.devproviders.carrier import Carrier
from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.http import Reply, Request, answer_json
from dangol.devproviders.record import Record
from dangol.devproviders.words import Act

TOKEN_LIFETIME = 3600
MAX_PAYLOAD = 4096
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SEND = re.compile(r"/v1/projects/([^/]+)/messages:send")
_TARGETS = ("token", "topic", "condition")
_FIELDS = frozenset(
    ("name", "data", "notification", "android", "webpush", "apns", "fcm_options", "fcmOptions", *_TARGETS)
)
_RESERVED = re.compile(r"from|message_type|google.*|gcm\..*")
_ERROR_TYPE = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_REQUEST_TYPE = "type.googleapis.com/google.rpc.BadRequest"
# status of Google's API, FCM's own code, message: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
_ERRORS = {
    400: ("INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"),
    401: ("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", "Auth error from APNS or Web Push Service"),
    403: ("PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch"),
    404: ("NOT_FOUND", "UNREGISTERED", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded for messages sent to this device."),
    500: ("INTERNAL", "INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."),
}
_NAMES = {"gone": 404, "missing": 404, "invalid": 400, "mismatch": 403, "413": 400, "502": 503}


class Google(Carrier):
    """FCM and the token endpoint that its callers need."""

    provider = "fcm"
    success = 200

    def __init__(self, decider: Decider, record: Record, credentials: Credentials, seed: str) -> None:
        super().__init__(decider, record, credentials, seed)
        self._tokens: dict[bytes, float] = {}

    def token(self, request: Request) -> Reply:
        """``POST /token``: a bearer token for an assertion that the service account signed."""
        form = parse_qs(request.body.decode("ascii", "replace"))
        if form.get("grant_type") != [_GRANT]:
            return Reply(_oauth("unsupported_grant_type", f"Invalid grant_type: expected {_GRANT}"))
        wrong = self._mistake_of((form.get("assertion") or [""])[0])
        if wrong:
            return Reply(_oauth("invalid_grant", wrong))
        token = "ya29.c." + base64.urlsafe_b64encode(self.unique() + self.unique()).decode().rstrip("=")
        self._tokens[b"Bearer " + token.encode()] = time.time() + TOKEN_LIFETIME
        told = {"access_token": token, "expires_in": TOKEN_LIFETIME - 1, "token_type": "Bearer"}
        return Reply(answer_json(200, told, server="scaffolding on HTTPServer2"))

    def _mistake_of(self, assertion: str) -> str:
        try:
            signed, _, signature = assertion.rpartition(".")
            header, claims = (orjson.loads(_b64(part)) for part in signed.split("."))
            self.credentials.google_key.public_key().verify(
                _b64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            issued, expires = float(claims["iat"]), float(claims["exp"])
        except InvalidSignature:
            return "Invalid JWT Signature."
        except (ValueError, KeyError, TypeError):
            return "Invalid JWT: Failed audience check or malformed."
        now = time.time()
        if header.get("alg") != "RS256":
            return "Invalid JWT: expected algorithm RS256."
        if not str(claims.get("aud", "")).endswith("/token"):
            return "Invalid JWT: Failed audience check."
        if expires < now or issued > now + 300 or expires - issued > 3660:
            return (
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your "
                "iat and exp values in the JWT claim."
            )
        return ""

    def send(self, request: Request) -> Reply:
        """``POST /v1/projects/<p>/messages:send``."""
        match = _SEND.fullmatch(request.path.decode("ascii", "replace"))
        if match is None or request.method != b"POST":
            return self.refused(_error(404, "NOT_FOUND", "Requested entity was not found."), 404)
        if self._tokens.get(request.headers.get(b"authorization", b""), 0.0) < time.time():
            message = (
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
            )
            return self.refused(_error(401, "UNAUTHENTICATED", message), 401)
        project = match[1]
        if project != self.credentials.project:
            message = f"Permission 'cloudmessaging.messages.create' denied on resource 'projects/{project}'."
            return self.refused(_error(403, "PERMISSION_DENIED", message), 403)
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return self.refused(_error(400, "INVALID_ARGUMENT", "Invalid JSON payload received."), 400)
        found = _mistakes(body)
        if found:
            return self.refused(_invalid(found), 400)
        return self._take(project, body["message"], dry=body.get("validate_only") is True)

    def _take(self, project: str, message: dict[str, Any], *, dry: bool) -> Reply:
        target = next(message[name] for name in _TARGETS if name in message)
        act = self.decider.decide("fcm", target)
        if act.refusal:
            return self._refuse(act)
        broken = self.broken(act)
        if broken is not None:
            return broken
        name = f"projects/{project}/messages/0:{int.from_bytes(self.unique()[:8], 'big')}%{self.unique()[:8].hex()}"
        if not dry:
            data = message.get("data") or {}
            message_id = data.get("dangol_message_id") or data.get("id") or ""
            self.record.accept("fcm", message_id, target, name, self.heard(act))
        return self.accepted(act, answer_json(200, {"name": name}, server="ESF"))

    def _refuse(self, act: Act) -> Reply:
        status = _NAMES.get(act.refusal) or (int(act.refusal) if act.refusal.isdigit() else 400)
        wait = self.decider.retry_after("fcm", act)
        headers = {"Retry-After": str(wait)} if status in (429, 503) else {}
        return self.refused(_failure(status, headers), status, act.delay)

    def server_error(self) -> bytes:
        return _failure(500, {})


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _mistakes(body: Any) -> list[tuple[str, str]]:
    """Field and description of each mistake."""
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, dict):
        return [("message", "Message must be set and be an object")]
    found = [(f"message.{name}", f"Cannot find field: {name}") for name in sorted(message.keys() - _FIELDS)]
    targets = [name for name in _TARGETS if name in message]
    if len(targets) != 1 or not isinstance(message[targets[0]], str) or not message[targets[0]]:
        found.append(
            ("message", "Recipient of the message is not set, or there is more than one: token, topic or condition")
        )
    data = message.get("data") or {}
    if not isinstance(data, dict):
        return [*found, ("message.data", "Expected a map of strings")]
    for name, value in data.items():
        if not isinstance(value, str):
            found.append((f"message.data[{name}]", f"Invalid value at 'message.data[{name}].value' (TYPE_STRING)"))
        if _RESERVED.fullmatch(name):
            found.append((f"message.data[{name}]", f"Invalid data payload key: {name}"))
    payload = orjson.dumps([data, message.get("notification") or {}])
    if len(payload) > MAX_PAYLOAD + 5:  # the brackets around both are ours
        found.append(("message", f"Message too big: at most {MAX_PAYLOAD} bytes"))
    return found


def _error(
    status: int, name: str, message: str, details: list[Any] | None = None, headers: dict[str, str] | None = None
) -> bytes:
    told: dict[str, Any] = {"code": status, "message": message, "status": name}
    return answer_json(status, {"error": told | ({"details": details} if details else {})}, headers, "ESF")


def _failure(status: int, headers: dict[str, str]) -> bytes:
    name, code, message = _ERRORS[status]
    return _error(status, name, message, [{"@type": _ERROR_TYPE, "errorCode": code}], headers)


def _invalid(found: list[tuple[str, str]]) -> bytes:
    violations = [{"field": field, "description": text} for field, text in found]
    details = [
        {"@type": _ERROR_TYPE, "errorCode": "INVALID_ARGUMENT"},
        {"@type": _REQUEST_TYPE, "fieldViolations": violations},
    ]
    return _error(400, "INVALID_ARGUMENT", "; ".join(text for _, text in found), details)


def _oauth(error: str, description: str) -> bytes:
    return answer_json(400, {"error": error, "error_description": description}, server="scaffolding on HTTPServer2")
