"""Databases on the tests' PostgreSQL server, one for each test that asks.

To make and drop one takes the server a second, most of it for a checkpoint. So a database that a test left as it found
it, rows aside, is emptied and serves the next test under another name: whoever still knows the old one reaches nobody.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from dangol.store.database import Database

POSTGRES = os.environ.get("DANGOL_TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
_GROWN = 8 * 2**20
"""So many bytes more than at first, rows that are gone included, and a database is emptied no more."""
_SHAPE = """
SELECT md5(string_agg(told, ';' ORDER BY told)) FROM (
    SELECT concat_ws(' ', relname, relkind, relpages, reltuples, reloptions, relhastriggers) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', attrelid::regclass, attname, atttypid, attnotnull, attisdropped) FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
) AS everything (told)
"""
"""All that a test may change but rows: tables, columns, triggers, functions, constraints, what the planner knows."""

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SIZE = "SELECT sum(pg_total_relation_size(tablename::regclass)) FROM pg_tables WHERE schemaname = 'public'"


def url_of(name: str) -> str:
    return POSTGRES.rsplit("/", 1)[0] + f"/{name}"


def administer(*statements: str) -> None:
    with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


class Shelf:
    """Migrated databases, for one test at a time; ``close`` drops all. Raises OperationalError if no server answers."""

    def __init__(self) -> None:
        self._template = _new_name("template")
        administer(f"CREATE DATABASE {self._template}")
        database = Database(url_of(self._template))
        database.migrate()
        database.close()
        with psycopg.connect(url_of(self._template), autocommit=True) as connection:
            self._tables = [row[0] for row in connection.execute(_TABLES)]
            self._counts = _counts(connection)
            # Else the server vacuums and analyzes at times of its own, and a plan would depend on earlier tests.
            for table in self._tables:
                connection.execute(SQL("ALTER TABLE {} SET (autovacuum_enabled = off)").format(Identifier(table)))
            self._rows = {table: _copied(connection, table) for table in self._filled(connection)}
            self._shape, self._size = _shape(connection), _size(connection)
        self._spare: list[str] = []

    @contextmanager
    def database(self) -> Iterator[Database]:
        """As it is after its migration."""
        name = self._taken() or self._made()
        database = Database(url_of(name))
        try:
            yield database
        finally:
            database.close()
            if self._is_emptied(name):
                self._spare.append(name)
            else:
                drop(name)

    def close(self) -> None:
        for name in (*self._spare, self._template):
            drop(name)

    def _taken(self) -> str | None:
        """A spare one under a new name, if nobody holds on to it."""
        while self._spare:
            spare, name = self._spare.pop(), _new_name()
            try:
                administer(f"ALTER DATABASE {spare} RENAME TO {name}")
            except psycopg.errors.ObjectInUse:
                drop(spare)
            else:
                return name
        return None

    def _made(self) -> str:
        name = _new_name()
        # Nobody pulls the plug of this server, so a commit need not wait for its disk.
        create = f"CREATE DATABASE {name} TEMPLATE {self._template}"
        administer(create, f"ALTER DATABASE {name} SET synchronous_commit = off")
        return name

    def _is_emptied(self, name: str) -> bool:
        """Make it as it was, if rows are all that it takes."""
        with suppress(psycopg.Error), psycopg.connect(url_of(name)) as connection:
            others = SQL("FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid()").format(Literal(name))
            connection.execute(SQL("SELECT pg_terminate_backend(pid, 5000) ") + others)
            if _shape(connection) != self._shape or _size(connection) > self._size + _GROWN:
                return False
            connection.execute("SET session_replication_role = replica")  # the log lets nobody delete from it
            for table in self._filled(connection):
                connection.execute(SQL("DELETE FROM {}").format(Identifier(table)))
            for table, rows in self._rows.items():
                with connection.cursor().copy(SQL("COPY {} FROM STDIN").format(Identifier(table))) as copy:
                    copy.write(rows)
            for sequence, (last, called) in self._counts.items():
                connection.execute("SELECT setval(%s, %s, %s)", [sequence, last, called])
            return True
        return False

    def _filled(self, connection: psycopg.Connection) -> list[str]:
        """Tables that have rows."""
        has = SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
        asked = SQL(" UNION ALL ").join(has.format(Literal(table), Identifier(table)) for table in self._tables)
        return [row[0] for row in connection.execute(asked)]


def drop(name: str) -> None:
    administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _new_name(kind: str = "test") -> str:
    return f"dangol_{kind}_{uuid.uuid4().hex[:12]}"


def _counts(connection: psycopg.Connection) -> dict[str, tuple[int, bool]]:
    """How far sequences are."""
    names = [row[0] for row in connection.execute("SELECT relname FROM pg_class WHERE relkind = 'S'")]
    asked = SQL("SELECT last_value, is_called FROM {}")
    return {name: connection.execute(asked.format(Identifier(name))).fetchall()[0] for name in names}


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(table))) as copy:
        return b"".join(bytes(block) for block in copy)


def _shape(connection: psycopg.Connection) -> str:
    return str(connection.execute(_SHAPE).fetchone())


def _size(connection: psycopg.Connection) -> int:
    ((size,),) = connection.execute(_SIZE).fetchall()
    return int(size)
