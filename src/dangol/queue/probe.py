"""What a broker says about itself; for those who look after it, never for the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pika
import redis
from pika.exceptions import AMQPError

from dangol.errors import BrokerUnavailable, UsageError
from dangol.queue.broker import HEARTBEAT_MS, make_broker


@dataclass(frozen=True, slots=True)
class Probed:
    """A broker that answered; what it does not tell is None."""

    kind: str
    version: str
    eviction: str | None = None
    """Redis' ``maxmemory-policy``."""
    keeps_log: bool | None = None
    """Whether Redis writes what it is told to disk at once (AOF)."""
    keeps_copies: bool | None = None
    """Whether Redis writes copies of itself to disk now and then (RDB)."""
    lost_after_ms: int | None = None
    """After how many milliseconds a dead worker's messages go to another."""


def probe(url: str, timeout: float = 3.0) -> Probed:
    """Ask the broker at this URL, for ``timeout`` seconds at most.

    Raises BrokerUnavailable if it does not answer, UsageError if it is no broker's URL.
    """
    make_broker(url).close()  # raises what is wrong with the URL, in the words that a start would use
    try:
        return _rabbitmq(url, timeout) if urlsplit(url).scheme in {"amqp", "amqps"} else _redis(url, timeout)
    except (AMQPError, redis.RedisError, OSError) as error:
        raise BrokerUnavailable(f"the message broker cannot be reached: {_said(error)}") from error
    except ValueError as error:
        raise UsageError(f"DANGOL_BROKER_URL is no broker's address: {error}") from None


def _redis(url: str, timeout: float) -> Probed:
    client = redis.Redis.from_url(url, socket_connect_timeout=timeout, socket_timeout=timeout)
    try:
        told: Any = client.info()
        return Probed(
            kind="Redis",
            version=str(told.get("redis_version", "")),
            eviction=told.get("maxmemory_policy"),
            keeps_log=_flag(told, "aof_enabled"),
            keeps_copies=_copies(client),
            lost_after_ms=HEARTBEAT_MS,
        )
    finally:
        client.close()


def _copies(client: redis.Redis) -> bool | None:
    try:
        told: Any = client.config_get("save")
    except redis.ResponseError:
        return None  # hosted Redis does not answer this
    return bool(told.get("save"))


def _flag(told: Mapping[str, Any], name: str) -> bool | None:
    return bool(told[name]) if name in told else None


def _rabbitmq(url: str, timeout: float) -> Probed:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = timeout
    parameters.connection_attempts = 1
    connection = pika.BlockingConnection(parameters)
    try:
        told = getattr(connection, "_impl", None)
        properties: Mapping[str, Any] = getattr(told, "server_properties", None) or {}
        version = properties.get("version", b"")
        return Probed(kind="RabbitMQ", version=version.decode() if isinstance(version, bytes) else str(version))
    finally:
        connection.close()


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
