"""Which broker, and what it may do: carry wake-ups. Nothing waits in it, and nothing is true because of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import structlog
from dramatiq import Broker, Middleware
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import q_name
from dramatiq.errors import DecodeError
from dramatiq.middleware import CurrentMessage, Retries

from dangol.client import EVENTS_QUEUE
from dangol.errors import UsageError
from dangol.queue.middleware import WakeUpAge

__all__ = ["Broker", "make_broker"]

HEARTBEAT_MS = 10_000
"""After this, what a dead worker held on Redis goes to another; Dramatiq's own default takes minutes."""
_MAINTENANCE_ALWAYS = 1_000_000
_log = structlog.get_logger(__name__)


def make_broker(url: str) -> Broker:
    """The broker for ``DANGOL_BROKER_URL``; empty means in memory, for one process.

    Raises UsageError for a URL of another kind. Retries stay off for every actor: the database knows what is due,
    and the sweeper tells workers again.
    """
    middleware: list[Middleware] = [WakeUpAge(), Retries(max_retries=0), CurrentMessage()]
    if not url:
        return StubBroker(middleware=middleware)
    try:
        scheme = urlsplit(url).scheme
        if scheme in {"redis", "rediss", "unix"}:
            return _Redis(  # type: ignore[no-untyped-call]
                url=url,
                middleware=middleware,
                heartbeat_timeout=HEARTBEAT_MS,
                maintenance_chance=_MAINTENANCE_ALWAYS,
            )
        if scheme in {"amqp", "amqps"}:
            return RabbitmqBroker(url=url, middleware=middleware, confirm_delivery=True)
    except ValueError as error:
        raise UsageError(f"DANGOL_BROKER_URL is no broker's address: {error}") from None
    raise UsageError(
        f"DANGOL_BROKER_URL begins with {scheme!r}; expected redis://… or amqp://…, or nothing for in-memory"
    )


class _Redis(RedisBroker):
    """Redis, not brought to a halt by a message that another program wrote wrongly, nor asked for what is never there.

    Dramatiq looks into a second queue beside each, for what was put off. Wake-ups never are; events may be, by whoever
    sends them.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        if q_name(queue_name) not in {queue_name, EVENTS_QUEUE}:
            return _Empty(timeout)
        return _Patient(self, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]


class _Patient(_RedisConsumer):
    """Dramatiq's own consumer starts anew at such a message, and leaves behind the good ones it had fetched."""

    def __next__(self) -> MessageProxy | None:
        try:
            message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        except DecodeError as error:
            _log.error("a broker message cannot be read and stays in Redis", queue=self.queue_name, error=str(error))
            return None
        return message


class _Empty(Consumer):
    """Of a queue into which nothing is ever put."""

    def __init__(self, timeout: int) -> None:
        self._seconds = timeout / 1000

    def __next__(self) -> None:
        time.sleep(self._seconds)

    def ack(self, message: MessageProxy) -> None: ...

    def nack(self, message: MessageProxy) -> None: ...

    def requeue(self, messages: Iterable[MessageProxy]) -> None: ...
