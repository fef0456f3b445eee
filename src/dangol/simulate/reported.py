"""Events that somebody brings to a simulation, kept in a small file so that each part of the people finds its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dangol.model.people import IncomingEvent
from dangol.model.problem import Problem
from dangol.profiles.files import Rejected, Row, RowFile
from dangol.profiles.importer import read_events
from dangol.store.compact import dumps
from dangol.store.types import to_text

SOURCE = "simulation"
_FAR_AHEAD = datetime(9000, 1, 1, tzinfo=UTC)
"""Events may lie in the future here: a simulation does."""
_CHUNK = 2_000
_DAY = timedelta(days=1)
_MAX_PROBLEMS = 50
_TRACK = {"userId": "profile_id", "anonymousId": "profile_id", "messageId": "message_id"}
_PASSED_OVER = frozenset({"type", "context", "sentAt", "originalTimestamp", "receivedAt", "integrations"})


@dataclass(frozen=True, slots=True)
class Brought:
    """What a file of events holds: how many, of how many people, and when the first and the last happened."""

    events: int
    people: int
    first: datetime
    last: datetime


class TrackFile(RowFile):
    """Rows as the API takes them (``userId``, ``event``, …) or as files of events name them (``profile_id``, …)."""

    def __iter__(self) -> Iterator[Row | Rejected]:
        for row in super().__iter__():
            yield row if isinstance(row, Rejected) or self.header is not None else Row(row.line, _renamed(row.fields))


def _renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    if "userId" not in fields and "anonymousId" not in fields:
        return dict(fields)
    named = {_TRACK.get(name, name): value for name, value in fields.items() if name not in _PASSED_OVER}
    named["profile_id"] = fields.get("userId") or fields.get("anonymousId")
    named.setdefault("timestamp", fields.get("originalTimestamp"))
    return named


def collect(file: Path, into: Path) -> tuple[Brought | None, list[Problem]]:
    """Read a file of events into a database at ``into``.

    Returns what it holds, None if nothing, and what is wrong, line by line. Raises UsageError where the file cannot
    be read at all.
    """
    problems: list[Problem] = []
    with TrackFile(file) as rows, closing(sqlite3.connect(into)) as connection:
        connection.execute(
            "CREATE TABLE events (external_id TEXT NOT NULL, at TEXT NOT NULL, message_id TEXT PRIMARY KEY,"
            " name TEXT NOT NULL, properties TEXT NOT NULL)"
        )
        some: list[tuple[str, str, str, str, str]] = []
        for row in read_events(rows, source=SOURCE, now=_FAR_AHEAD):
            if isinstance(row, Rejected):
                problems.append(Problem(str(file), row.line, 1, row.code, row.message))
                if len(problems) >= _MAX_PROBLEMS:
                    break
                continue
            event = row.value
            at, properties = to_text(event.occurred_at), dumps(dict(event.properties))
            some.append((event.external_id, at, event.message_id, event.name, properties))
            if len(some) >= _CHUNK:
                _keep(connection, some)
        _keep(connection, some)
        connection.execute("CREATE INDEX by_person ON events (external_id, at)")
        connection.commit()
        count, people, first, last = connection.execute(
            "SELECT count(*), count(DISTINCT external_id), min(at), max(at) FROM events"
        ).fetchone()
    if not count:
        return None, problems
    return Brought(count, people, datetime.fromisoformat(first), datetime.fromisoformat(last)), problems


def _keep(connection: sqlite3.Connection, some: list[tuple[str, str, str, str, str]]) -> None:
    connection.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", some)
    some.clear()


def shift(path: Path, first: datetime, to: datetime) -> None:
    """Move all events by whole days, so that the first happens on the day ``to``, at its own time of day."""
    days = (to - first) // _DAY + (1 if (to - first) % _DAY else 0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function(
            "moved", 1, lambda at: to_text(datetime.fromisoformat(at) + timedelta(days=days)), deterministic=True
        )
        connection.execute("UPDATE events SET at = moved(at)")


def write_names(path: Path, into: Path) -> None:
    """Write the ids of the people whom the events are about, one a line, in order."""
    with closing(sqlite3.connect(path)) as connection, into.open("w", encoding="utf-8") as lines:
        for (name,) in connection.execute("SELECT DISTINCT external_id FROM events ORDER BY external_id"):
            lines.write(f"{name}\n")


def counts_of(path: Path) -> Iterator[tuple[str, int]]:
    """External id and how many events are about that person, in order."""
    with closing(sqlite3.connect(path)) as connection:
        yield from connection.execute("SELECT external_id, count(*) FROM events GROUP BY external_id ORDER BY 1")


def names_of(path: Path) -> list[str]:
    """The names of the collected events."""
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT DISTINCT name FROM events ORDER BY name")]


class Reported:
    """The collected events."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def before(self, start: datetime, people: Iterable[str]) -> Iterator[IncomingEvent]:
        """Events of these people from before ``start``."""
        return self._read(people, "at < ?", to_text(start))

    def between(self, start: datetime, end: datetime, people: Iterable[str]) -> Iterator[IncomingEvent]:
        """Events of these people from ``start`` on, before ``end``."""
        return self._read(people, "at >= ? AND at < ?", to_text(start), to_text(end))

    def _read(self, people: Iterable[str], when: str, *values: str) -> Iterator[IncomingEvent]:
        names = list(people)
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            for begin in range(0, len(names), _CHUNK):
                rows = connection.execute(
                    "SELECT external_id, at, message_id, name, properties FROM events"  # noqa: S608 - our own words
                    f" WHERE external_id IN (SELECT value FROM json_each(?)) AND {when} ORDER BY at, message_id",
                    (dumps(names[begin : begin + _CHUNK]), *values),
                )
                for who, at, message_id, name, properties in rows:
                    yield IncomingEvent(
                        message_id, who, name, json.loads(properties), datetime.fromisoformat(at), SOURCE
                    )
