"""Google's access tokens for a service account, got over the transport that messages go out by."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import google.auth.transport
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2.service_account import Credentials

from dangol.clock import Clock
from dangol.delivery.http.messages import Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import NothingSent

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_AHEAD = timedelta(minutes=5)
"""A token is replaced so long before it ends, so that none ends on its way."""


class AccessToken:
    """The token of one service account, shared by all threads and got anew before it ends.

    ``told`` is what the account's key file holds. Raises ValueError if it is none.
    """

    def __init__(self, told: Mapping[str, Any], *, clock: Clock, transport: Transport) -> None:
        self._credentials = Credentials.from_service_account_info(told, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        self._clock = clock
        self._ask = _Ask(transport)
        self._lock = threading.Lock()
        self._token = ""
        self._until = datetime.min.replace(tzinfo=UTC)

    def get(self) -> str:
        """A token that holds for a while. Raises NothingSent if Google gives none."""
        with self._lock:
            if self._clock.now() >= self._until:
                self._renew()
            return self._token

    def drop(self, token: str) -> None:
        """Google does not take this token any more."""
        with self._lock:
            if token == self._token:
                self._until = datetime.min.replace(tzinfo=UTC)

    def _renew(self) -> None:
        try:
            self._credentials.refresh(self._ask)
        except GoogleAuthError as error:
            # What Google says may quote the account; which kind of error it was says enough.
            raise NothingSent(
                f"Google gives no token ({type(error).__name__}): check DANGOL_FCM_CREDENTIALS"
            ) from error
        self._token = str(self._credentials.token)
        ends: datetime = self._credentials.expiry.replace(tzinfo=UTC)
        # How long it holds is said by the machine's clock; when that is over, by ours.
        self._until = self._clock.now() + max(ends - datetime.now(UTC) - _AHEAD, timedelta())


@dataclass(frozen=True, slots=True)
class _Response(google.auth.transport.Response):
    status: int
    headers: Mapping[str, str]
    data: bytes


class _Ask(google.auth.transport.Request):
    """How google-auth makes its requests: over our transport, with its time-outs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _Response:
        content = body.encode() if isinstance(body, str) else body or b""
        (answer,) = self._transport.exchange([Request(url, content, headers or {}, method)])
        if isinstance(answer, Reply):
            return _Response(answer.status, answer.headers, answer.body)
        raise TransportError(answer.reason)  # type: ignore[no-untyped-call]
