"""Many workers at once: nothing goes twice, no cap is exceeded, and a withdrawal that was first wins."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest

from dangol import pipeline as pipeline_module
from dangol.consent import ledger as consents
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.profiles import people
from dangol.store.tables import consent_states
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, cap, note, scheduled

WORKERS = 8
PATIENCE = 30.0
PEOPLE = [f"p{n}" for n in range(5)]
ORDERS = 12


def due_messages(house: House, limit: int, *, people: Sequence[str] = PEOPLE, orders: int = ORDERS) -> list[str]:
    """Everyone ordered often, and a note for every order is due; a cap allows ``limit`` a week."""
    house.opens_with(campaign("a"), policies={"caps": [cap(limit)]}).knows(*people)
    for _ in range(orders):
        house.orders(*people)
    return list(house.sweeper.sweep().messages)


def all_at_once(work: Callable[[list[str]], Any], shares: Iterable[list[list[str]]]) -> None:
    """One worker a share, each with its batches, all starting together."""
    shares = list(shares)
    together = Barrier(len(shares))

    def run(batches: list[list[str]]) -> None:
        together.wait(timeout=PATIENCE)
        for batch in batches:
            work(batch)

    with ThreadPoolExecutor(len(shares)) as threads:
        list(threads.map(run, shares))


def per_person(house: House) -> Counter[str]:
    return Counter(envelope.to for envelope in house.carrier.handed_over)


@pytest.mark.parametrize("seed", range(3))
def test_no_cap_is_exceeded_under_many_workers(house: House, seed: int) -> None:
    ids = due_messages(house, limit=2)
    random.Random(seed).shuffle(ids)
    batches = [ids[start : start + 3] for start in range(0, len(ids), 3)]
    all_at_once(house.pipeline.deliver, [batches[worker::WORKERS] for worker in range(WORKERS)])
    assert per_person(house) == {f"{name}@example.com": 2 for name in PEOPLE}
    reasons = Counter(row.reason for row in house.messages)
    # Whoever sees that another message goes first yields to it; whoever comes after it finds the cap used up.
    assert (reasons["accepted_by_provider"], reasons["capped"] + reasons["yielded"]) == (10, 50)
    assert len(house.slots) == 10


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_without_the_persons_lock_the_cap_would_be_exceeded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above has teeth: with the lock taken out, workers that meet in its place overrun the cap.

    SQLite has one writer at a time and needs no such lock, so there is nothing to take out.
    """
    ids = due_messages(house, limit=2, people=["kim"], orders=WORKERS)
    meeting = Barrier(WORKERS)
    monkeypatch.setattr(people, "lock", lambda *_: meeting.wait(timeout=PATIENCE))
    # Else the first worker decides about all of them, or sees the others waiting and yields.
    monkeypatch.setattr(pipeline_module.message_rows, "undecided", lambda *_: [])
    all_at_once(house.pipeline.deliver, [[[message_id]] for message_id in ids])
    assert per_person(house)["kim@example.com"] > 2


def test_a_large_batch_is_decided_in_parts_so_that_nobody_is_locked_for_long(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "DECIDED_AT_ONCE", 4)
    names = [f"c{number}" for number in range(10)]
    ids = due_messages(house, limit=1, people=names, orders=1)
    locked: list[int] = []
    lock = people.lock
    monkeypatch.setattr(people, "lock", lambda tx, whose: (locked.append(len(set(whose))), lock(tx, whose)))
    assert house.pipeline.deliver(ids) == len(names)
    assert locked == [4, 4, 2]
    assert [len(call) for call in house.carrier.calls] == [4, 4, 2]


def test_many_workers_with_the_same_messages_send_each_once(house: House) -> None:
    ids = due_messages(house, limit=ORDERS)
    orders = [random.Random(seed).sample(ids, len(ids)) for seed in range(WORKERS)]
    all_at_once(house.pipeline.deliver, [[order[:30], order[30:]] for order in orders])
    handed_over = Counter(envelope.message_id for envelope in house.carrier.handed_over)
    assert handed_over == dict.fromkeys(ids, 1)
    assert len(house.log("message_sending")) == len(house.log("message_accepted")) == len(ids)


def test_sweeping_while_workers_deliver_sends_each_once(house: House) -> None:
    ids = due_messages(house, limit=ORDERS)
    house.sleep(house.dangol.timing.queue_lease)

    def sweep_and_deliver(batch: list[str]) -> None:
        house.pipeline.deliver([*house.sweeper.sweep().messages, *batch])

    all_at_once(sweep_and_deliver, [[ids[worker::WORKERS]] for worker in range(WORKERS)])
    house.work()
    assert Counter(envelope.message_id for envelope in house.carrier.handed_over) == dict.fromkeys(ids, 1)


