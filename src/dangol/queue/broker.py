"""Which broker, and what it may do: carry wake-ups. Nothing waits in it, and nothing is true because of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from dramatiq import Broker, Middleware
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Retries, ShutdownNotifications

from dangol.errors import UsageError

_HEARTBEAT_MS = 10_000
"""After this, what a dead worker held on Redis goes to another; Dramatiq's own default takes minutes."""
_MAINTENANCE_ALWAYS = 1_000_000


def make_broker(url: str) -> Broker:
    """The broker for ``DANGOL_BROKER_URL``; empty means in memory, for one process.

    Raises UsageError for a URL of another kind. Retries stay off for every actor: the database knows what is due,
    and the sweeper tells workers again.
    """
    middleware: list[Middleware] = [AgeLimit(), ShutdownNotifications(), Retries(max_retries=0)]
    scheme = urlsplit(url).scheme
    if not url:
        return StubBroker(middleware=middleware)
    if scheme in {"redis", "rediss", "unix"}:
        return RedisBroker(
            url=url,
            middleware=middleware,
            heartbeat_timeout=_HEARTBEAT_MS,
            maintenance_chance=_MAINTENANCE_ALWAYS,
        )
    if scheme in {"amqp", "amqps"}:
        return RabbitmqBroker(url=url, middleware=middleware, confirm_delivery=True)
    raise UsageError(f"broker URL of kind {scheme or url!r}: expected redis://… or amqp://…, or nothing for in-memory")
