"""``/u/<token>``: how a recipient leaves in one tap, and how mail programs do it for them (RFC 8058).

A GET shows a page and changes nothing, because scanners and previews follow links. A POST withdraws the consent at
once; asked again, it answers the same. What it answers depends on the link alone, so it tells nobody whether a person
is known. There is no cookie and no session: who holds the link may leave, and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections import OrderedDict
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from importlib.resources import files
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from dangol.bootstrap import Dangol
from dangol.consent.links import ExpiredLink, Leave, UnknownLink
from dangol.errors import StoreUnavailable
from dangol.surfaces.pages.render import fill

_MOST_BYTES = 4_096
_MOST_A_MINUTE = 20
_REMEMBERED = 10_000
_STYLE = files("dangol.surfaces.pages").joinpath("static", "unsubscribe.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
_LANGUAGES = ("ko", "en")
_log = structlog.get_logger(__name__)


def make_router(dangol: Dangol) -> APIRouter:
    """The one page; mount it at the root."""
    page = LeavingPage(dangol)
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    router.add_api_route("/u/{token}", page.show, methods=["GET", "HEAD"])
    router.add_api_route("/u/{token}", page.leave, methods=["POST"])
    return router


class LeavingPage:
    """The handlers. Whatever goes wrong is told on a page that leads nowhere else."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._often = Often()

    def show(self, token: str, request: Request) -> Response:
        found = self._read(token)
        return _page(request, *((200, "ask", found) if isinstance(found, Leave) else found))

    async def leave(self, token: str, request: Request) -> Response:
        found = self._read(token)
        if not isinstance(found, Leave):
            return _page(request, *found)
        if not self._often.once_more(token, self._dangol.clock.now()):
            return _page(request, 429, "often", headers={"Retry-After": "60"})
        body = await _body(request)
        if body is None:
            return _page(request, 413, "unclear")
        how = _how(body, request.headers.get("content-type", ""))
        if how is None:
            return _page(request, 400, "unclear", found)
        try:
            await run_in_threadpool(self._withdraw, found, how)
        except StoreUnavailable as error:
            _log.warning("somebody could not leave: the database is away", error=str(error))
            return _page(request, 503, "later", headers={"Retry-After": "60"})
        return _page(request, 200, "done", found)

    def _read(self, token: str) -> Leave | tuple[int, str]:
        try:
            return self._dangol.links.read_leave(token, self._dangol.clock.now())
        except ExpiredLink:
            return 410, "expired"
        except UnknownLink:
            return 404, "unknown"

    def _withdraw(self, leave: Leave, how: str) -> None:
        self._dangol.pipeline.withdraw(leave, source=f"{how}:{leave.message_id}", wording=_WORDING[how])


_WORDING = {"one-click": "List-Unsubscribe=One-Click", "leaving-page": "수신거부 / Unsubscribe"}
"""What whoever left had before them, by the way they took."""


class Often:
    """Counts how often a link was used in this minute, in this process; forgets what was used longest ago."""

    def __init__(self, most: int = _MOST_A_MINUTE) -> None:
        self._most = most
        self._counts: OrderedDict[str, tuple[datetime, int]] = OrderedDict()
        self._lock = threading.Lock()

    def once_more(self, token: str, now: datetime) -> bool:
        """Whether the link may be used now."""
        with self._lock:
            began, count = self._counts.pop(token, (now, 0))
            if now - began >= timedelta(minutes=1):
                began, count = now, 0
            self._counts[token] = began, count + 1
            while len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
            return count < self._most


async def _body(request: Request) -> bytes | None:
    """The request's body; None if it is longer than any that leaves."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MOST_BYTES:
            return None
    return bytes(data)


def _how(body: bytes, media_type: str) -> str | None:
    """By which way somebody leaves: a mail program's button, or ours; None if the body says neither."""
    fields = _fields(body, media_type)
    if fields.get("List-Unsubscribe", "").strip().lower() == "one-click":
        return "one-click"
    return "leaving-page" if fields.get("leave") == "yes" else None


def _fields(body: bytes, media_type: str) -> dict[str, str]:
    """A form's fields, encoded either way that RFC 8058 allows."""
    if not media_type.lower().startswith("multipart/form-data"):
        return {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
    head = f"Content-Type: {' '.join(media_type.split())}\r\n\r\n".encode(errors="replace")
    whole = message_from_bytes(head + body, policy=HTTP)
    parts = whole.iter_parts() if whole.is_multipart() else ()
    return {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True) or b"").decode(
            errors="replace"
        )
        for part in parts
    }


def _page(
    request: Request, status: int, what: str, leave: Leave | None = None, *, headers: dict[str, str] | None = None
) -> Response:
    language = _language(request)
    other = next(name for name in _LANGUAGES if name != language)
    html = fill(
        "unsubscribe.html",
        what=what,
        language=language,
        other=other,
        channel=leave.channel.value if leave else "",
        style=_STYLE,
    )
    return HTMLResponse(html, status, {**_HEADERS, **(headers or {})})


def _language(request: Request) -> str:
    """The page's language: the one asked for, else the browser's, else Korean."""
    asked = request.query_params.get("lang", "")
    if asked in _LANGUAGES:
        return asked
    accepted = [
        one.partition(";")[0].strip().lower()[:2] for one in request.headers.get("accept-language", "").split(",")
    ]
    return next(
        (name for name in accepted if name in _LANGUAGES), "en" if any(accepted) and accepted != ["*"] else "ko"
    )
