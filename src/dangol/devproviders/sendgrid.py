"""SendGrid: ``POST /v3/mail/send`` and ``GET /v3/scopes``. Accepted mail goes on to the event webhook."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Any

import orjson

from dangol.devproviders.carrier import Carrier
from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.events import Mail
from dangol.devproviders.http import Reply, Request, answer, answer_json, date_header
from dangol.devproviders.mail_check import body_of, mistakes
from dangol.devproviders.record import Record
from dangol.devproviders.words import Act

MAX_BODY = 30 << 20
_LINK = re.compile(r'href="(https?://[^"]+)"')
_CORS = (
    "Access-Control-Allow-Origin: https://sendgrid.api-docs.io\r\n"
    "Access-Control-Allow-Methods: POST\r\n"
    "Access-Control-Allow-Headers: Authorization, Content-Type, On-behalf-of, x-sg-elas-acl\r\n"
    "Access-Control-Max-Age: 600\r\n"
    "X-No-CORS-Reason: https://sendgrid.com/docs/Classroom/Basics/API/cors.html\r\n"
    "Strict-Transport-Security: max-age=600; includeSubDomains\r\n"
)
_MESSAGES = {
    "400": "Bad Request",
    "403": "You do not have authorization to access this resource",
    "404": "Not Found",
    "413": "Request Entity Too Large",
    "429": "too many requests",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
}
_UNAUTHORIZED = "The provided authorization grant is invalid, expired, or revoked"


class SendGrid(Carrier):
    """Takes mail; ``sent`` gets what happens to it later, or is None if nobody listens."""

    provider = "sendgrid"
    success = 202

    def __init__(
        self,
        decider: Decider,
        record: Record,
        credentials: Credentials,
        seed: str,
        sent: Callable[[Mail], None] | None,
    ) -> None:
        super().__init__(decider, record, credentials, seed)
        self._sent = sent
        self._authorization = b"Bearer " + credentials.sendgrid_key.encode()
        self._head, self._head_second = b"", 0

    def send(self, request: Request) -> Reply:
        """``POST /v3/mail/send``."""
        if request.method != b"POST":
            return self.refused(_errors(405, "method not allowed"), 405)
        if request.headers.get(b"authorization") != self._authorization:
            return self.refused(_errors(401, _UNAUTHORIZED), 401)
        if not request.headers.get(b"content-type", b"").lower().startswith(b"application/json"):
            return self.refused(_errors(415, "Content-Type should be application/json."), 415)
        if len(request.body) > MAX_BODY:
            return self.refused(_errors(413, _MESSAGES["413"]), 413)
        try:
            mail = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return self.refused(_errors(400, "Bad Request"), 400)
        found = mistakes(mail)
        if found:
            return self.refused(answer(400, body_of(found)), 400)
        return self._take(mail)

    def scopes(self, request: Request) -> Reply:
        """``GET /v3/scopes``: what the key may do."""
        if request.headers.get(b"authorization") != self._authorization:
            return Reply(_errors(401, _UNAUTHORIZED))
        return Reply(
            answer_json(
                200, {"scopes": ["mail.send", "mail.batch.create", "scopes.read", "user.scheduled_sends.create"]}
            )
        )

    def server_error(self) -> bytes:
        return _errors(500, _MESSAGES["500"])

    def _take(self, mail: dict[str, Any]) -> Reply:
        people = mail["personalizations"]
        act = self.decider.decide("sendgrid", people[0]["to"][0]["email"])
        if act.refusal:
            return self.refused(self._refusal(act), _status(act), act.delay)
        broken = self.broken(act)
        if broken is not None:
            return broken
        reference = base64.urlsafe_b64encode(self.unique())[:22].decode()
        heard = self.heard(act)
        for person in people:
            args = person.get("custom_args") or mail.get("custom_args") or {}
            message_id = args.get("dangol_message_id", "")
            for kind in ("to", "cc", "bcc") if len(person) > 1 else ("to",):
                for one in person.get(kind) or ():
                    self.record.accept("sendgrid", message_id, one["email"], reference, heard)
                    if self._sent is not None:
                        self._sent(self._mail(mail, one["email"], args, message_id, reference, act))
        return self.accepted(act, self._accepted(reference))

    def _mail(
        self, mail: dict[str, Any], address: str, args: dict[str, str], message_id: str, reference: str, act: Act
    ) -> Mail:
        fate = self.decider.fate("sendgrid", address, act, message_id)
        link = ""
        if fate == "click":
            links = (_LINK.search(str(block.get("value"))) for block in mail.get("content") or ())
            link = next((found[1] for found in links if found), "https://example.com/")
        return Mail(len(self.record), address, args, mail.get("categories") or [], reference, fate, link)

    def _accepted(self, reference: str) -> bytes:
        second = int(time.time())
        if second != self._head_second:
            head = (
                f"HTTP/1.1 202 Accepted\r\nServer: nginx\r\nDate: {date_header(second)}\r\nContent-Length: 0\r\n{_CORS}"
            )
            self._head, self._head_second = head.encode(), second
        return b"%bX-Message-Id: %b\r\n\r\n" % (self._head, reference.encode())

    def _refusal(self, act: Act) -> bytes:
        wait = self.decider.retry_after("sendgrid", act)
        headers = {}
        if act.refusal == "429":
            reset = str(int(time.time()) + wait)
            headers = {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        if act.refusal in ("429", "503"):
            headers["Retry-After"] = str(wait)
        status = _status(act)
        message = _UNAUTHORIZED if status == 401 else _MESSAGES[str(status)]
        return _errors(status, message, headers)


def _status(act: Act) -> int:
    """Refusals that other providers know mean 400 here."""
    return int(act.refusal) if act.refusal in _MESSAGES or act.refusal == "401" else 400


def _errors(status: int, message: str, headers: dict[str, str] | None = None) -> bytes:
    return answer(status, body_of([(message, None, None)]), headers)
