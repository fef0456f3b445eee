"""An event is stored once, and histories come in one order."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy, derive
from dangol.model.people import IncomingEvent
from dangol.profiles import events, people
from dangol.store.database import Database
from dangol.store.tables import rejected_events


@pytest.fixture
def owners(database: Database, clock: VirtualClock, entropy: SeededEntropy) -> dict[str, str]:
    with database.write() as connection:
        return people.resolve(connection, ["alice", "bob"], now=clock.now(), entropy=entropy)


def seen(message_id: str, at: datetime, *, who: str = "alice", name: str = "Seen") -> IncomingEvent:
    return IncomingEvent(message_id, who, name, {"value": 1.5, "tags": ["가"]}, at, "test")


def test_only_new_events_are_returned_in_the_given_order(
    database: Database, clock: VirtualClock, owners: dict[str, str]
) -> None:
    now = clock.now()
    with database.write() as connection:
        first = events.record(connection, [seen("b", now), seen("a", now), seen("b", now)], owners, received_at=now)
    with database.write() as connection:
        again = events.record(
            connection,
            [seen("a", now), seen("c", now, who="bob"), seen("b", now - timedelta(days=1))],
            owners,
            received_at=now,
        )
    assert [event.id for event in first] == [derive(now, "event", "b"), derive(now, "event", "a")]
    assert [(event.profile_id, event.id) for event in again] == [(owners["bob"], derive(now, "event", "c"))]
    with database.write() as connection:
        assert events.record(connection, [], owners, received_at=now) == []


def test_events_come_back_as_they_were_reported(
    database: Database, clock: VirtualClock, owners: dict[str, str]
) -> None:
    now = clock.now()
    with database.write() as connection:
        (stored,) = events.record(connection, [seen("a", now)], owners, received_at=now)
    with database.read() as connection:
        assert events.load_events(connection, [stored.id, "nothing"]) == {stored.id: stored}


def test_a_history_holds_the_named_events_in_order(
    database: Database, clock: VirtualClock, owners: dict[str, str]
) -> None:
    now = clock.now()
    reported = [
        seen("late", now),
        seen("tie-1", now - timedelta(hours=1)),
        seen("tie-2", now - timedelta(hours=1)),
        seen("early", now - timedelta(hours=2), name="Bought"),
        seen("other", now, name="Ignored"),
    ]
    with database.write() as connection:
        stored = events.record(connection, reported, owners, received_at=now)
    with database.read() as connection:
        found = events.history(connection, list(owners.values()), {"Seen", "Bought"})
        assert events.history(connection, list(owners.values()), set()) == {id_: [] for id_ in owners.values()}
    assert found[owners["alice"]] == sorted(stored[:4], key=lambda event: event.order)
    assert found[owners["bob"]] == []


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_of_two_transactions_that_report_the_same_events_each_event_is_new_to_one(
    database: Database, clock: VirtualClock, owners: dict[str, str]
) -> None:
    now = clock.now()
    reported = [seen(f"m-{number}", now) for number in range(300)]
    meet = threading.Barrier(2)
    new: list[list[str]] = []

    def report(batch: list[IncomingEvent]) -> None:
        meet.wait(timeout=10)
        with database.write() as connection:
            new.append([event.id for event in events.record(connection, batch, owners, received_at=now)])

    workers = [threading.Thread(target=report, args=[batch]) for batch in (reported, reported[::-1])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert sorted(new[0] + new[1]) == sorted(derive(now, "event", event.message_id) for event in reported)


def test_a_report_nobody_understands_is_kept_cut_to_size(
    database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    with database.write() as connection:
        events.reject(
            connection,
            source="broker",
            code="not_an_object",
            message="expected a JSON object",
            payload="\0\ud800" + "가" * 20_000,
            now=clock.now(),
            entropy=entropy,
        )
    with database.read() as connection:
        (payload,) = connection.execute(select(rejected_events.c.payload)).scalars()
    assert payload.startswith("\ufffd?가가")
    assert 32 * 1024 - 3 < len(payload.encode()) <= 32 * 1024
