"""Rows that may be old enough to go: read in pages by id, removed by id; no decisions.

An id begins with the time its thing came to be, so what is old lies at the beginning of every primary key, and no page
reads more rows than it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, func, select

from dangol.model.vocabulary import CallState, JourneyStatus, MessageState
from dangol.store.bulk import among, unindexed
from dangol.store.tables import (
    calls,
    events,
    journeys,
    log,
    log_removals,
    messages,
    preferences,
    rejected_events,
    slots,
)

_UNSETTLED_MESSAGES = [state.value for state in MessageState if state.value in {"planned", "held", "due", "sending"}]
_UNSETTLED_MESSAGES.append(MessageState.UNKNOWN.value)
_UNSETTLED_CALLS = [state.value for state in CallState if state.value in {"planned", "due", "sending"}]
_UNSETTLED_CALLS.append(CallState.UNKNOWN.value)


def page_of(
    connection: Connection, table: Table, *columns: Any, after: str, before: str, limit: int
) -> Sequence[Row[Any]]:
    """The next rows of a table whose ids lie between these, in order of id."""
    chosen = select(table.c.id, *columns).where(table.c.id > after, table.c.id < before)
    return connection.execute(chosen.order_by(table.c.id).limit(limit)).all()


def entered_by(connection: Connection, event_ids: Sequence[str], profile_ids: Sequence[str]) -> set[str]:
    """Which of these events of these people let in a journey that is still there."""
    return set(connection.execute(_ENTERED_BY, {"people": profile_ids, "events": event_ids}).scalars())


_ENTERED_BY = select(journeys.c.entry_event_id).where(
    among(journeys.c.profile_id, "people"), among(journeys.c.entry_event_id, "events")
)


def versions_under_way(connection: Connection) -> set[str]:
    """The versions that journeys run which have not ended."""
    running = select(journeys.c.version_id).distinct().where(journeys.c.status != JourneyStatus.ENDED.value)
    return set(connection.execute(running).scalars())


def entries_of(connection: Connection, profile_ids: Sequence[str]) -> list[Row[Any]]:
    """Every entry of these people into a campaign, the latest first."""
    return list(connection.execute(_ENTRIES, {"ids": profile_ids}))


_ENTRIES = (
    select(journeys.c.id, journeys.c.campaign_key, journeys.c.profile_id, journeys.c.correlation, journeys.c.entered_at)
    .where(among(journeys.c.profile_id, "ids"))
    .order_by(journeys.c.entered_at.desc(), journeys.c.id.desc())
)


def needed(connection: Connection, journey_ids: Sequence[str], *, before: datetime, slots_before: datetime) -> set[str]:
    """Which of these journeys have something unsettled, or settled lately, or a slot that still counts."""
    asked = {"ids": journey_ids, "before": before, "slots_before": slots_before}
    return {found for statement in _NEEDED for found in connection.execute(statement, asked).scalars()}


_NEEDED = (
    select(messages.c.journey_id).where(
        among(messages.c.journey_id, "ids"),
        unindexed(messages.c.state).in_(_UNSETTLED_MESSAGES) | (messages.c.updated_at >= bindparam("before")),
    ),
    select(calls.c.journey_id).where(
        among(calls.c.journey_id, "ids"),
        unindexed(calls.c.state).in_(_UNSETTLED_CALLS) | (calls.c.updated_at >= bindparam("before")),
    ),
    select(messages.c.journey_id)
    .join(slots, slots.c.message_id == messages.c.id)
    .where(among(messages.c.journey_id, "ids"), slots.c.reserved_at >= bindparam("slots_before")),
)


def longest_wish(connection: Connection) -> int:
    """The longest time, in days, within which somebody wants to hear no more than so often."""
    days = select(func.max(preferences.c.per_days)).where(preferences.c.at_most.is_not(None))
    return connection.execute(days).scalar_one() or 0


def remove(connection: Connection, table: Table, ids: Sequence[str]) -> int:
    return connection.execute(_REMOVE[table.name], {"ids": ids}).rowcount


_REMOVE = {table.name: delete(table).where(among(table.c.id, "ids")) for table in (events, journeys, rejected_events)}


def remove_belongings(connection: Connection, journey_ids: Sequence[str]) -> dict[str, int]:
    """Remove the messages, calls and slots of these journeys; how many of each."""
    found = list(connection.execute(_MESSAGES_OF, {"ids": journey_ids}).scalars())
    return {
        "slots": connection.execute(_REMOVE_SLOTS, {"ids": found}).rowcount,
        "messages": connection.execute(_REMOVE_MESSAGES, {"ids": journey_ids}).rowcount,
        "calls": connection.execute(_REMOVE_CALLS, {"ids": journey_ids}).rowcount,
    }


_MESSAGES_OF = select(messages.c.id).where(among(messages.c.journey_id, "ids"))
_REMOVE_SLOTS = delete(slots).where(among(slots.c.message_id, "ids"))
_REMOVE_MESSAGES = delete(messages).where(among(messages.c.journey_id, "ids"))
_REMOVE_CALLS = delete(calls).where(among(calls.c.journey_id, "ids"))


def one_at_a_time(connection: Connection) -> None:
    """Let nobody else remove from the log until this transaction ends; on SQLite it writes alone already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {log_removals.name} IN SHARE ROW EXCLUSIVE MODE")


def remove_from_log(connection: Connection, limit: int) -> int:
    """Remove the next entries that a record of their removal covers; how many."""
    last = connection.execute(select(func.max(log_removals.c.last_seq))).scalar_one()
    first = connection.execute(select(func.min(log.c.seq))).scalar_one()
    if last is None or first is None or first > last:
        return 0
    going = delete(log).where(log.c.seq >= first, log.c.seq <= min(last, first + limit - 1))
    return connection.execute(going).rowcount
