"""The simulator: carriers, control and webhooks on one loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson

from dangol.devproviders.control import Control
from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.google import Google
from dangol.devproviders.http import Connection, Reply, Request, Turn, answer
from dangol.devproviders.options import Options
from dangol.devproviders.record import Record
from dangol.devproviders.sendgrid import SendGrid
from dangol.devproviders.twilio import Twilio
from dangol.devproviders.webhooks import Webhooks
from dangol.devproviders.webpush import WebPush

_BACKLOG = 4096
_COLLECT_AFTER = 100_000
_WELCOME = (
    "This plays SendGrid, Twilio, FCM and a push service for browsers. Nothing leaves this machine.\n"
    "GET /_sim/counts, GET /_sim/record, GET /_sim/credentials, GET /_sim/behaviour, GET /_sim/subscription?id=…\n"
    "POST /_sim/behaviour, POST /_sim/inbound, POST /_sim/reset\n"
)


class CannotStart(Exception):
    """The address or the record file cannot be used; says why."""


class Simulator:
    """All carriers. `handle` answers a request; what it accepted is in `record`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.credentials = Credentials(options)
        self.decider = Decider(options.seed, options.behaviour, options.special)
        try:
            self.record = Record(options.record)
        except OSError as error:
            raise CannotStart(f"the record {options.record} cannot be written: {error.strerror}") from error
        self.webhooks = Webhooks(options, self.credentials, self.decider)
        shared = (self.decider, self.record, self.credentials, options.seed)
        self._sendgrid = SendGrid(*shared, self.webhooks.mail if self.webhooks.tells_mail else None)
        self._twilio = Twilio(*shared, self.webhooks.text, opt_outs=options.twilio_opt_outs)
        self._google, self._webpush = Google(*shared), WebPush(*shared)
        self.control = Control(*shared[:3], self.webhooks, self._twilio, self.reset)
        self._exact: dict[bytes, Callable[[Request], Reply]] = {
            b"/v3/mail/send": self._sendgrid.send,
            b"/v3/scopes": self._sendgrid.scopes,
            b"/token": self._google.token,
            b"/": lambda _: Reply(answer(200, _WELCOME.encode(), {"Content-Type": "text/plain; charset=utf-8"})),
        }
        self._below: tuple[tuple[bytes, Callable[[Request], Reply]], ...] = (
            (b"/2010-04-01/", self._twilio.handle),
            (b"/v1/projects/", self._google.send),
            (b"/wp/", self._webpush.send),
            (b"/_sim/", self.control.handle),
        )
        self.url = ""

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        found = self._exact.get(request.path)
        if found is None:
            found = next((handler for start, handler in self._below if request.path.startswith(start)), _nowhere)
        return found(request)

    def reset(self) -> None:
        """Forget messages, counters and what was set at run time."""
        self.record.reset()
        self.decider.reset()
        self._twilio.reset()
        self.webhooks.forget()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Take requests until the end; gives the URL. Raises CannotStart."""
        loop = asyncio.get_running_loop()
        turn, opened = Turn(loop, self.record.write), set[Connection]()
        try:
            server = await loop.create_server(
                lambda: Connection(self.handle, turn, loop, opened),
                self.options.host,
                self.options.port,
                backlog=_BACKLOG,
            )
        except OSError as error:
            reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise CannotStart(f"cannot listen on {self.options.host}:{self.options.port}: {reason}") from error
        self.url = self.control.url = _url(server.sockets[0])
        self.webhooks.start()
        try:
            yield self.url
        finally:
            server.close()
            for connection in list(opened):
                connection.transport.abort()
            await self.webhooks.close()
            with contextlib.suppress(OSError):  # told when it failed first; nobody heard that it was accepted
                self.record.close()


def _nowhere(request: Request) -> Reply:
    found = f"{request.method.decode()} {request.path.decode('utf-8', 'replace')}"
    return Reply(
        answer(404, orjson.dumps({"errors": [f"found {found}, which no simulated carrier has; GET / tells more"]}))
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run(simulator: Simulator, ready: Callable[[], None], ended: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Serve on a loop of this thread until ``ended`` returns. Raises CannotStart."""

    async def serve() -> None:
        async with simulator.listening():
            gc.freeze()  # what was imported stays, and what comes later lives for a moment and in no cycles
            gc.set_threshold(_COLLECT_AFTER)
            ready()
            await ended(asyncio.Event())

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve())


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where there is one."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
