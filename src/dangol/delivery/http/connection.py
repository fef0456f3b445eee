"""One connection: a request, its answer, then the next. Lives on the transport's loop."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from dangol.delivery.http.messages import Answer, Broken, Limits, Reply

_HEAD_AT_MOST = 64 * 1024
_AT_ONCE = 1.0
_FRAMES = frozenset({"content-length", "transfer-encoding"})
_NO_BODY = frozenset({204, 304})


class Job(Protocol):
    """A request on its way, as far as a connection cares."""

    head: bytes
    body: bytes

    def answer(self, answer: Answer) -> None: ...


class Connection(asyncio.Protocol):
    """``released`` is called when a request is over; the connection can then carry another one, if it is ``usable``.

    From ``begin`` on bytes count as written, whether or not the system has taken them yet.
    """

    _status: int
    _headers: dict[str, str]
    _body: list[bytes]
    _size: int
    _body_size: int
    _begins: int
    _told: bool
    _framed: bool
    _complete: bool
    _keep: bool

    def __init__(self, sock: socket.socket, limits: Limits, released: Callable[[Connection], None]) -> None:
        self._socket = sock
        self._read, self._total = limits.read.total_seconds(), limits.total.total_seconds()
        self._longest = limits.answer
        self._released = released
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._job: Job | None = None
        self._begun = self._heard = self.idle_since = self._opened = time.monotonic()
        self._carried = False
        self._reset()

    @property
    def busy(self) -> bool:
        return self._job is not None

    @property
    def still_born(self) -> bool:
        """Whether it was gone at once, without having carried anything."""
        return not self._carried and time.monotonic() - self._opened < _AT_ONCE

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def usable(self) -> bool:
        """Whether it can carry a request. A server that has hung up, or says something unasked, is noticed here even
        if the loop has not told us yet: nothing is written to a connection that can be known to be closed."""
        if not self.open:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def begin(self, job: Job) -> None:
        """Write a request; the connection has to be usable."""
        assert self._transport is not None
        self._reset()
        self._job = job
        self._carried = True
        self._begun = self._heard = time.monotonic()
        self._transport.write(job.head + job.body)

    def check_time(self, now: float) -> None:
        """End a request that takes too long."""
        if self._job is None:
            return
        if now - self._begun >= self._total:
            self.give_up(f"no answer within {self._total:g} s")
        elif now - self._heard >= self._read:
            self.give_up(f"silence for {self._read:g} s")

    def give_up(self, reason: str) -> None:
        """Hang up; the request under way is over."""
        self.hang_up()
        self._end(reason)

    def hang_up(self) -> None:
        """Close the connection; nothing is under way."""
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._job is None:
            self._released(self)
        else:
            self._end("connection closed" if error is None else _reason(error), closed=error is None)

    def data_received(self, data: bytes) -> None:
        if self._job is None:  # nobody asked
            self.hang_up()
            return
        self._heard = time.monotonic()
        self._size += len(data)
        flaw = self._parse(data)
        if self._complete:
            whole = self._body_size <= self._longest
            self._finish(Reply(self._status, self._headers, b"".join(self._body), whole), keep=not flaw)
        elif flaw or self._size > self._longest + _HEAD_AT_MOST or self._body_size > self._longest:
            self.give_up(flaw or "the answer is too long")

    def _parse(self, data: bytes) -> str:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            return "the server changes the protocol"
        except HttpParserError:
            return "the answer is not HTTP"
        return ""

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._begins += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete:
            known_as = name.decode("latin-1").lower()
            self._headers[known_as] = value.decode("latin-1")
            self._framed = self._framed or known_as in _FRAMES

    def on_headers_complete(self) -> None:
        if not self._complete:
            self._status = self._parser.get_status_code()
            self._told = self._status >= 200

    def on_body(self, part: bytes) -> None:
        if not self._complete:
            self._body_size += len(part)
            if self._body_size <= self._longest:
                self._body.append(part)

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if self._told:
            self._complete = True
            self._keep = self._parser.should_keep_alive()
        elif self._status != 101:  # 100 Continue and its like: the answer itself is yet to come
            self._reset(received=self._size)

    def _reset(self, received: int = 0) -> None:
        self._status = 0
        self._headers = {}
        self._body = []
        self._size = received
        self._body_size = 0
        self._begins = 0
        self._told = self._framed = self._complete = self._keep = False

    def _end(self, reason: str, *, closed: bool = False) -> None:
        """The connection is over. With a status the request was answered all the same."""
        if not self._told:
            self._finish(Broken(reason), keep=False)
            return
        until_the_end = not self._framed and self._status not in _NO_BODY
        whole = closed and until_the_end and self._body_size <= self._longest
        self._finish(Reply(self._status, self._headers, b"".join(self._body), whole), keep=False)

    def _finish(self, answer: Answer, *, keep: bool) -> None:
        job, self._job = self._job, None
        assert job is not None
        transport = self._transport
        # If more than one answer came, or one before the server had the whole request: better start anew.
        orderly = keep and self._keep and self._begins == 1
        if transport is not None and not (orderly and not transport.get_write_buffer_size()):
            transport.abort()
        self.idle_since = time.monotonic()
        job.answer(answer)
        self._released(self)


def _reason(error: Exception) -> str:
    """Why a connection failed, in the system's own words; other errors may quote what came back."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
