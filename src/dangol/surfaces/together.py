"""Requests that come at the same time are committed together.

One transaction costs about the same for one call as for twenty, so a process that is behind catches up by putting what
waits into the next transaction. One that is not behind puts nothing off: whoever comes alone goes alone, at once. And
nobody waits for what only another has to wait for.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

from dangol.errors import StoreUnavailable

T = TypeVar("T")
_PATIENT = 8
"""Requests that wait at one time for something of their own; more than these wait for one of them."""


class _Asked(NamedTuple, Generic[T]):
    """What one request asks for, and the future, on its own loop, by which it is answered."""

    items: Sequence[T]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Together(Generic[T]):
    """``await together(items)`` returns when ``work`` has committed them, with those of others or without.

    ``work`` is called in a thread, by at most ``at_once`` of them at a time, with ``most`` items unless one request has
    more. It is one transaction, or may be repeated: if it fails over what several requests asked for, each is tried by
    itself, so that nobody is refused for what another sent. A database that is away is away for all of them.

    What ``work`` gives back it left undone, because it would have had to wait. ``alone`` does it for one request at a
    time, in threads of its own.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[T]],
        *,
        most: int,
        at_once: int,
        alone: Callable[[Sequence[T]], object] | None = None,
    ) -> None:
        self._work = work
        self._alone = alone
        self._patient = ThreadPoolExecutor(_PATIENT, thread_name_prefix="dangol-alone")
        self._most = most
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="dangol-together")
        self._lock = threading.Lock()
        self._waiting: deque[_Asked[T]] = deque()
        self._at_work = 0

    async def __call__(self, items: Sequence[T]) -> None:
        """Raises whatever ``work`` raises for these items."""
        loop = asyncio.get_running_loop()
        asked = _Asked(items, loop, loop.create_future())
        with self._lock:
            self._waiting.append(asked)
            is_one_free = self._at_work < self._at_once
            self._at_work += is_one_free
        if is_one_free:
            self._threads.submit(self._until_nobody_waits)
        await asked.done

    def _until_nobody_waits(self) -> None:
        while together := self._next():
            self._do(together)

    def _next(self) -> list[_Asked[T]]:
        """Who goes next; if nobody waits, this thread is free."""
        together: list[_Asked[T]] = []
        with self._lock:
            room = self._most
            while self._waiting and (not together or len(self._waiting[0].items) <= room):
                together.append(self._waiting.popleft())
                room -= len(together[-1].items)
            if not together:
                self._at_work -= 1
        return together

    def _do(self, together: Sequence[_Asked[T]]) -> None:
        try:
            left = {id(item) for item in self._work([item for asked in together for item in asked.items])}
        except Exception as error:
            if len(together) > 1 and not isinstance(error, StoreUnavailable):
                for asked in together:
                    self._do([asked])
                return
            _answer(together, error)
            return
        done: list[_Asked[T]] = []
        for asked in together:
            if left.isdisjoint(map(id, asked.items)):
                done.append(asked)
            else:
                self._patient.submit(self._wait, asked, left)
        _answer(done, None)

    def _wait(self, asked: _Asked[T], left: Collection[int]) -> None:
        assert self._alone is not None, "who leaves something undone says who does it"
        try:
            self._alone([item for item in asked.items if id(item) in left])
        except Exception as error:
            _answer([asked], error)
        else:
            _answer([asked], None)


def _answer(together: Sequence[_Asked[T]], error: Exception | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for asked in together:
        by_loop.setdefault(asked.loop, []).append(asked.done)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, waiting, error)
        except RuntimeError:
            continue  # the loop was closed, and nobody waits on it any more


def _settle(waiting: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for one in waiting:
        if one.done():
            continue  # who asked has gone
        if error is None:
            one.set_result(None)
        else:
            one.set_exception(error)
