"""Twilio: one request an SMS, many at once; what its answers mean is in docs/providers.md."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import phonenumbers
from twilio.base import serialize, values

from dangol.clock import Clock
from dangol.delivery.feedback.twilio import parse_listed
from dangol.delivery.http.messages import Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.patience import asked
from dangol.delivery.provider import NothingSent, Sought
from dangol.delivery.providers.carrying import Unsendable, carry
from dangol.delivery.providers.setup import Setup, carrier_url, lacking
from dangol.delivery.twilio_codes import refusal
from dangol.errors import UsageError
from dangol.model.feedback import Feedback
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause

STATUS_PATH = "/hooks/twilio/status"
KOREA = "KR"
_KOREAN = "+82"
_SECOND = timedelta(seconds=1)
_LONGEST_VALIDITY = 36_000
_LONGEST_BODY = 1600
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_PAGE, _MOST_PAGES = 200, 5
"""How many messages a page of the list has, and how many pages are read before the answer is that nobody can tell."""
_ASKED_FOR = timedelta(seconds=10)
_UNAUTHORISED = frozenset({401, 403, 404, 405})


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays, and what proves it: the account's token, or an API key and its secret."""

    sid: str
    user: str
    secret: str

    def header(self) -> str:
        return "Basic " + b64encode(f"{self.user}:{self.secret}".encode()).decode()

    def __repr__(self) -> str:
        return f"Account({self.sid!r})"


def twilio(setup: Setup) -> Twilio:
    """The Twilio provider of these settings."""
    told = setup.settings
    token = told.twilio_auth_token.get_secret_value() if told.twilio_auth_token else ""
    secret = told.twilio_api_secret.get_secret_value() if told.twilio_api_secret else ""
    by_key = bool(told.twilio_api_key and secret)
    lacking(
        "twilio",
        {
            "DANGOL_TWILIO_ACCOUNT_SID": bool(told.twilio_account_sid),
            "DANGOL_TWILIO_AUTH_TOKEN (or DANGOL_TWILIO_API_KEY with DANGOL_TWILIO_API_SECRET)": by_key or bool(token),
            "DANGOL_TWILIO_MESSAGING_SERVICE (or DANGOL_TWILIO_FROM)": bool(
                told.twilio_messaging_service or told.twilio_from
            ),
        },
    )
    sid = told.twilio_account_sid
    return Twilio(
        carrier_url("twilio_url", told.twilio_url),
        Account(sid, told.twilio_api_key, secret) if by_key else Account(sid, sid, token),
        clock=setup.clock,
        transport=setup.transport,
        messaging_service=told.twilio_messaging_service,
        number=told.twilio_from,
        countries=_countries(told.twilio_countries),
        public_url=setup.public_url,
        patience=setup.patience,
    )


