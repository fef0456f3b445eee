"""Tests get databases that others had before them, and cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text, update

from dangol.errors import StoreUnavailable
from dangol.store.database import Database
from dangol.store.tables import instance, leases
from tests.servers import Shelf

pytestmark = pytest.mark.postgres
LEASE = {"name": "one", "holder": "me", "expires_at": datetime(2026, 3, 2, tzinfo=UTC)}


@pytest.fixture(scope="module")
def shelf(postgres_shelf: Shelf) -> Iterator[Shelf]:
    """One of its own, on the server of all: here it is known which database comes next."""
    made = Shelf()
    yield made
    made.close()


def identity(database: Database) -> int:
    """Which one it is, whatever its name."""
    with database.read() as tx:
        return int(tx.execute(text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar_one())


def test_what_a_test_wrote_is_gone_for_the_next_and_what_the_migration_wrote_is_as_it_was(shelf: Shelf) -> None:
    with shelf.database() as database, database.write() as tx:
        first = identity(database)
        born = tx.execute(select(instance)).all()
        tx.execute(insert(leases).values(LEASE))
        tx.execute(text("SELECT nextval('log_seq_seq')"))
        tx.execute(update(instance).values(value="changed"))
    with shelf.database() as database, database.read() as tx:
        assert identity(database) == first
        assert tx.execute(select(leases)).all() == []
        assert tx.execute(select(instance)).all() == born
        assert tx.execute(text("SELECT nextval('log_seq_seq')")).scalar_one() == 1


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE another (id int)",
        "ALTER TABLE leases ADD COLUMN another int",
        "DROP TABLE leases",
        "ALTER TABLE log DISABLE TRIGGER USER",
        "CREATE FUNCTION another() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA another",
        "ANALYZE",
        "INSERT INTO blobs SELECT n::text, repeat(n::text, 200) FROM generate_series(1, 20000) AS n",
    ],
)
def test_one_that_has_more_than_other_rows_serves_nobody_else(shelf: Shelf, change: str) -> None:
    with shelf.database() as database, database.write() as tx:
        first = identity(database)
        tx.execute(text(change))
    with shelf.database() as database:
        assert identity(database) != first


def test_whoever_still_uses_the_one_of_an_earlier_test_reaches_nobody(shelf: Shelf) -> None:
    with shelf.database() as database:
        left_open = Database(database.url.render_as_string(hide_password=False))
        holding = left_open.engine.connect()
        holding.execute(text("LOCK TABLE leases"))
    with shelf.database() as database, database.write() as tx:
        tx.execute(insert(leases).values(LEASE))
        with pytest.raises(StoreUnavailable), left_open.read() as other:
            other.execute(select(leases))
    holding.invalidate()
    left_open.close()
