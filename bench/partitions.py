"""What partitions by month would cost on PostgreSQL, in CPU time of the server: python -m bench.partitions URL

Makes a database of its own beside the one that URL names, with plain tables and with partitioned ones of 24 months,
both with the indexes that the schema has, and drops it at the end. The server has to run on this machine.

    write the log     batches of 500 entries by COPY into the newest month, as deliver writes them
    claim messages    500 messages by id with FOR UPDATE SKIP LOCKED, ids of the newest month, partitioned by id
    sweep             the first 500 messages that are due, by the index on state, purpose and time
    read a person     a person's newest 50 log entries
    remove a month    of the log: DELETE in pages of 5,000 under the record that triggers ask for; DROP of a partition
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg

from dangol.store.database import Database

MONTHS, A_MONTH, BATCH, ROUNDS = 24, 20_000, 500, 60
_TICKS = os.sysconf("SC_CLK_TCK")
_MAKE = """
CREATE TABLE {table}_p (LIKE {table} INCLUDING DEFAULTS) PARTITION BY RANGE ({key});
"""
_SCHEMA = {
    "log": (
        "at",
        [
            "ALTER TABLE log_p ADD PRIMARY KEY (seq, at)",
            "CREATE UNIQUE INDEX ON log_p (id, at)",
            "CREATE INDEX ON log_p (at)",
            "CREATE INDEX ON log_p (message_id)",
            "CREATE INDEX ON log_p (profile_id, seq)",
            "CREATE INDEX ON log_p (campaign_key, seq)",
            "CREATE INDEX ON log_p (reason, seq)",
        ],
    ),
    "messages": (
        "id",
        [
            "ALTER TABLE messages_p ADD PRIMARY KEY (id)",
            "CREATE INDEX ON messages_p (journey_id, step, channels)",
            "CREATE INDEX ON messages_p (state, purpose, due_at)",
            "CREATE INDEX ON messages_p (state, lease_until)",
            "CREATE INDEX ON messages_p (profile_id)",
            "CREATE INDEX ON messages_p (profile_id, due_at) WHERE state IN ('planned', 'due')",
        ],
    ),
}
_FILL_LOG = """
INSERT INTO {table} (seq, id, at, decision, reason, profile_id, campaign_key, message_id, evidence)
SELECT n, 'M' || lpad((n / {month})::text, 2, '0') || lpad(n::text, 23, '0'),
    timestamptz '2024-01-15 UTC' + (n / {month}) * interval '1 month', 'message_accepted', 'accepted_by_provider',
    'P' || (n % 50000), 'letter', 'M' || n, '{{"provider":"smtp","attempt":1}}'
FROM generate_series(0, {count} - 1) n
"""
_FILL_MESSAGES = """
INSERT INTO {table} (id, journey_id, campaign_key, version_id, profile_id, stage, step, template, channels, purpose,
    priority, state, due_at, attempt, planned_at, updated_at)
SELECT 'M' || lpad((n / {month})::text, 2, '0') || lpad(n::text, 23, '0'), 'J' || n, 'letter', 'v', 'P' || (n % 50000),
    's', 'note', 'note', 'email', 'marketing', 50, CASE WHEN n >= {newest} THEN 'planned' ELSE 'accepted' END,
    timestamptz '2024-01-15 UTC' + (n / {month}) * interval '1 month', 0, now(), now()
