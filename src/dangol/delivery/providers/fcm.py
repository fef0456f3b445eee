"""Firebase Cloud Messaging: one request a push, many at once; what its answers mean is in docs/providers.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from dangol.clock import Clock
from dangol.delivery.http.messages import Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.patience import asked
from dangol.delivery.providers.carrying import carry
from dangol.delivery.providers.fcm_message import body_of
from dangol.delivery.providers.google_token import AccessToken
from dangol.delivery.providers.push import is_subscription
from dangol.delivery.providers.setup import Setup, carrier_url, lacking
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause

_MINUTE = timedelta(minutes=1)
_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_CODE = re.compile(r"[A-Z_]{1,40}")
_FIELD = re.compile(r"[a-z0-9_.\[\]']{1,80}", re.IGNORECASE)
_DEAD = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
_LONGEST_REFERENCE = 200


def fcm(setup: Setup) -> Fcm:
    """The FCM provider of these settings."""
    settings = setup.settings
    lacking("fcm", {"DANGOL_FCM_CREDENTIALS": settings.fcm_credentials is not None})
    assert settings.fcm_credentials is not None
    account = _account(settings.fcm_credentials)
    try:
        token = AccessToken(account, clock=setup.clock, transport=setup.transport)
    except ValueError as error:
        raise UsageError(
            f"DANGOL_FCM_CREDENTIALS: {settings.fcm_credentials} is no key of a service account"
        ) from error
    return Fcm(
        carrier_url("fcm_url", settings.fcm_url),
        str(account["project_id"]),
        token,
        clock=setup.clock,
        transport=setup.transport,
        patience=setup.patience,
    )


class Fcm:
    """Hands push messages to apps through FCM, which reaches Android, and iOS through Apple.

    What has not begun within ``patience`` is refused for now.
    """

    name = "fcm"
    channels = frozenset({Channel.PUSH})

    def __init__(
        self,
        url: str,
        project: str,
        token: AccessToken,
        *,
        clock: Clock,
        transport: Transport,
        patience: timedelta = timedelta(minutes=5),
    ) -> None:
        self._url = f"{url}/v1/projects/{project}/messages:send"
        self._token = token
        self._clock = clock
        self._transport = transport
        self._patience = patience

    def takes(self, envelope: Envelope) -> bool:
        return not is_subscription(envelope.to)

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        if not batch:
            return []
        token = self._token.get()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return carry(
            "FCM",
            self._transport,
            batch,
            write=partial(self._request, headers=headers),
            meaning=partial(self._meaning, token=token),
            patience=self._patience,
        )

    def close(self) -> None:
        """The connections are the transport's."""

    def _request(self, envelope: Envelope, *, headers: Mapping[str, str]) -> Request:
        return Request(self._url, body_of(envelope, self._clock.now()), headers, not_after=envelope.not_after)

    def _meaning(self, reply: Reply, *, token: str) -> Outcome:
        if reply.status == 200:
            name = _told(reply).get("name")
            # Taken is taken; without a name that makes sense only FCM's own id is not known.
            return Accepted(name[:_LONGEST_REFERENCE] if isinstance(name, str) else "")
        if reply.status == 401:
            self._token.drop(token)
        return self._refusal(reply) or Unknown(f"FCM answered {reply.status}")

    def _refusal(self, reply: Reply) -> Refused | None:
        """What a reply refuses; None if it does not say that the push was not taken."""
        status, code = reply.status, _code(reply)
        detail = f"FCM refused: {status} {code}".rstrip()
        if status == 429 or (status == 503 and code == "UNAVAILABLE"):
            pause = asked(reply.headers.get("retry-after", ""), self._clock.now())
            return Refused(False, f"FCM is busy: {status}", retry_after=pause or _MINUTE)
        if code in _DEAD:
            return Refused(True, detail, cause=RefusalCause.DEAD_TOKEN)
        if status == 400:
            return _about_request(reply, detail)
        if status in {401, 403, 404}:
            # The key, its rights, the project, Apple's certificate: nothing about this message.
            return Refused(False, detail, cause=RefusalCause.ACCOUNT)
        if 400 <= status < 500:
            return Refused(True, detail)
        return None


def _about_request(reply: Reply, detail: str) -> Refused:
    """A 400 about a field of the message, or else, which FCM says by naming no field, about the token."""
    field = _field(reply)
    told = f"{detail} ({field})" if field else detail
    dead = field in {"", "message.token"} and bool(_details(reply))
    return Refused(True, told, cause=RefusalCause.DEAD_TOKEN if dead else RefusalCause.CONTENT)


def _account(path: Path) -> dict[str, Any]:
    """The key file of a service account. Raises UsageError."""
    told = "DANGOL_FCM_CREDENTIALS"
    try:
        account = orjson.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{told}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{told}: {path} is no JSON; expected the key file of a service account") from error
    wanted = ("project_id", "client_email", "private_key", "token_uri")
    absent = [name for name in wanted if not isinstance(account, dict) or not isinstance(account.get(name), str)]
    if absent:
        raise UsageError(f"{told}: {path} has no {', '.join(absent)}; expected the key file of a service account")
    carrier_url("fcm_credentials (token_uri)", account["token_uri"])
    return dict(account)


def _code(reply: Reply) -> str:
    """FCM's own error code, else Google's status; its words may quote a token."""
    codes = [detail.get("errorCode") for detail in _details(reply) if detail.get("@type") == _ERROR]
    error = _told(reply).get("error")
    status = error.get("status") if isinstance(error, dict) else None
    code = next((code for code in (*codes, status) if isinstance(code, str) and _CODE.fullmatch(code)), "")
    return code if code != "NOT_FOUND" else ""


def _field(reply: Reply) -> str:
    """The first field that FCM found fault with, empty if it names none."""
    for detail in _details(reply):
        violations = detail.get("fieldViolations") if detail.get("@type") == _BAD_REQUEST else None
        for violation in violations if isinstance(violations, list) else ():
            field = violation.get("field") if isinstance(violation, dict) else None
            if isinstance(field, str) and _FIELD.fullmatch(field):
                return field
    return ""


def _details(reply: Reply) -> list[dict[str, Any]]:
    error = _told(reply).get("error")
    details = error.get("details") if isinstance(error, dict) else None
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _told(reply: Reply) -> dict[str, Any]:
    try:
        told = orjson.loads(reply.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
