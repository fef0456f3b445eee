"""Reading the log: filtered pages, single entries, and one digest over all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from dangol.store.tables import log

_DIGEST_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision as recorded. ``sealed`` opens only with the person's key."""

    seq: int
    id: str
    at: datetime
    decision: str
    reason: str
    profile_id: str | None
    campaign_key: str | None
    version_id: str | None
    journey_id: str | None
    message_id: str | None
    stage: str | None
    step: str | None
    channel: str | None
    evidence: Mapping[str, Any]
    content_hash: str | None
    sealed: bytes | None

    def as_json(self) -> dict[str, Any]:
        """Everything but the sealed part, which is noted as present or not."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "sealed"}
        return {**fields, "at": self.at.isoformat(), "sealed": self.sealed is not None}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries to read; what is None does not narrow. ``since`` is included, ``until`` is not."""

    profile_id: str | None = None
    campaign_key: str | None = None
    channel: str | None = None
    decision: str | None = None
    reason: str | None = None
    message_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, statement: Select[Any]) -> Select[Any]:
        for name in ("profile_id", "campaign_key", "channel", "decision", "reason", "message_id"):
            wanted = getattr(self, name)
            if wanted is not None:
                statement = statement.where(log.c[name] == wanted)
        if self.since is not None:
            statement = statement.where(log.c.at >= self.since)
        if self.until is not None:
            statement = statement.where(log.c.at < self.until)
        return statement


def newest(connection: Connection, wanted: Filter, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """A page of entries, newest first; the next page begins ``before`` the last entry's ``seq``."""
    statement = wanted.narrow(select(log))
    if before is not None:
        statement = statement.where(log.c.seq < before)
    return [_entry(row) for row in connection.execute(statement.order_by(log.c.seq.desc()).limit(limit))]


def history(connection: Connection, wanted: Filter, *, limit: int = 10_000) -> list[Entry]:
    """Entries in the order in which they were written."""
    return [_entry(row) for row in connection.execute(wanted.narrow(select(log)).order_by(log.c.seq).limit(limit))]


def get(connection: Connection, entry_id: str) -> Entry | None:
    """The entry with this id; None if there is none."""
    row = connection.execute(select(log).where(log.c.id == entry_id)).one_or_none()
    return _entry(row) if row is not None else None


def digest(connection: Connection) -> str:
    """SHA-256 over every byte of every entry in order: two logs with the same digest are the same log.

    Of ``seq`` only the order counts: a transaction that was rolled back may leave a gap in the numbers.
    """
    running = hashlib.sha256()
    after = 0
    while rows := connection.execute(
        select(log).where(log.c.seq > after).order_by(log.c.seq).limit(_DIGEST_CHUNK)
    ).all():
        for row in rows:
            running.update(plain(_entry(row)))
        after = rows[-1].seq
    return running.hexdigest()


def plain(entry: Entry) -> bytes:
    """Every byte of an entry but its number, the sealed part included."""
    fields = {name: value for name, value in entry.as_json().items() if name != "seq"}
    written = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return written.encode() + (entry.sealed or b"")


def following(connection: Connection, after: int, limit: int) -> list[Entry]:
    """The next entries after this ``seq``, in the order in which they were written."""
    statement = select(log).where(log.c.seq > after).order_by(log.c.seq).limit(limit)
    return [_entry(row) for row in connection.execute(statement)]


def oldest(connection: Connection) -> Entry | None:
    """The first entry that the log has; None if it is empty."""
    return next(iter(following(connection, -1, 1)), None)


def _entry(row: Row[Any]) -> Entry:
    return Entry(**{**row._mapping, "sealed": bytes(row.sealed) if row.sealed is not None else None})
