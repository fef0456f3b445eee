"""What waits, and what is due, is found by index on both databases, however much was ever sent."""

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


def _queue(tx: Connection) -> object:
    return message_rows.queue_due(tx, NOW, NOW + timedelta(minutes=5), 50)


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
    _fill(database, [_message(number) for number in range(PEOPLE * EACH)])
    with database.read() as tx:
        found, plan = _planned(tx, ask, "SELECT")
    assert [row.profile_id for row in found] == ["p0000007", "p0000150"]
    assert "ix_messages_open" in plan
    assert not _reads_all(plan), plan


SWEEPS: dict[str, tuple[str, str, Ask]] = {
    "what came due": ("ix_messages_due", "ORDER BY messages.due_at, messages.profile_id", _queue),
    "what was told and forgotten": ("ix_messages_lease", "ORDER BY messages.lease_until", _queue),
    "how much was told": ("ix_messages_lease", "SELECT count(*)", _queue),
    "whose worker is not heard of": ("ix_messages_lease", "SELECT", lambda tx: message_rows.abandoned(tx, NOW, 50)),
    "when the next is due": ("ix_messages_due", "SELECT", message_rows.next_due),
    "what is held": (
        "ix_messages_",
        "SELECT",
        lambda tx: message_rows.any_held(tx, Reason.CAMPAIGN_PAUSED, ["campaign"]),
    ),
}


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweep_reads_none_of_what_was_sent(database: Database, sweep: str) -> None:
    index, statement, ask = SWEEPS[sweep]
    _fill(database, [_message(number) for number in range(PEOPLE * EACH)])
    with database.write() as tx:
        _, plan = _planned(tx, ask, statement)
    assert index in plan
    assert not _reads_all(plan), plan


def test_what_is_over_is_in_no_index_over_states(database: Database) -> None:
    """PostgreSQL writes a changed row into every index that is to have it."""
    if not database.is_postgresql:
        pytest.skip("SQLite changes indexes in place")
    over = [MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.SUPPRESSED, MessageState.EXPIRED]
    states = [*over, MessageState.PLANNED, MessageState.HELD, MessageState.UNKNOWN]
    _fill(database, [{**_message(number), "state": state.value} for number, state in enumerate(states)])
    with database.read() as tx:
        sizes = "SELECT indexrelid::regclass::text, reltuples FROM pg_index JOIN pg_class ON oid = indexrelid"
        rows = tx.execute(text(f"{sizes} WHERE indrelid = 'messages'::regclass")).all()
    held = {row[0]: row[1] for row in rows}
    assert (held["pk_messages"], held["ix_messages_due"], held["ix_messages_lease"]) == (7, 2, 1)


def _fill(database: Database, rows: list[dict[str, Any]]) -> None:
    with database.write() as tx:
        insert_many(tx, messages, rows)
        tx.execute(text("ANALYZE"))


def _planned(tx: Connection, ask: Ask, containing: str) -> tuple[Any, str]:
    """What was found, and how: the plan of the first statement sent that contains this."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(tx.engine, "before_cursor_execute", note)
    found = ask(tx)
    event.remove(tx.engine, "before_cursor_execute", note)
    statement, parameters = next(one for one in asked if containing in " ".join(one[0].split()))
    how = "EXPLAIN" if tx.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return found, str(tx.exec_driver_sql(f"{how} {statement}", parameters).all())


def _reads_all(plan: str) -> bool:
    return "Seq Scan on messages" in plan or "SCAN messages" in plan


def test_a_claim_reads_only_rows_that_are_not_known_yet(database: Database) -> None:
    rows = [{**_message(number), "state": MessageState.PLANNED.value, "due_at": NOW} for number in range(4)]
    rows[2]["due_at"] = NOW + timedelta(minutes=1)
    rows[3]["state"] = MessageState.HELD.value
    _fill(database, rows)
    asked = [row["id"] for row in rows]
    with database.write() as tx:
        known = [row for row in message_rows.undecided(tx, ["p0000000"]) if row.id != asked[1]]
        claimed = message_rows.claim_due(tx, asked, NOW, known=known)
        alone = message_rows.claim_due(tx, asked, NOW)
    assert [row.id for row in claimed] == asked[:2]
    assert claimed[0] is known[0]
    assert claimed == alone
