"""A small SMTP server on loopback that answers as a test tells it to."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import cast

DROP = "drop"
"""Hang up instead of answering."""
HANG = "hang"
"""Say nothing until the client hangs up."""


@dataclass(frozen=True)
class Received:
    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, message_from_bytes(self.raw, policy=default_policy))

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@dataclass
class Scripts:
    """What to answer at a stage: connect, ehlo, auth, mail, rcpt, data, body (in mid-text), dot, rset."""

    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    received: list[Received] = field(default_factory=list)

    def answer(self, stage: str, usual: str, recipient: str = "") -> str:
        self.seen[stage] += 1
        return self.answers.get((stage, recipient)) or self.answers.get((stage, "")) or usual


class SmtpServer(socketserver.ThreadingTCPServer):
    """Starts at ``with``; ``on`` scripts an answer for one recipient or for all; ``received`` is what it took."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *, tls: ssl.SSLContext | None = None, implicit_tls: bool = False) -> None:
        self.scripts = Scripts()
        self.tls, self.implicit_tls = tls, implicit_tls
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.port: int = self.server_address[1]

    def __enter__(self) -> SmtpServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def on(self, stage: str, answer: str, recipient: str = "") -> None:
        self.scripts.answers[stage, recipient] = answer

    @property
    def received(self) -> list[Received]:
        return self.scripts.received

    @property
    def seen(self) -> Counter[str]:
        """How often each stage was reached."""
        return self.scripts.seen


class _Over(Exception):
    """The conversation ends here."""


class _Conversation(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.sender = self.recipient = ""
        try:
            if self.server.implicit_tls:
                self._encrypt()
            self._say(self.server.scripts.answer("connect", "220 test ESMTP"))
            while line := self.rfile.readline().decode():
                self._obey(line.strip())
        except (_Over, OSError):
            return

    def _obey(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                offer = "250-STARTTLS\r\n" if self.server.tls else ""
                usual = f"250-test\r\n{offer}250 AUTH PLAIN"
                self._say(self.server.scripts.answer("ehlo", usual))
            case "STARTTLS":
                self._say("220 go ahead")
                self._encrypt()
            case "AUTH":
                self._say(self.server.scripts.answer("auth", "235 2.7.0 welcome"))
            case "MAIL":
                self.sender = rest.split("<")[1].split(">")[0]
                self._say(self.server.scripts.answer("mail", "250 2.1.0 ok"))
            case "RCPT":
                self.recipient = rest.split("<")[1].split(">")[0]
                self._say(self.server.scripts.answer("rcpt", "250 2.1.5 ok", self.recipient))
            case "DATA":
                answer = self.server.scripts.answer("data", "354 go ahead", self.recipient)
                self._say(answer)
                if answer.startswith("354"):
                    self._take()
            case "RSET":
                self._say(self.server.scripts.answer("rset", "250 2.0.0 ok", self.recipient))
            case "QUIT":
                self._say("221 bye")
                raise _Over
            case _:
                self._say("500 what")

    def _take(self) -> None:
        if self.server.scripts.answer("body", "", self.recipient) == DROP:
            self.rfile.readline()
            raise _Over
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Over
            lines.append(line.removeprefix(b"."))
        answer = self.server.scripts.answer("dot", "250 2.0.0 queued", self.recipient)
        if answer.startswith("2"):
            self.server.received.append(Received(self.sender, self.recipient, b"".join(lines)))
        self._say(answer)

    def _say(self, answer: str) -> None:
        if answer == HANG:
            self.rfile.read(1)
        if answer in (HANG, DROP):
            raise _Over
        self.wfile.write(answer.encode() + b"\r\n")
        if answer.startswith("421"):
            raise _Over

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
