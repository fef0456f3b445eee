"""The database: one engine, short transactions, errors in words an operator can act on."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dangol.errors import StoreUnavailable, UsageError
from dangol.store import schema
from dangol.store.compact import dumps

_BUSY_SECONDS = 30
_IDLE_SECONDS = 60
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
_AFTERWARDS = "dangol_afterwards"
_SWITCH_ATTEMPTS, _SWITCH_PAUSE = 100, 0.02


class Database:
    """An engine and the three things done with it: ``read``, ``write``, ``migrate``.

    Raises UsageError for a URL that names no supported database, and StoreUnavailable, with advice, when the
    database cannot be reached, is locked, read-only or full.
    """

    def __init__(self, url: str, *, pool_size: int = 10, durable: bool = True) -> None:
        """``durable=False`` lets SQLite lose its last commits in a power cut, for runs that can be run again."""
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
                self.engine = _postgresql(parsed, pool_size)
            elif parsed.get_backend_name() == "sqlite":
                self.engine = _sqlite(parsed, durable)
            else:
                raise UsageError(f"database {parsed.render_as_string()}: expected sqlite:///… or postgresql://…")
        except (ArgumentError, NoSuchModuleError, ValueError):
            raise UsageError("DANGOL_DATABASE_URL is no database URL; expected sqlite:///… or postgresql://…") from None
        self.url = parsed
        self.most_connections = 2 * pool_size if self.is_postgresql else None
        """How many connections this process opens at most; None where nobody counts them."""

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @property
    def label(self) -> str:
        """Where the database is, without its password."""
        if self.url.database and not self.is_postgresql:
            return self.url.database
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; on SQLite it is the only writer from its first statement on."""
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                connection = connection.execution_options(dangol_writes=writes)
                done: list[Callable[[], None]] = []
                connection.info[_AFTERWARDS] = done
                with connection.begin():
                    yield connection
            for then in done:
                then()
        except DBAPIError as error:
            raise _translated(error, self.label) from error
        except PoolTimeout as error:
            raise StoreUnavailable(f"database {self.label}: every connection is in use for too long") from error

    def migrate(self) -> None:
        """Bring the schema to this release's; safe to call at every start and from several processes.

        A newer schema that this release may run beside is left as it is. Raises StoreUnavailable if it may not, and
        if somebody holds for too long what a migration has to lock: nothing is changed then, and it can be run again.
        """
        if not self.is_postgresql and self.url.database not in (None, "", ":memory:"):
            try:
                Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(f"cannot make the folder of {self.label}: {error.strerror}") from error
        with self.read() as connection:
            if schema.is_current(connection):
                return
        with self.write() as connection:
            if self.is_postgresql:
                connection.execute(text("SELECT pg_advisory_xact_lock(7301, 1)"))
            schema.upgrade(connection)

    def close(self) -> None:
        self.engine.dispose()


def _sqlite(url: Any, durable: bool) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}, **_COMMON)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        _write_ahead(cursor)
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA cache_size=-16384")  # of each connection; what a batch touches lies close together
        cursor.execute("PRAGMA wal_autocheckpoint=4000")  # a batch changes hundreds of pages, many of them each time
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("dangol_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(cursor: Any) -> None:
    """Switch the file to write-ahead logging, once in its life.

    SQLite does not wait when several processes open a new file and all try to switch it, so the losers try again.
    """
    for _ in range(_SWITCH_ATTEMPTS):
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] in {"wal", "memory"}:
            return
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(_SWITCH_PAUSE)


def _postgresql(url: Any, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args=_KEEPALIVE,
        isolation_level="READ COMMITTED",
        **_COMMON,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # A generic plan made while tables are small scans them whole for every batch once they have grown.
        connection.execute("SET plan_cache_mode = force_custom_plan")
        # A worker host that vanished must not hold people's locks for hours.
        connection.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'")
        connection.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
        connection.commit()

    return engine


def after_commit(connection: Connection, then: Callable[[], None]) -> None:
    """Have ``then``, quick and never raising, called once this transaction is committed; if it is not, it is not."""
    connection.info.get(_AFTERWARDS, []).append(then)


_COMMON: dict[str, Any] = {
    # Parameters are people's data; an error that reaches an operator's log must not quote them.
    "hide_parameters": True,
    "json_serializer": dumps,
    "json_deserializer": json.loads,
}

_OUTSIDE = (psycopg.OperationalError, psycopg.InterfaceError, sqlite3.OperationalError)
"""What the server, the network or another transaction did: deadlocks, time-outs and cancellations are among them."""

_ADVICE = {
    "locked": "another process holds it; stop that process, or use PostgreSQL for several writers",
    "readonly": "it is read-only; check the permissions of the file and its folder",
    "read-only": "it is read-only; check its permissions, or that it is not a standby",
    "disk": "the disk is full or failing; free some space and start again: nothing accepted was lost",
    "space": "the disk is full; free some space and start again: nothing accepted was lost",
    "unable to open": "the file cannot be opened; check its folder and permissions",
    "not a database": "this file is not a SQLite database; point DANGOL_DATABASE_URL elsewhere",
    "malformed": "the file is damaged; restore it from a backup",
    "lock timeout": "somebody held for too long what this had to lock; nothing was changed, try again",
    "connection refused": "nothing answers there; is the server running?",
    "no such table": "its schema is missing; run `dangol migrate`",
}


def _translated(error: DBAPIError, label: str) -> Exception:
    """An operator's words for what went wrong outside; programming errors stay what they are."""
    if isinstance(error, IntegrityError | DataError):
        return error  # these quote values, in which any word may stand
    said = str(error.orig).lower()
    if isinstance(error.orig, psycopg.errors.UndefinedTable):
        said = "no such table"  # as SQLite says
    if isinstance(error.orig, psycopg.errors.DiskFull):
        said = "space"  # in whichever language the server speaks
    for sign, advice in _ADVICE.items():
        if sign in said:
            return StoreUnavailable(f"database {label}: {advice} ({str(error.orig).splitlines()[0]})")
    if error.connection_invalidated or isinstance(error.orig, _OUTSIDE):
        return StoreUnavailable(f"database {label}: {str(error.orig).splitlines()[0]}")
    return error
