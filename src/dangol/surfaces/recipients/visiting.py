"""What pages behind a link share: the link is read, and a form is taken unless something speaks against it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import structlog
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from dangol.bootstrap import Dangol
from dangol.consent.links import ExpiredLink, UnknownLink
from dangol.errors import StoreUnavailable
from dangol.surfaces.recipients.brand import House
from dangol.surfaces.recipients.gateway import Fields, Often, from_elsewhere, language_of, page, read_fields
from dangol.surfaces.recipients.words import WORDS

L = TypeVar("L")
_log = structlog.get_logger(__name__)


def notice(request: Request, status: int, what: str, *, headers: dict[str, str] | None = None) -> Response:
    """A page with one sentence of words.py that says nothing about anybody."""
    language = language_of(request)
    told = WORDS[language][what]
    return page("notice.html", language=language, status=status, headers=headers, told=told, house=House())


class Entrance:
    """The way in to one kind of page. ``lost`` says for the log what is lost while the database is away."""

    def __init__(self, dangol: Dangol, *, lost: str) -> None:
        self._dangol = dangol
        self._lost = lost
        self._often = Often()

    def read(self, links: Callable[[str, datetime], L], token: str, request: Request) -> L | Response:
        """What the link says, as ``links`` reads it; a page for one that is over or cut off."""
        try:
            return links(token, self._dangol.clock.now())
        except ExpiredLink:
            return notice(request, 410, "expired")
        except UnknownLink:
            return notice(request, 404, "cut_off")

    async def take(
        self,
        token: str,
        request: Request,
        *,
        again: Callable[[int, str], Response],
        act: Callable[[Fields], Response],
    ) -> Response:
        """Read a form and ``act`` on it, unless it came too often, is too long or came from elsewhere.

        ``again`` shows the page anew, with a status and what was wrong. Both run beside the server's loop.
        """
        if not self._often.once_more(token, self._dangol.clock.now()):
            return notice(request, 429, "too_often", headers={"Retry-After": "60"})
        fields = await read_fields(request)
        if fields is None:
            return notice(request, 413, "too_long")
        if from_elsewhere(request, self._dangol.settings.public_url):
            return await run_in_threadpool(again, 403, "elsewhere")
        try:
            return await run_in_threadpool(act, fields)
        except StoreUnavailable as error:
            _log.warning(f"{self._lost}: the database is away", error=str(error))
            return notice(request, 503, "later", headers={"Retry-After": "60"})
