"""The mailbox: keeps what is handed over in a file of its own, to be read like a local mail catcher."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dangol.clock import Clock
from dangol.delivery.provider import fault
from dangol.errors import StoreUnavailable
from dangol.model.durations import format_duration
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel

_BUSY_SECONDS = 30
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL, sender TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, html BLOB NOT NULL, link TEXT NOT NULL,
    segments INTEGER NOT NULL, headers TEXT NOT NULL, received_at TEXT NOT NULL, extras TEXT NOT NULL DEFAULT '{}'
)
"""
_ADD_EXTRAS = "ALTER TABLE mail ADD COLUMN extras TEXT NOT NULL DEFAULT '{}'"
"""For files from before there was anything to keep in it."""
_FAST = 1
"""HTML is kept compressed, lightly: it repeats itself from message to message."""
_INSERT = """
INSERT INTO mail (message_id, channel, recipient, sender, subject, text, html, link, segments, headers, received_at,
    extras)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SUMMARY = (
    "seq, message_id, channel, recipient, sender, subject, substr(text, 1, 160) AS excerpt, segments, received_at"
)
_MATCHES = """
(:channel IS NULL OR channel = :channel)
AND (:search IS NULL OR recipient LIKE :search ESCAPE '\\' OR subject LIKE :search ESCAPE '\\')
"""


@dataclass(frozen=True, slots=True)
class MailSummary:
    """A line of the mailbox's index. ``excerpt`` is the beginning of the text, 160 characters at most."""

    seq: int
    message_id: str
    channel: Channel
    recipient: str
    sender: str
    subject: str
    excerpt: str
    segments: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Mail(MailSummary):
    """A message as it was handed over. ``extras`` has a push's ``image``, ``collapse_key`` and ``ttl``, and how an SMS
    was ``counted``, where there is one."""

    text: str
    html: str
    link: str
    headers: Mapping[str, str]
    extras: Mapping[str, str]


class Mailbox:
    """A provider for every channel whose messages end in an SQLite file.

    Every hand-over is a row: a message handed over twice stands there twice. When ``send_many`` returns, the rows
    are on disk. The file and its folder are made at first use. Reading raises StoreUnavailable.
    """

    name = "mailbox"
    channels = frozenset(Channel)

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        faults = [fault(envelope) for envelope in batch]
        now = self._clock.now().isoformat()
        taken = self._keep([_row(envelope, now) for envelope, why in zip(batch, faults, strict=True) if not why])
        return [
            Refused(permanent=True, detail=why) if why else taken or Accepted(envelope.message_id)
            for envelope, why in zip(batch, faults, strict=True)
        ]

    def _keep(self, rows: list[tuple[Any, ...]]) -> Outcome | None:
        """Write the rows, all or none; None if they are written, else what became of them."""
        if not rows:
            return None
        with self._lock:
            try:
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_INSERT, rows)
            except (OSError, sqlite3.Error) as error:
                self._drop()
                return Refused(permanent=False, detail=f"the mailbox cannot be written: {_reason(error)}")
            try:
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                # The commit record may have reached the disk before the failure.
                self._drop()
                return Unknown(detail=f"the mailbox failed while committing: {_reason(error)}")
            return None

    def count(self, *, channel: Channel | None = None, search: str | None = None) -> int:
        """How many hand-overs there are; ``search`` is a part of the recipient or the subject."""
        rows = self._read(f"SELECT count(*) FROM mail WHERE {_MATCHES}", channel=channel, search=_pattern(search))  # noqa: S608 - constants
        return int(rows[0][0])

    def page(
        self,
        *,
        channel: Channel | None = None,
        search: str | None = None,
        before_seq: int | None = None,
        limit: int = 50,
    ) -> list[MailSummary]:
        """The newest first; ``before_seq`` is the last ``seq`` of the page before."""
        rows = self._read(
            f"SELECT {_SUMMARY} FROM mail WHERE {_MATCHES} AND (:before IS NULL OR seq < :before)"  # noqa: S608 - constants
            " ORDER BY seq DESC LIMIT :limit",
            channel=channel,
            search=_pattern(search),
            before=before_seq,
            limit=limit,
        )
        return [MailSummary(**_fields(row)) for row in rows]

    def get(self, seq: int) -> Mail | None:
        """The message in full, or None if there is no such ``seq``."""
        rows = self._read(f"SELECT {_SUMMARY}, text, html, link, headers, extras FROM mail WHERE seq = :seq", seq=seq)  # noqa: S608 - constants
        if not rows:
            return None
        html = zlib.decompress(rows[0]["html"]).decode()
        told = {name: json.loads(rows[0][name]) for name in ("headers", "extras")}
        return Mail(**{**_fields(rows[0]), "html": html, **told})

    def hand_overs(self) -> dict[str, int]:
        """How often each message id was handed over; anything above 1 is a duplicate."""
        rows = self._read("SELECT message_id, count(*) FROM mail GROUP BY message_id")
        return {row[0]: row[1] for row in rows}

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _read(self, sql: str, **parameters: Any) -> list[sqlite3.Row]:
        with self._lock, self._translated():
            return self._open().execute(sql, parameters).fetchall()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self._drop()
            raise StoreUnavailable(f"the mailbox {self._path} cannot be read: {_reason(error)}") from error

    def _open(self) -> sqlite3.Connection:
        """Opened late, so that a process that forks into workers never shares a connection."""
        if self._connection is None:
            if not self._path.exists():
                self._create()
            self._connection = _connect(self._path)
        return self._connection

    def _create(self) -> None:
        """Made aside and linked into place whole: processes that switch one new file to WAL at once fail as busy."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".mailbox-") as aside:
            fresh = Path(aside) / self._path.name
            _connect(fresh).close()
            with suppress(FileExistsError):
                os.link(fresh, self._path)

    def _drop(self) -> None:
        """Closing rolls back whatever was not committed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_SCHEMA)
        _bring_up_to_date(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    if any(row["name"] == "extras" for row in connection.execute("PRAGMA table_info(mail)")):
        return
    try:
        connection.execute(_ADD_EXTRAS)
    except sqlite3.OperationalError as error:
        if "duplicate column" not in str(error):  # another process was quicker
            raise


def _row(envelope: Envelope, received_at: str) -> tuple[Any, ...]:
    rendered = envelope.rendered
    return (
        envelope.message_id,
        envelope.channel.value,
        envelope.to,
        envelope.sender,
        rendered.subject,
        rendered.text,
        zlib.compress(rendered.html.encode(), _FAST),
        rendered.link,
        rendered.segments,
        json.dumps(envelope.headers, ensure_ascii=False),
        received_at,
        json.dumps(_extras(rendered), ensure_ascii=False),
    )


def _extras(rendered: Rendered) -> dict[str, str]:
    told = {
        "image": rendered.image,
        "collapse_key": rendered.collapse_key,
        "ttl": format_duration(rendered.ttl) if rendered.ttl is not None else "",
        "counted": str(rendered.size) if rendered.size is not None else "",
    }
    return {name: value for name, value in told.items() if value}


def _fields(row: sqlite3.Row) -> dict[str, Any]:
    at = datetime.fromisoformat(row["received_at"])
    return {**dict(row), "channel": Channel(row["channel"]), "received_at": at}


def _pattern(search: str | None) -> str | None:
    if not search:
        return None
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _reason(error: Exception) -> str:
    """What failed, without the path: an outcome's detail goes into the log."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return getattr(error, "sqlite_errorname", type(error).__name__)
