"""Wake-ups over each broker: ids go in, and workers are asked to do exactly that."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from dramatiq import Broker, Worker

from dangol.queue.actors import Actors
from dangol.sweeper import Due
from tests.integration.queue.conftest import PATIENCE


class Pipeline:
    """Puts what it is asked to do into a queue."""

    def __init__(self) -> None:
        self.asked: queue.Queue[tuple[str, Any]] = queue.Queue()

    def deliver(self, ids: Sequence[str]) -> int:
        self.asked.put(("deliver", ids))
        return len(ids)

    deliver_first = deliver

    def plan(self, ids: Sequence[str]) -> None:
        self.asked.put(("plan", ids))

    def call(self, ids: Sequence[str]) -> int:
        self.asked.put(("call", ids))
        return len(ids)

    def receive(self, ids: Sequence[str]) -> None:
        self.asked.put(("receive", ids))

    def fan_out(self, run_id: str) -> bool:
        self.asked.put(("fan_out", run_id))
        return False


def test_every_kind_of_wake_up_arrives(brokers: Callable[[], Broker]) -> None:
    broker, pipeline = brokers(), Pipeline()
    actors = Actors(broker, pipeline, None, max_age=timedelta(minutes=2), batch_size=2)  # type: ignore[arg-type]
    worker = Worker(broker, worker_timeout=50, worker_threads=2)
    worker.start()
    try:
        actors.tell(Due(runs=("r",), journeys=("j",), messages=("m1", "m2", "m3"), calls=("c",), feedback=("f",)))
        asked = [pipeline.asked.get(timeout=PATIENCE) for _ in range(6)]
    finally:
        worker.stop()
    assert sorted(asked, key=repr) == [
        ("call", ["c"]),
        ("deliver", ["m1", "m2"]),
        ("deliver", ["m3"]),
        ("fan_out", "r"),
        ("plan", ["j"]),
        ("receive", ["f"]),
    ]
    assert pipeline.asked.empty()
