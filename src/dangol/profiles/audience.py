"""An audience, a part at a time."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from dangol.store.tables import profiles


def matching(connection: Connection, condition: ColumnElement[bool], *, after: str | None, limit: int) -> list[str]:
    """The next profile ids, in order of id, for which the condition holds; erased people are in no audience."""
    statement = select(profiles.c.id).where(condition, profiles.c.erased_at.is_(None))
    if after is not None:
        statement = statement.where(profiles.c.id > after)
    return list(connection.execute(statement.order_by(profiles.c.id).limit(limit)).scalars())
