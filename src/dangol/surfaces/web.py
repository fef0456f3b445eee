"""The web application: pages and API under one roof."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dangol import __version__
from dangol.bootstrap import Dangol
from dangol.consent.links import HOOKS, PATHS
from dangol.errors import BrokerUnavailable, DangolError, StoreUnavailable, UnknownProfile, UsageError
from dangol.surfaces.api.forms import make_router as make_forms_api
from dangol.surfaces.api.router import make_router as make_api
from dangol.surfaces.hooks.router import make_router as make_hooks
from dangol.surfaces.hooks.tally import Tally
from dangol.surfaces.pages.router import make_router as make_pages
from dangol.surfaces.pages.router import problem
from dangol.surfaces.pressure import Pressure
from dangol.surfaces.recipients import confirming, forms, keeping, preferences, unsubscribing
from dangol.surfaces.recipients.astray import nothing_here

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""What this machine calls itself in a request, when it is asked over its loopback address."""
_FROM_OUTSIDE = (*PATHS, HOOKS)
_FOR_MACHINES = ("/v1/", HOOKS, "/healthz", "/livez", "/readyz", "/openapi.json")
_STATUS: dict[type[DangolError], int] = {
    UsageError: 400,
    UnknownProfile: 404,
    StoreUnavailable: 503,
    BrokerUnavailable: 503,
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_log = structlog.get_logger(__name__)


def create_app(dangol: Dangol, *, hosts: Sequence[str] = ("*",), workspace: Path | None = None) -> FastAPI:
    """The application of an opened installation; who opened it closes it.

    With ``workspace`` the pages of messages show its files and follow them; without, what is in service.

    What came in by the hooks is counted in ``state.hooks``.

    ``hosts`` are the names that requests may be addressed to. On a loopback address they should be named, so that no
    foreign web page can read personal data by pointing its own name at this machine.
    """
    app = FastAPI(
        title="dangol",
        version=__version__,
        summary="Report events and people; read what was sent, and why.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.hooks = Tally()
    # Routes are tried in their order, so what is asked for most comes first.
    app.include_router(make_hooks(dangol, app.state.hooks))
    app.include_router(make_api(dangol))
    app.include_router(make_forms_api(dangol))
    app.include_router(make_pages(dangol, workspace))
    for pages in (unsubscribing, preferences, confirming, keeping, forms):
        app.include_router(pages.make_router(dangol))
    errors = Errors(dangol)
    app.add_exception_handler(DangolError, errors.of_dangol)
    app.add_exception_handler(HTTPException, errors.of_http)
    app.add_middleware(Pressure, limit=dangol.settings.intake_limit)
    app.add_middleware(SecurityHeaders)
    public = urlsplit(dangol.settings.public_url).hostname
    allowed = [*hosts, public] if public is not None and "*" not in hosts else list(hosts)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False)
    if public is not None:
        app.add_middleware(ForRecipients, host=public)
    return app


class ForRecipients:
    """Whoever comes by the name that recipients know gets what is for them or for carriers, and nothing else here."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_FROM_OUTSIDE):
            asked = Headers(scope=scope).get("host", "").rpartition(":")
            name = asked[0] if asked[0] and asked[2].isdecimal() else "".join(asked)
            if name.lower().rstrip(".") == self._host:
                await PlainTextResponse("Not found", 404)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class SecurityHeaders:
    """Headers that every response has unless it says otherwise itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class Errors:
    """How errors are told: to machines as JSON, to recipients on a page of theirs, to all others on one of ours."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol

    async def of_dangol(self, request: Request, error: Exception) -> Response:
        """What dangol raises on purpose, in its own words; what it does not is a plain 500."""
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), None)
        if status is None:
            raise error
        if status == 503:
            _log.warning("a request found something away", path=request.url.path, error=str(error))
        headers = {"Retry-After": "5"} if status == 503 else None
        if _for_machines(request):
            return JSONResponse({"code": type(error).__name__, "message": str(error)}, status, headers)
        if _for_recipients(request):
            return await run_in_threadpool(nothing_here, self._dangol, request, status, headers)
        return problem(status, _sentence(str(error)))

    async def of_http(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if _for_machines(request):
            return await http_exception_handler(request, error)
        if _for_recipients(request):
            return await run_in_threadpool(nothing_here, self._dangol, request, error.status_code, error.headers)
        words = "There is no such page." if error.detail == "Not Found" else str(error.detail)
        return problem(error.status_code, words)


def _for_recipients(request: Request) -> bool:
    return str(request.scope["path"]).startswith(PATHS)


def _for_machines(request: Request) -> bool:
    return request.url.path.startswith(_FOR_MACHINES)


def _sentence(text: str) -> str:
    ended = text if text.endswith((".", "?")) else f"{text}."
    return f"{ended[:1].upper()}{ended[1:]}"
