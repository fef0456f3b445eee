"""What retention took out of the log: whole months from its beginning, each under a record that proves what they were.

The record is written before an entry goes, and the database lets none go without one. Its hash is chained over the
entries and begins with the hash of the record before, so whoever kept a copy of the log can show that the copy is what
was removed, and a record that was altered, or is missing, breaks every later one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, select

from dangol.ledger import reader
from dangol.ledger.reader import Entry
from dangol.store.tables import log_removals

NOTHING_BEFORE = "0" * 64
"""What the first record's chain begins with."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One month that was removed. ``before`` is the first instant of the month after."""

    first_seq: int
    last_seq: int
    entries: int
    before: datetime
    hash: str
    rule: str
    removed_at: datetime
    removed_by: str


def removals(connection: Connection) -> list[Removal]:
    """Every removal, the earliest first."""
    rows = connection.execute(select(log_removals).order_by(log_removals.c.first_seq))
    return [Removal(**row._mapping) for row in rows]


def record(connection: Connection, removal: Removal) -> None:
    """Write down a removal; the entries may go after that. The database refuses any but the next whole months."""
    connection.execute(log_removals.insert().values(asdict(removal)))


class Chain:
    """A running hash over entries; ``value`` is where it stands."""

    def __init__(self, begins: str = NOTHING_BEFORE) -> None:
        self.value = begins

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            link = bytes.fromhex(self.value) + hashlib.sha256(reader.plain(entry)).digest()
            self.value = hashlib.sha256(link).hexdigest()


def matches(removal: Removal, entries: Iterable[Entry], *, previous: Removal | None = None) -> bool:
    """Are these entries, from a copy of the log, exactly those that were removed?"""
    kept = list(entries)
    chain = Chain(previous.hash if previous is not None else NOTHING_BEFORE)
    chain.add(kept)
    return len(kept) == removal.entries and chain.value == removal.hash


def flaws(connection: Connection) -> Iterator[str]:
    """What about the log's beginning retention does not explain, in words; nothing if all is well."""
    found = removals(connection)
    for earlier, later in pairwise(found):
        if later.first_seq <= earlier.last_seq or later.before < earlier.before:
            yield f"the removal of entries {later.first_seq} to {later.last_seq} does not follow the one before"
    oldest = reader.oldest(connection)
    if oldest is None:
        if found:
            yield "the log is empty, although no removal ever takes the newest month"
    elif found and oldest.seq > found[-1].last_seq and oldest.at < found[-1].before:
        yield f"entry {oldest.seq} is older than the month that was removed before it"
