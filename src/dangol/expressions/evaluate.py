"""The in-memory back end: a tree becomes closures once, then answers for one person at a time.

None is a missing value; conditions give only True or False. ``to_sql`` says the same in SQL.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from dangol.expressions.moments import DAY, microseconds, midnight, read_date, read_datetime
from dangol.expressions.tree import (
    LARGEST,
    SMALLEST,
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
    Person,
    Sum,
    Truth,
    Value,
)
from dangol.model.people import Event
from dangol.model.workspace import ValueType

Getter = Callable[[Person], Any]
Predicate = Callable[[Person], bool]

SUM_UNIT = 1e5
SUM_SCALE = 1e6
SUM_BIAS = 1e12
"""``sum`` adds whole multiples of SUM_UNIT and the rest in whole millionths, each exactly, so that the order in
which a database adds does not show. SUM_BIAS makes the rest positive, so that truncating rounds half up."""


def evaluate(expression: Expression, person: Person) -> bool:
    """Whether the expression holds for this person."""
    return expression.predicate(person)


def compile_condition(tree: Condition) -> Predicate:
    """The condition as one function of a person."""
    match tree:
        case Truth(value):
            get = compile_value(value)
            return lambda person: get(person) is True
        case Comparison():
            return _comparison(tree)
        case IsMissing(value, negated):
            get = compile_value(value)
            return lambda person: (get(person) is None) is not negated
        case OneOf():
            return _one_of(tree)
        case ElementOf():
            return _element_of(tree)
        case HasConsent(channel, purpose):
            pair = (channel, purpose)
            return lambda person: pair in person.consents
        case Not(operand):
            holds = compile_condition(operand)
            return lambda person: not holds(person)
        case And(operands):
            every = tuple(map(compile_condition, operands))
            return lambda person: all(holds(person) for holds in every)
        case Or(operands):
            some = tuple(map(compile_condition, operands))
            return lambda person: any(holds(person) for holds in some)


def compile_value(tree: Value) -> Getter:
    """The value as one function of a person; it gives None where the value is missing."""
    match tree:
        case Literal(value):
            return lambda _person: value
        case Field():
            return _field(tree)
        case Negative(operand):
            get = compile_value(operand)
            return lambda person: None if (number := get(person)) is None else -number
        case Arithmetic():
            return _arithmetic(tree)
        case Count(event, within):
            return lambda person: float(sum(1 for _ in _happened(person, event, within)))
        case Sum(event, name, within):
            return lambda person: _sum(one.properties.get(name) for one in _happened(person, event, within))
        case Occurrence(event, latest):
            return lambda person: _occurrence(person, event, latest)
        case DaysSince(moment):
            return _days_since(moment)
        case _:
            return compile_condition(tree)


# Reading JSON.


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -LARGEST <= value <= LARGEST:
        return None
    return float(value) if abs(value) >= SMALLEST else 0.0


_READERS: dict[ValueType, Callable[[object], Any]] = {
    ValueType.STRING: lambda value: value if isinstance(value, str) else None,
    ValueType.NUMBER: _number,
    ValueType.BOOLEAN: lambda value: value if isinstance(value, bool) else None,
    ValueType.DATE: read_date,
    ValueType.DATETIME: read_datetime,
    ValueType.LIST: lambda value: value if isinstance(value, (list, tuple)) else None,
}


def _field(field: Field) -> Getter:
    name, read = field.name, _READERS[field.type]
    match field.namespace:
        case "profile":
            return lambda person: read(person.profile.get(name))
        case "event":
            return lambda person: read(person.event.get(name))
        case "entry":
            return lambda person: read(person.entry.get(name))
        case _:
            return lambda person: read(person.message.get(name))


# Values.


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


_OPERATIONS: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.ADD: operator.add,
    Operator.SUBTRACT: operator.sub,
    Operator.MULTIPLY: operator.mul,
    Operator.DIVIDE: _divide,
}


def _arithmetic(tree: Arithmetic) -> Getter:
    left, right, apply = compile_value(tree.left), compile_value(tree.right), _OPERATIONS[tree.operator]

    def compute(person: Person) -> float | None:
        a, b = left(person), right(person)
        return None if a is None or b is None else apply(a, b)

    return compute


def _happened(person: Person, name: str, within: timedelta | None) -> Iterator[Event]:
    now = person.now
    start = now - within if within is not None else None
    for event in person.history:
        if event.name == name and event.occurred_at <= now and (start is None or start <= event.occurred_at):
            yield event


def _sum(values: Iterator[object]) -> float:
    units = millionths = 0.0
    for value in values:
        number = _number(value)
        if number is not None:
            whole = float(int(number / SUM_UNIT))
            units += whole
            millionths += float(int((number - whole * SUM_UNIT) * SUM_SCALE + (SUM_BIAS + 0.5))) - SUM_BIAS
    return units * SUM_UNIT + millionths / SUM_SCALE


def _occurrence(person: Person, name: str, latest: bool) -> int | None:
    times: Iterator[datetime] = (event.occurred_at for event in _happened(person, name, None))
    found = max(times, default=None) if latest else min(times, default=None)
    return None if found is None else microseconds(found)


def _days_since(moment: Value) -> Getter:
    get, is_date = compile_value(moment), moment.type is ValueType.DATE

    def days(person: Person) -> float | None:
        value = get(person)
        if value is None:
            return None
        return float((microseconds(person.now) - (midnight(value) if is_date else value)) // DAY)

    return days


# Conditions.


def _comparison(tree: Comparison) -> Predicate:
    left, right, compare = compile_value(tree.left), compile_value(tree.right), _OPERATIONS[tree.operator]

    def holds(person: Person) -> bool:
        a, b = left(person), right(person)
        return a is not None and b is not None and bool(compare(a, b))

    return holds


def _one_of(tree: OneOf) -> Predicate:
    get, negated = compile_value(tree.value), tree.negated
    choices = frozenset(choice.value for choice in tree.choices)

    def holds(person: Person) -> bool:
        value = get(person)
        return value is not None and (value in choices) is not negated

    return holds


def _element_of(tree: ElementOf) -> Predicate:
    get, elements, read = compile_value(tree.value), compile_value(tree.list), _READERS[tree.value.type]
    negated = tree.negated

    def holds(person: Person) -> bool:
        value, found = get(person), elements(person)
        if value is None or found is None:
            return False
        return any(read(element) == value for element in found) is not negated

    return holds
