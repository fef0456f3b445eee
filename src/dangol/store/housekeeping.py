"""What an installation keeps about itself: its own secrets, and who leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from dangol.clock import Clock, SystemClock
from dangol.model.vocabulary import CallState, JourneyStatus, MessageState
from dangol.store.bulk import insert_new, upsert, upsert_if
from dangol.store.tables import calls, feedback, instance, journeys, leases, messages, schedule_runs

UP_LEASE = "up"
"""Held by the one ``dangol up`` that runs on a database."""


def remembered(connection: Connection, name: str, make: Callable[[], str]) -> str:
    """A value that is made once per installation, whoever asks first."""
    value = select(instance.c.value).where(instance.c.name == name)
    found = connection.execute(value).scalar_one_or_none()
    if found is None:
        insert_new(connection, instance, [{"name": name, "value": make()}], conflict=["name"])
        found = connection.execute(value).scalar_one()
    return str(found)


def recalled(connection: Connection, name: str) -> str | None:
    """A value that was ``remembered`` or kept as a note; None if there is none yet."""
    return connection.execute(select(instance.c.value).where(instance.c.name == name)).scalar_one_or_none()


def keep_note(connection: Connection, name: str, value: str) -> None:
    """Note how far one got; the latest note stands."""
    upsert(connection, instance, [{"name": name, "value": value}], key=["name"], update=["value"])


def shared_now(connection: Connection, clock: Clock) -> datetime:
    """What time it is for all who share this database: the server's time, where machines' clocks may differ.

    On SQLite all are on one machine, and on a virtual clock in one process.
    """
    if connection.dialect.name != "postgresql" or not isinstance(clock, SystemClock):
        return clock.now()
    now: datetime = connection.execute(_SERVER_TIME).scalar_one()
    return now.astimezone(UTC)


_SERVER_TIME = select(func.clock_timestamp())


def take_lease(connection: Connection, name: str, holder: str, now: datetime, lasts: timedelta) -> str:
    """Take or renew a lease at ``shared_now``; returns who holds it: ``holder``, if it was free, expired or ours.

    A lease that is to last far longer than any does was taken before the clock was set back, and counts as expired.
    """
    upsert_if(
        connection,
        leases,
        {"name": name, "holder": holder, "expires_at": now + lasts},
        key=["name"],
        condition=(leases.c.holder == holder) | (leases.c.expires_at <= now) | (leases.c.expires_at > now + 2 * lasts),
    )
    holds: str = connection.execute(select(leases.c.holder).where(leases.c.name == name)).scalar_one()
    return holds


def lease_holder(connection: Connection, name: str, now: datetime) -> str | None:
    """Who holds a lease that has not run out; None if nobody does."""
    statement = select(leases.c.holder).where(leases.c.name == name, leases.c.expires_at > now)
    return connection.execute(statement).scalar_one_or_none()


def drop_lease(connection: Connection, name: str, holder: str) -> None:
    """Let another take over at once."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))


def forget_wakeups(connection: Connection, now: datetime) -> None:
    """Mark all work as told to nobody, so that the next sweep tells it.

    For an in-memory broker at its start: whoever was told before is gone, and so is what they were told.
    """
    connection.execute(update(messages).where(messages.c.state == MessageState.DUE.value).values(lease_until=now))
    connection.execute(update(calls).where(calls.c.state == CallState.DUE.value).values(lease_until=now))
    connection.execute(
        update(journeys)
        .where(journeys.c.status == JourneyStatus.WAITING.value, journeys.c.wake_at <= now)
        .values(queued_until=None)
    )
    connection.execute(update(feedback).where(feedback.c.processed_at.is_(None)).values(queued_until=None))
    connection.execute(update(schedule_runs).where(schedule_runs.c.finished_at.is_(None)).values(queued_until=None))
