"""``dangol.client``: needs dramatiq alone, and tells the caller at once what dangol would refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker

from dangol.client import EVENTS_ACTOR, EVENTS_QUEUE, enqueue
from dangol.profiles.validation import parse_event

ALONE = """
import sys

allowed = sys.stdlib_module_names | {"dangol", "dramatiq"}

class OnlyDramatiq:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed or name.startswith("dangol.") and name != "dangol.client":
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, OnlyDramatiq())
from dramatiq.brokers.stub import StubBroker
from dangol.client import EVENTS_QUEUE, enqueue

broker = StubBroker(middleware=[])
print(enqueue(broker, event="Order Completed", profile_id="c-1", message_id="m-1"), broker.queues[EVENTS_QUEUE].qsize())
"""


def carried(broker: StubBroker) -> dict[str, Any]:
    message = Message.decode(broker.queues[EVENTS_QUEUE].get_nowait())
    assert (message.queue_name, message.actor_name, message.kwargs) == (EVENTS_QUEUE, EVENTS_ACTOR, {})
    ((item,),) = message.args
    return item


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker(middleware=[])


def test_it_works_where_nothing_but_dramatiq_is_installed() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("m-1 1\n", "")


def test_the_message_is_a_track_call_that_dangol_understands(broker: StubBroker) -> None:
    now = datetime(2026, 3, 2, 1, tzinfo=UTC)
    said = enqueue(broker, event="Order Completed", profile_id="c-1", properties={"value": 29.3}, timestamp=now)
    event = parse_event(carried(broker), source="queue", now=now)
    assert (event.message_id, event.external_id, event.name) == (said, "c-1", "Order Completed")
    assert (event.properties, event.occurred_at) == ({"value": 29.3}, now)


def test_each_call_without_a_message_id_is_an_event_of_its_own(broker: StubBroker) -> None:
    ids = {enqueue(broker, event="Store Visited", profile_id="c-1") for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"event": " "}, "event: expected text of 1 to 200 characters"),
        ({"event": "e" * 201}, "event: expected text of 1 to 200 characters"),
        ({"profile_id": ""}, "profile_id: expected text of 1 to 200 characters"),
        ({"profile_id": 1042}, "profile_id: expected text of 1 to 200 characters; found 1042"),
        ({"message_id": "m" * 101}, "message_id: expected text of 1 to 100 characters"),
        ({"timestamp": datetime(2026, 3, 2)}, "timestamp must be aware"),
        ({"properties": {"value": float("nan")}}, "JSON compliant"),
        ({"properties": {"text": "단" * 11_000}}, "may have 32,768 bytes"),
    ],
)
def test_what_dangol_would_refuse_is_refused_at_once(changed: dict[str, Any], said: str, broker: StubBroker) -> None:
    with pytest.raises(ValueError, match=said):
        enqueue(broker, **{"event": "Order Completed", "profile_id": "c-1", **changed})
    assert EVENTS_QUEUE not in broker.queues


def test_properties_that_are_not_json_are_refused_at_once(broker: StubBroker) -> None:
    with pytest.raises(TypeError, match="Decimal is not JSON serializable"):
        enqueue(broker, event="Order Completed", profile_id="c-1", properties={"value": Decimal("1.5")})


def test_the_documented_limit_is_the_one_that_dangol_holds(broker: StubBroker) -> None:
    empty = {"type": "track", "messageId": "m", "userId": "c-1", "event": "E", "properties": {"text": ""}}
    now = datetime(2026, 3, 2, 1, tzinfo=UTC)
    room = 32 * 1024 - len(json.dumps({**empty, "timestamp": now.isoformat()}, separators=(",", ":")))
    enqueue(broker, event="E", profile_id="c-1", message_id="m", timestamp=now, properties={"text": "x" * room})
    assert parse_event(carried(broker), source="queue", now=now).message_id == "m"
