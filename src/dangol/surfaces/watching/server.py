"""A small HTTP server beside the work, for figures and probes; on the loopback address unless told otherwise."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog

from dangol import meters
from dangol.bootstrap import Dangol
from dangol.surfaces.watching.looking import Looking
from dangol.surfaces.watching.prometheus import CONTENT_TYPE, Figures
from dangol.surfaces.watching.readiness import ready

_PORTS = 20
"""Several processes of one machine share a setting: each takes the first of so many ports that is free."""
_JSON = "application/json"
_log = structlog.get_logger(__name__)
Page = tuple[int, str, bytes]


@contextmanager
def watched(dangol: Dangol, *, needs_broker: bool) -> Iterator[str]:
    """Serve figures and probes of this process until the end; yields where, empty for nowhere.

    Whatever is wrong with the address is a warning: nobody's messages wait because nobody can count them.
    """
    address = dangol.settings.metrics_address
    server = _bound(address) if address else None
    if server is None:
        yield ""
        return
    figures = Figures(Looking(dangol).look_up)
    server.pages = {
        "/metrics": lambda: (200, CONTENT_TYPE, figures.page()),
        "/livez": lambda: (200, _JSON, b'{"status": "alive"}'),
        "/readyz": lambda: _readiness(dangol, needs_broker),
    }
    thread = threading.Thread(target=server.serve_forever, name="figures", daemon=True)
    meters.collect_in(figures)
    thread.start()
    try:
        yield f"http://{address.rpartition(':')[0]}:{server.server_address[1]}/metrics"
    finally:
        meters.collect_in(None)
        server.shutdown()
        server.server_close()


def _readiness(dangol: Dangol, needs_broker: bool) -> Page:
    fit, told = ready(dangol, needs_broker=needs_broker)
    return 200 if fit else 503, _JSON, json.dumps(told).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False  # two processes must not believe that they have one port
    pages: Mapping[str, Callable[[], Page]]


class _Server6(_Server):
    address_family = socket.AF_INET6


def _bound(address: str) -> _Server | None:
    host, _, first = address.rpartition(":")
    host = host.strip("[]")
    kind = _Server6 if ":" in host else _Server
    trouble: Exception | None = None
    for port in range(int(first), min(int(first) + _PORTS, 65_536)):
        try:
            return kind((host, port), _Handler)
        except OSError as error:
            trouble = error
    _log.warning("figures are not served", at=address, error=str(trouble or "no such port"))
    return None


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "dangol", ""
    timeout = 10

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        page = self.server.pages.get(self.path.partition("?")[0])
        self._answer(*(page() if page else (404, "text/plain", b"there are /metrics, /livez and /readyz\n")))

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Who asked is nobody's business."""
