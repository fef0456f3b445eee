"""What docs/triggers.md tells other languages to write, written without Dramatiq, is committed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
import pytest
import redis
from dramatiq import Broker
from sqlalchemy import select

from dangol.bootstrap import Dangol
from dangol.store.tables import events
from tests.integration.queue.conftest import PATIENCE, RABBITMQ, REDIS, RunWorker, Watched

TEXT = (Path(__file__).parents[3] / "docs" / "triggers.md").read_text(encoding="utf-8")


def example(queue: str) -> dict[str, Any]:
    [block] = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)
    return {**json.loads(block), "queue_name": queue}


def to_rabbitmq(queue: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(RABBITMQ)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", queue, json.dumps(example(queue)).encode(), properties, mandatory=True)


def to_redis(queue: str) -> None:
    message = {**example(queue), "options": {"redis_message_id": "r-1"}}
    with redis.Redis.from_url(REDIS) as connection, connection.pipeline(transaction=True) as transaction:
        transaction.hset(f"dramatiq:{queue}.msgs", "r-1", json.dumps(message))
        transaction.rpush(f"dramatiq:{queue}", "r-1")
        transaction.execute()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("broker_url", "publish"),
    [
        pytest.param("redis_server", to_redis, marks=pytest.mark.redis),
        pytest.param("rabbitmq_server", to_rabbitmq, marks=pytest.mark.rabbitmq),
    ],
    indirect=["broker_url"],
)
def test_the_documented_message_is_committed(
    publish: Callable[[str], None],
    brokers: Callable[[], Broker],
    run_worker: RunWorker,
    dangol: Dangol,
    events_queue: str,
) -> None:
    watched = Watched(dangol.pipeline)
    worker = run_worker(watched)
    brokers().declare_queue(events_queue, **({"ensure": True} if publish is to_rabbitmq else {}))
    publish(events_queue)
    assert watched.taken.acquire(timeout=PATIENCE)
    worker.stop()
    with dangol.database.read() as tx:
        assert tx.execute(select(events.c.message_id)).scalars().all() == ["order-A-7-completed"]
