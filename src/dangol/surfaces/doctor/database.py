"""The database: reachable, migrated, writable, with room for every process, and on the same time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from dangol.errors import DangolError, UsageError
from dangol.store.schema import Schema
from dangol.surfaces.doctor.finding import Finding, fine, problem, skipped, unanswered, warning
from dangol.surfaces.doctor.visit import Visit

OLDEST_POSTGRESQL = 14
_MANY = 0.8
_SKEW, _MUCH_SKEW = timedelta(seconds=1), timedelta(seconds=5)
_INSERT_ONLY = ("consents", "log")


def reachable(visit: Visit) -> Iterator[Finding]:
    """The database answers, and its schema is this release's."""
    try:
        schema = visit.schema
    except UsageError as error:
        yield problem(str(error), "nothing can be kept", "set DANGOL_DATABASE_URL; docs/settings.md")
        return
    except DangolError as error:
        yield unanswered(
            str(error),
            "without it nothing is accepted and nothing is sent",
            "start it, or set DANGOL_DATABASE_URL to where it is",
        )
        return
    label = visit.database.label
    match schema:
        case Schema.CURRENT:
            yield fine(f"{label} answers, with the schema of this release")
        case Schema.AHEAD:
            yield warning(
                f"{label} has the schema of a later release than this one",
                "this is right only while machines are renewed one after the other",
                "bring this machine to the later release",
            )
        case Schema.BEHIND | Schema.MISSING:
            had = "no tables" if schema is Schema.MISSING else "the schema of an earlier release"
            yield problem(f"{label} has {had}", "this release cannot work with it", "run `dangol migrate`")


def server(visit: Visit) -> Iterator[Finding]:
    """The server's version and settings suit us."""
    database = visit.reach()
    if not database.is_postgresql:
        yield fine(f"SQLite {sqlite3.sqlite_version}, for one process")
        return
    with database.read() as tx:
        version = int(_show(tx, "server_version_num")) // 10_000
        standby = tx.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
        patience = _show(tx, "idle_in_transaction_session_timeout")
        durable = _show(tx, "fsync") == "on" and _show(tx, "full_page_writes") == "on"
        committed = _show(tx, "synchronous_commit") != "off"
    found = [*_version(version), *_standby(standby), *_pooled(patience), *_durable(durable, committed)]
    yield from found or [fine(f"PostgreSQL {version}, writable and durable")]


def _version(version: int) -> Iterator[Finding]:
    if version < OLDEST_POSTGRESQL:
        yield problem(
            f"PostgreSQL {version}",
            f"dangol is tested on {OLDEST_POSTGRESQL} and later; this one gets no security fixes any more",
            f"move to PostgreSQL {OLDEST_POSTGRESQL} or later",
        )


def _standby(standby: bool) -> Iterator[Finding]:
    if standby:
        yield problem(
            "the database is a standby",
            "it can be read and not written, so nothing can be accepted",
            "point DANGOL_DATABASE_URL at the primary, or promote this one",
        )


def _pooled(patience: str) -> Iterator[Finding]:
    if patience != "1min":
        yield problem(
            f"idle_in_transaction_session_timeout is {patience}, and dangol had set 1min",
            "a pooler in between gives each transaction another session; a vanished worker would hold people's locks",
            "connect to the server itself, or set the pooler to pool sessions (PgBouncer: pool_mode = session)",
        )


def _durable(durable: bool, committed: bool) -> Iterator[Finding]:
    if not (durable and committed):
        setting = "synchronous_commit" if durable else "fsync or full_page_writes"
        yield problem(
            f"{setting} is off",
            "what was answered with 200 may be gone after a power cut, and what was sent may be sent again",
            f"set {setting.replace(' or ', ' and ')} to on in postgresql.conf",
        )


def connections(visit: Visit) -> Iterator[Finding]:
    """There are enough connections for every process."""
    database = visit.reach()
    if not database.is_postgresql:
        yield skipped("SQLite has no limit")
        return
    with database.read() as tx:
        room = int(_show(tx, "max_connections")) - int(_show(tx, "superuser_reserved_connections"))
        used = "SELECT count(*) FROM pg_stat_activity WHERE datname <> current_database()"
        others = tx.execute(text(used)).scalar_one()
    each = 2 * visit.settings.pool_size
    needed = visit.processes * each
    counted = f"{visit.processes} processes × {each} = {needed} connections, {room - others} to be had"
    if needed > room - others:
        yield problem(
            counted,
            "under load processes wait for each other and then fail with too many connections",
            f"set max_connections to {needed + others + 20} or more, or lower DANGOL_WORKER_THREADS or "
            "DANGOL_FIRST_THREADS; `dangol doctor --processes N` counts for N processes",
        )
    elif needed > _MANY * (room - others):
        yield warning(
            counted, "one more process would be one too many", f"set max_connections to {2 * (needed + others)}"
        )
    else:
        yield fine(counted)


def clock(visit: Visit) -> Iterator[Finding]:
    """This machine and the database server agree on the time."""
    database = visit.reach()
    if not database.is_postgresql:
        yield skipped("the database is on this machine")
        return
    with database.read() as tx:
        tx.execute(text("SELECT 1"))
        began, sent = time.monotonic(), visit.clock.now()
        there: datetime = tx.execute(text("SELECT clock_timestamp()")).scalar_one()
        travel = timedelta(seconds=time.monotonic() - began)
    skew = there - (sent + travel / 2)
    yield from skewed(skew, travel, "the database server")


def skewed(skew: timedelta, doubt: timedelta, whom: str) -> Iterator[Finding]:
    """What a difference in time means; ``doubt`` is how wrong it may itself be."""
    off = max(abs(skew) - doubt, timedelta())
    told = f"this machine's clock is {abs(skew).total_seconds():.1f} s {'behind' if skew > timedelta() else 'ahead of'}"
    why = (
        "leases, quiet hours and due messages go by each machine's own clock; with the difference two schedulers may "
        "lead, and reports of carriers may count as stale"
    )
    fix = "let every machine follow a time server: timedatectl set-ntp true"
    if off > _MUCH_SKEW:
        yield problem(f"{told} {whom}", why, fix)
    elif off > _SKEW:
        yield warning(f"{told} {whom}", why, fix)
    else:
        yield fine(f"the clock agrees with {whom}")


def insert_only(visit: Visit) -> Iterator[Finding]:
    """The triggers that keep consents and log from being changed are there and on."""
    database = visit.need_tables()
    with database.read() as tx:
        guarded = _guarded(tx, database.is_postgresql)
    bare = [table for table in _INSERT_ONLY if table not in guarded]
    if bare:
        yield problem(
            f"nothing keeps {' and '.join(bare)} from being changed",
            "what cannot be changed is what makes the log a proof; somebody took the triggers away or turned them off",
            "find out who did, and restore them from a backup of the schema (pg_dump --schema-only)",
        )
    else:
        yield fine("consents and log refuse changes")


def _guarded(tx: Connection, postgresql: bool) -> set[str]:
    statement = (
        "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'"
        if postgresql
        else "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
    )
    return {str(name) for (name,) in tx.execute(text(statement))}


def _show(tx: Connection, name: str) -> Any:
    return tx.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one()
