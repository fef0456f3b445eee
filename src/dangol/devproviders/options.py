"""What the simulator is asked to do: how it starts, and how its carriers and the people behind them behave."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Provider = Literal["sendgrid", "twilio", "fcm", "webpush"]
PROVIDERS: tuple[Provider, ...] = ("sendgrid", "twilio", "fcm", "webpush")

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(value: Any) -> Any:
    """Seconds of ``50ms``, ``2s``, ``1m``, ``1h``; numbers are seconds. Raises ValueError for other texts."""
    if not isinstance(value, str):
        return value
    match = _LENGTH.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"found {value!r}, expected a length of time such as 50ms, 2s or 1m")
    return float(match[1]) * _UNITS[match[2] or "s"]


def share(value: Any) -> Any:
    """A share from 0 to 1 of ``5%`` or ``0.05``. Raises ValueError for other texts."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"found {value!r}, expected a share such as 5% or 0.05") from None


def per_second(value: Any) -> Any:
    """A rate a second of ``100/s`` or ``100``. Raises ValueError for other texts."""
    if not isinstance(value, str):
        return value
    try:
        return float(value.strip().removesuffix("/s"))
    except ValueError:
        raise ValueError(f"found {value!r}, expected a rate such as 100/s") from None


Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=86_400)]
Share = Annotated[float, BeforeValidator(share), Field(ge=0, le=1)]
Rate = Annotated[float, BeforeValidator(per_second), Field(gt=0)]


class Behaviour(BaseModel):
    """How a provider answers and what becomes of messages, where an address does not say otherwise.

    The shares of one group are drawn together, so a group may not exceed the whole: `TRANSPORT`, `EMAIL`, `PHONE`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: Seconds = Field(0.0, description="How long an answer takes.")
    jitter: Seconds = Field(0.0, description="At most this much is added to or taken from the latency.")
    rate_limit: Rate | None = Field(None, description="More than so many requests a second are answered with 429.")
    retry_after: Seconds = Field(1.0, description="What Retry-After says with 429 and 503, in whole seconds.")
    outage: bool = Field(False, description="Everything is answered with 503; nothing is accepted.")

    error_rate: Share = Field(0.0, description="Answered with an error; not accepted.")
    error_status: Literal[429, 500, 502, 503] = Field(500, description="The status of those errors.")
    hang_rate: Share = Field(0.0, description="Never answered; not accepted.")
    reset_before_rate: Share = Field(0.0, description="Connection reset; not accepted.")
    reset_after_body_rate: Share = Field(0.0, description="Accepted, then the connection is reset.")
    timeout_after_accept_rate: Share = Field(0.0, description="Accepted, and never answered.")
    error_after_accept_rate: Share = Field(0.0, description="Accepted, and answered with 500.")
    junk_rate: Share = Field(0.0, description="Accepted, and answered with a body that makes no sense.")
    cut_rate: Share = Field(0.0, description="Accepted; the connection breaks in the middle of the answer.")

    bounce_rate: Share = Field(0.0, description="Email: bounced for good.")
    blocked_rate: Share = Field(0.0, description="Email: turned away by the other server.")
    dropped_rate: Share = Field(0.0, description="Email: dropped by SendGrid.")
    deferred_rate: Share = Field(0.0, description="Email: deferred once, then delivered.")
    open_rate: Share = Field(0.0, description="Email: opened.")
    machine_open_rate: Share = Field(0.0, description="Email: opened by a machine.")
    click_rate: Share = Field(0.0, description="Email: opened and clicked.")
    spam_rate: Share = Field(0.0, description="Email: reported as spam.")
    unsubscribe_rate: Share = Field(0.0, description="Email: unsubscribed.")
    undelivered_rate: Share = Field(0.0, description="SMS: undelivered, code 30003.")
    stop_rate: Share = Field(0.0, description="SMS: delivered, and answered with STOP.")
    gone_rate: Share = Field(0.0, description="Push: the token or subscription is no more.")

    webhook_delay: Seconds = Field(0.0, description="Time before a message's first webhook event and between events.")
    webhook_duplicates: Share = Field(0.0, description="Webhook events that are sent twice.")
    webhook_shuffle: bool = Field(False, description="Webhook events are sent out of order.")

    def model_post_init(self, _context: Any) -> None:
        for group in (TRANSPORT, EMAIL, PHONE):
            total = sum(getattr(self, f"{name}_rate") for name in group)
            if total > 1.000001:
                names = ", ".join(f"{name}_rate" for name in group)
                raise ValueError(f"{names} add up to {total:.0%}; together they may be 100% at most")


TRANSPORT = (
    "error",
    "hang",
    "reset_before",
    "reset_after_body",
    "timeout_after_accept",
    "error_after_accept",
    "junk",
    "cut",
)
EMAIL = ("bounce", "blocked", "dropped", "deferred", "open", "machine_open", "click", "spam", "unsubscribe")
PHONE = ("undelivered", "stop")


class Options(BaseModel):
    """How the simulator starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    seed: str = Field("dangol", description="Decides keys, ids and every draw.")
    record: Path | None = Field(None, description="A file to which every accepted message is appended, as JSON lines.")
    webhooks_to: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#]+/?$",
        description="Where dangol's web process is, such as http://127.0.0.1:8000.",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="The URL that Twilio believes to call for inbound messages, and signs; webhooks_to by default.",
    )
    webhook_key: Path | None = Field(None, description="PEM file of the P-256 key that signs SendGrid's webhooks.")
    service_account: Path | None = Field(
        None, description="Google service-account JSON to take the key from; a new key otherwise."
    )
    twilio_opt_outs: bool = Field(True, description="Twilio remembers STOP and refuses later messages with 21610.")
    behaviour: Behaviour = Behaviour()
    special: dict[Provider, Behaviour] = Field(
        default_factory=dict, description="The behaviour of single providers, where it is not that of all."
    )
