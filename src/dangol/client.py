"""Trigger dangol from a backend service that already speaks Dramatiq. Needs nothing but ``dramatiq``.

    from dangol.client import enqueue

    enqueue(broker, event="Order Completed", profile_id="c-1042", properties={"order_id": "A-7", "value": 29.3})

The broker message is documented in docs/triggers.md, so other languages can write it too.
"""

from __future__ import annotations

import copy
import json
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from dramatiq import Broker, Message

EVENTS_ACTOR = "dangol.events"
EVENTS_QUEUE = "dangol-events"
NAMESPACE = "dramatiq"
"""The prefix of dangol's keys in Redis."""
_MOST_BYTES = 32 * 1024
_senders: WeakKeyDictionary[Broker, Broker] = WeakKeyDictionary()


def enqueue(
    broker: Broker,
    *,
    event: str,
    profile_id: str,
    properties: Mapping[str, Any] | None = None,
    timestamp: datetime | None = None,
    message_id: str | None = None,
) -> str:
    """Put one event on the broker and return its ``message_id``.

    ``broker`` is any Dramatiq broker on the server that dangol uses, also the one your own actors run on: it never
    begins to consume dangol's queue. Pass your own ``message_id`` (at most 100 characters) if you may call this twice
    for one fact: an id that dangol has seen changes nothing. ``timestamp`` is when it happened, aware; now by default.

    Raises ValueError for what dangol would refuse, TypeError for properties that are not JSON, and what the broker
    raises when it cannot be reached: the event is then not accepted.
    """
    accepted_id = message_id or f"q-{uuid.uuid4()}"
    happened = timestamp or datetime.now(UTC)
    item = {
        "type": "track",
        "messageId": accepted_id,
        "userId": profile_id,
        "event": event,
        "properties": dict(properties or {}),
        "timestamp": happened.isoformat(),
    }
    _check(item, happened)
    sender = _sender(broker)
    sender.declare_queue(EVENTS_QUEUE)
    sender.enqueue(Message(queue_name=EVENTS_QUEUE, actor_name=EVENTS_ACTOR, args=([item],), kwargs={}, options={}))
    return accepted_id


def _check(item: Mapping[str, Any], happened: datetime) -> None:
    """Tell the caller now what would otherwise end among dangol's rejected events."""
    if happened.tzinfo is None:
        raise ValueError("timestamp must be aware: say which time zone it is in")
    for name, said, limit in (("messageId", "message_id", 100), ("userId", "profile_id", 200), ("event", "event", 200)):
        given = item[name]
        if not (isinstance(given, str) and given.strip() and len(given) <= limit):
            raise ValueError(f"{said}: expected text of 1 to {limit} characters; found {given!r:.80}")
    size = len(json.dumps(item, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    if size > _MOST_BYTES:
        raise ValueError(f"an event may have {_MOST_BYTES:,} bytes as JSON; this one has {size:,}")


def _sender(broker: Broker) -> Broker:
    """``broker`` as dangol is to be addressed: the same server, and none of the caller's own arrangements.

    A broker object that declares a queue makes its worker consume it, and a worker that does not know dangol's actor
    would throw the events away: so this one has no middleware, and with it no worker. On Redis it keeps to dangol's
    namespace. On RabbitMQ it waits for the confirmation, on channels of its own, and declares the queue as dangol does.
    """
    sender = _senders.get(broker)
    if sender is None:
        sender = copy.copy(broker)
        vars(sender).update(actors={}, middleware=[], delay_queues=set(), namespace=NAMESPACE)
        if isinstance(broker.queues, set):  # names of queues; in the in-memory broker they are the queues themselves
            vars(sender).update(
                queues=set(), queues_pending=set(), state=threading.local(), confirm_delivery=True, max_priority=None
            )
        sender = _senders.setdefault(broker, sender)
    return sender
