"""Carriers that are left alone for a while, as all processes know it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from dangol.store.bulk import upsert
from dangol.store.tables import carriers

_ALL = select(carriers).order_by(carriers.c.name)


def standing(connection: Connection) -> Sequence[Row[Any]]:
    """``name``, ``away_until``, ``why``, ``failures`` and ``updated_at`` of each carrier that is or was left alone."""
    return connection.execute(_ALL).all()


def leave_alone(connection: Connection, name: str, until: datetime, why: str, failures: int, *, now: datetime) -> None:
    """Nobody gives this carrier messages until then."""
    row = {"name": name, "away_until": until, "why": why, "failures": failures, "updated_at": now}
    upsert(connection, carriers, [row], key=["name"], update=["away_until", "why", "failures", "updated_at"])


def is_well(connection: Connection, name: str) -> bool:
    """It may be given messages again; whether that is new."""
    return connection.execute(delete(carriers).where(carriers.c.name == name)).rowcount > 0
