"""What happens to messages after they were accepted, as SendGrid and Twilio tell it."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Mail:
    """One recipient's email on its way; ``number`` is its number in the record."""

    number: int
    address: str
    custom_args: dict[str, str]
    categories: Sequence[str]
    reference: str
    fate: str
    link: str


@dataclass(slots=True)
class Text:
    """One SMS on its way."""

    sid: str
    to: str
    sender: str
    account: str
    service: str
    callback: str
    fate: str
    status: str
    body: str
    created: float
    error: int | None = None


MAIL_LIVES: dict[str, tuple[str, ...]] = {
    "": ("processed", "delivered"),
    "bounce": ("processed", "bounce"),
    "blocked": ("processed", "blocked"),
    "dropped": ("dropped",),
    "deferred": ("processed", "deferred", "delivered"),
    "open": ("processed", "delivered", "open"),
    "machine_open": ("processed", "delivered", "machine_open"),
    "click": ("processed", "delivered", "open", "click"),
    "spam": ("processed", "delivered", "spamreport"),
    "unsubscribe": ("processed", "delivered", "unsubscribe"),
    "silent": (),
}
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_PROXY = "Mozilla/5.0"
_DETAILS: dict[str, dict[str, Any]] = {
    "processed": {"event": "processed"},
    "delivered": {"event": "delivered", "response": "250 2.0.0 OK"},
    "deferred": {"event": "deferred", "response": "451 4.7.1 Please try again later", "attempt": "1"},
    "bounce": {
        "event": "bounce",
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "bounce_classification": "Invalid Address",
    },
    "blocked": {
        "event": "bounce",
        "type": "blocked",
        "reason": "554 Message refused by the recipient's server",
        "bounce_classification": "Reputation",
    },
    "dropped": {"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"},
    "open": {"event": "open", "useragent": _BROWSER, "ip": "192.0.2.1", "sg_machine_open": False},
    "machine_open": {"event": "open", "useragent": _PROXY, "ip": "192.0.2.2", "sg_machine_open": True},
    "click": {"event": "click", "useragent": _BROWSER, "ip": "192.0.2.1", "url_offset": {"index": 0, "type": "html"}},
    "spamreport": {"event": "spamreport"},
    "unsubscribe": {"event": "unsubscribe"},
}


def mail_event(mail: Mail, name: str) -> dict[str, Any]:
    """One event of SendGrid's webhook. Told twice, it has the same ``sg_event_id``."""
    told: dict[str, Any] = {
        "email": mail.address,
        "timestamp": int(time.time()),
        "smtp-id": f"<{mail.reference}@geopod-ismtpd-1>",
        **_DETAILS[name],
        "sg_event_id": base64.urlsafe_b64encode(f"{name}-{mail.number}-{mail.reference}".encode()).decode().rstrip("="),
        "sg_message_id": f"{mail.reference}.filterdrecv-1-{mail.number}-0",
    }
    if mail.categories:
        told["category"] = list(mail.categories)
    if name == "click":
        told["url"] = mail.link
    return mail.custom_args | told if mail.custom_args else told


TEXT_LIVES: dict[str, tuple[str, ...]] = {
    "": ("sent", "delivered"),
    "30008": ("sent", "failed"),
    "silent": (),
    "late-sent": ("delivered", "sent"),
}
"""Statuses after the initial one, of which Twilio tells nothing. Other codes end in ``undelivered``."""


def text_life(fate: str) -> tuple[str, ...]:
    life = TEXT_LIVES.get(fate)
    if life is not None:
        return life
    return ("sent", "undelivered") if fate.isdigit() else ("sent", "delivered")


def text_event(text: Text, status: str) -> dict[str, str]:
    """The form of one status callback."""
    told = {
        "AccountSid": text.account,
        "ApiVersion": "2010-04-01",
        "From": text.sender,
        "MessageSid": text.sid,
        "MessageStatus": status,
        "SmsSid": text.sid,
        "SmsStatus": status,
        "To": text.to,
    }
    if text.service:
        told["MessagingServiceSid"] = text.service
    if status in ("undelivered", "failed"):
        told["ErrorCode"] = text.fate
    return told
