"""A request of a carrier: read within bounds, and answered in as few words as carriers need."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

RETRY_AFTER = {"Retry-After": "30"}


class Answer(Exception):
    """The request ends here, with this status and these words."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.words = words
        self.headers = dict(headers or {})
        super().__init__(words)

    def response(self) -> Response:
        return PlainTextResponse(self.words, self.status, self.headers)


async def read_body(request: Request, most: int) -> bytes | None:
    """The body as it came; None if it has more bytes than ``most``, of which no more is read than that."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        return None
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            return None
    return bytes(data)


def public_url_of(request: Request, base: str) -> str:
    """The URL that the carrier asked for, as it knows us: not by the name and port that a proxy calls us by."""
    path = request.scope.get("raw_path", b"").decode("ascii", "replace") or request.url.path
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    return f"{base.rstrip('/')}{path.partition('?')[0]}{'?' if query else ''}{query}"
