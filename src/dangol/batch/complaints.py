"""What waits for a complaint to be closed is asked again once it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch.changes import row_subject
from dangol.ledger.entries import Journal
from dangol.model.people import Event
from dangol.model.restraint import Hold
from dangol.model.vocabulary import Decision, Reason
from dangol.release import Release, Releases
from dangol.store import messages as message_rows


def ask_again(connection: Connection, happened: Sequence[Event], releases: Releases, now: datetime) -> None:
    """Let messages that wait for a case be asked again as soon as one of these events closes it.

    The gate then looks at all cases anew, so it does no harm if another one is still open. The caller has locked the
    people.
    """
    rows = message_rows.waiting_because(connection, sorted({event.profile_id for event in happened}), Reason.CASE_OPEN)
    if not rows:
        return
    known, journal = releases.of(connection, {row.version_id for row in rows}), Journal(now)
    moved: dict[datetime, list[str]] = {}
    for row in rows:
        closed = _closed(row, known.get(row.version_id), happened)
        if closed is None:
            continue
        event, hold = closed
        at = max(event.occurred_at + (hold.resume_after or timedelta()), now)
        if at < row.due_at:
            moved.setdefault(at, []).append(row.id)
            evidence = {"hold": hold.key, "event": event.id, "until": at.isoformat()}
            subject = replace(row_subject(row), occasion=event.id)
            journal.add(Decision.MESSAGE_DEFERRED, Reason.CASE_OPEN, subject, evidence=evidence)
    for at, message_ids in moved.items():
        message_rows.change(connection, message_ids, due_at=at, updated_at=now)
    journal.write(connection)


def _closed(row: Row[Any], release: Release | None, happened: Iterable[Event]) -> tuple[Event, Hold] | None:
    """The last of these events that closes a case of this person, and the hold that says so."""
    holds = release.policies.holds if release is not None else ()
    found = [
        (event, hold)
        for event in happened
        for hold in holds
        if event.profile_id == row.profile_id and event.name in hold.closes
    ]
    return max(found, key=lambda pair: pair[0].order, default=None)
