"""Posting webhooks over connections that are kept: one small HTTP client for the simulator's own loop."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

import httptools

TIMEOUT = 10.0
"""Seconds that a receiver may take."""


class Poster:
    """POSTs to one origin, such as ``http://127.0.0.1:8000``."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self.authority = parts.netloc
        self._idle: deque[_Line] = deque()

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer; 0 if nobody could be reached, -1 if no whole answer came."""
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        data = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        while self._idle:
            line = self._idle.pop()
            if not line.closed:
                break
            line.close()
        else:
            try:
                opened = asyncio.open_connection(self._host, self._port, ssl=self._tls)
                line = _Line(*await asyncio.wait_for(opened, TIMEOUT))
            except (TimeoutError, OSError):
                return 0
        try:
            status, reusable = await asyncio.wait_for(line.ask(data), TIMEOUT)
        except (TimeoutError, OSError, httptools.HttpParserError):
            line.close()
            return -1
        except asyncio.CancelledError:
            line.close()
            raise
        if reusable:
            self._idle.append(line)
        else:
            line.close()
        return status

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Line:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._done = False

    @property
    def closed(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    async def ask(self, data: bytes) -> tuple[int, bool]:
        """Status, and whether the connection can be used again. Raises OSError if it ends before the answer does."""
        self._done = False
        parser = httptools.HttpResponseParser(self)
        try:
            self._writer.write(data)
            await self._writer.drain()
        except RuntimeError as error:  # what uvloop says if it was closed a moment ago
            raise ConnectionResetError(str(error)) from error
        while not self._done:
            received = await self._reader.read(65536)
            if not received:
                raise ConnectionResetError("the connection ended before the answer did")
            parser.feed_data(received)
        return parser.get_status_code(), parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self._done = True

    def close(self) -> None:
        self._writer.close()
