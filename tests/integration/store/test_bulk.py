"""Batches are read and written alike on both databases, whatever their size, and through the right index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError

from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows
from dangol.store.bulk import among, insert_many, update_each
from dangol.store.database import Database
from dangol.store.tables import consents, messages, profiles, slots

NOW = datetime(2026, 3, 2, 1, 0, 0, 250, tzinfo=UTC)
SIZES = [1, 7, 8, 300]
"""On both sides of where PostgreSQL is given COPY instead of INSERT."""


def _slot(number: int) -> dict[str, Any]:
    return {
        "message_id": f"m{number:04d}",
        "profile_id": f"p{number % 10}",
        "campaign_key": "letter",
        "stage": "loyalty",
        "channel": "email",
        "purpose": "marketing",
        "tags": ["a\tb", 'quo"te', "단골", "back\\slash\n"],
        "priority": number % 100,
        "topic": "",
        "reserved_at": NOW.astimezone(timezone(timedelta(hours=9))),
    }


def _person(number: int, email: str | None) -> dict[str, Any]:
    return {
        "id": f"p{number:04d}",
        "external_id": f"\\N {number}",
        "email": email,
        "attributes": {"name": None, "n": 1.5},
        "created_at": NOW,
        "updated_at": NOW,
    }


@pytest.mark.parametrize("size", SIZES)
def test_rows_are_read_back_as_they_were_inserted(database: Database, size: int) -> None:
    rows = [_slot(number) for number in range(size)]
    with database.write() as tx:
        insert_many(tx, slots, rows)
    with database.read() as tx:
        assert [dict(row._mapping) for row in tx.execute(select(slots).order_by(slots.c.message_id))] == rows


@pytest.mark.parametrize("size", SIZES)
def test_what_bulk_writes_is_what_a_plain_insert_writes(database: Database, size: int) -> None:
    people = [_person(number, None if number % 2 else "\\.") for number in range(size)]
    plain = _person(9999, "\\.")
    with database.write() as tx:
        insert_many(tx, profiles, people)
        tx.execute(insert(profiles), plain)
        alike = select(profiles.c.id).where(profiles.c.created_at == NOW, profiles.c.attributes == plain["attributes"])
        assert len(tx.execute(alike).all()) == size + 1


def test_nothing_to_write_is_no_statement(database: Database) -> None:
    with database.write() as tx:
        insert_many(tx, slots, [])
        update_each(tx, messages, [])


@pytest.mark.parametrize("size", [2, 20])
def test_a_row_that_is_there_already_is_an_integrity_error_and_nothing_is_written(
    database: Database, size: int
) -> None:
    with pytest.raises(IntegrityError), database.write() as tx:
        insert_many(tx, slots, [_slot(number % (size - 1)) for number in range(size)])
    with database.read() as tx:
        assert tx.execute(select(slots)).all() == []


def test_among_nobody_is_nobody_and_a_name_is_only_itself(database: Database) -> None:
    names = ["p1", "p1'; --", 'p"1', "p1,p2", "{p1}", "p\\1", 'p\\"1', '","', "NULL", "", "\\N", " p1 ", "단골"]
    found = select(slots.c.message_id).where(among(slots.c.profile_id, "ids"))
    with database.write() as tx:
        insert_many(tx, slots, [{**_slot(place), "profile_id": name} for place, name in enumerate(names)])
        assert tx.execute(found, {"ids": []}).all() == []
        for place, name in enumerate(names):
            assert tx.execute(found, {"ids": [name, "nobody"]}).scalars().all() == [f"m{place:04d}"]


def test_among_many_every_name_is_found_whatever_it_is_made_of(database: Database) -> None:
    names = ["p1", 'p"1', "p\\1", '","', "NULL", "", "{}", "단골"]
    with database.write() as tx:
        insert_many(tx, slots, [{**_slot(place), "profile_id": name} for place, name in enumerate(names)])
        found = select(slots.c.profile_id).where(among(slots.c.profile_id, "ids"))
        for asked in (names, ["p1", "NULL"], ["p1", "p\\1"], ["p1", '","']):
            assert sorted(tx.execute(found, {"ids": asked}).scalars()) == sorted(asked)


def test_among_can_be_negated(database: Database) -> None:
    with database.write() as tx:
        insert_many(tx, slots, [_slot(number) for number in range(3)])
        others = select(slots.c.message_id).where(~among(slots.c.message_id, "ids"))
        assert sorted(tx.execute(others, {"ids": ["m0001"]}).scalars()) == ["m0000", "m0002"]


@pytest.mark.parametrize("same", [True, False], ids=["all alike", "each its own"])
def test_each_row_gets_its_own_values(database: Database, same: bool) -> None:
    changes = [
        {
            "id": f"p{number:04d}",
            "email": "one@example.com" if same else f"{number}@example.com",
            "phone": None if same or number % 2 else f'"{number}\\',
            "updated_at": NOW + timedelta(minutes=0 if same else number),
        }
        for number in range(20)
    ]
    with database.write() as tx:
        insert_many(tx, profiles, [_person(number, "old@example.com") for number in range(21)])
        update_each(tx, profiles, changes)
        columns = profiles.c.id, profiles.c.email, profiles.c.phone, profiles.c.updated_at
        found = [dict(row._mapping) for row in tx.execute(select(*columns).order_by(profiles.c.id))]
    untouched = {"id": "p0020", "email": "old@example.com", "phone": None, "updated_at": NOW}
    assert found == [*changes, untouched]


def test_a_batch_is_looked_up_by_id_however_many_rows_are_open(sqlite_database: Database) -> None:
    asked: list[tuple[str, Any]] = []

    @event.listens_for(sqlite_database.engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    with sqlite_database.write() as tx:
        message_rows.claim_due(tx, ["m1"], NOW)
        message_rows.open_of(tx, ["j1"])
        journey_rows.claim_due(tx, ["j1"], NOW)
        rows = [tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in list(asked)]
    plans = [" | ".join(row[3] for row in plan) for plan in rows]
    assert len(plans) == 3
    for plan in plans:
        assert "(id=?)" in plan or "(journey_id=?)" in plan
        assert "state=" not in plan
        assert "status=" not in plan


def test_insert_only_tables_take_copies_too(database: Database) -> None:
    said = {"channel": "email", "purpose": "marketing", "action": "granted", "basis": "b", "source": "s", "wording": ""}
    rows = [
        {"id": f"c{number:03d}", "profile_id": "p", **said, "occurred_at": NOW, "recorded_at": NOW}
        for number in range(50)
    ]
    with database.write() as tx:
        insert_many(tx, consents, rows)
        assert len(tx.execute(select(consents.c.id)).all()) == 50
