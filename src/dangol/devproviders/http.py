"""HTTP/1.1 as cheaply as Python can: httptools parses, answers of one loop turn go out together."""

from __future__ import annotations

import asyncio
import binascii
import re
import socket
import struct
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import httptools
import orjson

MAX_BODY = 32 << 20
"""Bytes; the largest that any carrier here takes is SendGrid's 30 MB."""
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_RESET = struct.pack("ii", 1, 0)


class Request:
    """A whole request. Header names are in lower case."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "query")

    def __init__(self, method: bytes, url: bytes, headers: dict[bytes, bytes], body: bytes, keep_alive: bool) -> None:
        self.method, self.headers, self.body, self.keep_alive = method, headers, body, keep_alive
        self.path, _, self.query = url.partition(b"?")


class Reply:
    """What goes back: bytes after a delay, nothing at all, a reset, or the beginning and then the end."""

    __slots__ = ("cut", "data", "delay", "hang", "reset")

    def __init__(
        self, data: bytes = b"", *, delay: float = 0.0, hang: bool = False, reset: bool = False, cut: bool = False
    ) -> None:
        self.data, self.delay, self.hang, self.reset, self.cut = data, delay, hang, reset, cut


class Turn:
    """Answers that are ready in one turn of the loop. Before they go out, ``before`` has written the record."""

    def __init__(self, loop: asyncio.AbstractEventLoop, before: Callable[[], None]) -> None:
        self._loop, self._before = loop, before
        self._ready: list[tuple[Connection, Request, Reply]] = []

    def add(self, connection: Connection, request: Request, reply: Reply) -> None:
        if not self._ready:
            self._loop.call_soon(self._flush)
        self._ready.append((connection, request, reply))

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        try:
            self._before()
        except OSError:  # what was not recorded must not be believed to be accepted
            traceback.print_exc()
            for connection, _, _ in ready:
                connection.transport.abort()
            return
        for connection, request, reply in ready:
            connection.go(request, reply)


@lru_cache(maxsize=64)
def date_header(second: int) -> str:
    """The date as HTTP writes it."""
    return formatdate(second, usegmt=True)


def answer(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, server: str = "nginx") -> bytes:
    """A response. Without a content type among the headers, a body is JSON."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES[status]}",
        f"Server: {server}",
        f"Date: {date_header(int(time.time()))}",
    ]
    given = dict(headers or {})
    if body and "Content-Type" not in given:
        given["Content-Type"] = "application/json"
    if status != 204:
        given["Content-Length"] = str(len(body))
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer_json(status: int, value: Any, headers: Mapping[str, str] | None = None, server: str = "nginx") -> bytes:
    return answer(status, orjson.dumps(value), headers, server)


_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}")
_NOT_ENCODED = re.compile(rb"%(?![0-9A-Fa-f]{2})|[\r\n]")


def form_fields(text: bytes) -> dict[str, str]:
    """The fields of a form or a query; of several with one name the last. Much faster than the standard library."""
    fields = {}
    for pair in text.split(b"&"):
        name, _, value = pair.partition(b"=")
        fields[_decoded(name)] = _decoded(value)
    fields.pop("", None)
    return fields


def _decoded(text: bytes) -> str:
    plain = text.replace(b"+", b" ")
    if b"%" in plain:
        if _NOT_ENCODED.search(plain):
            plain = _ENCODED.sub(lambda found: bytes.fromhex(found[0][1:].decode()), plain)
        else:  # quoted-printable is the same with another sign, and is decoded in C
            plain = binascii.a2b_qp(plain.replace(b"=", b"=3D").replace(b"%", b"="))
    return plain.decode("utf-8", "replace")


Handler = Callable[[Request], Reply]


class Connection(asyncio.Protocol):
    """One client. Requests are answered in their order; while one is delayed, the next ones wait."""

    transport: asyncio.Transport
    _url: bytes
    _headers: dict[bytes, bytes]
    _body: bytes | list[bytes]
    _size: int

    def __init__(self, handle: Handler, turn: Turn, loop: asyncio.AbstractEventLoop, opened: set[Connection]) -> None:
        self._handle, self._turn, self._loop, self._open = handle, turn, loop, opened
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._begin()

    def _begin(self) -> None:
        self._url, self._headers, self._body, self._size = b"", {}, b"", 0

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._open.discard(self)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # h2c is offered by some clients and may be ignored
        except httptools.HttpParserError:
            self._refuse(400)

    # what httptools calls

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if b"expect" in self._headers and not self._busy:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            self._refuse(413)
        elif not self._body:
            self._body = body
        elif isinstance(self._body, list):
            self._body.append(body)
        else:
            self._body = [self._body, body]

    def on_message_complete(self) -> None:
        parser, body = self._parser, self._body
        whole = body if isinstance(body, bytes) else b"".join(body)
        request = Request(parser.get_method(), self._url, self._headers, whole, parser.should_keep_alive())
        if self._busy:
            self._waiting.append(request)
        else:
            self._work(request)

    # what becomes of a request

    def _work(self, request: Request) -> None:
        self._busy = True
        try:
            reply = self._handle(request)
        except Exception:
            traceback.print_exc()
            reply = Reply(answer(500, b'{"errors": ["the simulator itself has failed; its output says how"]}'))
        self._turn.add(self, request, reply)

    def go(self, request: Request, reply: Reply) -> None:
        """The record is written: let the answer go, now or later."""
        if reply.hang:
            return
        if reply.delay > 0:
            self._loop.call_later(reply.delay, self._send, request, reply)
        else:
            self._send(request, reply)

    def _send(self, request: Request, reply: Reply) -> None:
        transport = self.transport
        if transport.is_closing():
            return
        if reply.reset or reply.cut:
            if reply.cut:
                transport.write(_half(reply.data))
                transport.close()
            else:
                self._reset()
            return
        transport.write(reply.data)
        if not request.keep_alive:
            transport.close()
            return
        self._busy = False
        if self._waiting:
            self._work(self._waiting.popleft())

    def _reset(self) -> None:
        """End the connection with RST, as a crashed machine or a strict middle box does."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _refuse(self, status: int) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer(status, headers={"Connection": "close"}))
            self.transport.close()


def _half(data: bytes) -> bytes:
    """An answer that ends within its body, or within its first line if it has none."""
    head, _, body = data.partition(b"\r\n\r\n")
    return data[: len(data) - len(body) // 2 - 1] if body else head[: len(b"HTTP/1.1 2")]
