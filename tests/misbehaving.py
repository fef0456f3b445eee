"""A server on this machine that behaves as badly as it is told to: every connection runs a script."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: one\r\nContent-Length: 2\r\n\r\nhi"


@dataclass
class Line:
    """One connection, as the server sees it."""

    socket: socket.socket
    number: int
    over: threading.Event
    requests: list[bytes]
    _buffer: bytes = b""

    def request(self) -> bytes:
        """The next request, whole. Raises ConnectionError when the client hangs up."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(rest) < length:
            self._more()
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[length:]
        self.requests.append(head + b"\r\n\r\n" + rest[:length])
        return self.requests[-1]

    def head(self) -> bytes:
        """The beginning of a request, while the rest is still on its way."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        return self._buffer.partition(b"\r\n\r\n")[0]

    def say(self, text: bytes) -> None:
        self.socket.sendall(text)

    def answer(self, text: bytes = OK) -> None:
        self.request()
        self.say(text)

    def reset(self) -> None:
        """Hang up the rude way, so that the client sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hang(self) -> None:
        self.over.wait(30)

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError
        self._buffer += data


Script = Callable[[Line], None]


def answers(line: Line) -> None:
    """Behave."""
    while True:
        line.answer()


@dataclass
class Server:
    """``scripts`` are for the connections in turn, the last one for all that follow."""

    port: int
    over: threading.Event
    scripts: list[Script] = field(default_factory=lambda: [answers])
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}/send?a=b"

    def script(self) -> Script:
        self.connections += 1
        return self.scripts[min(self.connections, len(self.scripts)) - 1]

    def serve(self, raw: socket.socket, script: Script, number: int) -> None:
        with suppress(OSError), raw:
            connection = raw if self.tls is None else self.tls.wrap_socket(raw, server_side=True)
            with connection:
                script(Line(connection, number, self.over, self.requests))


@contextmanager
def misbehaving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        server = Server(listening.getsockname()[1], threading.Event(), tls=tls)

        def accept() -> None:
            while True:
                try:
                    raw, _ = listening.accept()
                except OSError:
                    return
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                script = server.script()
                number = server.connections
                threading.Thread(target=server.serve, args=(raw, script, number), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
