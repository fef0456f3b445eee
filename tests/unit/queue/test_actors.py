"""The actors on the in-memory broker: what they pass on, and what trouble does to the messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import dramatiq
import pytest
import redis
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from dangol.client import EVENTS_QUEUE, enqueue
from dangol.errors import BrokerUnavailable, StoreUnavailable
from dangol.queue.actors import Actors
from dangol.queue.broker import make_broker
from dangol.sweeper import Due

TIMEOUT_MS = 10_000
WAKE_UPS = tuple(
    f"dangol-{work}" for work in ("deliver_first", "plan_first", "deliver", "call", "plan", "fan_out", "receive")
)


class Pipeline:
    """Notes what it is asked to do; ``trouble`` is raised at every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []
        self.trouble: Exception | None = None
        self.more: list[bool] = []

    def deliver(self, ids: Sequence[str]) -> int:
        self._note("deliver", ids)
        return len(ids)

    deliver_first = deliver

    def plan(self, ids: Sequence[str]) -> None:
        self._note("plan", ids)

    def call(self, ids: Sequence[str]) -> int:
        self._note("call", ids)
        return len(ids)

    def receive(self, ids: Sequence[str]) -> None:
        self._note("receive", ids)

    def fan_out(self, run_id: str) -> bool:
        self._note("fan_out", run_id)
        return self.more.pop(0) if self.more else False

    def accept(self, raw: Sequence[object], *, source: str) -> None:
        self._note("accept", raw)

    def _note(self, name: str, what: object) -> None:
        self.calls.append((name, what))
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def broker() -> StubBroker:
    made = make_broker("")
    assert isinstance(made, StubBroker)
    return made


@pytest.fixture
def actors(broker: StubBroker, pipeline: Pipeline) -> Actors:
    return Actors(broker, pipeline, pipeline, max_age=timedelta(minutes=2), batch_size=2, pause=0.01)  # type: ignore[arg-type]


@pytest.fixture
def work(broker: StubBroker, actors: Actors) -> Iterator[Callable[[], None]]:
    """Work off everything that lies in the broker."""
    worker = Worker(broker, worker_timeout=10, worker_threads=1)

    def work_off() -> None:
        if not worker.workers:
            worker.start()
        for queue in (*WAKE_UPS, EVENTS_QUEUE):
            broker.join(queue, timeout=TIMEOUT_MS, fail_fast=False)

    yield work_off
    worker.stop()


def test_due_work_is_told_in_batches(actors: Actors, pipeline: Pipeline, work: Callable[[], None]) -> None:
    ids = {name: tuple(f"{name[0]}{number}" for number in (1, 2, 3)) for name in ("journeys", "messages", "calls")}
    actors.tell(Due(runs=("r",), **ids, feedback=("f1", "f2", "f3")))
    work()
    assert sorted(pipeline.calls, key=repr) == [
        ("call", ["c1", "c2"]),
        ("call", ["c3"]),
        ("deliver", ["m1", "m2"]),
        ("deliver", ["m3"]),
        ("fan_out", "r"),
        ("plan", ["j1", "j2"]),
        ("plan", ["j3"]),
        ("receive", ["f1", "f2"]),
        ("receive", ["f3"]),
    ]


def test_transactional_journeys_are_told_apart_from_the_others(actors: Actors, broker: StubBroker) -> None:
    actors.tell(Due(runs=(), journeys=("j1", "order", "j2"), messages=(), transactional=frozenset({"order"})))
    told = {name: _told(broker, f"dangol-{name}") for name in ("plan_first", "plan")}
    assert told == {"plan_first": [["order"]], "plan": [["j1", "j2"]]}


def _told(broker: StubBroker, queue: str) -> list[list[str]]:
    """What lies in this queue."""
    lying = broker.queues[queue].queue
    return [dramatiq.Message.decode(one).args[0] for one in lying]


def test_a_run_goes_on_as_long_as_there_is_more(actors: Actors, pipeline: Pipeline, work: Callable[[], None]) -> None:
    pipeline.more = [True, True, False]
    actors.tell(Due(runs=("r",), journeys=(), messages=()))
    work()
    assert pipeline.calls == [("fan_out", "r")] * 3


def test_a_stale_wake_up_is_passed_over_and_leaves_no_dead_letter(
    broker: StubBroker, actors: Actors, pipeline: Pipeline, work: Callable[[], None]
) -> None:
    two_minutes_ago = current_millis() - 120_000
    broker.enqueue(
        dramatiq.Message("dangol-deliver", "dangol.deliver", (["m"],), {}, {}, message_timestamp=two_minutes_ago)
    )
    work()
    assert pipeline.calls == []
    assert broker.dead_letters == []


def test_an_event_never_grows_too_old(
    broker: StubBroker, actors: Actors, pipeline: Pipeline, work: Callable[[], None]
) -> None:
    args = ([{"userId": "c-1", "event": "Store Visited", "messageId": "m"}],)
    broker.enqueue(dramatiq.Message(EVENTS_QUEUE, "dangol.events", args, {}, {}, message_timestamp=0))
    work()
    assert pipeline.calls == [("accept", list(args[0]))]


def test_while_the_database_is_away_wake_ups_leave_no_dead_letters(
    broker: StubBroker, actors: Actors, pipeline: Pipeline, work: Callable[[], None]
) -> None:
    pipeline.trouble = StoreUnavailable()
    actors.tell(Due(runs=("r",), journeys=("j",), messages=("m",)))
    work()
    assert len(pipeline.calls) == 3
    assert broker.dead_letters == []


def test_events_that_fail_for_a_reason_nobody_foresaw_are_held_and_not_printed(
    broker: StubBroker,
    actors: Actors,
    pipeline: Pipeline,
    work: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    taken: list[Sequence[object]] = []
    trouble = [ZeroDivisionError("c-1 did it"), ZeroDivisionError("c-1 did it")]

    def accept(raw: Sequence[object], *, source: str) -> None:
        if trouble:
            raise trouble.pop()
        taken.append(raw)

    monkeypatch.setattr(pipeline, "accept", accept)
    enqueue(broker, event="Store Visited", profile_id="c-1", message_id="m")
    work()
    assert [event["messageId"] for raw in taken for event in raw] == ["m"]  # type: ignore[index]
    assert broker.dead_letters == []
    assert "c-1" not in "".join(capsys.readouterr())


def test_many_events_in_one_message_are_committed_in_batches(
    broker: StubBroker, actors: Actors, pipeline: Pipeline, work: Callable[[], None]
) -> None:
    items = [{"userId": "c-1", "event": "Store Visited", "messageId": str(number)} for number in range(3)]
    broker.enqueue(dramatiq.Message(EVENTS_QUEUE, "dangol.events", (items,), {}, {}))
    work()
    assert pipeline.calls == [("accept", items[:2]), ("accept", items[2:])]


@pytest.mark.parametrize("trouble", [ConnectionClosed(OSError("gone")), redis.ConnectionError("gone")])
def test_a_broker_that_is_away_stops_the_sweep_but_never_the_one_who_announces(
    trouble: Exception, broker: StubBroker, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enqueue_nothing(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(broker, "enqueue", enqueue_nothing)
    actors.deliver(["m"])
    with pytest.raises(BrokerUnavailable, match="cannot be reached: gone"):
        actors.tell(Due(runs=(), journeys=("j",), messages=()))
