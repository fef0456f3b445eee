"""``/u/<token>``: how a recipient leaves in one tap, and how mail programs do it for them (RFC 8058).

A GET shows a page and changes nothing, because scanners and previews follow links. A POST withdraws the consent at
once; asked again, it answers the same. What it answers depends on the link alone, which holds the reader's locale too,
so it tells nobody whether a person is known. There is no cookie and no session: who holds the link may leave, and
nothing else.
"""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from dangol.bootstrap import Dangol
from dangol.consent.links import ExpiredLink, Leave, UnknownLink
from dangol.errors import StoreUnavailable
from dangol.surfaces.recipients.gateway import Fields, Often, language_of, last, page, read_fields

_MOST_BYTES = 4_096
_log = structlog.get_logger(__name__)


def make_router(dangol: Dangol) -> APIRouter:
    """The one page; mount it at the root."""
    leaving = LeavingPage(dangol)
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    router.add_api_route("/u/{token}", leaving.show, methods=["GET", "HEAD"])
    router.add_api_route("/u/{token}", leaving.leave, methods=["POST"])
    return router


class LeavingPage:
    """The handlers. Whatever goes wrong is told on a page that leads nowhere else."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._often = Often()

    def show(self, token: str, request: Request) -> Response:
        found = self._read(token)
        if not isinstance(found, Leave):
            return _page(request, *found)
        return _page(request, 200, "ask", found)

    async def leave(self, token: str, request: Request) -> Response:
        found = self._read(token)
        if not isinstance(found, Leave):
            return _page(request, *found)
        if not self._often.once_more(token, self._dangol.clock.now()):
            return _page(request, 429, "often", headers={"Retry-After": "60"})
        fields = await read_fields(request, _MOST_BYTES)
        if fields is None:
            return _page(request, 413, "unclear")
        how = _how(fields)
        if how is None:
            return _page(request, 400, "unclear", found)
        try:
            await run_in_threadpool(self._withdraw, found, how)
        except StoreUnavailable as error:
            _log.warning("somebody could not leave: the database is away", error=str(error))
            return _page(request, 503, "later", found, headers={"Retry-After": "60"})
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


def _how(fields: Fields) -> str | None:
    """By which way somebody leaves: a mail program's button, or ours; None if the body says neither."""
    if last(fields, "List-Unsubscribe").strip().lower() == "one-click":
        return "one-click"
    return "leaving-page" if last(fields, "leave") == "yes" else None


def _page(
    request: Request, status: int, what: str, leave: Leave | None = None, *, headers: dict[str, str] | None = None
) -> Response:
    return page(
        "unsubscribe.html",
        language=language_of(request, leave.locale if leave else None),
        status=status,
        headers=headers,
        what=what,
        channel=leave.channel.value if leave else "",
    )
