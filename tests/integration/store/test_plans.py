"""What a batch asks of journeys, and of what somebody waits for, is found by index on both databases, however many
others wait.

The plan is read back from the database for exactly the statement that the code sent, among rows enough, and known well
enough to the planner, that it would scan if no index served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from dangol.model.vocabulary import JourneyStatus, MessageState, Purpose
from dangol.store import journeys as journey_rows
from dangol.store import members as member_rows
from dangol.store import messages as message_rows
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import journeys, members, messages

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
CROWD = 20_000
FEW = [f"p{number:07d}" for number in range(0, CROWD, CROWD // 8)]
"""The people of a batch; their journeys have the same numbers."""
THESE = [one.replace("p", "j") for one in FEW]
KEYS = {
    ("sqlite", "journeys"): "sqlite_autoindex_journeys_1",
    ("sqlite", "members"): "sqlite_autoindex_members_1",
    ("postgresql", "journeys"): "pk_journeys",
    ("postgresql", "members"): "pk_members",
}
"""What each database calls the index of a primary key."""
Ask = Callable[[Connection], object]


def _journey(number: int) -> dict[str, Any]:
    """One in four is over; of the others one in a hundred is due, and a few were told to a worker."""
    over = number % 4 == 3
    wakes_at = NOW + timedelta(minutes=number * 7919 % CROWD - CROWD // 100)
    return {
        "id": f"j{number:07d}",
        "campaign_key": f"campaign_{number % 3}",
        "version_id": "v" * 64,
        "profile_id": f"p{number:07d}",
        "entry_key": "entry",
        "status": (JourneyStatus.ENDED if over else JourneyStatus.WAITING).value,
        "position": "0.1",
        "wake_at": None if over else wakes_at,
        "queued_until": NOW + timedelta(hours=1) if number % 101 == 0 and not over else None,
        "entered_at": NOW - timedelta(days=30),
        "ended_at": NOW if over else None,
        "correlation": "",
        "awaits": None if over else "Order Completed",
        "hops": 0,
    }


@pytest.fixture
def crowded(database: Database) -> Database:
    """Very many people wait who are not asked about."""
    joined = [
        {"campaign_key": f"campaign_{number % 3}", "profile_id": f"p{number:07d}", "joined_at": NOW}
        for number in range(CROWD)
    ]
    with database.write() as tx:
        insert_many(tx, journeys, [_journey(number) for number in range(CROWD)])
        insert_many(tx, members, joined)
        tx.execute(text("ANALYZE"))
    return database


def _message(number: int) -> dict[str, Any]:
    """In the middle of a blast: half has gone out, and of what a worker was told, one in a hundred is an order's."""
    gone, order = number % 2 == 0, number % 100 == 1
    return {
        "id": f"m{number:07d}",
        "journey_id": f"j{number:07d}",
        "campaign_key": "orders" if order else "blast",
        "version_id": "v" * 64,
        "profile_id": f"p{number:07d}",
        "stage": "main",
        "step": "note",
        "template": "note",
        "channels": "email",
        "purpose": (Purpose.TRANSACTIONAL if order else Purpose.MARKETING).value,
        "priority": 50,
        "state": (MessageState.ACCEPTED if gone else MessageState.DUE).value,
        "due_at": NOW - timedelta(seconds=number % 997),
        "lease_until": None if gone else SOON,
        "attempt": 0,
        "planned_at": NOW,
        "updated_at": NOW,
    }


@pytest.fixture
def blasting(database: Database) -> Database:
    """Very many messages are told to workers, and few of them are what somebody waits for."""
    with database.write() as tx:
        insert_many(tx, messages, [_message(number) for number in range(CROWD)])
        tx.execute(text("ANALYZE"))
    return database


@contextmanager
def _noting(database: Database) -> Iterator[list[tuple[str, Any]]]:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith("EXPLAIN"):
            asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _plan(database: Database, ask: Ask, verb: str = "SELECT") -> str:
    """How the database carries out the one statement of this verb that ``ask`` sends."""
    with _noting(database) as asked, database.write() as tx:
        ask(tx)
        ((statement, parameters),) = [one for one in asked if one[0].startswith(verb)]
        how = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
        rows = tx.exec_driver_sql(f"{how} {statement}", parameters).all()
    return "\n".join(row[-1] for row in rows)


def _scans(plan: str, table: str) -> bool:
    """Does this plan read a whole table, or a whole index of it?"""
    unbounded = [
        line
        for line, after in zip(plan.splitlines(), [*plan.splitlines()[1:], ""], strict=True)
        if "Index" in line and f"on {table}" in line and "Index Cond" not in after
    ]
    return bool(unbounded) or f"Seq Scan on {table}" in plan or f"SCAN {table}" in plan


