"""The loop of an import: batches of rows, one transaction each; what is refused goes into a file, with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar

from sqlalchemy import Connection

from dangol.consent import ledger
from dangol.consent.lifting import suppress_unwanted
from dangol.consent.suppressions import AddressHasher
from dangol.errors import DangolError, UsageError
from dangol.ids import Entropy
from dangol.ledger.entries import Journal
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.profiles import events, people
from dangol.profiles.files import Rejected
from dangol.profiles.importer import Accepted
from dangol.profiles.unwanted import Unwanted

BATCH = 500
_SHOWN = 5
_ERASED = "this person was erased; nothing new is stored about them"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: rows that the database refused, and how many said nothing new."""

    rejected: Sequence[Rejected] = ()
    known: int = 0


@dataclass
class Tally:
    """What became of a file. ``known`` rows count as imported; ``first_rejected`` holds the first few of them."""

    rows: int = 0
    imported: int = 0
    known: int = 0
    rejected: int = 0
    first_rejected: list[Rejected] = field(default_factory=list)


class RejectFile:
    """JSON Lines, one rejected row each; an earlier run's file is removed, and a new one made when it is needed.

    Raises UsageError if ``path`` is the imported file itself, DangolError if it cannot be written.
    """

    def __init__(self, path: Path, imported: Path) -> None:
        if path.resolve() == imported.resolve():
            raise UsageError(f"--reject-file: {path} is the file to import; name another")
        self.path = path
        self._file: TextIO | None = None
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def add(self, rejected: Sequence[Rejected]) -> None:
        try:
            if rejected and self._file is None:
                self._file = self.path.open("w", encoding="utf-8")
            for row in rejected:
                told = {"line": row.line, "code": row.code, "message": row.message, "row": row.row}
                self._write(json.dumps(told, ensure_ascii=False) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _write(self, line: str) -> None:
        assert self._file is not None
        self._file.write(line.encode(errors="backslashreplace").decode())

    def _unwritable(self, error: OSError) -> DangolError:
        return DangolError(f"{self.path}: rejected rows cannot be written here: {error.strerror}; try --reject-file")

    def __enter__(self) -> RejectFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def run_import(
    rows: Iterable[Accepted[T] | Rejected],
    store: Callable[[Sequence[Accepted[T]]], Stored],
    rejects: RejectFile,
    *,
    on_batch: Callable[[], None] = lambda: None,
    batch_size: int = BATCH,
) -> Tally:
    """Hand the good rows to ``store`` in batches and the bad ones to ``rejects``; ``on_batch`` after each batch.

    Stopped at any point, what was stored stays stored, and running it again goes through the rest.
    """
    tally = Tally()
    batch: list[Accepted[T]] = []
    bad: list[Rejected] = []

    def settle() -> None:
        stored = store(batch) if batch else Stored()
        refused = sorted((*bad, *stored.rejected), key=lambda row: row.line)
        rejects.add(refused)
        tally.rows += len(batch) + len(bad)
        tally.imported += len(batch) - len(stored.rejected)
        tally.known += stored.known
        tally.rejected += len(refused)
        tally.first_rejected.extend(refused[: _SHOWN - len(tally.first_rejected)])
        batch.clear()
        bad.clear()
        on_batch()

    for row in rows:
        if isinstance(row, Rejected):
            bad.append(row)
        else:
            batch.append(row)
        if len(batch) + len(bad) >= batch_size:
            settle()
    settle()
    return tally


def store_profiles(
    connection: Connection, batch: Sequence[Accepted[ProfileChange]], *, now: datetime, entropy: Entropy
) -> Stored:
    """Create or update the people of ``batch``."""
    living = people.identify(connection, [row.value for row in batch], now=now, entropy=entropy)
    return Stored([_erased(row) for row in batch if row.value.external_id not in living])


def store_consents(
    connection: Connection, batch: Sequence[Accepted[ConsentChange]], *, now: datetime, entropy: Entropy
) -> Stored:
    """Write the consents of ``batch``; people nobody told us about yet get a bare profile."""
    owners, rejected = _owners(connection, batch, now, entropy)
    changes = [row.value for row in batch if row.value.external_id in owners]
    ledger.record(connection, changes, owners, now=now)
    return Stored(rejected)


def store_unwanted(
    connection: Connection,
    batch: Sequence[Accepted[Unwanted]],
    *,
    now: datetime,
    entropy: Entropy,
    hasher: AddressHasher,
) -> Stored:
    """Suppress the addresses of ``batch``."""
    journal = Journal(now)
    told = [row.value for row in batch]
    added = suppress_unwanted(connection, told, now=now, entropy=entropy, hasher=hasher, journal=journal)
    journal.write(connection)
    return Stored(known=len(batch) - added)


def store_events(
    connection: Connection, batch: Sequence[Accepted[IncomingEvent]], *, now: datetime, entropy: Entropy
) -> Stored:
    """Write the events of ``batch`` as history: no journey begins or ends."""
    owners, rejected = _owners(connection, batch, now, entropy)
    incoming = [row.value for row in batch if row.value.external_id in owners]
    new = events.record(connection, incoming, owners, received_at=now)
    return Stored(rejected, known=len(incoming) - len(new))


def _owners(
    connection: Connection, batch: Sequence[Accepted[Any]], now: datetime, entropy: Entropy
) -> tuple[dict[str, str], list[Rejected]]:
    """The locked, living people of ``batch``, and the rows of those who were erased."""
    owners = people.resolve(connection, [row.value.external_id for row in batch], now=now, entropy=entropy)
    people.lock(connection, owners.values())
    gone = people.erased(connection, list(owners.values()))
    living = {external_id: profile_id for external_id, profile_id in owners.items() if profile_id not in gone}
    return living, [_erased(row) for row in batch if row.value.external_id not in living]


def _erased(row: Accepted[Any]) -> Rejected:
    return Rejected(row.line, "erased", _ERASED, row.row)