FROM generate_series(0, {count} - 1) n
"""


def main(url: str) -> None:
    """Measure and print."""
    name = f"dangol_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            there = url.rsplit("/", 1)[0] + f"/{name}"
            database = Database(there)
            database.migrate()
            database.close()
            with psycopg.connect(there, autocommit=True) as connection:
                _prepare(connection)
                _report(connection)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _prepare(connection: psycopg.Connection) -> None:
    run = connection.execute
    run("ALTER TABLE log DISABLE TRIGGER USER")
    for table, (key, indexes) in _SCHEMA.items():
        run(_MAKE.format(table=table, key=key))
        for month in range(MONTHS + 1):
            run(f"CREATE TABLE {table}_p{month} PARTITION OF {table}_p FOR VALUES {_bounds(table, month)}")
        for index in indexes:
            run(index)
    for table in ("log", "log_p"):
        run(_FILL_LOG.format(table=table, month=A_MONTH, count=MONTHS * A_MONTH))
    for table in ("messages", "messages_p"):
        newest = (MONTHS - 1) * A_MONTH
        run(_FILL_MESSAGES.format(table=table, month=A_MONTH, count=MONTHS * A_MONTH, newest=newest))
    run("VACUUM ANALYZE")
    run("SET plan_cache_mode = force_custom_plan")


def _bounds(table: str, month: int) -> str:
    if table == "log":
        first, after = (f"{2024 + place // 12}-{place % 12 + 1:02d}-01 00:00+00" for place in (month, month + 1))
        return f"FROM ('{first}') TO ('{after}')"
    return f"FROM ('M{month:02d}') TO ('M{month + 1:02d}')"


def _report(connection: psycopg.Connection) -> None:
    newest = f"M{MONTHS - 1:02d}"
    asked: dict[str, Callable[[str, int], None]] = {
        "write the log": lambda suffix, turn: _copy(connection, f"log{suffix}", turn),
        "claim messages": lambda suffix, turn: _ask(
            connection,
            f"SELECT * FROM messages{suffix} WHERE id = ANY(%s) AND state || '' IN ('planned', 'due') "
            "FOR UPDATE SKIP LOCKED",
            [f"{newest}{(MONTHS - 1) * A_MONTH + place + turn * 100:023d}" for place in range(BATCH)],
        ),
        "sweep": lambda suffix, turn: _ask(
            connection,
            f"SELECT id FROM messages{suffix} WHERE state = 'planned' AND purpose = 'marketing' AND due_at <= now() "
            "AND %s::text[] IS NOT NULL ORDER BY due_at, profile_id, id LIMIT 500 FOR UPDATE SKIP LOCKED",
            [],
        ),
        "read a person": lambda suffix, turn: _ask(
            connection,
            f"SELECT * FROM log{suffix} WHERE profile_id = ANY(%s) ORDER BY seq DESC LIMIT 50",
            [f"P{turn}"],
        ),
    }
    sys.stdout.write(f"{'CPU ms of the server':24}{'plain':>10}{'by month':>10}{'':>4}more\n")
    for what, act in asked.items():
        plain, parts = _both(connection, act)
        sys.stdout.write(f"{what:24}{plain:10.2f}{parts:10.2f}{(parts / plain - 1) * 100:7.0f} %\n")
    plain, parts = _cpu(connection, lambda: _remove(connection)), _cpu(connection, lambda: _drop(connection))
    sys.stdout.write(f"{'remove a month':24}{plain:10.0f}{parts:10.0f}   ({A_MONTH:,} entries)\n")


def _both(connection: psycopg.Connection, act: Callable[[str, int], None]) -> tuple[float, float]:
    """Milliseconds a turn, in plain and in partitioned tables, taken in turns; the median of five."""
    found: dict[str, list[float]] = {"": [], "_p": []}
    for again in range(5):
        for suffix, times in found.items():

            def turns(suffix: str = suffix, again: int = again) -> None:
                for turn in range(ROUNDS):
                    act(suffix, again * ROUNDS + turn)

            times.append(_cpu(connection, turns) / ROUNDS)
    return statistics.median(found[""]), statistics.median(found["_p"])


def _cpu(connection: psycopg.Connection, act: Callable[[], None]) -> float:
    """Milliseconds of CPU that the server's process spends meanwhile."""
    before = _spent(connection)
    act()
    return (_spent(connection) - before) * 1000 / _TICKS


def _spent(connection: psycopg.Connection) -> int:
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def _ask(connection: psycopg.Connection, statement: str, values: list[str]) -> None:
    with connection.transaction():
        connection.execute(statement, [values]).fetchall()


def _copy(connection: psycopg.Connection, table: str, turn: int) -> None:
    first = 10_000_000 + turn * BATCH
    lines = "".join(
        f"{first + place}\tX{first + place:025d}\t2025-12-20 00:00+00\tmessage_accepted\taccepted_by_provider\t"
        f'P{place}\tletter\tM{first + place}\t{{"provider":"smtp","attempt":1}}\n'
        for place in range(BATCH)
    )
    columns = "seq, id, at, decision, reason, profile_id, campaign_key, message_id, evidence"
    with connection.transaction(), connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        copy.write(io.BytesIO(lines.encode()).getvalue())


def _remove(connection: psycopg.Connection) -> None:
    connection.execute("ALTER TABLE log ENABLE TRIGGER USER")
    connection.execute(
        "INSERT INTO log_removals VALUES (0, %s, %s, '2024-02-01 00:00+00', 'hash', 'bench', now(), 'bench')",
        [A_MONTH - 1, A_MONTH],
    )
    for first in range(0, A_MONTH, 5_000):
        connection.execute("DELETE FROM log WHERE seq >= %s AND seq < %s", [first, first + 5_000])


def _drop(connection: psycopg.Connection) -> None:
    connection.execute("DROP TABLE log_p0")


if __name__ == "__main__":
    main(sys.argv[1])
