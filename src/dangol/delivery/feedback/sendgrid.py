"""SendGrid's Event Webhook: whether SendGrid sent it, and what it says.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from dangol.delivery.feedback.machines import is_machine
from dangol.delivery.feedback.plain import (
    MOST_REFERENCE,
    Unreadable,
    code,
    fingerprint,
    instant,
    our_id,
    plain_url,
    read_json,
    text,
)
from dangol.delivery.feedback.verdict import Check
from dangol.errors import UsageError
from dangol.model.feedback import Arrivals, Feedback, FeedbackKind, Finding
from dangol.model.vocabulary import Channel

PROVIDER = "sendgrid"
MESSAGE_ID = "dangol_message_id"
"""The custom argument in which our message id travels."""
SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
CLOCKS_DIFFER = timedelta(minutes=10)
"""How far a signature may lie in the future: clocks are not the same everywhere."""
_LONGEST_HEADER = 512


class SendGridSignatures:
    """Checks requests against SendGrid's public keys, several while a key is changed: base64, separated by spaces.

    ``max_age`` is how old a signature may be. SendGrid tries again for a day and does not say whether it signs anew,
    so less than that may lose reports; a report that is played again within it is known and changes nothing.
    Raises UsageError, quoting no key, if one is none.
    """

    def __init__(self, public_keys: str, max_age: timedelta) -> None:
        self._keys = [_public_key(key) for key in public_keys.split()]
        if not self._keys:
            raise UsageError(f"DANGOL_SENDGRID_WEBHOOK_KEY is blank; {_EXPECTED}")
        self._max_age = max_age

    def check(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Check:
        """Whether one of the keys signed exactly these bytes, lately. ``headers`` have lower-case names.

        SendGrid's own helper takes the body as text; what was signed are bytes, so they are checked as they came.
        """
        signature, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
        if not signature or not timestamp:
            return Check.MISSING
        if len(signature) > _LONGEST_HEADER or len(timestamp) > _LONGEST_HEADER:
            return Check.FORGED
        try:
            der = b64decode(signature, validate=True)
            signed = timestamp.encode("ascii") + body
        except (binascii.Error, ValueError):
            return Check.FORGED
        if not any(_signed_by(key, der, signed) for key in self._keys):
            return Check.FORGED
        at = instant(timestamp)
        if at is None:
            return Check.FORGED
        return Check.GOOD if now - self._max_age <= at <= now + CLOCKS_DIFFER else Check.STALE


def parse(body: bytes) -> Arrivals:
    """The reports of a request. Raises Unreadable if it is no JSON list; what is no event in it is counted."""
    items = read_json(body)
    if not isinstance(items, list):
        raise Unreadable("expected a list of events")
    reports = [_report(item) for item in items if isinstance(item, dict) and isinstance(item.get("event"), str)]
    return Arrivals(tuple(reports), len(items) - len(reports))


def _report(item: Mapping[str, Any]) -> Feedback:
    kind = _KINDS.get(item["event"], FeedbackKind.OTHER)
    agent = item.get("useragent")
    touched = kind in _TOUCHES
    return Feedback(
        provider=PROVIDER,
        event_id=text(item.get("sg_event_id"), MOST_REFERENCE) or fingerprint(orjson.dumps(item)),
        kind=kind,
        channel=Channel.EMAIL,
        at=instant(item.get("timestamp")),
        message_id=our_id(item.get(MESSAGE_ID)),
        # the id that the API answered with stands before the first dot
        reference=text(item.get("sg_message_id"), MOST_REFERENCE).partition(".")[0],
        finding=_finding(kind, item),
        detail=_detail(kind, item),
        machine=touched and (item.get("sg_machine_open") is True or (isinstance(agent, str) and is_machine(agent))),
        url=plain_url(item["url"]) if kind is FeedbackKind.CLICKED and isinstance(item.get("url"), str) else "",
        address=text(item.get("email"), 320) if kind in _ABOUT_THE_ADDRESS else "",
    )


def _finding(kind: FeedbackKind, item: Mapping[str, Any]) -> Finding:
    match kind:
        case FeedbackKind.BOUNCED:
            return _bounce(item)
        case FeedbackKind.FAILED:
            return _drop(text(item.get("reason"), 200).lower())
        case FeedbackKind.COMPLAINED:
            return Finding.COMPLAINED
        case FeedbackKind.UNSUBSCRIBED:
            return Finding.OPTED_OUT
    return Finding.NONE


def _bounce(item: Mapping[str, Any]) -> Finding:
    """``type`` is `bounce` (refused for good) or `blocked` (refused this time). The class that SendGrid gives it comes
    first, because a message turned away for its contents says nothing about the address; ``status`` may be missing."""
    found, status = text(item.get("bounce_classification"), 64).lower(), text(item.get("status"), 16)
    if found in _TURNED_AWAY:
        return Finding.BLOCKED
    if found == "mailbox unavailable" or status.startswith("4."):
        return Finding.SOFT
    if found == "invalid address" or status.startswith("5.1."):
        return Finding.HARD
    if item.get("type") == "blocked":
        return Finding.BLOCKED
    return Finding.HARD if item.get("type") == "bounce" else Finding.SOFT


def _drop(reason: str) -> Finding:
    """SendGrid drops what goes to an address that it keeps on a list of its own; so we should know it too."""
    if reason == "invalid":
        return Finding.INVALID
    return next((finding for words, finding in _DROPPED.items() if words in reason), Finding.NONE)


def _detail(kind: FeedbackKind, item: Mapping[str, Any]) -> str:
    if kind is FeedbackKind.BOUNCED:
        return code(item.get("status")) or code(item.get("bounce_classification")) or code(item.get("type"))
    if kind is FeedbackKind.FAILED:
        # Only words of SendGrid's own list: a reason may quote the address.
        reason = text(item.get("reason"), 200).lower()
        return next((words for words in _REASONS if words in reason), "")
    return ""


def _public_key(key: str) -> ec.EllipticCurvePublicKey:
    try:
        loaded = load_der_public_key(b64decode(key, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        loaded = None
    if not isinstance(loaded, ec.EllipticCurvePublicKey):
        raise UsageError(f"DANGOL_SENDGRID_WEBHOOK_KEY is no public key; {_EXPECTED}")
    return loaded


def _signed_by(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


_EXPECTED = "expected the verification key that SendGrid shows under Settings, Mail Settings, Event Webhook"
_KINDS = {
    "processed": FeedbackKind.PROCESSED,
    "deferred": FeedbackKind.DEFERRED,
    "delivered": FeedbackKind.DELIVERED,
    "bounce": FeedbackKind.BOUNCED,
    "blocked": FeedbackKind.BOUNCED,
    "dropped": FeedbackKind.FAILED,
    "open": FeedbackKind.OPENED,
    "click": FeedbackKind.CLICKED,
    "spamreport": FeedbackKind.COMPLAINED,
    "unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "group_unsubscribe": FeedbackKind.UNSUBSCRIBED,
}
"""`group_resubscribe` is not among them: nobody agrees to anything here by what they do at SendGrid."""
_TOUCHES = frozenset({FeedbackKind.OPENED, FeedbackKind.CLICKED})
_ABOUT_THE_ADDRESS = frozenset(
    {
        FeedbackKind.DELIVERED,
        FeedbackKind.BOUNCED,
        FeedbackKind.FAILED,
        FeedbackKind.COMPLAINED,
        FeedbackKind.UNSUBSCRIBED,
    }
)
_TURNED_AWAY = frozenset({"content", "reputation", "frequency or volume too high", "frequency/volume"})
_DROPPED = {
    "bounced address": Finding.HARD,
    "spam reporting address": Finding.COMPLAINED,
    "unsubscribed address": Finding.OPTED_OUT,
}
_REASONS = (
    *("bounced address", "spam reporting address", "unsubscribed address", "invalid smtpapi header", "invalid"),
    *("spam content", "recipient list over package quota"),
)
