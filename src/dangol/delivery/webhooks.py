"""Calls to other systems: one signed POST each, its answer turned into an outcome.

============================================  ====================================================================
what happens                                  outcome
============================================  ====================================================================
2xx                                           ``Accepted``: the receiver has it
name, connection or TLS fails                 ``Refused`` for now: nothing of the call had been sent
408, 425, 429, 5xx                            ``Refused`` for now: the receiver itself says that it did not take the
                                              call. ``Retry-After`` is obeyed. A receiver that had taken it all the
                                              same knows the next attempt by its ``webhook-id``
3xx, other 4xx                                ``Refused`` for good: nothing about the call will be different next
                                              time. Redirects are not followed, for nobody checked where they lead
no answer in time, or none that makes sense   ``Unknown``: the receiver may have it. Never repeated
an address that is not to be called           ``Forbidden``, a refusal for good
============================================  ====================================================================

Details go into the log, so they never hold what was sent or what came back: receivers like to quote what they got.
"""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import Protocol

import structlog
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection

from dangol import __version__
from dangol.clock import Clock
from dangol.delivery.addresses import AddressGuard, ForbiddenAddress, Target, Unresolved
from dangol.delivery.patience import asked
from dangol.delivery.signatures import Signer
from dangol.model.message import Accepted, Outcome, Refused, Unknown

log = structlog.get_logger(__name__)
_AT_ONCE = 8
"""Calls of a batch that are under way at the same time."""
_READ_AT_MOST = 64 * 1024
_ADDRESSES = 4
"""Of a host with many addresses so many are tried, so that a call takes a time that can be told."""
_FOR_NOW = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt: ``id`` is the same for every attempt. It must have begun before ``not_after``."""

    id: str
    url: str
    body: bytes
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Forbidden(Refused):
    """The call would have gone to an address that is not to be called from here."""


class Caller(Protocol):
    """Makes calls. It may be used from several threads at once."""

    def send_many(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        """Make these calls, each at most once; one outcome a call, in the order given. Never raises."""
        ...


class NoCalls:
    """Makes no call and says that all were accepted: for the demo, simulations and scenario tests."""

    def send_many(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        return [Accepted()] * len(calls)


class HttpCaller:
    """Calls over HTTP and HTTPS.

    ``connect_timeout`` bounds each connection that is tried, ``timeout`` everything after: TLS, sending and the whole
    answer. Certificates are checked against ``tls``, the system's by default. A proxy is never used, because what
    would connect then is not what was checked.
    """

    def __init__(
        self,
        signer: Signer,
        guard: AddressGuard,
        *,
        clock: Clock,
        connect_timeout: timedelta = timedelta(seconds=5),
        timeout: timedelta = timedelta(seconds=15),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._signer = signer
        self._guard = guard
        self._clock = clock
        self._connect_timeout = connect_timeout.total_seconds()
        self._timeout = timeout.total_seconds()
        self._given_tls = tls

    def send_many(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="dangol-call") as pool:
            return list(pool.map(self.call, calls))

    def call(self, call: Call) -> Outcome:
        """Make one call."""
        try:
            return self._call(call)
        except Exception as error:
            # A bug of ours says nothing about what got through.
            _log_failure(call, error)
            return Unknown(f"the call failed here: {type(error).__name__}")

    def _call(self, call: Call) -> Outcome:
        if self._clock.now() >= call.not_after:
            return Refused(permanent=False, detail="not begun: the time for it is over")
        try:
            target = self._guard.target(call.url)
        except ForbiddenAddress as error:
            return Forbidden(permanent=True, detail=str(error))
        except Unresolved as error:
            return Refused(permanent=False, detail=str(error))
        try:
            line = _dial(target, self._connect_timeout)
        except OSError as error:
            return Refused(permanent=False, detail=f"not reached: {_reason(error)}")
        with line, _Limit(line, self._timeout) as limit:
            try:
                line = self._encrypted(line, target)
            except (OSError, ValueError) as error:
                return Refused(permanent=False, detail=f"no TLS, so nothing was sent: {limit.reason(error)}")
            with line:
                return self._exchange(line, limit, target, call)

    def _encrypted(self, line: socket.socket, target: Target) -> socket.socket:
        line.settimeout(self._timeout)
        return line if target.scheme == "http" else self._tls.wrap_socket(line, server_hostname=target.host)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    def _exchange(self, line: socket.socket, limit: _Limit, target: Target, call: Call) -> Outcome:
        speaks = HTTPSConnection if target.scheme == "https" else HTTPConnection
        connection = speaks(target.host, target.port, timeout=self._timeout)
        connection.sock = line
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"dangol/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **self._signer.headers(call.id, self._clock.now(), call.body),
        }
        try:
            connection.request("POST", target.path, call.body, headers, preload_content=False, decode_content=False)
            response = connection.getresponse()
        except Exception as error:
            return Unknown(f"no answer after the call had begun: {limit.reason(error)}")
        _hear_out(response)
        return _meaning(response.status, response.headers.get("Retry-After", ""), self._clock.now())


def _dial(target: Target, timeout: float) -> socket.socket:
    """A connection to the first of the checked addresses that answers. Raises OSError."""
    failure = OSError("no address")
    for address in target.addresses[:_ADDRESSES]:
        try:
            line = socket.create_connection((address, target.port), timeout)
        except OSError as error:
            failure = error
        else:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line
    raise failure


class _Limit:
    """Hangs up when an exchange takes too long as a whole: an answer that drips in would be in time for ever."""

    def __init__(self, line: socket.socket, seconds: float) -> None:
        self._line = line.dup()  # TLS takes the socket itself away
        self._over = False
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> _Limit:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        self._line.close()

    def reason(self, error: Exception) -> str:
        """Why the exchange broke off."""
        return _reason(TimeoutError() if self._over else error)

    def _hang_up(self) -> None:
        self._over = True
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)


def _hear_out(response: BaseHTTPResponse) -> None:
    """Let the receiver finish its answer, within limits, so that it sees no broken connection; nothing is kept."""
    with suppress(Exception):
        response.read(_READ_AT_MOST)
    response.close()


def _log_failure(call: Call, error: Exception) -> None:
    """Say what failed and where. An exception's own text may quote what was sent, so it is left out."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("call_failed", call_id=call.id, error=type(error).__name__, at=f"{place.filename}:{place.lineno}")


def _meaning(status: int, retry_after: str, now: datetime) -> Outcome:
    answer = f"answered {status}"
    if 200 <= status < 300:
        return Accepted(answer)
    if status in _FOR_NOW or 500 <= status < 600:
        return Refused(permanent=False, detail=answer, retry_after=asked(retry_after, now))
    if 300 <= status < 500:
        return Refused(permanent=True, detail=answer)
    return Unknown(f"{answer}, which means nothing")


def _reason(error: Exception) -> str:
    """What went wrong, in the system's own words. Other errors may quote what came back, so only their kind is told."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it took too long"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
