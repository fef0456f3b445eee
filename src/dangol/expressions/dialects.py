"""How each database reads typed values out of JSON and instants, so that both read what Python reads.

NULL is a missing value. Numbers come as doubles, datetimes as microseconds since 1970 in a 64-bit integer,
dates as ISO text.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Double,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    cast,
    collate,
    extract,
    false,
    func,
    literal,
    literal_column,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from dangol.expressions.moments import DATE, DATETIME
from dangol.expressions.tree import LARGEST, SMALLEST

Sql = ColumnElement[Any]
_SECOND = 1_000_000
_NORMALISE = "+0 days"
"""Makes SQLite carry days and hours over that do not exist, so that they no longer equal their text."""


@dataclass(frozen=True, slots=True)
class Json:
    """A place in a JSON document: its type in the database's words, its content as text (on SQLite: as the
    type that it has), and itself."""

    kind: Sql
    content: Sql
    itself: Sql


class Dialect(Protocol):
    """One database's way to read values."""

    def member(self, document: Sql, name: str) -> Json:
        """The member ``name`` of a JSON object."""

    def elements(self, place: Json) -> tuple[FromClause, Json]:
        """The elements of a JSON array as rows, and one of them; no rows if the place holds no array."""

    def is_list(self, place: Json) -> Sql:
        """Whether the place holds an array; NULL if it holds nothing."""

    def text(self, place: Json) -> Sql: ...

    def number(self, place: Json) -> Sql: ...

    def boolean(self, place: Json) -> Sql: ...

    def date(self, text: Sql) -> Sql:
        """The text, if it is a date."""

    def datetime(self, text: Sql) -> Sql:
        """Microseconds since 1970, if the text is a datetime."""

    def midnight(self, date: Sql) -> Sql:
        """Microseconds since 1970 of what ``date`` gave."""

    def instant(self, column: Sql) -> Sql:
        """Microseconds since 1970 of an Instant."""

    def truncated(self, number: Sql) -> Sql:
        """The number without its fraction, as a double."""

    def by_code_point(self, text: Sql) -> Sql:
        """The text, to be compared by code point."""


class PostgreSQL:
    """JSONB. Casts stand behind CASE: a failing cast is an error here, not NULL. Numbers are bounded while they are
    still decimals, for one too large to be a double is an error too."""

    def member(self, document: Sql, name: str) -> Json:
        key = cast(literal(name), Text)
        value = document.op("->", return_type=JSONB())(key)
        return Json(func.jsonb_typeof(value, type_=Text), document.op("->>", return_type=Text())(key), value)

    def elements(self, place: Json) -> tuple[FromClause, Json]:
        array = case((place.kind == "array", place.itself), else_=literal_column("'[]'::jsonb", JSONB))
        rows = func.jsonb_array_elements(array).table_valued("value").render_derived(name="element")
        value = rows.c.value
        text = value.op("#>>", return_type=Text())(literal_column("'{}'"))
        return rows, Json(func.jsonb_typeof(value, type_=Text), text, value)

    def is_list(self, place: Json) -> Sql:
        return place.kind == "array"

    def text(self, place: Json) -> Sql:
        return case((place.kind == "string", place.content))

    def number(self, place: Json) -> Sql:
        exact = cast(place.content, Numeric)
        size = func.abs(exact)
        largest, smallest = (literal(Decimal(str(bound)), Numeric) for bound in (LARGEST, SMALLEST))
        double = case((size > largest, None), (size < smallest, literal(0.0, Double)), else_=cast(exact, Double))
        return case((place.kind == "number", double))

    def boolean(self, place: Json) -> Sql:
        return case((place.kind == "boolean", cast(place.content, Boolean)))

    def date(self, text: Sql) -> Sql:
        return case((text.regexp_match(f"^{DATE}$"), text))

    def datetime(self, text: Sql) -> Sql:
        return case((text.regexp_match(f"^{DATETIME}$"), self.instant(cast(text, TIMESTAMP(timezone=True)))))

    def midnight(self, date: Sql) -> Sql:
        return self.instant(cast(date, Date))

    def instant(self, column: Sql) -> Sql:
        return cast(extract("epoch", column) * _SECOND, BigInteger)

    def truncated(self, number: Sql) -> Sql:
        return func.trunc(number, type_=Double)

    def by_code_point(self, text: Sql) -> Sql:
        return collate(text, "C")


class SQLite:
    """JSON text; nothing fails, so every shape is checked by hand."""

    def member(self, document: Sql, name: str) -> Json:
        path = f'$."{name}"'
        value = func.json_extract(document, path)
        return Json(func.json_type(document, path, type_=Text), value, value)

    def elements(self, place: Json) -> tuple[FromClause, Json]:
        array = case((place.kind == "array", place.itself), else_="[]")
        rows = func.json_each(array).table_valued("type", "value", name="element")
        return rows, Json(rows.c.type, rows.c.value, rows.c.value)

    def is_list(self, place: Json) -> Sql:
        return place.kind == "array"

    def text(self, place: Json) -> Sql:
        return case((place.kind == "text", cast(place.content, Text)))

    def number(self, place: Json) -> Sql:
        double = cast(place.content, Double)
        size = func.abs(double)
        bounded = case((size > LARGEST, None), (size < SMALLEST, literal(0.0, Double)), else_=double)
        return case((place.kind.in_(("integer", "real")), bounded))

    def boolean(self, place: Json) -> Sql:
        return case((place.kind == "true", true()), (place.kind == "false", false()))

    def date(self, text: Sql) -> Sql:
        shape = text.op("GLOB")("[1-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]")
        return case((and_(shape, func.date(text, _NORMALISE) == text), text))

    def datetime(self, text: Sql) -> Sql:
        local, rest = func.substr(text, 1, 19, type_=Text), func.substr(text, 20, type_=Text)
        is_utc = rest.op("GLOB")("*Z")
        zone = case((is_utc, "+00:00"), else_=func.substr(text, -6))
        fraction = func.substr(rest, 1, func.length(rest) - case((is_utc, 1), else_=6), type_=Text)
        valid = and_(
            local.op("GLOB")("[1-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"),
            func.strftime("%Y-%m-%dT%H:%M:%S", local, _NORMALISE) == local,
            zone.op("GLOB")("[-+][01][0-9]:[0-5][0-9]"),
            func.substr(zone, 2) <= "14:00",
            or_(fraction == "", and_(fraction.op("GLOB")(".[0-9]*"), func.length(fraction) <= 7)),
            fraction.op("NOT GLOB")("?*[^0-9]*"),
        )
        ahead = _whole(func.substr(zone, 2, 2)) * 3600 + _whole(func.substr(zone, 5, 2)) * 60
        offset = case((func.substr(zone, 1, 1) == "-", -ahead), else_=ahead)
        micros = _whole(func.substr(func.substr(fraction, 2, type_=Text).concat("000000"), 1, 6))
        return case((valid, (_whole(func.strftime("%s", local)) - offset) * _SECOND + micros))

    def midnight(self, date: Sql) -> Sql:
        return _whole(func.strftime("%s", date)) * _SECOND

    def instant(self, column: Sql) -> Sql:
        seconds = _whole(func.strftime("%s", func.substr(column, 1, 19)))
        return seconds * _SECOND + _whole(func.substr(column, 21, 6))

    def truncated(self, number: Sql) -> Sql:
        return cast(_whole(number), Double)

    def by_code_point(self, text: Sql) -> Sql:
        return text


def _whole(value: Sql) -> Sql:
    return cast(value, Integer)


DIALECTS: dict[str, Dialect] = {"postgresql": PostgreSQL(), "sqlite": SQLite()}
