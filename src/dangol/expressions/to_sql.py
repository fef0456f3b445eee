"""The SQL back end: a tree becomes a WHERE clause over ``profiles``; ``evaluate`` says the same in memory.

A missing value is NULL. Every comparison is wrapped so that it is never NULL; conditions are two-valued.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from dangol.expressions.dialects import DIALECTS, Json, Sql
from dangol.expressions.evaluate import SUM_BIAS, SUM_SCALE, SUM_UNIT
from dangol.expressions.moments import DAY, microseconds
from dangol.expressions.tree import (
    And,
    Arithmetic,
    Comparison,
    Condition,
    Count,
    DaysSince,
    ElementOf,
    Expression,
    Field,
    HasConsent,
    IsMissing,
    Literal,
    Negative,
    Not,
    Occurrence,
    OneOf,
    Operator,
    Or,
    Sum,
    Truth,
    Value,
)
from dangol.model.workspace import STANDARD_ATTRIBUTES, ValueType
from dangol.store.tables import consent_states, events, profiles

_FUTURE_DAYS = 4_000_000
"""More days than any datetime is ahead of another; keeps the dividend positive, for SQL divides towards zero."""
_TYPES: dict[ValueType, type[Any]] = {
    ValueType.STRING: Text,
    ValueType.NUMBER: Double,
    ValueType.BOOLEAN: Boolean,
    ValueType.DATE: Text,
    ValueType.DATETIME: BigInteger,
}
_OPERATIONS: dict[Operator, Callable[[Sql, Sql], Sql]] = {
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.ADD: operator.add,
    Operator.SUBTRACT: operator.sub,
    Operator.MULTIPLY: operator.mul,
    Operator.DIVIDE: lambda left, right: left / func.nullif(right, literal(0.0, Double), type_=Double),
}


def to_sql(expression: Expression, now: datetime, dialect_name: str) -> ColumnElement[bool]:
    """The expression as a condition on the enclosing statement's ``profiles`` row; never NULL.

    ``dialect_name`` is SQLAlchemy's: sqlite or postgresql. Raises ValueError if the expression speaks of an
    event, entry or message, which no audience has.
    """
    return _Compiler(now, dialect_name).condition(expression.tree)


class _Compiler:
    def __init__(self, now: datetime, dialect_name: str) -> None:
        self._now = now
        self._dialect = DIALECTS[dialect_name]

    def condition(self, tree: Condition) -> ColumnElement[bool]:
        match tree:
            case Truth(value):
                return _two_valued(self.value(value))
            case Comparison():
                return self._comparison(tree)
            case IsMissing(value, negated):
                found = self.value(value)
                return found.is_not(None) if negated else found.is_(None)
            case OneOf():
                return self._one_of(tree)
            case ElementOf():
                return self._element_of(tree)
            case HasConsent():
                return _has_consent(tree)
            case Not(operand):
                return not_(self.condition(operand))
            case And(operands):
                return and_(*map(self.condition, operands))
            case Or(operands):
                return or_(*map(self.condition, operands))
            case _:
                assert_never(tree)

    def value(self, tree: Value) -> Sql:
        match tree:
            case Literal():
                return _literal(tree)
            case Field():
                return self._field(tree)
            case Negative(operand):
                return -self.value(operand)
            case Arithmetic(operation, left, right):
                return _OPERATIONS[operation](self.value(left), self.value(right))
            case Count(event, within):
                return self._history(cast(func.count(), Double), event, within)
            case Sum():
                return self._sum(tree)
            case Occurrence(event, latest):
                found = func.max(events.c.occurred_at) if latest else func.min(events.c.occurred_at)
                return self._history(self._dialect.instant(found), event, None)
            case DaysSince(moment):
                return self._days_since(moment)
            case _:
                return self.condition(tree)

    # Values.

    def _field(self, field: Field) -> Sql:
        if field.namespace == "profile" and field.name in STANDARD_ATTRIBUTES:
            column = profiles.c["external_id" if field.name == "id" else field.name]
            return self._dialect.instant(column) if field.type is ValueType.DATETIME else column
        return self._read(self._place(field), field.type)

    def _place(self, field: Field) -> Json:
        if field.namespace != "profile":
            raise ValueError(f"an audience has no `{field.namespace}`; it cannot be asked for in SQL")
        return self._dialect.member(profiles.c.attributes, field.name)

    def _read(self, place: Json, kind: ValueType) -> Sql:
        dialect = self._dialect
        match kind:
            case ValueType.STRING:
                return dialect.text(place)
            case ValueType.NUMBER:
                return dialect.number(place)
            case ValueType.BOOLEAN:
                return dialect.boolean(place)
            case ValueType.DATE:
                return dialect.date(dialect.text(place))
            case ValueType.DATETIME:
                return dialect.datetime(dialect.text(place))
            case ValueType.LIST:
                return case((dialect.is_list(place), true()))

    def _history(self, result: Sql, event: str, within: timedelta | None) -> Sql:
        happened = and_(events.c.profile_id == profiles.c.id, events.c.name == event, events.c.occurred_at <= self._now)
        if within is not None:
            happened = and_(happened, events.c.occurred_at >= self._now - within)
        return select(result).select_from(events).where(happened).correlate(profiles).scalar_subquery()

    def _sum(self, tree: Sum) -> Sql:
        number = self._dialect.number(self._dialect.member(events.c.properties, tree.property))
        unit, scale, bias = (literal(value, Double) for value in (SUM_UNIT, SUM_SCALE, SUM_BIAS))
        whole = self._dialect.truncated(number / unit)
        rest = self._dialect.truncated((number - whole * unit) * scale + literal(SUM_BIAS + 0.5, Double)) - bias
        units, millionths = (func.coalesce(func.sum(part), 0.0, type_=Double) for part in (whole, rest))
        return self._history(units * unit + millionths / scale, tree.event, tree.within)

    def _days_since(self, moment: Value) -> Sql:
        then = self.value(moment)
        if moment.type is ValueType.DATE:
            then = self._dialect.midnight(then)
        ahead = literal(microseconds(self._now) + _FUTURE_DAYS * DAY, BigInteger)
        return cast((ahead - then) // literal(DAY, BigInteger) - _FUTURE_DAYS, Double)

    # Conditions.

    def _comparison(self, tree: Comparison) -> ColumnElement[bool]:
        left, right = self.value(tree.left), self.value(tree.right)
        if tree.left.type in {ValueType.STRING, ValueType.DATE}:
            left = self._dialect.by_code_point(left)
        return _two_valued(_OPERATIONS[tree.operator](left, right))

    def _one_of(self, tree: OneOf) -> ColumnElement[bool]:
        if not tree.choices:
            return self.value(tree.value).is_not(None) if tree.negated else false()
        value, choices = self.value(tree.value), [_literal(choice) for choice in tree.choices]
        return _two_valued(value.not_in(choices) if tree.negated else value.in_(choices))

    def _element_of(self, tree: ElementOf) -> ColumnElement[bool]:
        value = self.value(tree.value)
        place = self._place(tree.list)
        rows, element = self._dialect.elements(place)
        equal = self._read(element, tree.value.type) == value
        found = select(literal(1)).select_from(rows).where(equal).correlate(profiles).exists()
        if not tree.negated:
            return found
        return and_(value.is_not(None), _two_valued(self._dialect.is_list(place)), not_(found))


def _literal(tree: Literal) -> Sql:
    if isinstance(tree.value, bool):
        return true() if tree.value else false()
    return cast(literal(tree.value), _TYPES[tree.type])


def _two_valued(condition: Sql) -> ColumnElement[bool]:
    return func.coalesce(condition, false(), type_=Boolean)


def _has_consent(tree: HasConsent) -> ColumnElement[bool]:
    state = consent_states.c
    granted = and_(
        state.profile_id == profiles.c.id,
        state.channel == tree.channel,
        state.purpose == tree.purpose,
        state.topic == "",
        state.granted,
    )
    return exists().where(granted).correlate(profiles)
