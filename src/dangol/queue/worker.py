"""Worker threads in this process."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from types import TracebackType

import dramatiq
from dramatiq import Broker

from dangol.queue.actors import own_lanes

_IDLE_MS = 500
"""How often an idle thread looks whether it should stop, and at the longest a consumer of Redis for new messages."""
_SOON_MS = 100
"""The same for what somebody waits for."""
_COLLECT_AFTER = (200_000, 20, 100)
"""How many new objects, and rounds of younger ones, Python lets pass before it looks for cycles among them."""
_M_ARENA_MAX = -8
_ARENAS = 2


def sharing_memory() -> None:
    """Let threads that start from now on share what one of them has freed.

    By default glibc gives each thread an arena of its own, from which nothing comes back: a fifth of a worker's memory.
    Other C libraries do not know the call, or its parameter, and are left as they are.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for cycles of dead objects seldom, and never among what is loaded by now.

    A batch makes tens of thousands of objects that all live until it is done, and then go without any search. Looking
    through them again and again, and through all modules and releases, would be a seventh of a delivery's time.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Workers:
    """Threads that carry out what the broker holds, from ``with`` to its end.

    Each of ``own_lanes`` has ``first_threads`` of its own, so that what somebody waits for starts at once however many
    batches of a blast are in hand; ``threads`` do everything else. All actors must be declared on ``broker`` by now.

    Leaving waits for the batches in hand, ``patience`` at most; what was fetched and not begun goes back to the broker.
    """

    def __init__(self, broker: Broker, *, threads: int, first_threads: int, patience: timedelta) -> None:
        # Dramatiq advises one Worker a process. Several share nothing but the broker here, and no queue: consumers and
        # the line in front of the threads belong to a Worker, and what Redis holds for a process it holds by queue.
        lanes = own_lanes()
        others = set(broker.get_declared_queues()).difference(*lanes)
        self._workers = (
            *(
                dramatiq.Worker(broker, queues=set(lane), worker_threads=first_threads, worker_timeout=_SOON_MS)
                for lane in lanes
            ),
            dramatiq.Worker(broker, queues=others, worker_threads=threads, worker_timeout=_IDLE_MS),
        )
        self._broker = broker
        self._patience = patience
        self._until_left = ExitStack()

    def __enter__(self) -> Workers:
        sharing_memory()
        self._until_left.enter_context(seldom_collected())
        for worker in self._workers:
            # Starting adds a middleware that listens for queues still to come. None comes, and of several it warns.
            before = [*self._broker.middleware]
            worker.start()
            self._broker.middleware = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        patience = int(self._patience.total_seconds() * 1000)
        # Side by side: one after the other, the patience would be spent twice, and the second would go on fetching.
        with self._until_left, ThreadPoolExecutor(len(self._workers)) as stopping:
            list(stopping.map(lambda worker: worker.stop(timeout=patience), self._workers))
