"""Lines of messages that go out at a rate, as all processes share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from dangol.store.bulk import among, insert_new, upsert
from dangol.store.tables import paces

_ALL = select(paces).order_by(paces.c.line)
_LOCKED = select(paces).where(among(paces.c.line, "lines")).order_by(paces.c.line).with_for_update()
_TIMES = ["free_at", "promised_until", "again_until", "first_until", "updated_at"]


def every(connection: Connection) -> Sequence[Row[Any]]:
    """Each line ever used, with its instants."""
    return connection.execute(_ALL).all()


def lock(connection: Connection, lines: Iterable[str], now: datetime) -> Sequence[Row[Any]]:
    """These lines, whoever else wants one of them waiting until the transaction ends. New ones are free from now on."""
    wanted = sorted(lines)
    known = connection.execute(_LOCKED, {"lines": wanted}).all()
    if len(known) == len(wanted):
        return known
    missing = set(wanted) - {row.line for row in known}
    fresh = [{"line": line, **dict.fromkeys(_TIMES, now)} for line in sorted(missing)]
    insert_new(connection, paces, fresh, conflict=["line"])
    return connection.execute(_LOCKED, {"lines": wanted}).all()


def write(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep what was used and promised; rows hold all columns."""
    upsert(connection, paces, rows, key=["line"], update=_TIMES)