class Twilio:
    """Hands SMS to Twilio, to be sent by a Messaging Service, or else by a ``number``.

    SMS go to these ``countries`` only, to all but Korea if there are none: Korean networks do not pass a STOP on to
    Twilio. ``public_url`` is where Twilio reports what became of a message. What has not begun within ``patience`` is
    refused for now.
    """

    name = "twilio"
    channels = frozenset({Channel.SMS})

    def __init__(
        self,
        url: str,
        account: Account,
        *,
        clock: Clock,
        transport: Transport,
        messaging_service: str = "",
        number: str = "",
        countries: Collection[str] = (),
        public_url: str = "",
        patience: timedelta = timedelta(minutes=5),
    ) -> None:
        self._url = f"{url}/2010-04-01/Accounts/{account.sid}/Messages.json"
        self._root = url
        self._headers = {
            "Authorization": account.header(),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self._clock = clock
        self._transport = transport
        self._sender = {
            "MessagingServiceSid": messaging_service or values.unset,
            "From": values.unset if messaging_service else number,
        }
        self.sends_from = messaging_service or number
        self._countries = frozenset(countries)
        self._status_url = f"{public_url.rstrip('/')}{STATUS_PATH}" if public_url else ""
        self._patience = patience

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return carry(
            "Twilio", self._transport, batch, write=self._request, meaning=self._meaning, patience=self._patience
        )

    def find(self, sought: Sought) -> Sequence[Feedback]:
        """Twilio's messages to this number with this text, made between these instants. Raises NothingSent.

        https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
        """
        query = urlencode({"To": sought.to, "DateSent>": sought.since.astimezone(UTC).date(), "PageSize": _PAGE})
        url, found = f"{self._url}?{query}", list[Feedback]()
        for _ in range(_MOST_PAGES):
            told = self._listed(url)
            for one in told.get("messages") or ():
                report = parse_listed(one) if isinstance(one, dict) and _is_sought(one, sought) else None
                found += [report] if report is not None else []
            following = told.get("next_page_uri")
            if not isinstance(following, str) or not following.startswith("/"):
                return found
            url = self._root + following
        return ()

    def _listed(self, url: str) -> dict[str, Any]:
        (answer,) = self._transport.exchange([Request(url, headers=self._headers, method="GET")], patience=_ASKED_FOR)
        if not isinstance(answer, Reply):
            raise NothingSent(f"Twilio was not asked: {answer.reason}")
        if answer.status != 200 or not answer.whole:
            raise NothingSent(f"Twilio told no messages: {answer.status}")
        return _told(answer)

    def close(self) -> None:
        """The connections are the transport's."""

    def _request(self, envelope: Envelope) -> Request:
        body = urlencode(self._form(envelope)).encode()
        return Request(self._url, body, self._headers, not_after=envelope.not_after)

    def _form(self, envelope: Envelope) -> dict[str, object]:
        """The request's fields. Raises Unsendable."""
        self._check_recipient(envelope.to)
        text = envelope.rendered.text
        if not text or len(text.encode("utf-16-le")) > 2 * _LONGEST_BODY:
            raise Unsendable(f"Twilio takes an SMS of 1 to {_LONGEST_BODY} characters")
        status_url = f"{self._status_url}?{urlencode({'message': envelope.message_id})}"
        form: dict[str, object] = values.of(
            {
                "To": envelope.to,
                "Body": text,
                **self._sender,
                "StatusCallback": status_url if self._status_url else values.unset,
                "ValidityPeriod": self._validity(envelope),
                # The text is finished: it is what the log holds the hash of.
                "SmartEncoded": serialize.boolean_to_string(False),
                "ShortenUrls": serialize.boolean_to_string(False),
            }
        )
        return form

    def _validity(self, envelope: Envelope) -> object:
        """The seconds for which Twilio may keep the message in its queue, if that is less than it would by itself."""
        if envelope.until is None:
            return values.unset
        left = (envelope.until - self._clock.now()) // _SECOND
        return max(left, 1) if left < _LONGEST_VALIDITY else values.unset

    def _check_recipient(self, number: str) -> None:
        if not _PHONE.fullmatch(number):
            raise Unsendable("the recipient is no phone number as E.164 writes it")
        if not self._countries:
            if number.startswith(_KOREAN):
                raise Unsendable("Twilio is not set up for SMS to KR: see DANGOL_TWILIO_COUNTRIES")
            return
        country = phonenumbers.region_code_for_number(phonenumbers.parse(number))
        if country not in self._countries:
            raise Unsendable(f"Twilio is not set up for SMS to {country or 'nowhere'}: see DANGOL_TWILIO_COUNTRIES")

    def _meaning(self, reply: Reply) -> Outcome:
        status = reply.status
        if status == 201:
            # Created is created: with a body that makes no sense, only Twilio's own id is not known. Its reports about
            # the message still find us, by our id.
            return Accepted(_sid(reply))
        if status == 429:
            pause = asked(reply.headers.get("retry-after", ""), self._clock.now())
            return Refused(False, "Twilio is busy: 429", retry_after=pause)
        if status == 408:
            return Refused(False, "Twilio refused: 408")
        if 400 <= status < 500:
            code = _code(reply)
            if status in _UNAUTHORISED and not code:
                return Refused(False, f"Twilio refused: {status}", cause=RefusalCause.ACCOUNT)
            return refusal(code, f"Twilio refused: {status}")
        return Unknown(f"Twilio answered {status}")


def _countries(told: str) -> frozenset[str]:
    """``US, GB`` as a set. Raises UsageError for what is no country."""
    named = [word.strip().upper() for word in told.split(",") if word.strip()]
    wrong = [word for word in named if word not in phonenumbers.SUPPORTED_REGIONS]
    if wrong:
        raise UsageError(f"DANGOL_TWILIO_COUNTRIES: expected countries such as US or GB; found {', '.join(wrong)}")
    return frozenset(named)


def _sid(reply: Reply) -> str:
    sid = _told(reply).get("sid")
    return sid if isinstance(sid, str) and _SID.fullmatch(sid) else ""


def _is_sought(listed: Mapping[str, Any], sought: Sought) -> bool:
    if (listed.get("to"), listed.get("body")) != (sought.to, sought.text):
        return False
    if not str(listed.get("direction", "")).startswith("outbound"):
        return False
    try:
        made = parsedate_to_datetime(str(listed.get("date_created")))
    except ValueError:
        return False
    return made.tzinfo is not None and sought.since <= made <= sought.until


def _code(reply: Reply) -> int:
    """Twilio's error code, 0 if there is none; its words may quote an address."""
    code = _told(reply).get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and 0 < code < 1_000_000 else 0


def _told(reply: Reply) -> dict[str, Any]:
    try:
        told = orjson.loads(reply.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
