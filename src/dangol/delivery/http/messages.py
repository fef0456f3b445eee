"""What goes over the wire and what is known afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from dangol import __version__

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_A_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_A_URL = re.compile("[^!-~]")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"})


class Unwritable(ValueError):
    """The request cannot be written as HTTP; the text names fields, never their values."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. It must begin before ``not_after``, or not at all.

    ``Host``, ``Content-Length``, ``User-Agent`` and what concerns the connection are set by the transport.
    """

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The server answered. Names of headers are in small letters; of those that come twice the last one counts.

    The status is certain. ``whole`` is False if the body broke off, or was longer than the limit or the patience;
    ``body`` then holds what had come.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte of the request left this machine. ``late``: its ``not_after`` had passed."""

    reason: str
    late: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """The request was begun, and no status came back: the server may have it or not."""

    reason: str


Answer = Reply | NotSent | Broken


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of what a transport takes.

    ``connect`` bounds finding the host and each of its addresses that is tried, ``tls`` the handshake, ``read`` each
    silence after the request, ``total`` a request from its first byte on. ``keep`` is how long an unused connection
    stays open. ``connections`` go to one host at most; ``answer`` is the longest body that is read, in bytes.
    """

    connect: timedelta = timedelta(seconds=5)
    tls: timedelta = timedelta(seconds=5)
    read: timedelta = timedelta(seconds=15)
    total: timedelta = timedelta(seconds=30)
    keep: timedelta = timedelta(seconds=30)
    connections: int = 256
    answer: int = 1 << 20


class Origin(NamedTuple):
    """The server that a URL belongs to; connections to it are shared."""

    scheme: str
    host: str
    port: int


def written(request: Request) -> tuple[Origin, bytes]:
    """Where the request goes, and its bytes without the body. Raises Unwritable."""
    origin, authority, target = _parts(request.url)
    if not _TOKEN.fullmatch(request.method):
        raise Unwritable("the method is no HTTP method")
    lines = [
        f"{request.method} {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: dangol/{__version__}\r\n"
        f"Accept-Encoding: identity\r\nContent-Length: {len(request.body)}\r\n"
    ]
    for name, value in request.headers.items():
        if not _TOKEN.fullmatch(name):
            raise Unwritable("a header's name is not a header name")
        if name.lower() in _OURS:
            raise Unwritable(f"header {name} is set by the transport")
        if not value.isascii() or _NOT_IN_A_VALUE.search(value):
            raise Unwritable(f"header {name} holds what no header may hold")
        lines.append(f"{name}: {value}\r\n")
    lines.append("\r\n")
    return origin, "".join(lines).encode("ascii")


@lru_cache(maxsize=1024)
def _parts(url: str) -> tuple[Origin, str, str]:
    """Server, ``Host`` header and request target of a URL. Raises Unwritable."""
    if _NOT_IN_A_URL.search(url):
        raise Unwritable("the URL holds what no URL may hold")
    try:
        split = urlsplit(url)
        scheme, host, port = split.scheme, split.hostname, split.port
    except ValueError:
        raise Unwritable("the URL cannot be read") from None
    if scheme not in _PORTS or not host or "@" in split.netloc:
        raise Unwritable("the URL is not https://host/path")
    standing = f"[{host}]" if ":" in host else host
    authority = standing if port in (None, _PORTS[scheme]) else f"{standing}:{port}"
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return Origin(scheme, host, port or _PORTS[scheme]), authority, target
