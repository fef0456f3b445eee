"""What waits for a person is found by index on both databases, however much they were ever sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from dangol.model.vocabulary import MessageState, Reason
from dangol.store import messages as message_rows
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import messages

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PEOPLE, EACH = 200, 50
Ask = Callable[[Connection], Any]


def _message(number: int) -> dict[str, Any]:
    """Of what each person was ever sent, the last is still to come."""
    waits = number % EACH == EACH - 1
    return {
        "id": f"m{number:07d}",
        "journey_id": f"j{number:07d}",
        "campaign_key": "campaign",
        "version_id": "v" * 64,
        "profile_id": f"p{number // EACH:07d}",
        "stage": "loyalty",
        "step": "0.0",
        "template": "note",
        "channels": "email",
        "purpose": "marketing",
        "priority": 50,
        "state": (MessageState.PLANNED if waits else MessageState.ACCEPTED).value,
        "reason": (Reason.CASE_OPEN if waits else Reason.ACCEPTED_BY_PROVIDER).value,
        "due_at": NOW + timedelta(minutes=number),
        "attempt": 0,
        "planned_at": NOW,
        "updated_at": NOW,
    }


@pytest.mark.parametrize(
    "ask",
    [
        lambda tx: message_rows.undecided(tx, ["p0000007", "p0000150"]),
        lambda tx: message_rows.waiting_because(tx, ["p0000007", "p0000150"], Reason.CASE_OPEN),
    ],
    ids=["all that waits", "what was put off for a reason"],
)
def test_what_waits_is_found_without_reading_what_was_sent(database: Database, ask: Ask) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with database.write() as tx:
        insert_many(tx, messages, [_message(number) for number in range(PEOPLE * EACH)])
        tx.execute(text("ANALYZE"))
    with database.read() as tx:
        event.listen(database.engine, "before_cursor_execute", note)
        found = ask(tx)
        event.remove(database.engine, "before_cursor_execute", note)
        assert [row.profile_id for row in found] == ["p0000007", "p0000150"]
        how = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
        plan = str(tx.exec_driver_sql(f"{how} {asked[-1][0]}", asked[-1][1]).all())
    assert "ix_messages_open" in plan
    assert "Seq Scan on messages" not in plan
    assert "SCAN messages" not in plan
