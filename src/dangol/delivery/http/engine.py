"""The thread whose loop carries the requests of all others."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from dangol.clock import Clock
from dangol.delivery.http.dialing import Dialer, Resolve
from dangol.delivery.http.messages import Limits, Origin
from dangol.delivery.http.pool import Lane, Pool

try:
    from uvloop import new_event_loop
except ImportError:  # pragma: no cover (there is none for Windows)
    from asyncio import new_event_loop  # type: ignore[assignment]

_TICK = 0.02
"""Seconds between two looks at what takes too long, while something is under way; else ``_IDLE_TICK``."""
_IDLE_TICK = 1.0
_LOOKUPS = 4
"""Names of hosts that are looked up at the same time."""
_STOPPING = 5.0


class Engine(threading.Thread):
    """Runs until it is stopped. Its public methods may be called from any thread."""

    def __init__(self, clock: Clock, limits: Limits, tls: Callable[[], ssl.SSLContext], resolve: Resolve) -> None:
        super().__init__(name="dangol-http", daemon=True)
        self._clock = clock
        self._limits = limits
        self._tls = tls
        self._resolve = resolve
        self._loop: asyncio.AbstractEventLoop
        self._wake: asyncio.Event
        self._ready = threading.Event()
        self._stopping = False
        self._pools: dict[Origin, Pool] = {}

    def start(self) -> None:
        """Start, and come back when requests can be taken."""
        super().start()
        self._ready.wait()

    def take(self, lanes: Mapping[Origin, Lane]) -> None:
        """Carry these out."""
        self._tell(self._take, lanes)

    def stop(self) -> None:
        """Hang up, and come back when that is done."""
        self._tell(self._stop)
        self.join(_STOPPING)

    def run(self) -> None:
        loop = new_event_loop()
        try:
            loop.run_until_complete(self._run())
        finally:
            loop.close()
            self._ready.set()

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended: whoever waits sees that the thread has
            self._loop.call_soon_threadsafe(what, *arguments)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="dangol-lookup")
        self._dialer = Dialer(self._limits, self._tls, self._resolve, threads)
        self._ready.set()
        try:
            while not self._stopping:
                await self._look()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for pool in self._pools.values():
                pool.close()
            await asyncio.sleep(0.01)  # connections say goodbye in the loop's next rounds

    async def _look(self) -> None:
        """End what takes too long; then wait a little, or until there is something new."""
        now = time.monotonic()
        for origin, pool in list(self._pools.items()):
            pool.check_time(now)
            if pool.empty:
                del self._pools[origin]
        working = any(pool.working for pool in self._pools.values())
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK if working else _IDLE_TICK if self._pools else None):
                await self._wake.wait()

    def _take(self, lanes: Mapping[Origin, Lane]) -> None:
        if self._stopping:
            for lane in lanes.values():
                lane.drop("not begun: dangol is stopping")
            return
        for origin, lane in lanes.items():
            pool = self._pools.get(origin)
            if pool is None:
                pool = self._pools[origin] = Pool(origin, self._limits, self._dialer, self._clock)
            pool.add(lane)
        self._wake.set()

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()
