"""Migrations add, so that code of the release before goes on beside the new schema; docs/upgrading.md has the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, select, text

from dangol.errors import StoreUnavailable
from dangol.store import schema
from dangol.store.database import Database
from dangol.store.housekeeping import keep_note, recalled
from dangol.store.tables import INSERT_ONLY
from tests.integration.store.conftest import bring_to
from tests.integration.store.earlier import revisions, tables_of, this_row, value_for

FILES = sorted((schema.MIGRATIONS / "versions").glob("*.py"))
EARLIER = revisions()[:-1]
BIG = {"consents", "events", "journeys", "log", "messages", "slots"}
AHEAD_SINCE = "0009"
"""From this migration on, an index on a big table can be built ahead, without locking anybody out."""
UPGRADING = Path(__file__).parents[3] / "docs" / "upgrading.md"
_TAKES_AWAY = {"drop_table", "drop_column", "rename_table", "drop_constraint"}
_RAW = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|CONSTRAINT)|RENAME\s+(TO|COLUMN)|SET\s+NOT\s+NULL|ALTER\s+COLUMN)\b", re.IGNORECASE
)
_HARMLESS = re.compile(r"ALTER INDEX \S+ RENAME TO", re.IGNORECASE)


def takes_away(source: str) -> list[str]:
    """What a migration does that code of the release before could stumble over, by line."""
    found = []
    for call in _calls(source):
        name, line = _name(call), f"line {call.lineno}: "
        given = {word.arg: word.value for word in call.keywords}
        if name in _TAKES_AWAY:
            found.append(f"{line}{name}")
        elif name == "alter_column" and given.keys() & {"nullable", "type_", "new_column_name"}:
            found.append(f"{line}alter_column")
        elif name == "add_column":
            found += [f"{line}{reason}" for reason in _demands(call, source)]
        elif name == "execute":
            said = _HARMLESS.sub("", " ".join(_texts(call)))
            found += [f"{line}{match[0]}" for match in _RAW.finditer(said)]
    return found


def _demands(call: ast.Call, source: str) -> Iterator[str]:
    """Columns that must be told and have no default."""
    columns = [one for one in ast.walk(call) if isinstance(one, ast.Call) and _name(one) == "Column"]
    if not columns:  # the columns are listed elsewhere in the file
        columns = [one for one in _calls(source) if _name(one) == "Column" and not _within_create(one, source)]
    for column in columns:
        given = {word.arg: ast.unparse(word.value) for word in column.keywords}
        if given.get("nullable") == "False" and "server_default" not in given:
            yield f"NOT NULL without a default: {ast.unparse(column)[:60]}"


def _within_create(column: ast.Call, source: str) -> bool:
    creates = [one for one in _calls(source) if _name(one) == "create_table"]
    return any(column in ast.walk(one) or column.lineno in range(one.lineno, one.end_lineno + 1) for one in creates)


def _calls(source: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _texts(node: ast.AST) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_migration_takes_nothing_away_unless_it_says_so(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    found = takes_away(source)
    contract = re.search(r"^contract = ", source, re.MULTILINE)
    assert bool(found) == bool(contract), found
    if contract:
        assert re.search(r'^oldest_code = "\d{4}"$', source, re.MULTILINE), "say which code may run beside it"


@pytest.mark.parametrize(
    "change",
    [
        'op.drop_column("log", "stage")',
        'op.drop_table("log")',
        'op.rename_table("log", "logs")',
        'op.alter_column("log", "stage", nullable=False)',
        'op.alter_column("log", "stage", type_=sa.Text())',
        'op.add_column("log", sa.Column("x", sa.Text(), nullable=False))',
        'for c in (sa.Column("x", sa.Text(), nullable=False),):\n    op.add_column("log", c)',
        'op.execute("ALTER TABLE log DROP COLUMN stage")',
        'op.execute("ALTER TABLE log RENAME COLUMN stage TO step")',
    ],
)
def test_what_takes_away_is_noticed(change: str) -> None:
    assert takes_away(change)


@pytest.mark.parametrize(
    "change",
    [
        'op.add_column("log", sa.Column("x", sa.Text()))',
        'op.add_column("log", sa.Column("x", sa.Text(), nullable=False, server_default=""))',
        'op.create_table("t", sa.Column("x", sa.Text(), nullable=False))',
        'op.execute("ALTER INDEX a RENAME TO b")',
    ],
)
def test_what_only_adds_is_no_cause_for_alarm(change: str) -> None:
    assert takes_away(change) == []


@pytest.mark.parametrize("file", [file for file in FILES if file.stem[:4] >= AHEAD_SINCE], ids=lambda file: file.stem)
def test_an_index_on_a_big_table_can_be_built_ahead(file: Path) -> None:
    told = UPGRADING.read_text(encoding="utf-8")
    for call in _calls(file.read_text(encoding="utf-8")):
        if _name(call) != "create_index" or not BIG & set(_texts(call)):
            continue
        index = ast.literal_eval(call.args[0])
        assert any(word.arg == "if_not_exists" for word in call.keywords), index
        assert f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} " in told


@pytest.mark.parametrize("revision", EARLIER)
def test_what_earlier_code_reads_and_writes_is_still_there(unmigrated: Database, revision: str) -> None:
    """Every column by its name, inserts that know of no later one, and the keys that ``ON CONFLICT`` names."""
    bring_to(unmigrated, revision)
    with unmigrated.read() as tx:
        before = {table.name: (table, _keys(tx, table.name)) for table in tables_of(tx)}
    unmigrated.migrate()
    rows: dict[str, dict[str, object]] = {}
    with unmigrated.write() as tx:
        for name, (table, keys) in before.items():
            rows[name] = {column.name: value_for(table, column, rows) for column in table.columns}
            tx.execute(table.insert().values(rows[name]))
            assert tx.execute(select(table).where(*this_row(table, rows[name]))).one() is not None
            if name not in _contracted(revision):
                assert keys <= _keys(tx, name), name
        changeable = {name: table for name, (table, _) in before.items()}
        for table in INSERT_ONLY:
            changeable.pop(table.name, None)
        for name, table in reversed(list(changeable.items())):
            found = this_row(table, rows[name])
            assert tx.execute(table.update().where(*found).values(rows[name])).rowcount == 1
            assert tx.execute(table.delete().where(*found)).rowcount == 1


def _keys(connection: Connection, table: str) -> set[frozenset[str]]:
    """The sets of columns that are unique in this table."""
    asked = inspect(connection)
    unique = [one["column_names"] for one in asked.get_unique_constraints(table)]
    unique += [one["column_names"] for one in asked.get_indexes(table) if one["unique"]]
    return {frozenset(names) for names in (asked.get_pk_constraint(table)["constrained_columns"], *unique)}


def _contracted(since: str) -> set[str]:
    """Tables that a later migration says it takes something away from."""
    later = [file for file in FILES if file.stem[:4] > since]
    told = [re.search(r"^contract = (\{.*\})$", file.read_text(encoding="utf-8"), re.MULTILINE) for file in later]
    return {name for match in told if match for name in ast.literal_eval(match[1])}


def _by_a_newer_release(database: Database, *, oldest_code: str | None) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        if oldest_code is None:
            tx.execute(text("DELETE FROM instance WHERE name = 'oldest_code'"))
        else:
            keep_note(tx, schema.OLDEST_CODE, oldest_code)


def test_a_process_starts_beside_a_newer_schema_that_still_has_what_it_needs(database: Database) -> None:
    _by_a_newer_release(database, oldest_code=revisions()[-1])
    database.migrate()
    with database.read() as tx:
        assert tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


@pytest.mark.parametrize("oldest_code", ["9999", None])
def test_a_process_does_not_start_beside_a_schema_that_is_too_new(database: Database, oldest_code: str | None) -> None:
    _by_a_newer_release(database, oldest_code=oldest_code)
    with pytest.raises(StoreUnavailable, match=r"revision 9999 and this release knows .* start a newer release"):
        database.migrate()


def test_migrating_notes_which_code_may_run_beside_the_schema(database: Database) -> None:
    with database.read() as tx:
        assert recalled(tx, schema.OLDEST_CODE) == "0005"


def test_a_migration_gives_up_on_a_lock_and_changes_nothing(postgres_database: Database) -> None:
    """It must not stand in the queue for a table for long: everybody who comes after it stands behind it."""
    with postgres_database.write() as tx:
        schema.upgrade(tx)
        assert tx.execute(text("SHOW lock_timeout")).scalar_one() == "5s"


def test_waiting_too_long_for_a_lock_is_told_in_words(postgres_database: Database) -> None:
    with postgres_database.write() as holder:
        holder.execute(text("LOCK TABLE log IN ACCESS SHARE MODE"))
        with pytest.raises(StoreUnavailable, match="somebody held for too long what this had to lock"):
            _lock_the_log(postgres_database)


def _lock_the_log(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("SET LOCAL lock_timeout = '1ms'"))
        tx.execute(text("LOCK TABLE log IN ACCESS EXCLUSIVE MODE"))
