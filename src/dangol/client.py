"""Trigger dangol from a backend service that already speaks Dramatiq. Needs nothing but ``dramatiq``.

    from dangol.client import enqueue

    enqueue(broker, event="Order Completed", profile_id="c-1042", properties={"order_id": "A-7", "value": 29.3})

The broker message is documented in docs/triggers.md, so other languages can write it too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dramatiq import Broker, Message

EVENTS_ACTOR = "dangol.events"
EVENTS_QUEUE = "dangol-events"


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

    Pass your own ``message_id`` (at most 100 characters) if you may call this twice for one fact: an id that dangol
    has seen changes nothing. ``timestamp`` is when it happened, aware; now by default. Raises what the broker
    raises when it cannot be reached: the event is then not accepted.
    """
    accepted_id = message_id or f"q-{uuid.uuid4()}"
    happened = timestamp or datetime.now(UTC)
    if happened.tzinfo is None:
        raise ValueError("timestamp must be aware: say which time zone it is in")
    item = {
        "type": "track",
        "messageId": accepted_id,
        "userId": profile_id,
        "event": event,
        "properties": dict(properties or {}),
        "timestamp": happened.isoformat(),
    }
    broker.declare_queue(EVENTS_QUEUE)
    broker.enqueue(Message(queue_name=EVENTS_QUEUE, actor_name=EVENTS_ACTOR, args=([item],), kwargs={}, options={}))
    return accepted_id
