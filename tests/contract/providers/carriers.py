"""Local servers that play carriers with an HTTP API: they take every message unless told to answer otherwise."""

from __future__ import annotations

import json
import os
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from py_vapid import Vapid02

HANG_UP = None
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
C = TypeVar("C", bound="HttpCarrier")


@dataclass(frozen=True, slots=True)
class Say:
    """An answer: a status, a body in JSON or as it is, headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class HttpCarrier(ThreadingHTTPServer):
    """Keeps what it got. ``answers`` are by recipient, ``always`` is for everybody."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.answers: dict[str, Say | None] = {}
        self.always: Say | None = None
        self.turn = threading.Lock()
        self.wrong: list[str] = []

    def answer(self, to: str, say: Say | None) -> str:
        self.answers[to] = say
        return to

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up in these tests."""

    # What differs from carrier to carrier.

    def aside(self, path: str, body: bytes) -> Say | None:
        """The answer to a request that is no message; None if it is one."""
        return None

    def listed(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Say:
        """The answer to a question about what was sent."""
        return Say(404)

    def parsed(self, body: bytes) -> dict[str, Any]:
        raise NotImplementedError

    def check(self, path: str, headers: Mapping[str, str], message: dict[str, Any]) -> str:
        """What is wrong with the request, empty if nothing is."""
        raise NotImplementedError

    def recipient(self, message: dict[str, Any]) -> str:
        raise NotImplementedError

    def accepted(self, number: int) -> Say:
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    server: HttpCarrier
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        carrier = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        say = carrier.aside(self.path, body)
        if say is None:
            say = self._taken(body)
        if say is HANG_UP:
            self.close_connection = True
            return
        self._answer(say)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self._answer(self.server.listed(path, dict(parse_qsl(query)), self.headers))

    def _answer(self, say: Say) -> None:
        text = say.text()
        self.send_response(say.status)
        for name, value in say.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _taken(self, body: bytes) -> Say | None:
        carrier = self.server
        with carrier.turn:
            message = carrier.parsed(body)
            if why := carrier.check(self.path, self.headers, message):
                carrier.wrong.append(why)
            carrier.requests.append(message)
            say = carrier.answers.get(
                carrier.recipient(message), carrier.always or carrier.accepted(len(carrier.taken))
            )
            if say == carrier.accepted(len(carrier.taken)):
                carrier.taken.append(message)
        return say

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


class SendGridCarrier(HttpCarrier):
    key = "SG.a-key"

    def parsed(self, body: bytes) -> dict[str, Any]:
        return dict(json.loads(body))

    def check(self, path: str, headers: Mapping[str, str], message: dict[str, Any]) -> str:
        if (path, headers["Authorization"]) != ("/v3/mail/send", f"Bearer {self.key}"):
            return "another path or key"
        return "" if headers["Content-Type"] == "application/json" else "no JSON"

    def recipient(self, message: dict[str, Any]) -> str:
        return str(message["personalizations"][0]["to"][0]["email"])

    def accepted(self, number: int) -> Say:
        return Say(202, headers={"X-Message-Id": f"sg-{number}"})


class TwilioCarrier(HttpCarrier):
    sid = "AC" + "0" * 32
    token = "a-token"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, str]] = []
        self.list_answer: Say | None = None

    def parsed(self, body: bytes) -> dict[str, Any]:
        return dict(parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True))

    def check(self, path: str, headers: Mapping[str, str], message: dict[str, Any]) -> str:
        proof = b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if (path, headers["Authorization"]) != (f"/2010-04-01/Accounts/{self.sid}/Messages.json", f"Basic {proof}"):
            return "another path or account"
        return "" if headers["Content-Type"] == "application/x-www-form-urlencoded" else "no form"

    def recipient(self, message: dict[str, Any]) -> str:
        return str(message["To"])

    def accepted(self, number: int) -> Say:
        return Say(201, {"sid": f"SM{number:032}", "status": "accepted", "error_code": None})

    def listed(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Say:
        """Twilio's list, two messages a page."""
        if why := self.check(path, {**FORM, "Authorization": headers["Authorization"]}, {}):
            self.wrong.append(why)
        self.asked.append(dict(query))
        if self.list_answer is not None:
            return self.list_answer
        sent = [one for one in enumerate(self.taken) if one[1]["To"] == query["To"]]
        page, made = int(query.get("Page", "0")), format_datetime(datetime.now(UTC))
        part = sent[2 * page : 2 * page + 2]
        told = [
            {
                "sid": f"SM{number:032}",
                "status": "delivered",
                "error_code": None,
                "to": one["To"],
                "body": one["Body"],
                "direction": "outbound-api",
                "date_created": made,
            }
            for number, one in part
        ]
        following = f"{path}?{urlencode({**query, 'Page': page + 1})}" if sent[2 * page + 2 :] else None
        return Say(200, {"messages": told, "next_page_uri": following})


