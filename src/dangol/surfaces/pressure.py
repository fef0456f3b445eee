"""Back-pressure at the door: a process takes on no more calls of the API than it can hold, and says when to come again.

Without a bound, calls that wait for a slow database would pile up in memory until the process is killed, and with it
those that were nearly done. Whoever is refused keeps the event and loses nothing.
"""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dangol import meters

_API = "/v1/"
_RETRY_AFTER_SECONDS = "2"
_BUSY = "as many calls as this process takes are in hand; send the same again, with the same messageId"


class Pressure:
    """Lets ``limit`` calls of the API in at one time; the others are answered 503 at once. Pages are let in always."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._in_hand = 0  # the event loop is one thread

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        if self._in_hand >= self._limit:
            meters.count("intake_refused", why="busy")
            content = {"success": False, "code": "busy", "message": _BUSY}
            await JSONResponse(content, 503, {"Retry-After": _RETRY_AFTER_SECONDS})(scope, receive, send)
            return
        self._in_hand += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_hand -= 1
