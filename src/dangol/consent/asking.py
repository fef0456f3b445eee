"""What people ask for that somebody has to do: to be erased. Each request has a day by which the law wants it done."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from dangol.errors import UsageError
from dangol.ids import Entropy, opaque
from dangol.ledger.entries import Journal, Subject
from dangol.model.vocabulary import Decision, Reason
from dangol.store.bulk import insert_many
from dangol.store.tables import profiles, requests

ERASURE = "erasure"
_COLUMNS = (
    requests.c.id,
    profiles.c.external_id,
    requests.c.kind,
    requests.c.source,
    requests.c.asked_at,
    requests.c.due_at,
    requests.c.done_at,
    requests.c.done_by,
)
_ALL = (
    select(*_COLUMNS)
    .select_from(requests.outerjoin(profiles, profiles.c.id == requests.c.profile_id))
    .order_by(requests.c.due_at, requests.c.id)
)
_OPEN = _ALL.where(requests.c.done_at.is_(None))
_OPEN_OF = _OPEN.where(requests.c.profile_id == bindparam("profile_id"))
_ONE = _ALL.where(requests.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for. ``external_id`` is what is known of them now: an alias once they were erased."""

    id: str
    external_id: str | None
    kind: str
    source: str
    asked_at: datetime
    due_at: datetime
    done_at: datetime | None
    done_by: str | None

    def overdue(self, now: datetime) -> bool:
        return self.done_at is None and now > self.due_at


def ask(
    connection: Connection, profile_id: str, *, source: str, now: datetime, entropy: Entropy, kind: str = ERASURE
) -> Request:
    """Write down that a person asks for this, to be done within a month; asked before and not done, that one stands.

    The caller has locked the person.
    """
    already = [one for one in open_of(connection, profile_id) if one.kind == kind]
    if already:
        return already[0]
    request_id, due_at = opaque(now, entropy), a_month_after(now)
    row = {
        "id": request_id,
        "profile_id": profile_id,
        "kind": kind,
        "source": source,
        "asked_at": now,
        "due_at": due_at,
    }
    insert_many(connection, requests, [row])
    journal = Journal(now)
    evidence = {"request": request_id, "kind": kind, "source": source, "due_at": due_at.isoformat()}
    subject = Subject(profile_id=profile_id, occasion=request_id)
    journal.add(Decision.DATA_REQUESTED, Reason.ASKED_BY_RECIPIENT, subject, evidence=evidence)
    journal.write(connection)
    (made,) = [one for one in open_of(connection, profile_id) if one.id == request_id]
    return made


def open_of(connection: Connection, profile_id: str) -> list[Request]:
    """What this person asked for and was not done yet."""
    return [Request(*row) for row in connection.execute(_OPEN_OF, {"profile_id": profile_id})]


def listed(connection: Connection, *, done: bool = False) -> list[Request]:
    """What is still to be done, the most urgent first; with ``done`` also what was."""
    return [Request(*row) for row in connection.execute(_ALL if done else _OPEN)]


def settle(connection: Connection, request_id: str, *, by: str, now: datetime) -> Request:
    """Mark a request as done; one that was done before stays as it is. Raises UsageError if there is none."""
    row = connection.execute(_ONE, {"id": request_id}).first()
    if row is None:
        raise UsageError(f"no request has the id {request_id!r}; `dangol requests list` has them")
    found = Request(*row)
    if found.done_at is None:
        connection.execute(update(requests).where(requests.c.id == request_id).values(done_at=now, done_by=by))
    return Request(*connection.execute(_ONE, {"id": request_id}).one())


def a_month_after(at: datetime) -> datetime:
    """The same day and time of the next month, or the month's last day if it has no such day."""
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
