"""Who is in the audience of a campaign that people enter by joining it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from dangol.store.bulk import among
from dangol.store.tables import members


def listed(connection: Connection, campaign_key: str, *, after: str | None, limit: int) -> list[str]:
    """The next members, in order of profile id."""
    statement = select(members.c.profile_id).where(members.c.campaign_key == campaign_key)
    if after is not None:
        statement = statement.where(members.c.profile_id > after)
    return list(connection.execute(statement.order_by(members.c.profile_id).limit(limit)).scalars())


def join(connection: Connection, campaign_key: str, profile_ids: Sequence[str], at: datetime) -> list[str]:
    """Write these people down; returns those who were not there."""
    if not profile_ids:
        return []
    rows = [{"campaign_key": campaign_key, "profile_id": one, "joined_at": at} for one in profile_ids]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(members).on_conflict_do_nothing().returning(members.c.profile_id)
    new = set(connection.execute(statement, rows).scalars())
    return [one for one in profile_ids if one in new]


def leave(connection: Connection, campaign_key: str, profile_ids: Sequence[str]) -> None:
    if profile_ids:
        connection.execute(_LEAVE, {"campaign": campaign_key, "ids": profile_ids})


_LEAVE = delete(members).where(members.c.campaign_key == bindparam("campaign"), among(members.c.profile_id, "ids"))
