"""A receiver of calls on this machine, which answers as it is told and keeps what it got."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


def status(code: int, *, body: bytes = b"", **headers: str) -> Answer:
    """Answer with this status; ``retry_after="7"`` becomes ``Retry-After: 7``."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(code)
        for name, value in headers.items():
            to.send_header(name.replace("_", "-"), value)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)

    return answer


def raw(text: bytes) -> Answer:
    """Answer with these bytes and hang up."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.wfile.write(text)
        to.close_connection = True

    return answer


class Receiver:
    """``answers`` are given in turn, the last one for ever; ``patience`` ends what hangs."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        self.port = server.server_port
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.received: list[Received] = []
        self.answers: list[Answer] = [status(200)]
        self.over = threading.Event()
        self.turn = threading.Lock()

    def hangs(self, to: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the test is over."""
        self.over.wait(30)
        to.close_connection = True

    def drips(self, beginning: bytes) -> Answer:
        """Begin like this, then go on with a byte now and then until the test is over."""

        def answer(to: BaseHTTPRequestHandler) -> None:
            to.close_connection = True
            to.wfile.write(beginning)
            while not self.over.wait(0.02):
                try:
                    to.wfile.write(b"x")
                except OSError:
                    break

        return answer

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self.turn:
            self.received.append(Received(request.path, headers, body))
            answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        answer(request)


@contextmanager
def receiver(tls: SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            listening.handle(self)

        def log_message(self, *args: object) -> None:
            """Tests are silent."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    listening = Receiver(server, "https" if tls is not None else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield listening
    finally:
        listening.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
