"""What somebody waits for has threads of its own in each worker, over each broker."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from dramatiq import Broker

from dangol.client import enqueue
from dangol.queue import worker as worker_module
from dangol.queue.actors import Actors
from dangol.queue.worker import Workers
from dangol.sweeper import Due
from tests.integration.queue.conftest import PATIENCE

BLAST = ("b1", "b2")
LATE = "b3"


class Busy:
    """Holds each batch of the blast until it is let go."""

    def __init__(self) -> None:
        self.begun: queue.Queue[str] = queue.Queue()
        self.done: queue.Queue[str] = queue.Queue()
        self.let_go = threading.Event()

    def deliver(self, ids: Sequence[str]) -> int:
        self.begun.put(ids[0])
        if ids[0] in BLAST:
            self.let_go.wait(PATIENCE)
        self.done.put(ids[0])
        return len(ids)

    deliver_first = plan = call = receive = fan_out = deliver

    def accept(self, raw: Sequence[dict[str, str]], *, source: str) -> None:
        self.deliver([raw[0]["messageId"]])


def told(actors: Actors) -> None:
    actors.deliver_first(["order"])


def due_for_its_next_step(actors: Actors) -> None:
    actors.tell(Due(runs=(), journeys=("order",), messages=(), transactional=frozenset({"order"})))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads notice sooner than in life that they should stop."""
    monkeypatch.setattr(worker_module, "_IDLE_MS", 50)


@pytest.fixture
def busy() -> Busy:
    return Busy()


@pytest.fixture
def broker(brokers: Callable[[], Broker]) -> Broker:
    return brokers()


@pytest.fixture
def actors(broker: Broker, busy: Busy) -> Actors:
    return Actors(broker, busy, busy, max_age=timedelta(minutes=2), batch_size=1)  # type: ignore[arg-type]


def workers(broker: Broker, *, threads: int = 2) -> Workers:
    return Workers(broker, threads=threads, first_threads=1, patience=timedelta(seconds=PATIENCE))


def fill(actors: Actors, busy: Busy) -> None:
    actors.tell(Due(runs=(), journeys=(), messages=BLAST))
    assert {busy.begun.get(timeout=PATIENCE) for _ in BLAST} == set(BLAST)


@pytest.mark.parametrize("wake", [told, due_for_its_next_step])
def test_an_order_does_not_wait_for_a_blast_that_fills_all_other_threads(
    broker: Broker, actors: Actors, busy: Busy, wake: Callable[[Actors], None]
) -> None:
    with workers(broker):
        fill(actors, busy)
        wake(actors)
        assert busy.done.get(timeout=PATIENCE) == "order"
        busy.let_go.set()
    assert {busy.done.get_nowait() for _ in BLAST} == set(BLAST), "leaving waits for the batches in hand"


def test_an_event_of_the_broker_does_not_wait_for_a_blast(broker: Broker, actors: Actors, busy: Busy) -> None:
    with workers(broker):
        fill(actors, busy)
        enqueue(broker, event="Order Completed", profile_id="u", message_id="order")
        assert busy.done.get(timeout=PATIENCE) == "order"
        busy.let_go.set()


def test_a_blast_takes_no_thread_that_is_kept_for_orders(broker: Broker, actors: Actors, busy: Busy) -> None:
    with workers(broker):
        fill(actors, busy)
        actors.tell(Due(runs=(), journeys=(), messages=(LATE,)))
        for _ in range(3):
            actors.deliver_first(["order"])
            assert busy.begun.get(timeout=PATIENCE) == "order"
        assert busy.begun.empty(), "the third batch of the blast waits for one of its own threads"
        busy.let_go.set()
        assert busy.begun.get(timeout=PATIENCE) == LATE
