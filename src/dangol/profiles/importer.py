"""Rows of a file as profiles, consents and events. Knows no database; docs/importing.md is the manual.

In a CSV file every cell is text. Where a column may hold any type (attributes, ``properties.…``), a cell that reads as
a plain number of at most 15 digits, or as true or false, becomes one; everything else stays text. ``name:text`` keeps
a column text.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from dangol.errors import InvalidEvent, UsageError
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import Basis, ConsentAction
from dangol.profiles.files import Rejected, Row, RowFile
from dangol.profiles.shape import did_you_mean, parse_instant, sub_object
from dangol.profiles.validation import MAX_SOURCE, parse_consent, parse_event, parse_profile
from dangol.store.types import to_text

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_MOST_DIGITS = 15
_YES = frozenset({ConsentAction.GRANTED, ConsentAction.CONFIRMED, ConsentAction.RECONFIRMED})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """A row that says something we understand; ``row`` is kept in case the database knows better."""

    line: int
    value: T
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which fields a row may have. ``bag`` is the field that takes all other columns, under ``bag.`` or without."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    bag: str = ""
    unprefixed: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return self.required + self.optional

    def place(self, column: str) -> tuple[str, str] | None:
        """Field, and name inside the bag, of a column; None if it has no place."""
        if column in self.fields:
            return column, ""
        if self.bag and column.startswith(f"{self.bag}."):
            return self.bag, column.removeprefix(f"{self.bag}.")
        return (self.bag, column) if self.unprefixed and column else None


PROFILES = Layout(
    required=("profile_id",),
    optional=("email", "phone", "locale", "timezone", "country", "attributes"),
    bag="attributes",
    unprefixed=True,
)
EVENTS = Layout(required=("profile_id", "event", "timestamp"), optional=("message_id", "properties"), bag="properties")
CONSENTS = Layout(
    required=("profile_id", "channel", "purpose", "action", "occurred_at"),
    optional=(
        "topic",
        "wording",
        "wording_version",
        "locale",
        "proof",
        "basis",
        "jurisdiction",
        "source",
        "ip",
        "user_agent",
    ),
)


def read_profiles(file: RowFile, *, places: Collection[str]) -> Iterator[Accepted[ProfileChange] | Rejected]:
    """What ``file`` says about people; ``places`` as for ``parse_profile``.

    Raises UsageError if its columns will not do, before the first row.
    """

    def parse(fields: dict[str, Any]) -> ProfileChange:
        user = _user(fields)
        attributes = sub_object(fields, "attributes")
        standard = {name: value for name, value in fields.items() if name != "attributes"}
        return parse_profile({**user, "traits": {**attributes, **standard}}, places=places)

    return values(file, PROFILES, parse)


def read_consents(
    file: RowFile, *, source: str = "", now: datetime, places: Collection[str], assumed: bool = False
) -> Iterator[Accepted[ConsentChange] | Rejected]:
    """The consents in ``file``; ``places`` as for ``parse_consent``.

    Raises UsageError if its columns will not do, before the first row.

    Each says that it was imported, from which line of ``source``, by default the file's name. A yes that comes with
    neither wording nor proof is no more than a claim: its action is ``imported``. One that was said to be made afresh
    is then refused. With ``assumed`` rows are taken at their word; that is for simulations.
    """

    def parse(fields: dict[str, Any]) -> ConsentChange:
        return parse_consent({**_user(fields), **fields}, source="", now=now, places=places)

    found = values(file, CONSENTS, parse)
    whence = source or file.path.name
    if assumed:
        return (_told(one, one.value.source or whence) if isinstance(one, Accepted) else one for one in found)
    return (_imported(one, whence) if isinstance(one, Accepted) else one for one in found)


def _imported(row: Accepted[ConsentChange], whence: str) -> Accepted[ConsentChange] | Rejected:
    """The row, marked as imported for good: no later look at it can take it for the person's own word to us."""
    own = f" ({row.value.source})" if row.value.source else ""
    told = _told(row, f"import:{whence}:{row.line}{own}"[:MAX_SOURCE])
    if told.value.wording or told.value.proof or told.value.action not in _YES:
        return told
    if told.value.action is ConsentAction.RECONFIRMED:
        # As a claim it would say that there was no consent before; as what it is it would make one younger.
        message = "action: `reconfirmed` needs a wording or a proof that it was; found neither"
        return Rejected(row.line, "evidence_missing", message, row.row)
    claim = replace(told.value, action=ConsentAction.IMPORTED, basis=Basis.IMPORTED.value)
    return replace(told, value=claim)


def _told(row: Accepted[ConsentChange], source: str) -> Accepted[ConsentChange]:
    return replace(row, value=replace(row.value, source=source))


def read_events(file: RowFile, *, source: str, now: datetime) -> Iterator[Accepted[IncomingEvent] | Rejected]:
    """The events in ``file``. Raises UsageError if its columns will not do, before the first row.

    A row without ``message_id`` gets one made of what it says and how many rows before it said the same, so that
    importing it again, also from another file, changes nothing.
    """
    occurrences = _Occurrences()

    def parse(fields: dict[str, Any]) -> IncomingEvent:
        raw = {**_user(fields), **fields, "messageId": fields.get("message_id")}
        reported = parse_instant(fields["timestamp"])
        event = parse_event(raw, source=source, now=now, new_id=str)
        return event if event.message_id else replace(event, message_id=occurrences.name(event, reported))

    return values(file, EVENTS, parse)


