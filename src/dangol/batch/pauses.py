"""What waits for a person's pause to end is asked again at once when they end it themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from dangol.batch.changes import row_subject
from dangol.ledger.entries import Journal
from dangol.model.vocabulary import Decision, Reason
from dangol.store import messages as message_rows


def go_on(connection: Connection, profile_id: str, now: datetime) -> int:
    """Let this person's messages that wait for their pause be asked now; how many. The caller has locked them."""
    waiting = message_rows.waiting_because(connection, [profile_id], Reason.PAUSED_BY_RECIPIENT)
    rows, journal = [row for row in waiting if row.due_at > now], Journal(now)
    for row in rows:
        subject = replace(row_subject(row), occasion=f"{row.id}:resumed")
        evidence = {"until": now.isoformat()}
        journal.add(Decision.MESSAGE_DEFERRED, Reason.PAUSED_BY_RECIPIENT, subject, evidence=evidence)
    if rows:
        message_rows.change(connection, [row.id for row in rows], due_at=now, updated_at=now)
        journal.write(connection)
    return len(rows)
