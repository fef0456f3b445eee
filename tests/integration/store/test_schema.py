"""The migrated schema is the one the code believes in, and insert-only tables are."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dangol.store.database import Database
from dangol.store.tables import INSERT_ONLY, metadata
from tests.integration.store.earlier import revisions


def test_the_migrations_build_exactly_the_tables_in_code(database: Database) -> None:
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.migrate()
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [revisions()[-1]]


@pytest.mark.parametrize("table", [table.name for table in INSERT_ONLY])
@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
def test_insert_only_tables_refuse_changes(database: Database, table: str, change: str) -> None:
    _insert_one(database, table)
    with pytest.raises(DBAPIError, match="insert-only"), database.write() as connection:
        connection.execute(text(change.format(table, metadata.tables[table].primary_key.columns[0].name)))


def _insert_one(database: Database, table: str) -> None:
    rows = {
        "consents": "(id, profile_id, channel, purpose, action, basis, source, wording, occurred_at, recorded_at) "
        "VALUES ('1', '2', 'email', 'marketing', 'granted', 'b', 's', 'w', '2026-01-01', '2026-01-01')",
        "consent_forms": "(id, key, version, definition, registered_at, registered_by) "
        "VALUES ('1', 'signup', 1, '{}', '2026-01-01', 'b')",
        "log_removals": "(first_seq, last_seq, entries, before, hash, rule, removed_at, removed_by) "
        "VALUES (1, 1, 0, '2026-01-01T00:00:00.000000+00:00', 'h', 'r', '2026-01-01', 'b')",
        "log": "(id, at, decision, reason, evidence) VALUES ('1', '2026-01-01', 'd', 'r', '{}')",
    }
    with database.write() as connection:
        if table == "log_removals":  # it takes no record of the newest month
            connection.execute(
                text(
                    "INSERT INTO log (seq, id, at, decision, reason, evidence) "
                    "VALUES (2, '2', '2026-02-01', 'd', 'r', '{}')"
                )
            )
        connection.execute(text(f"INSERT INTO {table} {rows[table]}"))
