"""Events over Dramatiq: in memory, on Redis and on RabbitMQ, one after the other committed and none lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker, Message, Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import select

from dangol.bootstrap import Dangol
from dangol.client import EVENTS_ACTOR, enqueue
from dangol.errors import StoreUnavailable, UnknownVersion
from dangol.queue.broker import make_broker
from dangol.store.tables import events, rejected_events
from tests.integration.queue.conftest import (
    PATIENCE,
    RABBITMQ,
    REDIS,
    SERVERS,
    Running,
    RunWorker,
    Watched,
    dead,
    forget,
    waiting,
)

THEN = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


def stored(dangol: Dangol) -> list[Any]:
    with dangol.database.read() as tx:
        return list(tx.execute(select(events).order_by(events.c.message_id)))


def refused(dangol: Dangol) -> list[Any]:
    with dangol.database.read() as tx:
        return list(tx.execute(select(rejected_events).order_by(rejected_events.c.id)))


def post(broker: Broker, queue: str, *args: Any, message_id: str = "m", **kwargs: Any) -> None:
    """Enqueue what another program might write."""
    broker.declare_queue(queue)
    broker.enqueue(Message(queue, EVENTS_ACTOR, args, kwargs, {}, message_id=message_id))


def test_an_enqueued_event_is_committed(
    brokers: Callable[[], Broker], run_worker: RunWorker, dangol: Dangol, events_queue: str
) -> None:
    watched = Watched(dangol.pipeline)
    worker = run_worker(watched)
    accepted = enqueue(
        brokers(),
        event="Order Completed",
        profile_id="c-1042",
        properties={"order_id": "A-7", "value": 29.3, "note": "단골"},
        timestamp=THEN,
    )
    assert watched.taken.acquire(timeout=PATIENCE)
    worker.stop()
    [row] = stored(dangol)
    assert (row.message_id, row.name, row.source) == (accepted, "Order Completed", "queue")
    assert row.properties == {"order_id": "A-7", "value": 29.3, "note": "단골"}
    assert row.occurred_at == THEN
    assert (waiting(worker.broker, events_queue), dead(worker.broker, events_queue)) == (0, 0)


def test_an_event_that_waited_for_a_worker_is_committed(
    brokers: Callable[[], Broker], run_worker: RunWorker, dangol: Dangol
) -> None:
    enqueue(brokers(), event="Order Completed", profile_id="c-1", timestamp=THEN, message_id="early")
    watched = Watched(dangol.pipeline)
    run_worker(watched)
    assert watched.taken.acquire(timeout=PATIENCE)
    assert [row.message_id for row in stored(dangol)] == ["early"]


@pytest.mark.parametrize("broker_url", ["stub"], indirect=True)
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        pytest.param(([{"userId": "c-1"}],), {}, id="no event name"),
        pytest.param(({"userId": "c-1", "event": "Order Completed"},), {}, id="an object instead of a list"),
        pytest.param(("c-1", "Order Completed"), {}, id="arguments of another actor"),
        pytest.param((), {"events": [{"userId": "c-1", "event": "Order Completed"}]}, id="keyword arguments"),
        pytest.param((["c-1"],), {}, id="a list of texts"),
    ],
)
def test_a_malformed_message_is_kept_whole_among_the_rejected_events(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    brokers: Callable[[], Broker],
    run_worker: RunWorker,
    dangol: Dangol,
    events_queue: str,
) -> None:
    watched = Watched(dangol.pipeline)
    worker = run_worker(watched)
    post(brokers(), events_queue, *args, **kwargs)
    assert watched.taken.acquire(timeout=PATIENCE)
    worker.stop()
    [row] = refused(dangol)
    assert row.source == "queue"
    assert "c-1" in row.payload
    assert isinstance(json.loads(row.payload), dict | list | str)
    assert stored(dangol) == []
    assert dead(worker.broker, events_queue) == 0


def test_a_bad_event_does_not_take_its_neighbours_along(
    brokers: Callable[[], Broker], run_worker: RunWorker, dangol: Dangol, events_queue: str
) -> None:
    watched = Watched(dangol.pipeline)
    run_worker(watched)
    good = {"userId": "c-1", "event": "Order Completed", "messageId": "good"}
    post(brokers(), events_queue, [good, {"userId": "c-1"}])
    assert watched.taken.acquire(timeout=PATIENCE)
    assert [row.message_id for row in stored(dangol)] == ["good"]
    assert [row.code for row in refused(dangol)] == ["invalid_event"]


@pytest.mark.parametrize("trouble", [StoreUnavailable, UnknownVersion])
def test_events_are_held_until_they_can_be_committed(
    trouble: type[Exception],
    brokers: Callable[[], Broker],
    run_worker: RunWorker,
    dangol: Dangol,
    events_queue: str,
) -> None:
    watched = Watched(dangol.pipeline, failures=[trouble(), trouble()])
    worker = run_worker(watched)
    enqueue(brokers(), event="Order Completed", profile_id="c-1", timestamp=THEN, message_id="held")
    assert watched.taken.acquire(timeout=PATIENCE)
    worker.stop()
    assert [row.message_id for row in stored(dangol)] == ["held"]
    assert (waiting(worker.broker, events_queue), dead(worker.broker, events_queue)) == (0, 0)


@pytest.mark.parametrize("broker_url", SERVERS, indirect=True)
def test_a_worker_that_stops_while_the_database_is_away_leaves_the_events_to_the_next(
    brokers: Callable[[], Broker], run_worker: RunWorker, dangol: Dangol, events_queue: str
) -> None:
    away = Watched(dangol.pipeline, failures=[StoreUnavailable()] * 1_000_000)
    first = run_worker(away)
    post(brokers(), events_queue, [{"userId": "c-1", "event": "Order Completed"}], message_id="0f3a")
    assert away.tries.acquire(timeout=PATIENCE)
    first.stop()
    assert stored(dangol) == []
    back = Watched(dangol.pipeline)
    run_worker(back)
    assert back.taken.acquire(timeout=PATIENCE)
    assert [row.message_id for row in stored(dangol)] == ["0f3a:0"]


def test_an_event_without_an_id_counts_once_however_often_its_message_is_delivered(
    brokers: Callable[[], Broker], run_worker: RunWorker, dangol: Dangol, events_queue: str
) -> None:
    watched = Watched(dangol.pipeline)
    broker = brokers()
    for _ in range(2):
        post(broker, events_queue, [{"userId": "c-1", "event": "Store Visited"}] * 2, message_id="7b21")
    run_worker(watched)
    for _ in range(2):
        assert watched.taken.acquire(timeout=PATIENCE)
    assert [row.message_id for row in stored(dangol)] == ["7b21:0", "7b21:1"]


@pytest.mark.redis
def test_on_redis_a_message_that_cannot_be_read_does_not_hold_up_its_neighbours(
    redis_server: str, dangol: Dangol, events_queue: str
) -> None:
    broker = make_broker(redis_server)
    assert isinstance(broker, RedisBroker)
    broker.do_enqueue(events_queue, "not-ours", b"{not json")
    enqueue(broker, event="Order Completed", profile_id="c-1", timestamp=THEN, message_id="neighbour")
    watched = Watched(dangol.pipeline)
    worker = Running(broker, watched, events_queue).start()
    try:
        assert watched.taken.acquire(timeout=PATIENCE)
        assert [row.message_id for row in stored(dangol)] == ["neighbour"]
    finally:
        worker.stop()
        forget(broker)


@pytest.mark.parametrize(
    ("service", "make"),
    [
        pytest.param("redis_server", lambda: RedisBroker(url=REDIS, namespace="shop"), marks=pytest.mark.redis),
        pytest.param(
            "rabbitmq_server", lambda: RabbitmqBroker(url=RABBITMQ, max_priority=5), marks=pytest.mark.rabbitmq
        ),
    ],
)
def test_a_service_with_workers_of_its_own_never_swallows_the_events(
    service: str, make: Callable[[], Broker], request: pytest.FixtureRequest, events_queue: str
) -> None:
    request.getfixturevalue(service)
    theirs = make()
    worker = Worker(theirs, worker_timeout=50, worker_threads=1)
    worker.start()
    try:
        enqueue(theirs, event="Order Completed", profile_id="c-1")
        assert list(worker.consumers) == []
        assert events_queue not in theirs.get_declared_queues()
    finally:
        worker.stop()
        forget(theirs)


def test_dramatiq_is_used_without_its_global_broker() -> None:
    assert dramatiq.broker.global_broker is None
