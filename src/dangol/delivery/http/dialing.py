"""Opening connections: the host's addresses, TCP, TLS, each within its time."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import count

from dangol.delivery.http.connection import Connection
from dangol.delivery.http.messages import Limits, Origin
from dangol.errors import DangolError

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port → its addresses. Raises OSError or a DangolError if there are none to be used."""

_ADDRESSES = 4
"""Of a host with many addresses so many are tried, so that connecting takes a time that can be told."""
_REMEMBERED = 10.0
"""Seconds for which a host's addresses are not asked for again; of so many hosts at most."""
_HOSTS = 256


class NoConnection(DangolError):
    """No connection could be made."""


class Dialer:
    """Opens connections."""

    def __init__(self, limits: Limits, tls: Callable[[], ssl.SSLContext], resolve: Resolve, threads: Executor) -> None:
        self._limits = limits
        self._tls = tls
        self._resolve = resolve
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._turn = count()
        self._known: dict[Origin, tuple[Sequence[str], float]] = {}

    async def dial(self, origin: Origin, released: Callable[[Connection], None]) -> Connection:
        """A connection, encrypted if the origin says so. Raises NoConnection, and nothing else."""
        try:
            line = await self._reached(origin)
        except Exception as error:
            raise NoConnection(f"not reached: {_reason(error)}") from error
        try:
            return await self._greeted(line, origin, released)
        except Exception as error:
            line.close()
            raise NoConnection(f"no TLS, so nothing was sent: {_reason(error)}") from error
        except BaseException:
            line.close()
            raise

    async def _reached(self, origin: Origin) -> socket.socket:
        """A connection to one of the host's addresses, begun with another one each time, to share the load."""
        patience = self._limits.connect.total_seconds()
        async with asyncio.timeout(patience):
            found = await self._addresses(origin)
        first = next(self._turn) % len(found)
        failure: Exception = OSError("no address")
        for address in [*found[first:], *found[:first]][:_ADDRESSES]:
            line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            try:
                line.setblocking(False)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout(patience):
                    await self._loop.sock_connect(line, (address, origin.port))
            except OSError as error:
                line.close()
                failure = error
            except BaseException:
                line.close()
                raise
            else:
                return line
        raise failure

    async def _addresses(self, origin: Origin) -> Sequence[str]:
        """The host's addresses, looked up again after a while: a batch opens many connections to one host."""
        known, until = self._known.get(origin, ((), 0.0))
        if known and time.monotonic() < until:
            return known
        found = await self._loop.run_in_executor(self._threads, self._resolve, origin.host, origin.port)
        if not found:
            raise OSError("the host has no address")
        if len(self._known) >= _HOSTS:
            self._known.clear()
        self._known[origin] = (found, time.monotonic() + _REMEMBERED)
        return found

    async def _greeted(self, line: socket.socket, origin: Origin, released: Callable[[Connection], None]) -> Connection:
        def made() -> Connection:
            return Connection(line, self._limits, released)

        if origin.scheme == "http":
            _, connection = await self._loop.create_connection(made, sock=line)
            return connection
        async with asyncio.timeout(self._limits.tls.total_seconds()):
            _, connection = await self._loop.create_connection(
                made, sock=line, ssl=self._tls(), server_hostname=origin.host
            )
        return connection


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a host, in its order. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("the host is no host name") from None
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def _reason(error: Exception) -> str:
    """What went wrong, in the system's own words or ours."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, DangolError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return (isinstance(error, OSError) and (error.strerror or str(error))) or type(error).__name__
