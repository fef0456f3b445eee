"""The transport: requests of any thread go out side by side, on one loop in a thread of its own."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property

from dangol.clock import Clock
from dangol.delivery.http.dialing import Resolve, system_resolve
from dangol.delivery.http.engine import Engine
from dangol.delivery.http.messages import Answer, Limits, NotSent, Origin, Request, Unwritable, written
from dangol.delivery.http.pool import Batch, Job, Lane

_LOOK = 1.0
_GRACE = 5.0
_CLOSED = "not begun: dangol is stopping"


class Transport:
    """HTTP/1.1 over connections that stay open; may be used from several threads at once.

    ``tls`` is what certificates are checked against, the system's trust by default. ``resolve`` finds a host's
    addresses, and may refuse to. Proxies are not used, redirects not followed, nothing is ever sent twice.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._given_tls = tls
        self._resolve = resolve
        self._lock = threading.Lock()
        self._closed = False
        self._engine: Engine | None = None

    def exchange(self, requests: Sequence[Request], *, patience: timedelta = timedelta(minutes=5)) -> list[Answer]:
        """Send these requests, each at most once; one answer each, in the order given. Waits for all of them.

        What has not begun within ``patience``, or by its own ``not_after``, is not sent.
        """
        batch = Batch(len(requests))
        lanes: dict[Origin, Lane] = {}
        until = time.monotonic() + patience.total_seconds()
        for index, request in enumerate(requests):
            try:
                origin, head = written(request)
            except Unwritable as error:
                batch.answer(index, NotSent(str(error)))
                continue
            lane = lanes.get(origin)
            if lane is None:
                lane = lanes[origin] = Lane(batch, until)
            lane.waiting.append(Job(lane, index, head, request))
        engine = self._running() if lanes else None
        if engine is not None:
            engine.take(lanes)
            self._wait(engine, batch, until)
        if engine is None or not engine.is_alive():
            for lane in lanes.values():
                lane.drop(_CLOSED)
        return batch.answers()

    def guarded(self, resolve: Resolve) -> Transport:
        """Another transport with the same limits and trust, that connects only to the addresses ``resolve`` finds."""
        return Transport(clock=self._clock, limits=self._limits, tls=self._given_tls, resolve=resolve)

    def close(self) -> None:
        """Hang up: what waits is not sent, what is under way is broken. May be called more than once."""
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    def _wait(self, engine: Engine, batch: Batch, until: float) -> None:
        """Wait for the answers; whoever is interrupted takes back what has not begun."""
        longest = self._limits.connect + self._limits.tls + self._limits.total
        end = until + longest.total_seconds() + _GRACE
        try:
            while not batch.done.wait(_LOOK) and engine.is_alive() and time.monotonic() < end:
                pass
        finally:
            batch.awaited = False

    def _running(self) -> Engine | None:
        """The engine, started when first needed, and again in a process that was forked off; None once closed."""
        with self._lock:
            if self._closed:
                return None
            if self._engine is None or not self._engine.is_alive():
                self._engine = Engine(self._clock, self._limits, lambda: self._tls, self._resolve)
                self._engine.start()
            return self._engine

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()
