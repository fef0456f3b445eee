"""Rows of journeys and schedule runs: set-based reads and writes, no decisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dangol.model.vocabulary import JourneyStatus
from dangol.store.bulk import among, insert_many, unindexed, update_each
from dangol.store.tables import journeys, messages, schedule_runs

AUDIENCE = "audience"
"""The ``kind`` of a run that looks at an audience."""
_WAITING = JourneyStatus.WAITING.value
_HELD = JourneyStatus.HELD.value
_OPEN = sorted(status.value for status in JourneyStatus if status is not JourneyStatus.ENDED)


def insert_journeys(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    insert_many(connection, journeys, rows)


def people_of(connection: Connection, table: Table, row_ids: Sequence[str]) -> list[str]:
    """Whose rows these are; asked before claiming, because a person is always locked before their rows."""
    return list(connection.execute(_OWNERS[table.name], {"ids": row_ids}).scalars())


_OWNERS = {
    table.name: select(table.c.profile_id).distinct().where(among(table.c.id, "ids")) for table in (journeys, messages)
}


def hops_of(connection: Connection, journey_ids: Sequence[str]) -> dict[str, int]:
    """Journey → how many `emit` steps led to it."""
    return {row.id: row.hops for row in connection.execute(_HOPS, {"ids": journey_ids})}


_HOPS = select(journeys.c.id, journeys.c.hops).where(among(journeys.c.id, "ids"))


def claim_due(connection: Connection, journey_ids: Sequence[str], now: datetime) -> Sequence[Row[Any]]:
    """The journeys among these that are due, listen or were held, locked; what another worker holds is passed over."""
    return connection.execute(_CLAIM, {"ids": journey_ids, "now": now}).all()


_CLAIM = (
    select(journeys)
    .where(
        among(journeys.c.id, "ids"),
        or_(
            unindexed(journeys.c.status) == _HELD,
            and_(
                unindexed(journeys.c.status) == _WAITING,
                or_(journeys.c.wake_at <= bindparam("now"), journeys.c.awaits.is_not(None)),
            ),
        ),
    )
    .order_by(journeys.c.wake_at, journeys.c.id)
    .with_for_update(skip_locked=True)
)


def open_in(connection: Connection, campaign_key: str, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """The next journeys of a campaign that have not ended, in order of id."""
    statement = select(journeys).where(
        journeys.c.campaign_key == campaign_key, journeys.c.status.in_(_OPEN), journeys.c.id > after
    )
    return connection.execute(statement.order_by(journeys.c.id).limit(limit)).all()


def queue_held(
    connection: Connection, resumed: Collection[str], now: datetime, until: datetime, limit: int
) -> list[str]:
    """Mark journeys that were held by a pause which is over as told to a worker until ``until``; returns their ids."""
    untold = or_(journeys.c.queued_until.is_(None), journeys.c.queued_until <= now)
    held = _held(resumed).where(untold).order_by(journeys.c.wake_at, journeys.c.id).limit(limit)
    found = list(connection.execute(held.with_for_update(skip_locked=True)).scalars())
    if found:
        connection.execute(
            update(journeys).where(among(journeys.c.id, "ids")).values(queued_until=until), {"ids": found}
        )
    return found


def any_held(connection: Connection, resumed: Collection[str]) -> bool:
    """Is there a journey that was held by a pause which is over?"""
    return connection.execute(_held(resumed).limit(1)).first() is not None


def _held(resumed: Collection[str]) -> Select[Any]:
    return select(journeys.c.id).where(journeys.c.campaign_key.in_(sorted(resumed)), journeys.c.status == _HELD)


def open_of(connection: Connection, profile_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Every journey that these people are in."""
    return connection.execute(_OPEN_OF, {"ids": profile_ids}).all()


_OPEN_OF = (
    select(journeys).where(among(journeys.c.profile_id, "ids"), journeys.c.status.in_(_OPEN)).order_by(journeys.c.id)
)


def latest_entries(
    connection: Connection, profile_ids: Sequence[str], campaigns: Collection[str]
) -> dict[tuple[str, str, str], tuple[datetime, bool]]:
    """(campaign, profile, correlation) → when the person last entered, and whether they are still inside."""
    rows = connection.execute(_LATEST, {"ids": profile_ids, "campaigns": sorted(campaigns)}).all()
    return {(row[0], row[1], row[2]): (row[3], bool(row[4])) for row in rows}


_LATEST = (
    select(
        journeys.c.campaign_key,
        journeys.c.profile_id,
        journeys.c.correlation,
        func.max(journeys.c.entered_at, type_=journeys.c.entered_at.type),
        func.count(journeys.c.id).filter(journeys.c.status.in_(_OPEN)),
    )
    .where(among(journeys.c.profile_id, "ids"), among(journeys.c.campaign_key, "campaigns"))
    .group_by(journeys.c.campaign_key, journeys.c.profile_id, journeys.c.correlation)
)


