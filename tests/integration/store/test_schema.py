"""The migrated schema is the one the code believes in, and insert-only tables are."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dangol.store.database import Database
from dangol.store.tables import INSERT_ONLY, metadata


def test_the_migrations_build_exactly_the_tables_in_code(database: Database) -> None:
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.migrate()
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["0008"]


@pytest.mark.parametrize("table", [table.name for table in INSERT_ONLY])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = 'X'", "DELETE FROM {}"])
def test_insert_only_tables_refuse_changes(database: Database, table: str, change: str) -> None:
    _insert_one(database, table)
    with pytest.raises(DBAPIError, match="insert-only"), database.write() as connection:
        connection.execute(text(change.format(table)))


def _insert_one(database: Database, table: str) -> None:
    rows = {
        "consents": "(id, profile_id, channel, purpose, action, basis, source, wording, occurred_at, recorded_at) "
        "VALUES ('1', '2', 'email', 'marketing', 'granted', 'b', 's', 'w', '2026-01-01', '2026-01-01')",
        "consent_forms": "(id, key, version, definition, registered_at, registered_by) "
        "VALUES ('1', 'signup', 1, '{}', '2026-01-01', 'b')",
        "log": "(id, at, decision, reason, evidence) VALUES ('1', '2026-01-01', 'd', 'r', '{}')",
    }
    with database.write() as connection:
        connection.execute(text(f"INSERT INTO {table} {rows[table]}"))
