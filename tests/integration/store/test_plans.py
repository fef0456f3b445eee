"""What a batch asks of journeys is found by index on both databases, however many others wait.

A plan is read back from the database for exactly the statements that the code sent, with a table large enough, and
known well enough to the planner, for a scan to be its choice if an index did not serve.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from dangol.model.vocabulary import Control, JourneyStatus
from dangol.store import controls as control_rows
from dangol.store import journeys as journey_rows
from dangol.store import members as member_rows
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import controls, journeys, members

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WAITING, ENDED_EACH = 20_000, 4
FEW = [f"p{number:07d}" for number in range(0, WAITING, WAITING // 8)]
"""Profiles of a batch; their journeys have the same numbers."""
THESE = [one.replace("p", "j") for one in FEW]


def _journey(number: int) -> dict[str, Any]:
    """One in a hundred is due, one in a hundred of those was told to a worker, one in four is over."""
    over = number % ENDED_EACH == 3
    return {
        "id": f"j{number:07d}",
        "campaign_key": f"campaign_{number % 3}",
        "version_id": "v" * 64,
        "profile_id": f"p{number:07d}",
        "entry_key": "entry",
        "status": (JourneyStatus.ENDED if over else JourneyStatus.WAITING).value,
        "position": "0.1",
        "wake_at": None if over else NOW + timedelta(seconds=60 * ((number * 7919) % WAITING) - 60 * WAITING // 100),
        "queued_until": NOW + timedelta(hours=1) if number % 101 == 0 and not over else None,
        "entered_at": NOW - timedelta(days=30),
        "ended_at": NOW if over else None,
        "correlation": "",
        "awaits": None if over else "Order Completed",
        "hops": 0,
    }


@pytest.fixture
def crowded(database: Database) -> Database:
    """Very many people wait, who are not asked about."""
    acts = [
        {"campaign_key": f"campaign_{number % 20}", "action": action, "at": NOW, "by": "who", "note": ""}
        for number in range(4_000)
        for action in (Control.PAUSE.value, Control.RESUME.value)
    ]
    joined = [
        {"campaign_key": f"campaign_{number % 3}", "profile_id": f"p{number:07d}", "joined_at": NOW}
        for number in range(WAITING)
    ]
    with database.write() as tx:
        insert_many(tx, journeys, [_journey(number) for number in range(WAITING)])
        insert_many(tx, members, joined)
        insert_many(tx, controls, acts)
        tx.execute(text("ANALYZE"))
    return database


@contextmanager
def _noting(database: Database):
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith("EXPLAIN"):
            asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _plan(database: Database, ask: Callable[[Connection], object], *, verb: str = "SELECT") -> str:
    """How the database carries out the one statement of this verb that ``ask`` sends."""
    with _noting(database) as asked, database.write() as tx:
        ask(tx)
        ((statement, parameters),) = [one for one in asked if one[0].startswith(verb)]
        how = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
        rows = tx.exec_driver_sql(f"{how} {statement}", parameters).all()
    return "\n".join(row[-1] for row in rows)


def test_x(crowded):
    for name, ask in {
        "open_of": lambda tx: journey_rows.open_of(tx, FEW),
        "latest": lambda tx: journey_rows.latest_entries(tx, FEW, ["campaign_0", "campaign_1"]),
        "people_of": lambda tx: journey_rows.people_of(tx, journeys, THESE),
        "claim": lambda tx: journey_rows.claim_due(tx, THESE, NOW),
        "queue": lambda tx: journey_rows.queue_due(tx, NOW, NOW + timedelta(minutes=5), 50),
        "next": lambda tx: journey_rows.next_wake(tx),
        "any_held": lambda tx: journey_rows.any_held(tx, []),
        "release_held": lambda tx: journey_rows.release_held(tx, ["campaign_1"], NOW, 100),
        "load": lambda tx: journey_rows.load_journeys(tx, THESE),
        "open_in": lambda tx: journey_rows.open_in(tx, "campaign_0", after=THESE[3], limit=50),
        "listed": lambda tx: member_rows.listed(tx, "campaign_0", after=FEW[3], limit=50),
        "in_force": lambda tx: control_rows.in_force(tx),
    }.items():
        print("=====", name)
        print(_plan(crowded, ask))
    print("=====", "leave")
    print(_plan(crowded, lambda tx: member_rows.leave(tx, "campaign_0", FEW), verb="DELETE"))
    print("=====", "queue upd")
    print(_plan(crowded, lambda tx: journey_rows.queue_due(tx, NOW, NOW + timedelta(minutes=5), 50), verb="UPDATE"))
    print("=====", "move")
    print(
        _plan(
            crowded,
            lambda tx: journey_rows.move(tx, [{"id": one, "position": one, "wake_at": NOW} for one in THESE]),
            verb="UPDATE",
        )
    )