def load_journeys(connection: Connection, journey_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = connection.execute(_THESE, {"ids": journey_ids}).all()
    return {row.id: dict(row._mapping) for row in rows}


def standing(connection: Connection, journey_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the messages of these journeys are decided by, of each: how it stands, and how its person came in."""
    rows = connection.execute(_STANDING, {"ids": journey_ids}).all()
    return {row[0]: dict(zip(_STANDING_COLUMNS, row, strict=True)) for row in rows}


_STANDING_COLUMNS = (
    "id",
    "profile_id",
    "status",
    "end_reason",
    "entry_event_id",
    "entry_key",
    "entered_at",
    "hops",
)
_STANDING = select(*(journeys.c[name] for name in _STANDING_COLUMNS)).where(among(journeys.c.id, "ids"))


_THESE = select(journeys).where(among(journeys.c.id, "ids"))


def move(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write where journeys stand now; each row has ``id`` and the columns that change."""
    update_each(connection, journeys, rows)


def queue_due(connection: Connection, now: datetime, until: datetime, limit: int) -> Sequence[Row[Any]]:
    """Mark due journeys as told to a worker until ``until``; returns their ids and versions."""
    found = connection.execute(_DUE_JOURNEYS, {"now": now, "room": limit}).all()
    if found:
        connection.execute(
            update(journeys).where(among(journeys.c.id, "ids")).values(queued_until=until),
            {"ids": [row.id for row in found]},
        )
    return found


_DUE_JOURNEYS: Select[Any] = (
    select(journeys.c.id, journeys.c.version_id)
    .where(
        journeys.c.status == _WAITING,
        journeys.c.wake_at <= bindparam("now"),
        or_(journeys.c.queued_until.is_(None), journeys.c.queued_until <= bindparam("now")),
    )
    .order_by(journeys.c.wake_at, journeys.c.id)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)


def next_wake(connection: Connection) -> datetime | None:
    """When the next waiting journey is due."""
    return connection.execute(_NEXT_WAKE).scalar_one_or_none()


_NEXT_WAKE = select(journeys.c.wake_at).where(journeys.c.status == _WAITING).order_by(journeys.c.wake_at).limit(1)


def last_firings(connection: Connection) -> dict[str, datetime]:
    """campaign → when its schedule last fired."""
    return {row[0]: row[1] for row in connection.execute(_LAST_FIRINGS)}


_LAST_FIRINGS = select(
    schedule_runs.c.campaign_key, func.max(schedule_runs.c.fire_at, type_=schedule_runs.c.fire_at.type)
).group_by(schedule_runs.c.campaign_key)


def open_run(connection: Connection, row: dict[str, Any]) -> bool:
    """Note that a schedule fired; False if another sweeper has noted this firing already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(schedule_runs).on_conflict_do_nothing().returning(schedule_runs.c.id)
    return connection.execute(statement, row).one_or_none() is not None


def queue_runs(connection: Connection, now: datetime, until: datetime) -> list[str]:
    """Mark unfinished runs as told to a worker until ``until``, and return their ids, earliest firing first."""
    found = list(connection.execute(_OPEN_RUNS, {"now": now}).scalars())
    if found:
        connection.execute(
            update(schedule_runs).where(among(schedule_runs.c.id, "ids")).values(queued_until=until), {"ids": found}
        )
    return found


_OPEN_RUNS = (
    select(schedule_runs.c.id)
    .where(
        schedule_runs.c.finished_at.is_(None),
        or_(schedule_runs.c.queued_until.is_(None), schedule_runs.c.queued_until <= bindparam("now")),
    )
    .order_by(schedule_runs.c.fire_at, schedule_runs.c.id)
    .with_for_update(skip_locked=True)
)


def is_first_look(connection: Connection, run: Row[Any], since: datetime) -> bool:
    """Has nobody looked at the whole audience since then, before this run?"""
    earlier = select(schedule_runs.c.id).where(
        schedule_runs.c.campaign_key == run.campaign_key,
        schedule_runs.c.kind == AUDIENCE,
        schedule_runs.c.finished_at.is_not(None),
        schedule_runs.c.fire_at > since,
        schedule_runs.c.fire_at < run.fire_at,
    )
    return connection.execute(earlier.limit(1)).first() is None


def is_being_looked_at(connection: Connection, campaign_key: str) -> bool:
    """Is a look at this campaign's audience under way?"""
    under_way = select(schedule_runs.c.id).where(
        schedule_runs.c.campaign_key == campaign_key,
        schedule_runs.c.kind == AUDIENCE,
        schedule_runs.c.finished_at.is_(None),
    )
    return connection.execute(under_way.limit(1)).first() is not None


def forget_run(connection: Connection, run_id: str) -> None:
    """Drop a look that was not finished: it counts for nothing."""
    connection.execute(delete(schedule_runs).where(schedule_runs.c.id == run_id))


def forget_runs(connection: Connection, campaign_key: str, before: datetime) -> None:
    """Drop finished runs that nobody asks about any more; the latest is kept."""
    finished = (schedule_runs.c.campaign_key == campaign_key) & schedule_runs.c.finished_at.is_not(None)
    latest = select(func.max(schedule_runs.c.fire_at)).where(finished).scalar_subquery()
    connection.execute(
        delete(schedule_runs).where(finished, schedule_runs.c.fire_at < before, schedule_runs.c.fire_at < latest)
    )


def claim_run(connection: Connection, run_id: str) -> Row[Any] | None:
    """An unfinished run, locked; None if it is finished or another worker is at it."""
    statement = (
        select(schedule_runs)
        .where(schedule_runs.c.id == run_id, schedule_runs.c.finished_at.is_(None))
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).one_or_none()


def move_run(connection: Connection, run_id: str, **values: Any) -> None:
    connection.execute(update(schedule_runs).where(schedule_runs.c.id == run_id).values(**values))
