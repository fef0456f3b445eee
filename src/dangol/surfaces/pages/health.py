"""Is the installation well? The database answers, a scheduler leads, and what is due does not pile up.

How many duties are overdue is told beside it: somebody has to see to them, and no process gets better by a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from dangol.bootstrap import Dangol
from dangol.delivery.standing import FAILING
from dangol.duties import OVERDUE
from dangol.errors import StoreUnavailable
from dangol.model.vocabulary import OPEN_STATES
from dangol.queue.scheduler import LEASE
from dangol.store.carriers import standing
from dangol.store.housekeeping import recalled, shared_now
from dangol.store.tables import leases, messages

_COUNTED = 100_000
"""Beyond this the queue is just long; counting on would cost more than the answer is worth."""


def examine(dangol: Dangol) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and the particulars as JSON; never raises for a database that is away."""
    now = dangol.clock.now()
    try:
        with dangol.database.read() as tx:
            scheduler, due, duties = _scheduler(tx, shared_now(tx, dangol.clock)), _due(tx, now), _duties(tx)
            carriers = _carriers(tx, now)
    except StoreUnavailable as error:
        return False, {"status": "failing", "database": {"ok": False, "problem": str(error)}}
    well = bool(scheduler["ok"])
    return well, {
        "status": "ok" if well else "failing",
        "database": {"ok": True},
        "scheduler": scheduler,
        "due_messages": due,
        "duties": duties,
        "carriers": carriers,
    }


def _scheduler(tx: Connection, now: datetime) -> dict[str, Any]:
    """``lease_ends_in`` is in seconds; below zero the scheduler has not been heard of for that much too long."""
    expires_at = tx.execute(select(leases.c.expires_at).where(leases.c.name == LEASE)).scalar_one_or_none()
    if expires_at is None:
        return {"ok": False, "problem": "no scheduler has run; start `dangol up` or `dangol scheduler`"}
    left = round((expires_at - now).total_seconds(), 1)
    if left > 0:
        return {"ok": True, "lease_ends_in": left}
    problem = "the scheduler has stopped; start `dangol up` or `dangol scheduler`"
    return {"ok": False, "lease_ends_in": left, "problem": problem}


def _carriers(tx: Connection, now: datetime) -> dict[str, Any]:
    """Those that are left alone, and for how many more seconds; none once it is time to try one that failed."""
    return {
        row.name: {"why": row.why, "failures": row.failures, "for": seconds}
        for row in standing(tx)
        if (seconds := max(0.0, round((row.away_until - now).total_seconds(), 1))) or row.why == FAILING
    }


def _duties(tx: Connection) -> dict[str, Any]:
    """``overdue`` as the scheduler counted it last, within the hour; nothing before it has."""
    noted = recalled(tx, OVERDUE)
    if noted is None:
        return {"overdue": None, "counted_at": None}
    count, _, counted_at = noted.partition(" ")
    return {"overdue": int(count), "counted_at": counted_at}


def _due(tx: Connection, now: datetime) -> dict[str, Any]:
    """``oldest`` is how long the first of them has been due, in seconds."""
    overdue = (
        select(messages.c.due_at)
        .where(messages.c.state.in_(sorted(OPEN_STATES)), messages.c.due_at <= now)
        .limit(_COUNTED)
        .subquery()
    )
    count, first = tx.execute(select(func.count(), func.min(overdue.c.due_at))).one()
    waiting = now - first if first is not None else timedelta()
    return {"count": count, "oldest": round(waiting.total_seconds(), 1)}