class FcmCarrier(HttpCarrier):
    """FCM, and beside it the server that gives service accounts their tokens."""

    project = "dangol-test"
    token = "ya29.a-token"

    def __init__(self) -> None:
        super().__init__()
        self.tokens_given = 0
        self.token_answer: Say | None = None

    def account(self) -> dict[str, str]:
        """The key file of an account that this carrier knows."""
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": "1",
            "private_key": _PRIVATE_KEY,
            "client_email": "sender@dangol-test.iam.gserviceaccount.example",
            "token_uri": f"{self.url}/token",
        }

    def aside(self, path: str, body: bytes) -> Say | None:
        if path != "/token":
            return None
        self.tokens_given += 1
        assertion = dict(parse_qsl(body.decode()))["assertion"]
        assert assertion.count(".") == 2
        given = {"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"}
        return self.token_answer or Say(200, given, {"Content-Type": "application/json"})

    def parsed(self, body: bytes) -> dict[str, Any]:
        return dict(json.loads(body)["message"])

    def check(self, path: str, headers: Mapping[str, str], message: dict[str, Any]) -> str:
        if (path, headers["Authorization"]) != (f"/v1/projects/{self.project}/messages:send", f"Bearer {self.token}"):
            return "another path or token"
        return "" if headers["Content-Type"] == "application/json" else "no JSON"

    def recipient(self, message: dict[str, Any]) -> str:
        return str(message["token"])

    def accepted(self, number: int) -> Say:
        return Say(200, {"name": f"projects/{self.project}/messages/{number}"})


def google_says(code: int, status: str, error: str = "", field: str = "") -> Say:
    """An error in the shape of Google's, with FCM's own code, or with the field that is wrong."""
    details: list[dict[str, Any]] = []
    if error:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": error})
    if field:
        violations = [{"field": field, "description": "wrong"}]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    return Say(code, {"error": {"code": code, "message": "No.", "status": status, "details": details}})


class PushService(HttpCarrier):
    """A push service with one browser behind it, which opens what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.browser = ec.generate_private_key(ec.SECP256R1())
        self.secret = os.urandom(16)
        self.heads: list[Mapping[str, str]] = []

    def subscription(self, number: int) -> str:
        point = self.browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _base64(point), "auth": _base64(self.secret)}
        return json.dumps({"endpoint": f"{self.url}/wp/{number}", "expirationTime": None, "keys": keys})

    def parsed(self, body: bytes) -> dict[str, Any]:
        opened = http_ece.decrypt(body, private_key=self.browser, auth_secret=self.secret, version="aes128gcm")
        return dict(json.loads(opened))

    def check(self, path: str, headers: Mapping[str, str], message: dict[str, Any]) -> str:
        self.heads.append(dict(headers))
        message["path"] = path
        return "" if Vapid02.verify(headers["Authorization"]) else "not signed"

    def recipient(self, message: dict[str, Any]) -> str:
        return str(message["path"])

    def accepted(self, number: int) -> Say:
        return Say(201, headers={"Location": f"{self.url}/m/{number}"})


def _base64(text: bytes) -> str:
    return urlsafe_b64encode(text).rstrip(b"=").decode()


_PRIVATE_KEY = (
    rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)


@contextmanager
def running(carrier: C) -> Iterator[C]:
    with carrier:
        thread = threading.Thread(target=carrier.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield carrier
        carrier.shutdown()
        thread.join()
