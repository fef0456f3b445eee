"""Twilio's webhooks: whether Twilio sent them, what became of a text message, and what somebody answered to one.

https://www.twilio.com/docs/usage/webhooks/webhooks-security and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from twilio.request_validator import RequestValidator, get_signature_algorithm

from dangol.delivery.feedback.plain import MOST_REFERENCE, Unreadable, code, our_id, read_json, text
from dangol.delivery.feedback.verdict import Check
from dangol.delivery.twilio_codes import finding
from dangol.model.feedback import Arrivals, Feedback, FeedbackKind, Finding
from dangol.model.vocabulary import Channel

PROVIDER = "twilio"
MESSAGE_ID = "message"
"""The parameter of the status callback's URL in which our message id travels."""
SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
_MOST_FIELDS = 500
_LONGEST_HEADER = 512
_JSON = "application/json"


class Fields(dict[str, list[str]]):
    """What a request says, each name with its values. All of them are signed, also those that we do not know."""

    def getlist(self, name: str) -> list[str]:
        """As the validator asks for them."""
        return self[name]

    def last(self, *names: str) -> str:
        """The last value under the first of these names that there is."""
        return next((self[name][-1] for name in names if self.get(name)), "")


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text message that came in. ``opt_out`` is STOP, START or HELP where Twilio itself took it for that, and
    answered it."""

    sender: str
    text: str
    message_id: str
    opt_out: str


class TwilioSignatures:
    """Checks requests with Twilio's own validator.

    ``auth_token`` signs by default; ``shared_keys`` where a webhook rule says so, several while one is changed. A
    request is checked against the URL that Twilio knows, which behind a proxy is not the one that we are asked by.
    """

    def __init__(self, auth_token: str, shared_keys: Sequence[str] = ()) -> None:
        self._by_token = [RequestValidator(auth_token)] if auth_token else []
        self._by_key = [RequestValidator(key) for key in shared_keys]

    def check(self, url: str, body: bytes, headers: Mapping[str, str]) -> Check:
        """Whether Twilio signed this request to this public ``url``. ``headers`` have lower-case names.

        A JSON body is covered by a hash in the URL and by nothing else, so without it nobody vouches for it.
        """
        signature, settings = headers.get(SIGNATURE, ""), headers.get(SETTINGS, "")
        if not signature:
            return Check.MISSING
        if len(signature) > _LONGEST_HEADER or len(settings) > _LONGEST_HEADER:
            return Check.FORGED
        in_json = is_json(headers)
        if in_json and "bodySHA256" not in parse_qs(urlsplit(url).query):
            return Check.FORGED
        validators = self._by_key if settings else self._by_token
        try:
            # the validator wants a JSON body as text, and fails in many ways on what is not as it expects
            said: object = body.decode() if in_json else read_form(body)
            algorithm = get_signature_algorithm(settings)
            good = [one.validate(url, said, signature, algorithm) for one in validators]
        except Exception:
            return Check.FORGED
        return Check.GOOD if any(good) else Check.FORGED


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether a request says that its body is JSON; else it is a form."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == _JSON


def read_form(body: bytes) -> Fields:
    """The fields of a form, empty ones too, because they are signed. Raises Unreadable."""
    fields = Fields()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Unreadable(f"expected a form in UTF-8 with at most {_MOST_FIELDS} fields") from None
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def read_fields(body: bytes, headers: Mapping[str, str]) -> Fields:
    """The fields of either kind of body. Raises Unreadable."""
    if not is_json(headers):
        return read_form(body)
    found = read_json(body)
    if not isinstance(found, dict):
        raise Unreadable("expected a JSON object")
    return Fields({name: [str(value)] for name, value in found.items() if isinstance(value, str | int)})


def parse_status(fields: Fields, url: str) -> Arrivals:
    """The report of a status callback: one, or none that can be understood."""
    sid = text(fields.last("MessageSid", "SmsSid"), MOST_REFERENCE)
    status = text(fields.last("MessageStatus", "SmsStatus"), 32).lower()
    if not sid or not status:
        return Arrivals((), 1)
    named = parse_qs(urlsplit(url).query).get(MESSAGE_ID, [""])[-1]
    error, to = code(fields.last("ErrorCode")), text(fields.last("To"), 64)
    return Arrivals((_report(sid, status, error, to, our_id(named)),))


def parse_listed(listed: Mapping[str, Any]) -> Feedback | None:
    """What a message's resource tells, as Twilio lists it; None if that makes no sense. Our id is not in it."""
    sid, status = text(listed.get("sid"), MOST_REFERENCE), text(listed.get("status"), 32).lower()
    if not sid or not status:
        return None
    return _report(sid, status, code(listed.get("error_code")), text(listed.get("to"), 64), "")


def _report(sid: str, status: str, error: str, to: str, message_id: str) -> Feedback:
    kind = _KINDS.get(status, FeedbackKind.OTHER)
    return Feedback(
        provider=PROVIDER,
        event_id=f"{sid}:{status}",
        kind=kind,
        channel=Channel.SMS,
        at=None,  # Twilio does not say when
        message_id=message_id,
        reference=sid,
        finding=finding(error) if kind in _ENDED else Finding.NONE,
        detail=error,
        address=to if kind in _ABOUT_THE_ADDRESS else "",
    )


def parse_inbound(fields: Fields) -> Inbound | None:
    """What somebody wrote; None for what is no text message, such as one of another messaging service."""
    sender, sid = fields.last("From"), text(fields.last("MessageSid", "SmsSid"), MOST_REFERENCE)
    if not sid or not sender.startswith("+"):
        return None
    return Inbound(sender, fields.last("Body"), sid, fields.last("OptOutType").strip().upper())


_KINDS = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending"), FeedbackKind.PROCESSED),
    "sent": FeedbackKind.SENT,
    "delivered": FeedbackKind.DELIVERED,
    "read": FeedbackKind.OPENED,
    "undelivered": FeedbackKind.BOUNCED,
    **dict.fromkeys(("failed", "canceled"), FeedbackKind.FAILED),
}
_ENDED = frozenset({FeedbackKind.BOUNCED, FeedbackKind.FAILED})
_ABOUT_THE_ADDRESS = _ENDED | {FeedbackKind.DELIVERED}
