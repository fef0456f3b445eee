"""The actors: they pass batches of ids on to the pipeline and contain no logic.

The broker message that backend services send (docs/triggers.md) is an exception only in what it carries: it has the
events themselves, because there is no row yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import dramatiq
import structlog
from dramatiq import Broker

from dangol.client import EVENTS_ACTOR, EVENTS_QUEUE
from dangol.errors import StoreUnavailable
from dangol.pipeline import Pipeline
from dangol.sweeper import Due

_PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Actors:
    """dangol's actors, declared on one broker.

    A message older than ``max_age`` is passed over: by then the sweeper has told about its work again.
    """

    def __init__(
        self,
        broker: Broker,
        pipeline: Pipeline,
        *,
        max_age: timedelta,
        batch_size: int,
    ) -> None:
        self._batch_size = batch_size
        self._pipeline = pipeline
        self._pause = threading.Event()
        age = int(max_age.total_seconds() * 1000)

        def declare(function: Callable[..., Any], name: str, *, priority: int) -> dramatiq.Actor[..., Any]:
            return dramatiq.actor(
                function,
                broker=broker,
                actor_name=f"dangol.{name}",
                queue_name=f"dangol-{name}",
                priority=priority,
                max_retries=0,
                max_age=age,
            )

        self._deliver = declare(self._pipeline.deliver, "deliver", priority=0)
        self._plan = declare(self._pipeline.plan, "plan", priority=5)
        self._fan_out = declare(self._run, "fan_out", priority=10)
        self._events = dramatiq.actor(
            self._take_events, broker=broker, actor_name=EVENTS_ACTOR, queue_name=EVENTS_QUEUE, max_retries=0
        )

    def tell(self, due: Due) -> None:
        """Tell workers about due work, in batches."""
        for run_id in due.runs:
            self._fan_out.send(run_id)
        for batch in _batches(due.journeys, self._batch_size):
            self._plan.send(batch)
        self.deliver(due.messages)

    def deliver(self, message_ids: Sequence[str]) -> None:
        """Tell workers about due messages, in batches."""
        for batch in _batches(message_ids, self._batch_size):
            self._deliver.send(batch)

    def _run(self, run_id: str) -> None:
        if self._pipeline.fan_out(run_id):
            self._fan_out.send(run_id)

    def _take_events(self, events: Sequence[Any]) -> None:
        """Commit events that came over the broker.

        While the database is away the message is held, unacknowledged, and tried again: if this process dies the
        broker gives it to another. It must not be retried by the broker, whose delays live in a worker's memory.
        """
        while True:
            try:
                self._pipeline.accept(events, source="queue")
            except StoreUnavailable as error:
                _log.warning("events wait for the database", events=len(events), error=str(error))
                self._pause.wait(_PAUSE_SECONDS)
            else:
                return


def _batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
