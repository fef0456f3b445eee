"""Which values can be compared with which, and how: the typing rules of ``==``, ``<``, ``in`` and their kin."""

from __future__ import annotations

from typing import NoReturn, TypeVar

from dangol.errors import ExpressionError
from dangol.expressions.moments import midnight, read_date, read_datetime
from dangol.expressions.scope import check_choice
from dangol.expressions.tree import (
    Comparison,
    Condition,
    ElementOf,
    Field,
    IsMissing,
    Literal,
    OneOf,
    Operator,
    Value,
)
from dangol.model.workspace import ValueType

MOMENTS = frozenset({ValueType.DATE, ValueType.DATETIME})
WORDS = {
    ValueType.STRING: "text",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.DATE: "a date",
    ValueType.DATETIME: "a datetime",
    ValueType.LIST: "a list",
}
V = TypeVar("V", bound=Value)


class NoneLiteral:
    """The literal ``none``: only ``==`` and ``!=`` know it."""


NONE = NoneLiteral()
Operand = Value | NoneLiteral | tuple[Literal, ...]


def _mismatch(left: ValueType, right: ValueType, offset: int) -> NoReturn:
    raise ExpressionError(f"{WORDS[left]} cannot be compared with {WORDS[right]}", offset=offset)


def missing(op: str, left: Operand, right: Operand, offset: int) -> Condition:
    """``x == none`` and ``x != none``."""
    value = right if isinstance(left, NoneLiteral) else left
    if op not in {"eq", "ne"}:
        raise ExpressionError("`none` can be compared with `==` and `!=` only", offset=offset)
    if isinstance(value, NoneLiteral | Literal | tuple):
        raise ExpressionError("a constant is never missing; compare `none` with a field", offset=offset)
    return IsMissing(value, negated=op == "ne")


def one_of(value: Value, items: tuple[Literal, ...], negated: bool, offset: int, item_offsets: list[int]) -> Condition:
    """``x in [constants]``."""
    if value.type is ValueType.LIST:
        raise ExpressionError("a list cannot be looked for in a list", offset=offset)
    choices = tuple(_as(value.type, item, at) for item, at in zip(items, item_offsets, strict=True))
    for choice, at in zip(choices, item_offsets, strict=True):
        if choice.type is not value.type:
            _mismatch(value.type, choice.type, at)
        check_choice(value, choice.value, at)
    return OneOf(value, choices, negated)


def element_of(value: Value, found: Value, negated: bool, offset: int, right_offset: int) -> Condition:
    """``x in profile.some_list``."""
    if not isinstance(found, Field) or found.type is not ValueType.LIST:
        raise ExpressionError(f"expected a list after `in`; found {WORDS[found.type]}", offset=right_offset)
    if value.type not in {ValueType.STRING, ValueType.NUMBER, ValueType.BOOLEAN}:
        raise ExpressionError(f"{WORDS[value.type]} cannot be looked for in a list", offset=offset)
    return ElementOf(value, found, negated)


def pair(operator: Operator, left: Value, right: Value, offset: int, right_offset: int) -> Condition:
    """Two values compared by their order or for being equal."""
    left = _as(right.type, left, offset)
    right = _as(left.type, right, right_offset)
    if left.type is not right.type:
        _mismatch(left.type, right.type, offset)
    if left.type is ValueType.LIST:
        raise ExpressionError("lists cannot be compared; use `in`", offset=offset)
    if left.type is ValueType.BOOLEAN and operator not in {Operator.EQUAL, Operator.UNEQUAL}:
        raise ExpressionError("true and false have no order; use `==` or `!=`", offset=offset)
    for subject, other, at in ((left, right, right_offset), (right, left, offset)):
        if isinstance(other, Literal):
            check_choice(subject, other.value, at)
    return Comparison(operator, left, right)


def _as(wanted: ValueType, value: V, offset: int) -> V | Literal:
    """Text written beside a date or datetime is one; everything else stays what it is."""
    if wanted not in MOMENTS or not isinstance(value, Literal) or value.type is not ValueType.STRING:
        return value
    return moment_literal(str(value.value), wanted, offset)


def moment_literal(text: str, wanted: ValueType, offset: int) -> Literal:
    """A date or datetime written as text; raises ExpressionError if it is none."""
    day, instant = read_date(text), read_datetime(text)
    if wanted is ValueType.DATE and day is not None:
        return Literal(day, ValueType.DATE)
    if wanted is ValueType.DATETIME and (instant is not None or day is not None):
        return Literal(instant if instant is not None else midnight(day or ""), ValueType.DATETIME)
    shape = '"2026-03-02"' if wanted is ValueType.DATE else '"2026-03-02" or "2026-03-02T09:00:00+09:00"'
    raise ExpressionError(f"expected {WORDS[wanted]} such as {shape}; found {text[:40]!r}", offset=offset)
