"""Worker threads in this process."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType

import dramatiq
from dramatiq import Broker

_IDLE_MS = 500
"""How often an idle thread looks whether it should stop."""


class Workers:
    """Threads that carry out what the broker holds, from ``with`` to its end.

    Leaving waits for the batches in hand, ``patience`` at most; what was fetched and not begun goes back to the broker.
    """

    def __init__(self, broker: Broker, *, threads: int, patience: timedelta) -> None:
        self._worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=_IDLE_MS)
        self._patience = patience

    def __enter__(self) -> Workers:
        self._worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stop(timeout=int(self._patience.total_seconds() * 1000))
