"""Worker threads in this process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import TracebackType

import dramatiq
from dramatiq import Broker

_IDLE_MS = 500
"""How often an idle thread looks whether it should stop."""
_COLLECT_AFTER = (200_000, 20, 100)
"""How many new objects, and rounds of younger ones, Python lets pass before it looks for cycles among them."""


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

    Leaving waits for the batches in hand, ``patience`` at most; what was fetched and not begun goes back to the broker.
    """

    def __init__(self, broker: Broker, *, threads: int, patience: timedelta) -> None:
        self._worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=_IDLE_MS)
        self._patience = patience
        self._until_left = ExitStack()

    def __enter__(self) -> Workers:
        self._until_left.enter_context(seldom_collected())
        self._worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._until_left:
            self._worker.stop(timeout=int(self._patience.total_seconds() * 1000))
