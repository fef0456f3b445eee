"""Rows of calls: which are claimed, told about, given up on, and by which index they are found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, text

from dangol.store import calls
from dangol.store.database import Database
from dangol.store.housekeeping import forget_wakeups
from dangol.store.tables import calls as table

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": name,
        "journey_id": f"j-{name}",
        "campaign_key": "a",
        "version_id": "v",
        "profile_id": f"p-{name}",
        "stage": "loyalty",
        "step": "hook",
        "url": "https://crm.example",
        "payload": {"order": "o-1"},
        "state": "planned",
        "reason": None,
        "due_at": NOW,
        "expires_at": None,
        "lease_until": None,
        "attempt": 0,
        "planned_at": NOW,
        "updated_at": NOW,
        **fields,
    }


def state_of(tx: Connection, name: str) -> tuple[str, datetime | None]:
    found = tx.execute(select(table.c.state, table.c.lease_until).where(table.c.id == name)).one()
    return found.state, found.lease_until


def test_due_and_open_calls_are_claimed_longest_due_first(database: Database) -> None:
    with database.write() as tx:
        calls.insert_calls(
            tx,
            [
                row("later", due_at=NOW + MINUTE),
                row("b"),
                row("told", state="due", lease_until=NOW + MINUTE),
                row("first", due_at=NOW - MINUTE),
                row("under_way", state="sending"),
                row("over", state="accepted"),
            ],
        )
        ids = ["later", "b", "told", "first", "under_way", "over", "unknown"]
        assert [found.id for found in calls.claim_due(tx, ids, NOW)] == ["first", "b", "told"]
        assert sorted(calls.people_of(tx, ["b", "over"])) == ["p-b", "p-over"]


def test_due_calls_are_told_once_until_their_mark_runs_out(database: Database) -> None:
    with database.write() as tx:
        calls.insert_calls(tx, [row("a"), row("b", due_at=NOW - MINUTE), row("later", due_at=NOW + MINUTE)])
        assert calls.queue_due(tx, NOW, NOW + MINUTE, 10) == ["b", "a"]
        assert state_of(tx, "a") == ("due", NOW + MINUTE)
        assert calls.queue_due(tx, NOW, NOW + MINUTE, 10) == []
        assert sorted(calls.queue_due(tx, NOW + MINUTE, NOW + 2 * MINUTE, 10)) == ["a", "b", "later"]


def test_what_an_in_memory_broker_forgot_is_told_again_at_once(database: Database) -> None:
    with database.write() as tx:
        calls.insert_calls(tx, [row("a"), row("under_way", state="sending", lease_until=NOW + MINUTE)])
        assert calls.queue_due(tx, NOW, NOW + MINUTE, 10) == ["a"]
        forget_wakeups(tx, NOW)
        assert calls.queue_due(tx, NOW, NOW + MINUTE, 10) == ["a"]
        assert state_of(tx, "under_way") == ("sending", NOW + MINUTE)


def test_what_was_told_and_is_not_done_counts_against_the_limit(database: Database) -> None:
    with database.write() as tx:
        calls.insert_calls(tx, [row(name) for name in "abcd"])
        assert len(calls.queue_due(tx, NOW, NOW + MINUTE, 3)) == 3
        assert calls.queue_due(tx, NOW, NOW + MINUTE, 3) == []
        assert len(calls.queue_due(tx, NOW, NOW + MINUTE, 4)) == 1


def test_calls_begun_and_not_heard_of_again_are_found_when_their_lease_ends(database: Database) -> None:
    with database.write() as tx:
        calls.insert_calls(
            tx,
            [
                row("lost", state="sending", lease_until=NOW),
                row("under_way", state="sending", lease_until=NOW + MINUTE),
                row("told", state="due", lease_until=NOW),
            ],
        )
        assert [found.id for found in calls.abandoned(tx, NOW, 10)] == ["lost"]


def test_open_calls_of_a_journey_are_those_not_under_way(database: Database) -> None:
    with database.write() as tx:
        states = ["planned", "due", "sending", "accepted", "unknown"]
        calls.insert_calls(tx, [row(name, journey_id="j", step=name, state=name) for name in states])
        assert [found.id for found in calls.open_of(tx, ["j", "other"])] == ["due", "planned"]


def test_the_next_planned_call_is_known(database: Database) -> None:
    with database.write() as tx:
        assert calls.next_due(tx) is None
        calls.insert_calls(tx, [row("later", due_at=NOW + MINUTE), row("a"), row("told", state="due", due_at=NOW)])
        assert calls.next_due(tx) == NOW


def test_calls_are_changed_together_or_each_for_itself(database: Database) -> None:
    with database.write() as tx:
        calls.insert_calls(tx, [row(name) for name in "abc"])
        calls.change(tx, ["a", "b"], state="sending", lease_until=NOW, attempt=calls.ONE_MORE_ATTEMPT)
        calls.change(tx, [], state="failed")
        calls.change_each(tx, [{"id": "a", "state": "accepted"}, {"id": "b", "state": "unknown"}])
        rows = tx.execute(select(table.c.id, table.c.state, table.c.attempt).order_by(table.c.id)).all()
        assert [tuple(found) for found in rows] == [("a", "accepted", 1), ("b", "unknown", 1), ("c", "planned", 0)]


def test_on_sqlite_due_calls_are_read_from_their_index(sqlite_database: Database) -> None:
    with sqlite_database.read() as tx:
        for statement in (calls._DUE, calls._FORGOTTEN):
            compiled = statement.params(now=NOW).compile(tx.engine, compile_kwargs={"literal_binds": True})
            plan = " ".join(found.detail for found in tx.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))
            assert "USING INDEX ix_calls" in plan or "USING COVERING INDEX ix_calls" in plan
            assert "SCAN" not in plan
