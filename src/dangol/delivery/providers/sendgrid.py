"""SendGrid: one request an email, many at once; what its answers mean is in docs/providers.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from pydantic import SecretStr

from dangol.clock import Clock
from dangol.delivery.http.messages import Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.patience import asked, asked_until
from dangol.delivery.providers.carrying import carry
from dangol.delivery.providers.sendgrid_mail import body_of
from dangol.delivery.providers.setup import Setup, carrier_url, lacking
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause

_MINUTE = timedelta(minutes=1)
_FOR_GOOD = frozenset({400, 413})
_RECIPIENT = "personalizations.0.to.0.email"
_FIELD = re.compile(r"(?!null$)[a-z0-9_.]{1,80}")
_LONGEST_REFERENCE = 200


def sendgrid(setup: Setup) -> SendGrid:
    """The SendGrid provider of these settings."""
    settings = setup.settings
    api_key = settings.sendgrid_api_key or SecretStr("")
    lacking("sendgrid", {"DANGOL_SENDGRID_API_KEY": bool(api_key.get_secret_value())})
    return SendGrid(
        carrier_url("sendgrid_url", settings.sendgrid_url),
        api_key,
        clock=setup.clock,
        transport=setup.transport,
        tracking=settings.sendgrid_tracking,
        sandbox=settings.sendgrid_sandbox,
        patience=setup.patience,
    )


class SendGrid:
    """Hands email to SendGrid.

    With ``tracking`` SendGrid may rewrite links and add a pixel. In the ``sandbox`` it checks messages and delivers
    none. What has not begun within ``patience`` is refused for now.
    """

    name = "sendgrid"
    channels = frozenset({Channel.EMAIL})

    def __init__(
        self,
        url: str,
        api_key: SecretStr,
        *,
        clock: Clock,
        transport: Transport,
        tracking: bool = False,
        sandbox: bool = False,
        patience: timedelta = timedelta(minutes=5),
    ) -> None:
        self._url = f"{url}/v3/mail/send"
        self._headers = {
            "Authorization": f"Bearer {api_key.get_secret_value()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        self._clock = clock
        self._transport = transport
        self._sandbox = sandbox
        self._body = partial(body_of, tracking=tracking, sandbox=sandbox)
        self._patience = patience

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return carry(
            "SendGrid", self._transport, batch, write=self._request, meaning=self._meaning, patience=self._patience
        )

    def close(self) -> None:
        """The connections are the transport's."""

    def _request(self, envelope: Envelope) -> Request:
        return Request(self._url, self._body(envelope), self._headers, not_after=envelope.not_after)

    def _meaning(self, reply: Reply) -> Outcome:
        if reply.status == 202 or (reply.status == 200 and self._sandbox):
            return Accepted(reply.headers.get("x-message-id", "")[:_LONGEST_REFERENCE])
        return refusal(reply, self._clock.now()) or Unknown(f"SendGrid answered {reply.status}")


def refusal(reply: Reply, now: datetime) -> Refused | None:
    """What a reply refuses; None if it does not say that the message was not taken."""
    status = reply.status
    detail = f"SendGrid refused: {status}"
    if status == 429:
        pause = asked(reply.headers.get("retry-after", ""), now)
        until_reset = asked_until(reply.headers.get("x-ratelimit-reset", ""), now)
        return Refused(False, "SendGrid is busy: 429", retry_after=pause or until_reset or _MINUTE)
    if status in _FOR_GOOD:
        field = _field(reply)
        told = f"{detail} ({field})" if field else detail
        if field.startswith("from"):
            return Refused(False, told, cause=RefusalCause.ACCOUNT)
        dead = field == _RECIPIENT
        return Refused(True, told, cause=RefusalCause.DEAD_ADDRESS if dead else RefusalCause.CONTENT)
    if status == 408:
        return Refused(False, detail)
    if 400 <= status < 500:
        # The key, its rights, the sender, the address of the service: nothing about this message.
        return Refused(False, detail, cause=RefusalCause.ACCOUNT)
    return None


def _field(reply: Reply) -> str:
    """The part of the body that SendGrid found fault with, empty if it does not say; its words may quote an address."""
    try:
        told: Any = orjson.loads(reply.body)
        field = told["errors"][0]["field"]
    except (ValueError, LookupError, TypeError):
        return ""
    return field if isinstance(field, str) and _FIELD.fullmatch(field) else ""