def _user(fields: dict[str, Any]) -> dict[str, Any]:
    """Take the customer's id out of ``fields``."""
    external_id = fields.pop("profile_id")
    if external_id in (None, ""):
        raise InvalidEvent("missing_user", "profile_id: expected a customer's id; found nothing")
    return {"userId": external_id}


def values(file: RowFile, layout: Layout, parse: Callable[[dict[str, Any]], T]) -> Iterator[Accepted[T] | Rejected]:
    """What the rows of ``file`` say. Raises UsageError if its columns will not do, before the first row."""
    columns = _columns(file, layout) if file.header is not None else None

    def understood() -> Iterator[Accepted[T] | Rejected]:
        for row in file:
            if isinstance(row, Rejected):
                yield row
                continue
            try:
                fields = _from_cells(row, columns, layout.bag) if columns is not None else _from_json(row, layout)
                yield Accepted(row.line, parse(fields), row.fields)
            except InvalidEvent as error:
                yield Rejected(row.line, error.code, str(error), row.fields)

    return understood()


@dataclass(frozen=True, slots=True)
class _Column:
    header: str
    field: str
    name: str
    as_text: bool


def _columns(file: RowFile, layout: Layout) -> tuple[_Column, ...]:
    """The header, understood. Raises UsageError naming every column that is missing, unknown or there twice."""
    assert file.header is not None
    problems, columns, seen = [], [], set()
    for header in file.header:
        column = header.removesuffix(":text")
        place = layout.place(column)
        if place is None:
            problems.append(f"unknown column {header!r}{did_you_mean(column, layout.fields)}")
            continue
        if place in seen:
            problems.append(f"column {header!r} is there twice")
        seen.add(place)
        columns.append(_Column(header, *place, as_text=column != header))
    missing = [name for name in layout.required if (name, "") not in seen]
    problems[:0] = [f"missing column {name!r}{did_you_mean(name, file.header)}" for name in missing]
    if problems:
        separator = next((mark for mark in ";\t|" if mark in file.header[0]), None) if len(file.header) == 1 else None
        if separator is not None:
            problems = [f"columns must be separated by commas; these seem to be separated by {separator!r}"]
        expected = ", ".join(layout.fields) + (f", {layout.bag}.…" if layout.bag else "")
        raise UsageError(f"{file.path}:1: {'; '.join(problems)}. Expected columns: {expected}")
    return tuple(columns)


def _from_cells(row: Row, columns: tuple[_Column, ...], bag_field: str) -> dict[str, Any]:
    """Fields of a CSV row; blank cells say nothing. The bag is its JSON column and the single columns together."""
    fields: dict[str, Any] = {}
    bag: dict[str, Any] = {}
    for column in columns:
        cell = row.fields[column.header].strip()
        if column.field != bag_field:
            fields[column.field] = cell or None
        elif cell and column.name:
            bag[column.name] = cell if column.as_text else _typed(cell)
        elif cell:
            bag.update(_json_object(column.field, cell))
    return {**fields, bag_field: bag} if bag else fields


def _typed(cell: str) -> Any:
    if cell in ("true", "false"):
        return cell == "true"
    if _NUMBER.fullmatch(cell) and sum(map(str.isdigit, cell)) <= _MOST_DIGITS:
        return float(cell) if "." in cell else int(cell)
    return cell


def _json_object(field: str, cell: str) -> dict[str, Any]:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidEvent(f"invalid_{field}", f"{field}: expected a JSON object; found {cell[:80]!r}")
    return value


def _from_json(row: Row, layout: Layout) -> dict[str, Any]:
    """Fields of a JSON row; the names are those of the CSV columns, the bag is an object."""
    unknown = [name for name in row.fields if name not in layout.fields]
    if unknown and not layout.unprefixed:
        hint = did_you_mean(unknown[0], layout.fields)
        raise InvalidEvent("unknown_field", f"unknown field {unknown[0]!r}{hint}; expected {', '.join(layout.fields)}")
    return dict.fromkeys(layout.required) | dict(row.fields)


class _Occurrences:
    """Counts equal rows of one file, in a temporary database that spills to disk: a dict would grow with the file."""

    def __init__(self) -> None:
        self._counts = sqlite3.connect("")
        self._counts.execute("PRAGMA journal_mode=OFF")
        self._counts.execute("CREATE TABLE counts (content BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")

    def name(self, event: IncomingEvent, reported: datetime) -> str:
        """A message id for ``event``, which said it happened at ``reported``."""
        said = [event.external_id, event.name, to_text(reported), event.properties]
        canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        content = hashlib.blake2b(canonical.encode(), digest_size=16).digest()
        (times,) = self._counts.execute(
            "INSERT INTO counts VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times", [content]
        ).fetchone()
        return f"import:{content.hex()}:{times}"
