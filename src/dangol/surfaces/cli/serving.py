"""The web server as a part of a long-running command, and ``dangol web``, which is nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from dangol.bootstrap import Dangol
from dangol.errors import DangolError
from dangol.settings import Settings
from dangol.surfaces import logs
from dangol.surfaces.cli.processes import Stop, in_thread, say
from dangol.surfaces.watching.server import watched
from dangol.surfaces.watching.telemetry import traced
from dangol.surfaces.web import LOOPBACK_NAMES, create_app

HostOption = Annotated[str, typer.Option(help="The address to listen on; others can reach 0.0.0.0.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def web(host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Run the web pages and the API only; workers and a scheduler run elsewhere."""
    settings, stop = Settings(), Stop()
    logs.configure(settings, process="web")
    with ExitStack() as running:
        running.enter_context(stop.on_signals())
        dangol = running.enter_context(Dangol(settings, workers=bool(settings.broker_url)))
        listener = running.enter_context(bind(host, port))
        running.enter_context(traced(settings, "web"))
        figures = running.enter_context(watched(dangol, needs_broker=False))
        app = create_app(dangol, hosts=names(host))
        running.enter_context(serving(app, listener, stop, settings.stop_within))
        say(f"Web on {url(host, port)}", figures)
        warn_if_open(host)
        stop.wait()


@contextmanager
def serving(app: FastAPI, listener: socket.socket, stop: Stop, patience: timedelta) -> Iterator[None]:
    """The web server on a socket that is bound already; at the end it answers what it has accepted, and no more."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(patience.total_seconds())),
    )
    server = uvicorn.Server(config)

    def halt() -> None:
        server.should_exit = True

    with in_thread("web server", lambda: server.run(sockets=[listener]), halt, stop, patience):
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises DangolError in an operator's words if the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise DangolError(f"{host} is no address of this machine: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise DangolError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
    return listener


def warn_if_open(host: str) -> None:
    if host not in _LOOPBACK:
        typer.echo(
            f"warning: the pages show personal data and ask for no password; on {host} put a proxy that does in front",
            err=True,
        )


def names(host: str) -> Sequence[str]:
    """The names under which requests may come in."""
    return LOOPBACK_NAMES if host in _LOOPBACK else ("*",)


def url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
