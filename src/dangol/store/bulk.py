"""Statements over whole batches, fast on both databases.

A batch's ids travel as one parameter, so that a statement's text, and the plan made for it, is the same whatever the
batch's size, and statements can be built once, when their module is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType

from dangol.store.compact import dumps
from dangol.store.types import Instant, to_text

_COPY_FROM = 8
"""Rows from which PostgreSQL's COPY is faster than INSERT."""


class _WrittenArray(UserDefinedType[str]):
    """An array of texts that is written already; see ``_array``."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT[]"


def _array(texts: Sequence[str | None]) -> str:
    """PostgreSQL's spelling of an array. The driver looks at each text by itself, which takes twenty times as long."""
    if not texts:
        return "{}"
    if None in texts:
        return f"{{{','.join('NULL' if text is None else _quoted(text) for text in texts)}}}"
    known = cast("Sequence[str]", texts)
    joined = '","'.join(known)
    if "\\" in joined or joined.count('"') > 2 * len(texts) - 2:
        joined = '","'.join([_escaped(text) for text in known])
    return f'{{"{joined}"}}'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


class _Texts(TypeDecorator[Sequence[str | None]]):
    """Many texts in one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _WrittenArray() if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Iterable[str | None] | None, dialect: Dialect) -> Any:
        texts = list(value or ())
        return _array(texts) if dialect.name == "postgresql" else dumps(texts)


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _Among:
        """As it is: SQLAlchemy would compare it with 1 for SQLite, which then uses no index."""
        return self


@compiles(_Among)
def _among_json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{left} IN (SELECT value FROM json_each({right}))"  # noqa: S608 - compiled by SQLAlchemy


@compiles(_Among, "postgresql")
def _among_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{left} = ANY ({right})"


def among(where: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """``where IN :name``; the parameter is a list of texts."""
    return _Among(where, bindparam(name, type_=_Texts()))


def unindexed(where: Column[str]) -> ColumnElement[str]:
    """The column's value, out of its indexes' reach.

    SQLite knows nothing of how many rows are in one state. Offered an index on it, it would rather read every open
    message than look up the ids of one batch.
    """
    return where.concat("")


def insert_many(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert ``rows``; all have the same keys."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(_insert_text(table, names), _tuples(table, names, rows, sqlite=True))
    elif len(rows) < _COPY_FROM:
        connection.execute(table.insert(), list(rows))
    else:
        _copy(connection, table, names, rows)


@lru_cache(maxsize=256)
def _insert_text(table: Table, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})'  # noqa: S608 - our names


def _copy(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in _tuples(table, names, rows, sqlite=False):
                copy.write_row(row)
    except psycopg.Error as error:
        text = f"COPY {table.name}"
        raise DBAPIError.instance(text, None, error, psycopg.Error, dialect=connection.dialect) from error


def _tuples(
    table: Table, names: Sequence[str], rows: Sequence[dict[str, Any]], *, sqlite: bool
) -> list[tuple[Any, ...]]:
    """Rows as a driver takes them; a column at a time, which is several times as fast as a value at a time."""
    columns = []
    for name in names:
        written = _writer(table.c[name], sqlite=sqlite)
        values = [row[name] for row in rows]
        columns.append(values if written is None else [None if value is None else written(value) for value in values])
    return list(zip(*columns, strict=True))


def _writer(into: Column[Any], *, sqlite: bool) -> Callable[[Any], Any] | None:
    """What turns a column's values into the driver's; None if they are already."""
    if isinstance(into.type, JSON):
        return dumps
    return to_text if sqlite and isinstance(into.type, Instant) else None


def update_each(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Update rows by ``id``, each with its own values; all rows have the same keys."""
    if not rows:
        return
    names = tuple(name for name in rows[0] if name != "id")
    if connection.dialect.name == "postgresql":
        _update_from_arrays(connection, table, names, rows)
    else:
        connection.exec_driver_sql(_update_text(table, names), _tuples(table, (*names, "id"), rows, sqlite=True))


@lru_cache(maxsize=256)
def _update_text(table: Table, names: tuple[str, ...]) -> str:
    changes = ", ".join(f'"{name}" = ?' for name in names)
    return f'UPDATE "{table.name}" SET {changes} WHERE id = ?'  # noqa: S608 - our names


def _update_from_arrays(
    connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[dict[str, Any]]
) -> None:
    """One statement; what is the same in all rows is sent once, the rest as an array a column."""
    _, given, own, same = _from_arrays(table, rows)
    changes: dict[str, Any] = {name: given.c[name] if name in own else same[name] for name in names}
    connection.execute(update(table).where(table.c.id == given.c.id).values(changes))


def _from_arrays(
    table: Table, rows: Sequence[dict[str, Any]]
) -> tuple[tuple[str, ...], Any, frozenset[str], dict[str, Any]]:
    """Rows as PostgreSQL takes many in one statement: all names; a table of arrays with the columns that differ, ``id``
    among them; the names of those; and one parameter for each of the others."""
    names = tuple(rows[0])
    values = {name: [row[name] for row in rows] for name in names}
    own = [name for name in names if name == "id" or values[name].count(values[name][0]) < len(rows)]
    arrays = [bindparam(f"p_{name}", values[name], type_=_array_of(table.c[name])) for name in own]
    given = (
        func.unnest(*arrays)
        .table_valued(*(column(name, table.c[name].type) for name in own), name="given")
        .render_derived()
    )
    same = {
        name: bindparam(f"p_{name}", values[name][0], type_=table.c[name].type) for name in names if name not in own
    }
    return names, given, frozenset(own), same


def _array_of(of: Column[Any]) -> TypeEngine[Any]:
    return _Texts() if isinstance(of.type, String) else postgresql.ARRAY(of.type)


def insert_new(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, conflict: Sequence[str]
) -> None:
    """Insert ``rows``, passing over those whose ``conflict`` columns are there already."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(index_elements=list(conflict)), list(rows))


def insert_unseen(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Insert ``rows`` whose ``id`` is not there yet, in one statement; the ids of these. All rows have the same keys.

    Rows go in by id, so that two transactions that insert the same ones wait for one another and not in a circle.
    """
    ordered = [row for _, row in sorted({row["id"]: row for row in rows}.items())]
    if not ordered:
        return []
    if connection.dialect.name != "postgresql":
        told = {"ids": [row["id"] for row in ordered]}
        known = set(connection.execute(_known_ids(table), told).scalars())
        new = [row for row in ordered if row["id"] not in known]
        insert_many(connection, table, new)
        return [row["id"] for row in new]
    names, given, own, same = _from_arrays(table, ordered)
    wanted = [given.c[name] if name in own else same[name] for name in names]
    statement = postgresql.insert(table).from_select(list(names), select(*wanted))
    return list(
        connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]).returning(table.c.id)).scalars()
    )


@lru_cache(maxsize=16)
def _known_ids(table: Table) -> Select[Any]:
    return select(table.c.id).where(among(table.c.id, "ids"))


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Insert ``rows``; where ``key`` is there already, set the ``update`` columns."""
    if rows:
        statement = _insert(connection, table)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(key), set_={name: statement.excluded[name] for name in update}
            ),
            list(rows),
        )


def upsert_if(
    connection: Connection, table: Table, row: dict[str, Any], *, key: Sequence[str], condition: ColumnElement[bool]
) -> None:
    """Insert ``row``; where ``key`` is there already, replace the rest, but only if the old row meets the condition."""
    statement = _insert(connection, table)
    values = {name: statement.excluded[name] for name in row if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values, where=condition), [row])


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite_dialect
    return dialect.insert(table)
