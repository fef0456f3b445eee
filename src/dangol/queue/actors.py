"""The actors: they pass batches of ids on to the pipeline and contain no logic.

The broker message that backend services send (docs/triggers.md) is an exception only in what it carries: it has the
events themselves, because there is no row yet.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import dramatiq
import structlog
from dramatiq import Broker
from dramatiq.errors import BrokerConnectionError
from dramatiq.middleware import CurrentMessage
from redis.exceptions import RedisError
from structlog.contextvars import bound_contextvars

from dangol import meters
from dangol.client import EVENTS_ACTOR, EVENTS_QUEUE
from dangol.errors import BrokerUnavailable, DangolError, StoreUnavailable
from dangol.intake import Intake
from dangol.pipeline import DECIDED_AT_ONCE, Pipeline
from dangol.queue.middleware import Stopping
from dangol.sweeper import Due

_PREFIX = "dangol-"
_PAUSE_SECONDS = 1.0
_CALLS = 50
"""Calls in one batch at most: receivers that do not answer hold a worker until each of them has timed out."""
_log = structlog.get_logger(__name__)
T = TypeVar("T")


def own_lanes() -> tuple[frozenset[str], ...]:
    """Groups of queues that each have threads of their own (``Workers``), because somebody waits for what is in them.

    The first has transactional messages and journeys, the second the events that came over the broker. They are two,
    because events that cannot be committed hold a thread, and what is due already goes on meanwhile.
    """
    return frozenset({f"{_PREFIX}deliver_first", f"{_PREFIX}plan_first"}), frozenset({EVENTS_QUEUE})


class Actors:
    """dangol's actors, declared on one broker (see ``make_broker``).

    A wake-up older than ``max_age`` is passed over: by then the sweeper has told about its work again.
    ``pause`` is how many seconds lie between tries to commit events that came over the broker.
    """

    def __init__(
        self,
        broker: Broker,
        pipeline: Pipeline,
        intake: Intake,
        *,
        max_age: timedelta,
        batch_size: int,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self._broker = broker
        self._batch_size = batch_size
        self._pipeline = pipeline
        self._intake = intake
        self._pause = pause
        self._stopping = Stopping()
        broker.add_middleware(self._stopping)
        self._holding = threading.Lock()
        age = int(max_age.total_seconds() * 1000)

        def declare(work: Callable[[T], object], name: str, *, priority: int) -> dramatiq.Actor[[T], None]:
            as_actor = dramatiq.actor(
                broker=broker,
                actor_name=f"dangol.{name}",
                queue_name=f"{_PREFIX}{name}",
                priority=priority,
                max_retries=0,
                max_age=age,
            )
            return as_actor(_on_wake_up(name, work))

        self._deliver_first = declare(self._pipeline.deliver_first, "deliver_first", priority=0)
        self._plan_first = declare(self._pipeline.plan, "plan_first", priority=0)
        self._deliver = declare(self._pipeline.deliver, "deliver", priority=1)
        self._call = declare(self._pipeline.call, "call", priority=3)
        self._plan = declare(self._pipeline.plan, "plan", priority=5)
        self._receive = declare(self._pipeline.receive, "receive", priority=7)
        self._fan_out = declare(self._run, "fan_out", priority=10)
        as_actor = dramatiq.actor(broker=broker, actor_name=EVENTS_ACTOR, queue_name=EVENTS_QUEUE, max_retries=0)
        as_actor(self._take_events)

    def tell(self, due: Due) -> None:
        """Tell workers about due work, in batches. Raises BrokerUnavailable; what was not told is swept up again."""
        for run_id in due.runs:
            _send(self._fan_out, run_id)
        for journeys, plan in ((due.first_journeys, self._plan_first), (due.other_journeys, self._plan)):
            for batch in _batches(journeys, self._batch_size):
                _send(plan, batch)
        for batch in _batches(due.first, self._batch_size):
            _send(self._deliver_first, batch)
        # In small parts: between two of them a thread looks for what goes first.
        for batch in _batches(due.messages, min(DECIDED_AT_ONCE, self._batch_size)):
            _send(self._deliver, batch)
        for batch in _batches(due.calls, min(_CALLS, self._batch_size)):
            _send(self._call, batch)
        for batch in _batches(due.feedback, self._batch_size):
            _send(self._receive, batch)

    def deliver(self, message_ids: Sequence[str]) -> None:
        """Tell workers about due messages, in batches; a broker that is away only delays them until the next sweep."""
        self._tell_of(Due(runs=(), journeys=(), messages=tuple(message_ids)))

    def deliver_first(self, message_ids: Sequence[str]) -> None:
        """Tell workers about due transactional messages; as ``deliver``."""
        self._tell_of(Due(runs=(), journeys=(), messages=(), first=tuple(message_ids)))

    def _tell_of(self, due: Due) -> None:
        try:
            self.tell(due)
        except BrokerUnavailable as error:
            count = len(due.first) + len(due.messages)
            _log.warning("due messages wait for the sweeper", messages=count, error=str(error))

    def receive(self, feedback_ids: Sequence[str]) -> None:
        """Tell workers what carriers reported; as ``deliver``."""
        try:
            self.tell(Due(runs=(), journeys=(), messages=(), feedback=tuple(feedback_ids)))
        except BrokerUnavailable as error:
            _log.warning("reports wait for the sweeper", reports=len(feedback_ids), error=str(error))

    def _run(self, run_id: str) -> None:
        if self._pipeline.fan_out(run_id):
            _send(self._fan_out, run_id)

    def _take_events(self, *args: Any, **kwargs: Any) -> None:
        """Commit events that came over the broker.

        What cannot be committed now, because the database is away or a campaign does not load, is held
        unacknowledged and tried again: if this process dies the broker gives it to another. It must not be retried
        by the broker, whose delays live in a worker's memory. A worker that stops puts it back.
        """
        message = CurrentMessage.get_current_message()
        assert message is not None, "make_broker adds CurrentMessage"
        with bound_contextvars(work="events", wake_up=message.message_id):
            self._take(message, _carried(args, kwargs))

    def _take(self, message: dramatiq.Message[Any], events: Sequence[Any]) -> None:
        for batch in _batches(_named(events, message.message_id), self._batch_size):
            if not self._committed(batch) and not self._hold(batch):
                self._broker.enqueue(message.copy())
                return

    def _hold(self, batch: Sequence[Any]) -> bool:
        """Try until the events are committed; False if another thread should: this process stops, or one holds.

        One thread at a time holds events, so that the others are free to deliver what is due meanwhile.
        """
        if not self._holding.acquire(blocking=False):
            self._stopping.wait(self._pause)
            return False
        try:
            while not self._stopping.wait(self._pause):
                if self._committed(batch):
                    return True
            return False
        finally:
            self._holding.release()

    def _committed(self, events: Sequence[Any]) -> bool:
        try:
            self._intake.accept(events, source="queue")
        except DangolError as error:
            _log.warning("events are held", events=len(events), error=str(error))
            return False
        except Exception as error:
            # Dramatiq would print the message, which is people's data, and put it aside.
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{place.filename}:{place.lineno}"
            _log.error("events are held", events=len(events), error=type(error).__name__, at=at)
            return False
        return True


def _on_wake_up(name: str, work: Callable[[T], object]) -> Callable[[T], None]:
    """``work`` as an actor: it answers nothing, and trouble outside is no dead letter, for the sweeper tells again."""

    def wake_up(what: T) -> None:
        try:
            with bound_contextvars(work=name, wake_up=_message_id()), meters.timed("batch_seconds", work=name):
                work(what)
        except Exception as error:
            meters.count("batch_failures", work=name, error=type(error).__name__)
            if not isinstance(error, StoreUnavailable | BrokerUnavailable):
                raise
            _log.warning("work waits for the sweeper", error=str(error))

    return wake_up


def _message_id() -> str:
    """Of the wake-up that this thread works on; for the log lines of its batch."""
    message = CurrentMessage.get_current_message()
    return message.message_id if message is not None else ""


def _send(actor: dramatiq.Actor[[T], None], what: T) -> None:
    try:
        actor.send(what)
    except (BrokerConnectionError, RedisError) as error:
        raise BrokerUnavailable(f"the message broker cannot be reached: {error}") from error


def _carried(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """The events of a broker message: its one argument, a list. A message of another shape is one bad event."""
    if len(args) == 1 and not kwargs and isinstance(args[0], list):
        return args[0]
    return [[*args, kwargs]]


def _named(events: Sequence[Any], name: str) -> list[Any]:
    """Give events without ``messageId`` one that stays the same however often the broker delivers their message."""
    return [
        {**event, "messageId": f"{name}:{place}"} if isinstance(event, dict) and not event.get("messageId") else event
        for place, event in enumerate(events)
    ]


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
