"""Brokers of every kind with queues of their own, so that tests disturb nobody who shares the server."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pika.exceptions
import pytest
import redis
from dramatiq import Broker, Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from pydantic import SecretStr

from dangol import client
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.intake import Intake
from dangol.pipeline import Pipeline
from dangol.queue import actors as actors_module
from dangol.queue.actors import Actors
from dangol.queue.broker import make_broker
from dangol.settings import Settings
from dangol.store.database import Database
from tests.conftest import service_missing

REDIS = os.environ.get("DANGOL_TEST_REDIS_URL", "redis://127.0.0.1:6379")
RABBITMQ = os.environ.get("DANGOL_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
PATIENCE = 20.0
QUEUES = ("events", "deliver_first", "plan_first", "deliver", "call", "plan", "receive", "fan_out")


@pytest.fixture
def prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the names of this test's queues begin with."""
    name = f"dangol-{uuid.uuid4().hex[:12]}-"
    monkeypatch.setattr(actors_module, "_PREFIX", name)
    monkeypatch.setattr(actors_module, "EVENTS_QUEUE", f"{name}events")
    monkeypatch.setattr(client, "EVENTS_QUEUE", f"{name}events")
    return name


@pytest.fixture
def events_queue(prefix: str) -> str:
    return f"{prefix}events"


@pytest.fixture
def stub() -> str:
    return ""


@pytest.fixture
def redis_server(prefix: str) -> Iterator[str]:
    connection = redis.Redis.from_url(REDIS, socket_connect_timeout=3)
    try:
        connection.ping()
    except redis.RedisError as error:
        service_missing("Redis (DANGOL_TEST_REDIS_URL)", error)
    with closing(connection):
        yield REDIS
        keys = [*connection.scan_iter(f"dramatiq:*{prefix}*", count=1000)]
        if keys:
            connection.delete(*keys)


@pytest.fixture
def rabbitmq_server(prefix: str) -> Iterator[str]:
    try:
        connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ))
    except pika.exceptions.AMQPError as error:
        service_missing("RabbitMQ (DANGOL_TEST_RABBITMQ_URL)", error)
    with closing(connection):
        yield RABBITMQ
        channel = connection.channel()
        for name, suffix in product(QUEUES, ("", ".DQ", ".XQ")):
            channel.queue_delete(f"{prefix}{name}{suffix}")


SERVERS = [
    pytest.param("redis_server", marks=pytest.mark.redis),
    pytest.param("rabbitmq_server", marks=pytest.mark.rabbitmq),
]


@pytest.fixture(params=["stub", *SERVERS])
def broker_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def dangol(database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path) -> Iterator[Dangol]:
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        database_url=database.url.render_as_string(hide_password=False),
        write_key=SecretStr("k"),
        secret_key=SecretStr("s"),
    )
    with Dangol(settings, clock=clock, entropy=entropy) as opened:
        yield opened


class Watched:
    """A pipeline that tells when a batch of events has been taken, after failing as often as it was told to."""

    def __init__(self, pipeline: Pipeline, failures: Sequence[Exception] = ()) -> None:
        self._intake = Intake(pipeline)
        self._failures = list(failures)
        self.deliver, self.deliver_first, self.call = pipeline.deliver, pipeline.deliver_first, pipeline.call
        self.plan, self.fan_out, self.receive = pipeline.plan, pipeline.fan_out, pipeline.receive
        self.tries = threading.Semaphore(0)
        self.taken = threading.Semaphore(0)

    def accept(self, raw: Sequence[object], *, source: str) -> None:
        self.tries.release()
        if self._failures:
            raise self._failures.pop(0)
        self._intake.accept(raw, source=source)
        self.taken.release()


RunWorker = Callable[[Watched], "Running"]


class Running:
    """A worker that listens to the events queue alone, as a process of its own would: with its own broker object."""

    def __init__(self, broker: Broker, watched: Watched, queue: str) -> None:
        self.broker = broker
        Actors(broker, watched, watched, max_age=timedelta(minutes=2), batch_size=500, pause=0.01)  # type: ignore[arg-type]
        self._worker = Worker(broker, queues={queue}, worker_timeout=50, worker_threads=2)

    def start(self) -> Running:
        self._worker.start()
        return self

    def stop(self) -> None:
        self._worker.stop(timeout=int(PATIENCE * 1000))


@pytest.fixture
def brokers(broker_url: str, prefix: str) -> Iterator[Callable[[], Broker]]:
    """Makes broker objects on the same server; in memory there is one for all."""
    made: list[Broker] = []

    def make() -> Broker:
        if broker_url or not made:
            made.append(make_broker(broker_url))
        return made[-1]

    yield make
    for broker in made:
        forget(broker)


@pytest.fixture
def run_worker(brokers: Callable[[], Broker], events_queue: str) -> Iterator[RunWorker]:
    running: list[Running] = []

    def run(watched: Watched) -> Running:
        running.append(Running(brokers(), watched, events_queue).start())
        return running[-1]

    yield run
    for each in running:
        each.stop()


def forget(broker: Broker) -> None:
    """Close ``broker`` and take it out of the list of workers that Redis keeps."""
    if isinstance(broker, RedisBroker):
        broker.client.zrem("dramatiq:__heartbeats__", broker.broker_id)
    broker.close()


def waiting(broker: Broker, queue: str) -> int:
    """How many messages lie in ``queue``, those that a worker holds included on Redis."""
    if isinstance(broker, RabbitmqBroker):
        return broker.get_queue_message_counts(queue)[0]
    if isinstance(broker, RedisBroker):
        return int(broker.do_qsize(queue))
    return int(broker.queues[queue].qsize())


def dead(broker: Broker, queue: str) -> int:
    """How many messages were given up on."""
    if isinstance(broker, RabbitmqBroker):
        return broker.get_queue_message_counts(queue)[2]
    if isinstance(broker, RedisBroker):
        return int(broker.client.zcard(f"dramatiq:{queue}.XQ"))
    stub: Any = broker
    return len(stub.dead_letters_by_queue[queue])
