"""The typed tree of an expression.

Every node is well-typed by construction in ``parse``; both back ends walk it and neither checks types again.
A *value* may be missing for a person; a *condition* is always true or false. A condition may stand where a
boolean value is wanted, never the other way round without ``Truth``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dangol.model.people import Event
from dangol.model.workspace import ValueType

LARGEST = 1e15
"""A JSON number beyond this counts as missing: doubles stop being exact there."""
SMALLEST = 1e-15
"""A JSON number nearer to zero than this counts as zero, so that no product can underflow."""


class Operator(StrEnum):
    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"


# Values.


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. Dates are ISO text, datetimes are microseconds since 1970 (UTC), numbers are floats."""

    value: str | float | bool
    type: ValueType


@dataclass(frozen=True, slots=True)
class Field:
    """``profile.x``, ``event.x``, ``entry.x`` or ``message.x``."""

    namespace: str
    name: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Value
    type: ValueType = ValueType.NUMBER


@dataclass(frozen=True, slots=True)
class Arithmetic:
    operator: Operator
    left: Value
    right: Value
    type: ValueType = ValueType.NUMBER


@dataclass(frozen=True, slots=True)
class Count:
    event: str
    within: timedelta | None
    type: ValueType = ValueType.NUMBER


@dataclass(frozen=True, slots=True)
class Sum:
    event: str
    property: str
    within: timedelta | None
    type: ValueType = ValueType.NUMBER


@dataclass(frozen=True, slots=True)
class Occurrence:
    """``last(event)`` or ``first(event)``: when it happened."""

    event: str
    latest: bool
    type: ValueType = ValueType.DATETIME


@dataclass(frozen=True, slots=True)
class DaysSince:
    """Whole days gone by since a date (from its midnight in UTC) or a datetime; negative for the future."""

    moment: Value
    type: ValueType = ValueType.NUMBER


# Conditions.


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean value as a condition: missing is false."""

    value: Value
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: Operator
    left: Value
    right: Value
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class IsMissing:
    """``value == none``; with ``negated``, ``value != none``."""

    value: Value
    negated: bool
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class OneOf:
    """``value in [literals]``."""

    value: Value
    choices: tuple[Literal, ...]
    negated: bool
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class ElementOf:
    """``value in profile.some_list``: an element of the value's own type equals it."""

    value: Value
    list: Field
    negated: bool
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class HasConsent:
    channel: str
    purpose: str
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class Not:
    operand: Condition
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Condition, ...]
    type: ValueType = ValueType.BOOLEAN


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Condition, ...]
    type: ValueType = ValueType.BOOLEAN


VALUES = (Literal, Field, Negative, Arithmetic, Count, Sum, Occurrence, DaysSince)
CONDITIONS = (Truth, Comparison, IsMissing, OneOf, ElementOf, HasConsent, Not, And, Or)
NODES = (*VALUES, *CONDITIONS)
Condition = Truth | Comparison | IsMissing | OneOf | ElementOf | HasConsent | Not | And | Or
Value = Literal | Field | Negative | Arithmetic | Count | Sum | Occurrence | DaysSince | Condition


def children(tree: Value) -> Iterator[Value]:
    """The nodes directly below."""
    for name in tree.__slots__:
        part = getattr(tree, name)
        yield from (child for child in (part if isinstance(part, tuple) else (part,)) if isinstance(child, NODES))


def walk(tree: Value) -> Iterator[Value]:
    """The node and everything below it."""
    yield tree
    for child in children(tree):
        yield from walk(child)


def nesting(tree: Value) -> int:
    """How deep the tree goes. The left side of a calculation does not count: ``a + b + c`` is read in one go."""
    if isinstance(tree, Arithmetic):
        return max(nesting(tree.left), 1 + nesting(tree.right))
    return 1 + max(map(nesting, children(tree)), default=0)


# Whole expressions and what they are asked about.


@dataclass(frozen=True, slots=True)
class Needs:
    """The facts an expression looks at, so that a batch loads only those.

    ``reaches`` are the events with how far back each is looked at; None is back to the beginning.
    """

    events: frozenset[str] = frozenset()
    consents: bool = False
    profile: frozenset[str] = frozenset()
    reaches: frozenset[tuple[str, timedelta | None]] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """What is known about one person at ``now``.

    ``profile`` is ``Profile.fields()``; ``event`` and ``entry`` are event properties; ``history`` holds at least
    the events that ``Needs.events`` names, in any order; ``consents`` holds (channel, purpose) pairs granted.
    """

    now: datetime
    profile: Mapping[str, Any]
    event: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    message: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Event] = ()
    consents: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression, ready for both back ends; equal if its text and meaning are."""

    text: str
    tree: Condition
    needs: Needs
    predicate: Callable[[Person], bool] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """A checked expression that tells a number, in memory only; None where it is missing for a person."""

    text: str
    tree: Value
    needs: Needs
    of: Callable[[Person], float | None] = field(compare=False, repr=False)