def _index(database: Database, name: str) -> str:
    """The index by its name in the schema; ``pk_…`` stands for that of the primary key."""
    table = name.removeprefix("pk_")
    return KEYS[database.engine.dialect.name, table] if name.startswith("pk_") else name


LOOK_UPS: dict[str, tuple[str, Ask]] = {
    "who listens to an event": ("ix_journeys_profile", lambda tx: journey_rows.open_of(tx, FEW)),
    "whose journeys these are": ("pk_journeys", lambda tx: journey_rows.people_of(tx, journeys, THESE)),
    "claim what is due": ("pk_journeys", lambda tx: journey_rows.claim_due(tx, THESE, NOW)),
    "load these": ("pk_journeys", lambda tx: journey_rows.load_journeys(tx, THESE)),
    "queue what is due": ("ix_journeys_due", lambda tx: journey_rows.queue_due(tx, NOW, SOON, 50)),
    "when the next is due": ("ix_journeys_due", journey_rows.next_wake),
    "is anything held": ("ix_journeys_", lambda tx: journey_rows.any_held(tx, ["campaign_1"])),
    "let go what was held": (
        "ix_journeys_",
        lambda tx: journey_rows.queue_held(tx, ["campaign_1"], NOW, SOON, 50),
    ),
    "the next members": ("pk_members", lambda tx: member_rows.listed(tx, "campaign_0", after=FEW[3], limit=50)),
}


@pytest.mark.parametrize("look_up", LOOK_UPS)
def test_a_look_up_goes_through_its_index_and_reads_no_more(crowded: Database, look_up: str) -> None:
    index, ask = LOOK_UPS[look_up]
    plan = _plan(crowded, ask)
    assert _index(crowded, index) in plan
    assert not _scans(plan, "journeys"), plan
    assert not _scans(plan, "members"), plan


def test_earlier_entries_are_found_by_person_or_by_campaign_and_person(crowded: Database) -> None:
    plan = _plan(crowded, lambda tx: journey_rows.latest_entries(tx, FEW, ["campaign_0", "campaign_1"]))
    assert "ix_journeys_profile" in plan or "profile_id=?" in plan
    assert not _scans(plan, "journeys"), plan


CHANGES: dict[str, tuple[str, str, Ask]] = {
    "mark what is due": ("UPDATE", "pk_journeys", lambda tx: journey_rows.queue_due(tx, NOW, SOON, 50)),
    "leave an audience": ("DELETE", "pk_members", lambda tx: member_rows.leave(tx, "campaign_0", FEW)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_finds_its_rows_by_key(crowded: Database, change: str) -> None:
    verb, index, ask = CHANGES[change]
    plan = _plan(crowded, ask, verb)
    assert _index(crowded, index) in plan
    assert not _scans(plan, "journeys"), plan
    assert not _scans(plan, "members"), plan


def test_what_is_due_is_read_in_the_order_in_which_it_came_due(crowded: Database) -> None:
    """Sorting is left for those of one instant: the whole of what is due is never sorted to take a part of it."""
    plan = _plan(crowded, lambda tx: journey_rows.queue_due(tx, NOW, SOON, 50))
    if crowded.is_postgresql:
        assert "Presorted Key: wake_at" in plan
    else:
        assert "RIGHT PART OF ORDER BY" in plan or "LAST TERM OF ORDER BY" in plan


def test_an_idle_look_touches_no_row(crowded: Database) -> None:
    plan = _plan(crowded, journey_rows.next_wake)
    assert "Index Only Scan" in plan or "COVERING INDEX" in plan


def test_what_somebody_waits_for_is_found_among_all_that_a_blast_has_told_and_in_its_order(blasting: Database) -> None:
    plan = _plan(blasting, lambda tx: message_rows.told_first(tx, NOW, 50))
    assert "ix_messages_due" in plan
    assert not _scans(plan, "messages"), plan
    if blasting.is_postgresql:
        assert any("Index Cond" in line and "'transactional'" in line for line in plan.splitlines()), plan
        assert "Presorted Key: due_at" in plan
    else:
        assert "(state=? AND purpose=? AND due_at<?)" in plan
        assert "RIGHT PART OF ORDER BY" in plan or "LAST TERM OF ORDER BY" in plan


def test_a_scan_would_be_noticed(crowded: Database) -> None:
    """The checks above can fail: a question that no index serves reads everything, and they say so."""
    plan = _plan(crowded, lambda tx: tx.execute(text("SELECT id FROM journeys WHERE entry_key = 'other'")).all())
    assert _scans(plan, "journeys")
    plan = _plan(crowded, lambda tx: tx.execute(text("SELECT count(*) FROM members")).all())
    assert _scans(plan, "members")