def test_many_reporters_of_the_same_events_begin_each_journey_once(house: House) -> None:
    house.opens_with(campaign("a", {"wait": "1 day"})).knows(*PEOPLE)
    told = [house.event("Order Completed", name) for name in (*PEOPLE, "new", "newer")]
    together = Barrier(WORKERS)

    def report(seed: int) -> int:
        together.wait(timeout=PATIENCE)
        return house.pipeline.ingest(random.Random(seed).sample(told, len(told))).new

    with ThreadPoolExecutor(WORKERS) as threads:
        assert sum(threads.map(report, range(WORKERS))) == len(told)
    assert len(house.journeys) == len(house.log("journey_entered")) == len(told)
    assert house.log("journey_refused") == []


def test_everything_at_once_ends_without_a_quarrel_over_locks(house: House) -> None:
    """Whoever needs several rows takes them in one order, so nobody waits in a circle; and the log is complete."""
    house.opens_with(
        campaign("a", note(), {"wait": "1 minute"}, note("sms"), again="always", exit=["Complaint Raised"]),
        campaign("b", note("push"), event="Complaint Raised"),
        scheduled("news", cron="* * * * *"),
        policies={"caps": [cap(20)]},
    ).knows(*PEOPLE)

    def report(drawn: random.Random) -> None:
        names = drawn.sample([*PEOPLE, "stranger", "guest"], 4)
        house.pipeline.ingest([house.event(drawn.choice(EVENTS), name, id=str(drawn.random())) for name in names])

    def change_minds(drawn: random.Random) -> None:
        house.withdraws(drawn.choice(PEOPLE), drawn.choice(list(Channel)))

    def work(_: random.Random) -> None:
        house.clock.advance(timedelta(seconds=1))
        due = house.sweeper.sweep()
        for run in due.runs:
            while house.pipeline.fan_out(run):
                pass
        house.pipeline.plan(due.journeys[::-1])
        house.pipeline.deliver(due.messages)

    def turns(worker: int) -> None:
        drawn = random.Random(worker)
        for _ in range(TURNS):
            drawn.choice([report, report, change_minds, work, work])(drawn)

    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(turns, range(WORKERS)))
    house.sleep(timedelta(minutes=10))
    house.opens_with()
    house.work()
    house.pass_time(timedelta(minutes=10))
    ended = Counter(entry.message_id for entry in house.log("message") if entry.decision in ENDS)
    assert ended == {row.id: 1 for row in house.messages}
    assert max(Counter(envelope.message_id for envelope in house.carrier.handed_over).values()) == 1


EVENTS = ["Order Completed", "Complaint Raised", "Checkout Started"]
TURNS = 25
ENDS = {f"message_{end}" for end in ("accepted", "suppressed", "cancelled", "expired", "failed", "unknown")}


# Consent: who was first?


def withdrawal(house: House) -> ConsentChange:
    now = house.clock.now()
    return ConsentChange("kim", Channel.EMAIL, Purpose.MARKETING, ConsentAction.WITHDRAWN, now, "tests")


def is_held_up(work: Future[Any]) -> bool:
    """It has not finished although it had time to."""
    try:
        work.result(timeout=0.3)
    except TimeoutError:
        return True
    return False


@pytest.fixture
def kim(house: House) -> tuple[House, list[str]]:
    ids = due_messages(house, limit=1, people=["kim"], orders=1)
    house.sleep(timedelta(minutes=1))
    return house, ids


def test_a_withdrawal_that_is_under_way_before_the_claim_is_waited_for_and_wins(kim: tuple[House, list[str]]) -> None:
    house, ids = kim
    person = house.id_of("kim")
    with ThreadPoolExecutor(1) as thread:
        with house.database.write() as tx:
            people.lock(tx, [person])
            consents.record(tx, [withdrawal(house)], {"kim": person}, now=house.clock.now())
            delivering = thread.submit(house.pipeline.deliver, ids)
            assert is_held_up(delivering)
        assert delivering.result(timeout=PATIENCE) == 0
    assert house.states == [("suppressed", "consent_withdrawn")]
    assert house.carrier.handed_over == []


def test_a_withdrawal_after_the_claim_waits_until_the_claim_is_committed(
    kim: tuple[House, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ids = kim
    claiming, go_on = Event(), Event()
    brief = pipeline_module.brief

    def slowly(*args: Any, **kwargs: Any) -> Any:
        briefing = brief(*args, **kwargs)
        claiming.set()
        assert go_on.wait(PATIENCE)
        return briefing

    monkeypatch.setattr(pipeline_module, "brief", slowly)
    with ThreadPoolExecutor(2) as threads:
        delivering = threads.submit(house.pipeline.deliver, ids)
        assert claiming.wait(PATIENCE)
        withdrawing = threads.submit(house.pipeline.record_consents, [withdrawal(house)])
        assert is_held_up(withdrawing)
        assert [row.granted for row in house.rows(consent_states, channel="email")] == [True]
        go_on.set()
        assert delivering.result(timeout=PATIENCE) == 1
        withdrawing.result(timeout=PATIENCE)
    assert house.states == [("accepted", "accepted_by_provider")]
    assert [row.granted for row in house.rows(consent_states, channel="email")] == [False]
