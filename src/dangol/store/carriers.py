"""Carriers that are left alone for a while, and who tries them after that, as all processes know it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, or_, select, update

from dangol.store.bulk import among, upsert
from dangol.store.tables import carriers
from dangol.store.types import Instant

_ALL = select(carriers).order_by(carriers.c.name)
_NOW = bindparam("now", type_=Instant)
_THESE = among(carriers.c.name, "names")
_TO_BE_TRIED = and_(
    _THESE,
    carriers.c.why == bindparam("of_why"),
    carriers.c.away_until <= _NOW,
    or_(carriers.c.tried_until.is_(None), carriers.c.tried_until <= _NOW),
)
_NOBODY_AT_IT = select(carriers.c.name).where(_TO_BE_TRIED).with_for_update(skip_locked=True)
_BEGIN = (
    update(carriers)
    .where(carriers.c.name.in_(_NOBODY_AT_IT), _TO_BE_TRIED)
    .values(tried_until=bindparam("until", type_=Instant))
    .returning(carriers.c.name)
)
_END = (
    update(carriers).where(_THESE, carriers.c.tried_until == bindparam("mine", type_=Instant)).values(tried_until=None)
)


def standing(connection: Connection) -> Sequence[Row[Any]]:
    """``name``, ``away_until``, ``why``, ``failures``, ``updated_at`` and ``tried_until`` of each carrier that is left
    alone, or was and has not been found well since."""
    return connection.execute(_ALL).all()


def leave_alone(connection: Connection, name: str, until: datetime, why: str, failures: int, *, now: datetime) -> None:
    """Nobody gives this carrier messages until then. Whoever tries it just now goes on."""
    row = {"name": name, "away_until": until, "why": why, "failures": failures, "updated_at": now}
    upsert(connection, carriers, [row], key=["name"], update=["away_until", "why", "failures", "updated_at"])


def is_well(connection: Connection, name: str) -> bool:
    """It may be given messages again; whether that is new."""
    return connection.execute(delete(carriers).where(carriers.c.name == name)).rowcount > 0


def begin_trials(connection: Connection, names: Collection[str], why: str, now: datetime, until: datetime) -> set[str]:
    """Those of these carriers that the caller is to try, and nobody else until then or until ``end_trials``.

    They are left alone for that reason, their pause is over, and nobody tries them. What another transaction has
    locked is being decided there: nobody waits for it.
    """
    asked = {"names": sorted(names), "of_why": why, "now": now, "until": until}
    return set(connection.execute(_BEGIN, asked).scalars())


def end_trials(connection: Connection, names: Collection[str], until: datetime) -> None:
    """The caller has tried these, or does not after all; ``until`` tells its trials from those of others."""
    connection.execute(_END, {"names": sorted(names), "mine": until})
