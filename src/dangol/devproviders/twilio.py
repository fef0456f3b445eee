"""Twilio: messages are made, fetched and listed, and the account is fetched, under ``/2010-04-01/Accounts``."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import smsutil

from dangol.devproviders.carrier import Carrier
from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.events import Text
from dangol.devproviders.http import Reply, Request, answer_json, date_header, form_fields
from dangol.devproviders.record import Record
from dangol.devproviders.words import Act

ROOT = "/2010-04-01/Accounts"
MAX_UNITS = 1600
_ALONE, _PART = 70, 67
"""Units of UTF-16 that fit into a message of one segment, and into each of several."""
_LAST_OF_GSM = "€"
"""No character of the GSM alphabet comes later in Unicode."""
_URL = re.compile(r"https?://[^\s/?#]+([/?#]|$)", re.IGNORECASE)
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_ERRORS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource {} was not found"),
    20429: (429, "Too many requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21211: (400, "The 'To' number {} is not a valid phone number."),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {}."),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The 'From' phone number {} is not a valid, SMS-capable inbound phone number or short code for your account.",
    ),
    21609: (400, "The 'StatusCallback' URL {} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number: {}, is not currently reachable using the 'From' phone number."),
    21614: (400, "'To' number is not a valid mobile number: {}"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
    21635: (400, "'To' number cannot be a landline: {}"),
    21701: (400, "The Messaging Service does not exist: {}"),
}
_OF_STATUS = {"400": 21211, "401": 20003, "404": 20404, "429": 20429, "500": 20500, "502": 20500, "503": 20503}
_SENDERS_IN_TROUBLE = {"+15005550001": 21606, "+15005550007": 21606, "+15005550008": 21611}


class Twilio(Carrier):
    """Takes SMS; ``sent`` gets what happens to each later."""

    provider = "twilio"
    success = 201

    def __init__(
        self,
        decider: Decider,
        record: Record,
        credentials: Credentials,
        seed: str,
        sent: Callable[[Text], None],
        *,
        opt_outs: bool,
    ) -> None:
        super().__init__(decider, record, credentials, seed)
        self._sent, self._opt_outs = sent, opt_outs
        login = f"{credentials.account_sid}:{credentials.auth_token}".encode()
        self._authorization = b"Basic " + base64.b64encode(login)
        self._root = f"{ROOT}/{credentials.account_sid}"
        self.reset()

    def reset(self) -> None:
        self._texts: dict[str, Text] = {}
        self._by_number: dict[str, list[Text]] = {}
        self._left: set[str] = set()

    def handle(self, request: Request) -> Reply:
        """Any request below ``/2010-04-01``."""
        path = request.path.decode("ascii", "replace")
        if request.headers.get(b"authorization") != self._authorization:
            return self._refuse(20003)
        if path == f"{self._root}/Messages.json":
            return self._send(request) if request.method == b"POST" else self._list(request)
        if path == f"{self._root}.json":
            return Reply(self._answer(200, self._account()))
        sid = path.removeprefix(f"{self._root}/Messages/").removesuffix(".json")
        if request.method == b"GET" and sid in self._texts:
            return Reply(self._answer(200, self._resource(self._texts[sid])))
        return self._refuse(20404, path)

    def heed(self, sender: str, opt_out_type: str) -> None:
        """Somebody wrote STOP or START: Twilio remembers it by itself."""
        if self._opt_outs and opt_out_type == "STOP":
            self._left.add(sender)
        if opt_out_type == "START":
            self._left.discard(sender)

    def _send(self, request: Request) -> Reply:
        form = form_fields(request.body)
        to = form.get("To", "").strip()
        wrong = self._mistake(form, to)
        if wrong is not None:
            return self._refuse(*wrong)
        act = self.decider.decide("twilio", to)
        if to in self._left:
            return self._refuse(21610)
        if act.refusal:
            code = (
                int(act.refusal)
                if act.refusal.isdigit() and int(act.refusal) in _ERRORS
                else _OF_STATUS.get(act.refusal, 21211)
            )
            return self._refuse(code, to, act)
        broken = self.broken(act)
        return broken if broken is not None else self._take(form, to, act)

    def _mistake(self, form: dict[str, str], to: str) -> tuple[int, str] | None:
        """Code and found value of the first mistake; Twilio tells one at a time."""
        sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
        callback = form.get("StatusCallback", "")
        if not to:
            return 21604, ""
        if not sender and not service:
            return 21603, ""
        if not form.get("Body") and not form.get("MediaUrl") and not form.get("ContentSid"):
            return 21602, ""
        if service and service != self.credentials.messaging_service:
            return 21701, service
        if not service and (sender in _SENDERS_IN_TROUBLE or not _SENDER.fullmatch(sender)):
            return _SENDERS_IN_TROUBLE.get(sender, 21606), sender
        if not _PHONE.fullmatch(to):
            return 21211, to
        if len(form.get("Body", "").encode("utf-16-le")) // 2 > MAX_UNITS:
            return 21617, ""
        if callback and not _URL.match(callback):
            return 21609, callback
        return None

    def _take(self, form: dict[str, str], to: str, act: Act) -> Reply:
        sid = "SM" + self.unique().hex()
        callback, service = form.get("StatusCallback", ""), form.get("MessagingServiceSid", "")
        query = callback.partition("#")[0].partition("?")[2]
        message_id = form_fields(query.encode()).get("message", "")
        self.record.accept("twilio", message_id, to, sid, self.heard(act))
        text = Text(
            sid=sid,
            to=to,
            sender=form.get("From") or self.credentials.from_number,
            account=self.credentials.account_sid,
            service=service,
            callback=callback,
            fate=self.decider.fate("twilio", to, act, message_id),
            status="accepted" if service else "queued",
            body=form.get("Body", ""),
            created=time.time(),
        )
        self._texts[sid] = text
        self._by_number.setdefault(to, []).append(text)
        resource = self._resource(text)
        if service:  # which number will send it is not known yet
            resource |= {"from": form.get("From"), "num_segments": "0"}
        self._sent(text)
        if text.fate == "STOP":
            self.heed(to, "STOP")
        return self.accepted(act, self._answer(201, resource))

    def _list(self, request: Request) -> Reply:
        asked = form_fields(request.query)
        found = self._by_number.get(asked["To"], []) if "To" in asked else list(self._texts.values())
        if "From" in asked:
            found = [text for text in found if text.sender == asked["From"]]
        found = [text for text in reversed(found) if _on(text, asked)]
        size, page = min(int(asked.get("PageSize", "50")), 1000), int(asked.get("Page", "0"))
        part = found[page * size : (page + 1) * size]
        here = f"{self._root}/Messages.json?"
        more = len(found) > (page + 1) * size
        told = {
            "messages": [self._resource(text) for text in part],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": page * size + max(0, len(part) - 1),
            "uri": here + urlencode(asked),
            "first_page_uri": here + urlencode(asked | {"Page": "0"}),
            "previous_page_uri": here + urlencode(asked | {"Page": str(page - 1)}) if page else None,
            "next_page_uri": here + urlencode(asked | {"Page": str(page + 1)}) if more else None,
        }
        return Reply(self._answer(200, told))

    def _resource(self, text: Text) -> dict[str, Any]:
        date, uri = _date(text.created), f"{self._root}/Messages/{text.sid}.json"
        return {
            "account_sid": text.account,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": date,
            "date_sent": None if text.status in ("accepted", "queued") else date,
            "date_updated": date,
            "direction": "outbound-api",
            "error_code": text.error,
            "error_message": None if text.error is None else f"Error {text.error}",
            "from": text.sender,
            "messaging_service_sid": text.service or None,
            "num_media": "0",
            "num_segments": _segments(text.body),
            "price": None,
            "price_unit": "USD",
            "sid": text.sid,
            "status": text.status,
            "subresource_uris": {"media": f"{self._root}/Messages/{text.sid}/Media.json"},
            "to": text.to,
            "uri": uri,
        }

    def _account(self) -> dict[str, Any]:
        return {
            "auth_token": self.credentials.auth_token,
            "date_created": _date(0),
            "date_updated": _date(0),
            "friendly_name": "dangol's simulator",
            "owner_account_sid": self.credentials.account_sid,
            "sid": self.credentials.account_sid,
            "status": "active",
            "subresource_uris": {"messages": f"{self._root}/Messages.json"},
            "type": "Full",
            "uri": f"{self._root}.json",
        }

    def server_error(self) -> bytes:
        return self._error(20500, "")

    def _refuse(self, code: int, found: str = "", act: Act | None = None) -> Reply:
        act = act or Act()
        wait = self.decider.retry_after("twilio", act)
        status = _ERRORS[code][0]
        headers = {"Retry-After": str(wait)} if status in (429, 503) else {}
        if status == 401:
            headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'}
        why = str(code) if status == 400 else str(status)
        return self.refused(self._error(code, found, headers), why, act.delay)

    def _error(self, code: int, found: str, headers: dict[str, str] | None = None) -> bytes:
        status, message = _ERRORS[code]
        told = {
            "code": code,
            "message": message.format(found),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
        return self._answer(status, told, headers)

    def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> bytes:
        request_id = {"Twilio-Request-Id": "RQ" + self.unique().hex(), "Twilio-Concurrent-Requests": "1"}
        return answer_json(status, value, request_id | (headers or {}), "envoy")


def _date(moment: float) -> str:
    """As Twilio writes it."""
    return date_header(int(moment)).replace("GMT", "+0000")


def _segments(body: str) -> str:
    """How many segments; those that can be told without trying alphabets first, as nearly all can."""
    if len(body) <= _ALONE // 2:
        return "1"
    units = len(body.encode("utf-16-le")) // 2
    if units <= _ALONE:
        return "1"
    if units == len(body) and max(body) > _LAST_OF_GSM:
        return str(-(-units // _PART))
    return str(len(smsutil.split(body).parts))


def _on(text: Text, asked: dict[str, str]) -> bool:
    """Whether the message was sent on the day asked for, or on or after, or on or before it (UTC)."""
    day = datetime.fromtimestamp(text.created, UTC).date().isoformat()
    return (
        asked.get("DateSent", day)[:10] == day
        and asked.get("DateSent>", day)[:10] <= day
        and asked.get("DateSent<", day)[:10] >= day
    )
