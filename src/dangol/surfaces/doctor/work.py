"""The work itself: somebody leads, nothing piles up, what is in service runs, the log opens, the disk has room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select

from dangol.definitions import versions
from dangol.errors import UnknownVersion
from dangol.ledger import reader
from dangol.ledger.reader import Entry
from dangol.model.vocabulary import OPEN_STATES, Decision
from dangol.proof import reproduce
from dangol.queue.scheduler import LEASE
from dangol.release import Releases
from dangol.store.housekeeping import lease_holder
from dangol.store.tables import log, messages
from dangol.surfaces.doctor.finding import Finding, fine, problem, warning
from dangol.surfaces.doctor.visit import Visit

_LATE, _MUCH_TOO_LATE = timedelta(minutes=1), timedelta(minutes=10)
_SAMPLE = 3
_LITTLE_BYTES, _LITTLE_SHARE = 1 << 30, 0.05


def scheduler(visit: Visit) -> Iterator[Finding]:
    """A scheduler leads."""
    with visit.need_tables().read() as tx:
        holder = lease_holder(tx, LEASE, visit.clock.now())
    if holder is None:
        yield problem(
            "no scheduler leads",
            "waits do not end, schedules do not fire, lost wake-ups are not told again",
            "start `dangol scheduler` (two, to survive one), or `dangol up`; if one runs, see its own log",
        )
    else:
        yield fine(f"the scheduler at {holder} leads")


def backlog(visit: Visit) -> Iterator[Finding]:
    """What is due goes out."""
    now = visit.clock.now()
    with visit.need_tables().read() as tx:
        statement = select(func.min(messages.c.due_at)).where(
            messages.c.state.in_(sorted(OPEN_STATES)), messages.c.due_at <= now
        )
        first = tx.execute(statement).scalar_one()
    waiting = now - first if first is not None else timedelta()
    if waiting <= _LATE:
        yield fine("nothing that is due waits longer than a minute")
        return
    tell = problem if waiting > _MUCH_TOO_LATE else warning
    yield tell(
        f"a message has been due for {str(waiting).partition('.')[0]}",
        "people get their messages late, or not at all if they expire",
        "see whether workers run and what they log; if they are busy, start more `dangol worker`",
    )


def in_service(visit: Visit) -> Iterator[Finding]:
    """Every version in service can be run by this release."""
    releases = Releases()
    with visit.need_tables().read() as tx:
        active = versions.active(tx)
        broken = [str(trouble) for version_id in active.values() if (trouble := _trouble(releases, tx, version_id))]
    for said in broken:
        yield problem(
            said,
            "this campaign stands still, and calls of the API that concern it are answered 503",
            "deploy a workspace that this release accepts (`dangol check`, `dangol deploy`), or go back to the "
            "release that ran it",
        )
    if not active:
        yield warning("no campaign is in service", "nothing can be sent", "run `dangol deploy`")
    elif not broken:
        yield fine(f"all {len(active)} campaigns in service can be run")


def _trouble(releases: Releases, tx: Connection, version_id: str) -> UnknownVersion | None:
    try:
        releases.get(tx, version_id)
    except UnknownVersion as error:
        return error
    return None


def proof(visit: Visit) -> Iterator[Finding]:
    """The latest hand-overs in the log open, and make the same text again."""
    with visit.need_tables().read() as tx:
        releases = Releases()
        doubtful = [entry.id for entry in _latest(tx) if reproduce(tx, releases, entry).doubtful]
    if doubtful:
        yield problem(
            f"{len(doubtful)} of the latest hand-overs cannot be proven: entry {doubtful[0]}",
            "the log is what answers a complaint; an entry, a key or the version was changed or lost",
            "look at the entry with `dangol log show`, and compare with the latest backup before anything else",
        )
    else:
        yield fine("the latest hand-overs in the log can be proven")


def _latest(tx: Connection) -> list[Entry]:
    sealed = log.c.decision == Decision.MESSAGE_SENDING.value
    found = tx.execute(select(log.c.id).where(sealed).order_by(log.c.seq.desc()).limit(_SAMPLE)).scalars().all()
    return [entry for entry_id in found if (entry := reader.get(tx, entry_id)) is not None and entry.sealed]


def disk(visit: Visit) -> Iterator[Finding]:
    """The home folder can be written, and its disk has room."""
    home = visit.settings.home.absolute()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield problem(
            f"{there} cannot be written",
            "the mailbox and the embedded database live there",
            f"chown it to the user that runs dangol, or set DANGOL_HOME to another folder than {home}",
        )
        return
    usage = shutil.disk_usage(there)
    if usage.free < max(_LITTLE_BYTES, _LITTLE_SHARE * usage.total):
        yield problem(
            f"{_told(usage.free)} free of {_told(usage.total)} where {Path(there)} lies",
            "when the disk is full nothing can be written, and nothing is accepted",
            "free some space, or move DANGOL_HOME",
        )
    else:
        yield fine(f"{_told(usage.free)} free where {there} lies")


def _told(size: int) -> str:
    return f"{size / (1 << 30):.1f} GB"
