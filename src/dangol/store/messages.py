"""Rows of messages and cap slots: set-based reads and writes, no decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select, text, update

from dangol.model.vocabulary import OPEN_STATES, MessageState, Purpose, Reason
from dangol.store.bulk import among, insert_many, unindexed, update_each
from dangol.store.tables import messages, slots

_OPEN = sorted(OPEN_STATES)
_NOT_UNDER_WAY = sorted({*OPEN_STATES, MessageState.HELD})
_IS = {state: text(f"messages.state = '{state.value}'") for state in MessageState}
"""The state stands in the statement, so that PostgreSQL sees at once that a partial index has all such messages."""
_WAITS = text("messages.state IN ('planned', 'due', 'held')")
_URGENCY = (Purpose.TRANSACTIONAL, Purpose.SERVICE, Purpose.MARKETING)


def insert_messages(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_many(connection, messages, rows)


_DECIDED_BY: Select[Any] = select(
    messages.c.id,
    messages.c.journey_id,
    messages.c.campaign_key,
    messages.c.version_id,
    messages.c.profile_id,
    messages.c.stage,
    messages.c.step,
    messages.c.template,
    messages.c.state,
    messages.c.channels,
    messages.c.priority,
    messages.c.due_at,
    messages.c.expires_at,
    messages.c.attempt,
    messages.c.reason,
    messages.c.planned_at,
    messages.c.value,
    messages.c.digest,
    messages.c.refused,
)
"""What a decision about a message looks at; every column that is read costs time a message."""


def claim_due(
    connection: Connection, message_ids: Sequence[str], now: datetime, *, known: Iterable[Row[Any]] = ()
) -> list[Row[Any]]:
    """The open messages among these that are due, locked; held ones are passed over.

    ``known`` are rows read before, in this transaction and under the lock on their people: they are not read again,
    because nothing that a decision looks at changes without that lock.
    """
    rows = {row.id: row for row in known}
    claimed = connection.execute(_CLAIM, {"ids": message_ids, "now": now}).scalars().all()
    new = [one for one in claimed if one not in rows]
    rows |= {row.id: row for row in connection.execute(_THE_DECIDED, {"ids": new}).all()} if new else {}
    return [rows[one] for one in claimed]


_CLAIM = (
    select(messages.c.id)
    .where(among(messages.c.id, "ids"), unindexed(messages.c.state).in_(_OPEN), messages.c.due_at <= bindparam("now"))
    .order_by(messages.c.id)
    .with_for_update(skip_locked=True)
)
_THE_DECIDED = _DECIDED_BY.where(among(messages.c.id, "ids"))


def open_of(connection: Connection, journey_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Messages of these journeys that are not yet under way, held ones too."""
    return connection.execute(_OPEN_OF, {"ids": journey_ids}).all()


_OPEN_OF = (
    select(messages)
    .where(
        among(messages.c.journey_id, "ids"),
        unindexed(messages.c.state).in_(_NOT_UNDER_WAY),
    )
    .order_by(messages.c.id)
)


def open_in(connection: Connection, campaign_key: str, *, limit: int) -> Sequence[Row[Any]]:
    """Some messages of a campaign that are not yet under way."""
    statement = select(messages).where(_WAITS, messages.c.campaign_key == campaign_key)
    return connection.execute(statement.order_by(messages.c.id).limit(limit)).all()


def open_to(connection: Connection, profile_id: str) -> Sequence[Row[Any]]:
    """Messages to one person that are not yet under way."""
    statement = select(messages).where(
        messages.c.profile_id == profile_id, unindexed(messages.c.state).in_(_NOT_UNDER_WAY)
    )
    return connection.execute(statement.order_by(messages.c.id)).all()


