"""Rows of what carriers report: set-based reads and writes, no decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, update

from dangol.model.feedback import FeedbackKind, Finding
from dangol.store.bulk import among, insert_unseen, update_each
from dangol.store.tables import feedback, messages

_WAITS = feedback.c.processed_at.is_(None)
_READY = or_(feedback.c.queued_until.is_(None), feedback.c.queued_until <= bindparam("now"))


def insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Store reports; the ids of those that are new."""
    return insert_unseen(connection, feedback, rows)


def waiting(connection: Connection, ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Those of these reports that are not processed, to see whom they concern; nothing is locked."""
    return connection.execute(_WAITING, {"ids": ids}).all()


def claim(connection: Connection, ids: Sequence[str]) -> Sequence[Row[Any]]:
    """The same, locked, in the order in which things happened; what another worker holds is passed over."""
    return connection.execute(_CLAIM, {"ids": ids}).all()


_WAITING = select(feedback).where(among(feedback.c.id, "ids"), _WAITS)
_CLAIM = _WAITING.order_by(feedback.c.at, feedback.c.id).with_for_update(skip_locked=True)


def about(connection: Connection, message_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """All reports about these messages, processed or not."""
    return connection.execute(_ABOUT, {"ids": message_ids}).all() if message_ids else ()


_ABOUT = select(feedback).where(among(feedback.c.message_id, "ids")).order_by(feedback.c.at, feedback.c.id)


def reached(connection: Connection, hashes: Sequence[str]) -> list[Row[Any]]:
    """How often these addresses could be reached and could not, for now: ``address_hash``, ``kind``, ``at`` and the
    message, the first first."""
    return list(connection.execute(_REACHED, {"hashes": hashes})) if hashes else []


_REACHED = (
    select(
        feedback.c.address_hash,
        feedback.c.kind,
        feedback.c.at,
        func.coalesce(feedback.c.message_id, feedback.c.reference, feedback.c.id).label("message"),
    )
    .where(
        among(feedback.c.address_hash, "hashes"),
        or_(feedback.c.finding == Finding.SOFT.value, feedback.c.kind == FeedbackKind.DELIVERED.value),
    )
    .order_by(feedback.c.at, feedback.c.id)
)


def messages_of(
    connection: Connection, ids: Sequence[str], references: Sequence[str], *, lock: bool = False
) -> Sequence[Row[Any]]:
    """Messages by our id or by their carrier's; with ``lock`` those that nobody else is changing, by our id alone."""
    if lock:
        return connection.execute(_LOCKED, {"ids": ids}).all() if ids else ()
    found = list(connection.execute(_BY_ID, {"ids": ids})) if ids else []
    return found + (list(connection.execute(_BY_REFERENCE, {"references": references})) if references else [])


_BY_ID = select(messages).where(among(messages.c.id, "ids"))
_LOCKED = _BY_ID.order_by(messages.c.id).with_for_update(skip_locked=True)
_BY_REFERENCE = select(messages).where(
    among(messages.c.provider_reference, "references"), messages.c.provider_reference.is_not(None)
)


def close(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write what came of reports; each row has ``id`` and the same other columns."""
    update_each(connection, feedback, rows)


def queue_due(connection: Connection, now: datetime, until: datetime, limit: int) -> list[str]:
    """Mark reports that wait as told to a worker until ``until``."""
    found = list(connection.execute(_DUE, {"now": now, "room": limit}).scalars())
    if found:
        connection.execute(_TELL, {"ids": found, "until": until})
    return found


_DUE = (
    select(feedback.c.id)
    .where(_WAITS, _READY)
    .order_by(feedback.c.queued_until, feedback.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)
_TELL = update(feedback).where(among(feedback.c.id, "ids")).values(queued_until=bindparam("until"))


def next_due(connection: Connection) -> datetime | None:
    """When the next report is to be looked at; what nobody was told of yet is due since it came."""
    return connection.execute(_NEXT).scalar_one_or_none()


_NEXT = (
    select(func.coalesce(feedback.c.queued_until, feedback.c.received_at, type_=feedback.c.received_at.type))
    .where(_WAITS)
    .order_by(feedback.c.queued_until.is_not(None), feedback.c.queued_until)
    .limit(1)
)


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete some of what was processed before that; how many."""
    old = select(feedback.c.id).where(feedback.c.processed_at < before).limit(limit)
    return connection.execute(delete(feedback).where(feedback.c.id.in_(old))).rowcount


def forget_person(connection: Connection, profile_id: str, hashes: Sequence[str]) -> int:
    """Delete all that was reported about a person's messages and addresses; how many reports."""
    gone = connection.execute(_OF_THEIR_MESSAGES, {"of": profile_id}).rowcount
    return gone + (connection.execute(_OF_THEIR_ADDRESSES, {"hashes": hashes}).rowcount if hashes else 0)


_OF_THEIR_MESSAGES = delete(feedback).where(
    feedback.c.message_id.in_(select(messages.c.id).where(messages.c.profile_id == bindparam("of")))
)
_OF_THEIR_ADDRESSES = delete(feedback).where(among(feedback.c.address_hash, "hashes"))


def counts(connection: Connection) -> dict[str, int]:
    """What came of reports → how many, as long as they are kept; those not processed under ``waiting``."""
    rows = connection.execute(_COUNTS).all()
    return {became or "waiting": number for became, number in rows}


_COUNTS = select(feedback.c.became, func.count()).group_by(feedback.c.became).order_by(feedback.c.became)
