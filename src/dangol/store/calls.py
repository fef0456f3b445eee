"""Rows of calls to other systems: set-based reads and writes, no decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from dangol.model.vocabulary import CallState
from dangol.store.bulk import among, insert_many, unindexed, update_each
from dangol.store.tables import calls

_OPEN = sorted({CallState.PLANNED.value, CallState.DUE.value})


def insert_calls(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_many(connection, calls, rows)


def people_of(connection: Connection, call_ids: Sequence[str]) -> list[str]:
    """Whom these calls are about; asked before claiming, because a person is always locked before their rows."""
    return list(connection.execute(_OWNERS, {"ids": call_ids}).scalars())


_OWNERS = select(calls.c.profile_id).distinct().where(among(calls.c.id, "ids"))


def claim_due(connection: Connection, call_ids: Sequence[str], now: datetime) -> Sequence[Row[Any]]:
    """The open calls among these that are due, locked, longest due first; held ones are passed over."""
    return connection.execute(_CLAIM, {"ids": call_ids, "now": now}).all()


_CLAIM = (
    select(calls)
    .where(among(calls.c.id, "ids"), unindexed(calls.c.state).in_(_OPEN), calls.c.due_at <= bindparam("now"))
    .order_by(calls.c.due_at, calls.c.id)
    .with_for_update(skip_locked=True)
)


def open_of(connection: Connection, journey_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Calls of these journeys that are not yet under way."""
    return connection.execute(_OPEN_OF, {"ids": journey_ids}).all()


_OPEN_OF = (
    select(calls).where(among(calls.c.journey_id, "ids"), unindexed(calls.c.state).in_(_OPEN)).order_by(calls.c.id)
)


def change(connection: Connection, call_ids: Sequence[str], **values: Any) -> None:
    """Write the same values to many calls."""
    if call_ids:
        connection.execute(_THESE.values(**values), {"ids": call_ids})


_THESE = update(calls).where(among(calls.c.id, "ids"))


def change_each(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write different values; each row has ``id`` and the same other columns."""
    update_each(connection, calls, rows)


def queue_due(connection: Connection, now: datetime, until: datetime, limit: int) -> list[str]:
    """Mark due calls as told to a worker until ``until``: those told about and forgotten, then those that came due.

    What was told and is not done yet counts against ``limit``: calls are told only as fast as they are made.
    """
    values = {"now": now}
    room = limit - connection.execute(_TOLD, values).scalar_one()
    found: list[str] = []
    for statement in (_FORGOTTEN, _DUE):
        if room > len(found):
            found += connection.execute(statement, {**values, "room": room - len(found)}).scalars()
    change(connection, found, state=CallState.DUE.value, lease_until=until)
    return found


_TOLD = select(func.count()).where(calls.c.state == CallState.DUE.value, calls.c.lease_until > bindparam("now"))
_FORGOTTEN = (
    select(calls.c.id)
    .where(calls.c.state == CallState.DUE.value, calls.c.lease_until <= bindparam("now"))
    .order_by(calls.c.lease_until, calls.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)
_DUE = (
    select(calls.c.id)
    .where(calls.c.state == CallState.PLANNED.value, calls.c.due_at <= bindparam("now"))
    .order_by(calls.c.due_at, calls.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)


def abandoned(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """Calls that were begun and whose worker has not been heard of since; locked."""
    return list(connection.execute(_ABANDONED, {"now": now, "room": limit}))


_ABANDONED = (
    select(calls)
    .where(calls.c.state == CallState.SENDING.value, calls.c.lease_until <= bindparam("now"))
    .order_by(calls.c.lease_until, calls.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)


def next_due(connection: Connection) -> datetime | None:
    """When the next planned call is due."""
    return connection.execute(_NEXT).scalar_one_or_none()


_NEXT = select(calls.c.due_at).where(calls.c.state == CallState.PLANNED.value).order_by(calls.c.due_at).limit(1)


ONE_MORE_ATTEMPT = calls.c.attempt + 1