def undecided(connection: Connection, profile_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Messages to these people that are planned or being handed over, held ones left out."""
    return connection.execute(_UNDECIDED, {"ids": profile_ids}).all()


# The states stand in the statement as they do in the index, without which all that people were ever sent is read.
_AS_IN_THE_INDEX = text("messages.state IN ('planned', 'due', 'sending')")
_UNDECIDED = _DECIDED_BY.where(among(messages.c.profile_id, "ids"), _AS_IN_THE_INDEX).order_by(
    messages.c.profile_id, messages.c.due_at, messages.c.id
)


def waiting_because(connection: Connection, profile_ids: Sequence[str], reason: Reason) -> Sequence[Row[Any]]:
    """Messages to these people that were put off for this reason."""
    return connection.execute(_PUT_OFF, {"ids": profile_ids, "reason": reason.value}).all()


_PUT_OFF = (
    select(messages)
    .where(
        among(messages.c.profile_id, "ids"),
        _AS_IN_THE_INDEX,
        unindexed(messages.c.state).in_(_OPEN),
        messages.c.reason == bindparam("reason"),
    )
    .order_by(messages.c.id)
)


def held(connection: Connection, reason: Reason, *, resumed: Collection[str], limit: int) -> Sequence[Row[Any]]:
    """Messages held for this reason in campaigns that go on, locked."""
    statement = _held(reason, resumed).order_by(messages.c.id).limit(limit)
    return connection.execute(statement.with_for_update(skip_locked=True)).all()


def any_held(connection: Connection, reason: Reason, resumed: Collection[str]) -> bool:
    return connection.execute(_held(reason, resumed).limit(1)).first() is not None


def _held(reason: Reason, resumed: Collection[str]) -> Select[Any]:
    return select(messages).where(
        _IS[MessageState.HELD],
        messages.c.reason == reason.value,
        messages.c.campaign_key.in_(sorted(resumed)),
    )


def change(connection: Connection, message_ids: Sequence[str], **values: Any) -> None:
    """Write the same values to many messages."""
    if message_ids:
        connection.execute(_THESE.values(**values), {"ids": message_ids})


_THESE = update(messages).where(among(messages.c.id, "ids"))


def states(connection: Connection, message_ids: Sequence[str]) -> dict[str, str]:
    """The state of each of these messages, all of them locked now."""
    return {row.id: row.state for row in connection.execute(_LOCKED, {"ids": message_ids})}


_LOCKED = (
    select(messages.c.id, messages.c.state)
    .where(among(messages.c.id, "ids"))
    .order_by(messages.c.id)
    .with_for_update(key_share=True)
)


def change_each(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write different values; each row has ``id`` and the same other columns."""
    update_each(connection, messages, rows)


class DueNow(NamedTuple):
    """Ids of messages that are due: the transactional ones, and the rest."""

    first: list[str]
    rest: list[str]


def queue_due(connection: Connection, now: datetime, until: datetime, limit: int) -> DueNow:
    """Mark due messages as told to a worker until ``until``; transactional before service before marketing.

    What was told and is not done yet counts against ``limit``, except for transactional messages: a blast is told
    only as fast as it is delivered, so that nobody's order confirmation stands behind all of it.
    """
    room = limit - connection.execute(_TOLD, {"now": now}).scalar_one()
    first, rest = _due_of(connection, Purpose.TRANSACTIONAL, now, limit), list[str]()
    for purpose in (Purpose.SERVICE, Purpose.MARKETING):
        left = room - len(first) - len(rest)
        if left > 0:
            rest += _due_of(connection, purpose, now, left)
    change(connection, [*first, *rest], state=MessageState.DUE.value, lease_until=until)
    return DueNow(first, rest)


_TOLD = select(func.count()).where(_IS[MessageState.DUE], messages.c.lease_until > bindparam("now"))


def _due_of(connection: Connection, purpose: Purpose, now: datetime, limit: int) -> list[str]:
    """Messages told about and forgotten, then those that came due; two statements, each served by an index."""
    values = {"purpose": purpose.value, "now": now}
    found = list(connection.execute(_FORGOTTEN, {**values, "room": limit}).scalars())
    if len(found) < limit:
        found += connection.execute(_DUE, {**values, "room": limit - len(found)}).scalars()
    return found


_FORGOTTEN = (
    select(messages.c.id)
    .where(
        _IS[MessageState.DUE],
        messages.c.lease_until <= bindparam("now"),
        messages.c.purpose == bindparam("purpose"),
    )
    .order_by(messages.c.lease_until)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)
# By person within an instant: what is known of people who came together lies together, so a batch reads few pages.
_DUE = (
    select(messages.c.id)
    .where(
        _IS[MessageState.PLANNED],
        messages.c.purpose == bindparam("purpose"),
        messages.c.due_at <= bindparam("now"),
    )
    .order_by(messages.c.due_at, messages.c.profile_id, messages.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)


def told_first(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Transactional messages that a worker was told about and that nobody has begun, the longest due first."""
    return list(connection.execute(_TOLD_FIRST, {"now": now, "room": limit}).scalars())


_TOLD_FIRST = (
    select(messages.c.id)
    .where(
        _IS[MessageState.DUE],
        messages.c.purpose == text(f"'{Purpose.TRANSACTIONAL.value}'"),
        messages.c.due_at <= bindparam("now"),
    )
    .order_by(messages.c.due_at, messages.c.id)
    .limit(bindparam("room"))
)


def abandoned(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """Messages whose hand-over began and whose worker has not been heard of since; locked."""
    return list(connection.execute(_ABANDONED, {"now": now, "room": limit}))


_ABANDONED = (
    select(messages)
    .where(_IS[MessageState.SENDING], messages.c.lease_until <= bindparam("now"))
    .order_by(messages.c.lease_until, messages.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)


def next_due(connection: Connection) -> datetime | None:
    """When the next planned message is due."""
    firsts = [connection.execute(_NEXT, {"purpose": purpose.value}).scalar_one_or_none() for purpose in _URGENCY]
    return min((first for first in firsts if first is not None), default=None)


_NEXT = (
    select(messages.c.due_at)
    .where(_IS[MessageState.PLANNED], messages.c.purpose == bindparam("purpose"))
    .order_by(messages.c.due_at)
    .limit(1)
)


def load_slots(connection: Connection, profile_ids: Sequence[str], since: datetime) -> dict[str, list[Row[Any]]]:
    """profile → the slots its messages have taken from ``since`` on."""
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_SLOTS, {"ids": profile_ids, "since": since}).all():
        found.setdefault(row.profile_id, []).append(row)
    return found


_SLOTS = select(slots).where(among(slots.c.profile_id, "ids"), slots.c.reserved_at >= bindparam("since"))


def reserve(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Take slots."""
    insert_many(connection, slots, rows)


def holding_slots(connection: Connection, message_ids: Sequence[str]) -> frozenset[str]:
    """Which of these messages hold a slot."""
    return frozenset(connection.execute(_HOLDING, {"ids": message_ids}).scalars()) if message_ids else frozenset()


_HOLDING = select(slots.c.message_id).where(among(slots.c.message_id, "ids"))


def unknown(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Messages of which nobody can tell whether their carrier has them, the oldest first."""
    statement = select(messages).where(_IS[MessageState.UNKNOWN])
    return connection.execute(statement.order_by(messages.c.updated_at, messages.c.id).limit(limit)).all()


def release(connection: Connection, message_ids: Iterable[str]) -> None:
    """Give slots back; only after a definite refusal."""
    released = list(message_ids)
    if released:
        connection.execute(_RELEASE, {"ids": released})


_RELEASE = delete(slots).where(among(slots.c.message_id, "ids"))


ONE_MORE_ATTEMPT = messages.c.attempt + 1
