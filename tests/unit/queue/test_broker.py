"""Which URL means which broker, and what dangol's brokers do not do."""

from __future__ import annotations

import pytest
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed

from dangol.client import EVENTS_QUEUE, NAMESPACE
from dangol.errors import UsageError
from dangol.queue.broker import make_broker


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("", StubBroker),
        ("redis://127.0.0.1:6379/3", RedisBroker),
        ("rediss://:secret@cache.example.com", RedisBroker),
        ("amqp://guest:guest@127.0.0.1:5672/shop", RabbitmqBroker),
        ("amqps://mq.example.com", RabbitmqBroker),
    ],
)
def test_the_url_chooses_the_broker(url: str, kind: type) -> None:
    assert isinstance(make_broker(url), kind)


@pytest.mark.parametrize(
    "url", ["kafka://k:secret@x", "secret", "localhost:6379", "redis://u:secret@h:port", "amqp://h:x"]
)
def test_another_url_is_wrong_usage_and_its_password_stays_secret(url: str) -> None:
    with pytest.raises(UsageError, match="DANGOL_BROKER_URL") as caught:
        make_broker(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1", "amqp://127.0.0.1"])
def test_nothing_is_retried_limited_in_time_or_exported_by_default(url: str) -> None:
    middleware = [type(one).__name__ for one in make_broker(url).middleware]
    assert middleware == ["WakeUpAge", "Retries", "CurrentMessage"]


def test_dangol_and_its_client_agree_on_the_namespace_in_redis() -> None:
    broker = make_broker("redis://127.0.0.1")
    assert isinstance(broker, RedisBroker)
    assert broker.namespace == NAMESPACE


def test_redis_is_not_asked_for_wake_ups_that_were_put_off_because_none_ever_is_but_for_events_that_were() -> None:
    nobody_there = make_broker("redis://127.0.0.1:1")
    wake_ups = nobody_there.consume("dangol-deliver.DQ", timeout=1)
    assert next(wake_ups) is None
    for asked in ("dangol-deliver", f"{EVENTS_QUEUE}.DQ"):
        consumer = nobody_there.consume(asked, timeout=1)
        with pytest.raises(ConnectionClosed):
            next(consumer)
