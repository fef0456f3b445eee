"""Conditions whose answer is settled before anybody is asked: ``false``, ``1 > 2``, ``x == "a" and x == "b"``.

What is found here is certain; what is not may be settled all the same. It serves to warn authors, never to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dangol.expressions.evaluate import compile_condition
from dangol.expressions.tree import (
    And,
    Comparison,
    Condition,
    Count,
    DaysSince,
    ElementOf,
    Field,
    HasConsent,
    IsMissing,
    Literal,
    Not,
    Occurrence,
    OneOf,
    Operator,
    Or,
    Person,
    Sum,
    Truth,
    Value,
    walk,
)
from dangol.model.workspace import ValueType

_ASKS = (Field, Count, Sum, Occurrence, DaysSince, HasConsent)
_NOBODY = Person(now=datetime(1970, 1, 1, tzinfo=UTC), profile={})
_MIRRORED = {
    Operator.LESS: Operator.GREATER,
    Operator.AT_MOST: Operator.AT_LEAST,
    Operator.GREATER: Operator.LESS,
    Operator.AT_LEAST: Operator.AT_MOST,
}
_NEVER_OF_ITSELF = frozenset({Operator.UNEQUAL, Operator.LESS, Operator.GREATER})
Constant = str | float | bool


def settled(tree: Condition) -> bool | None:
    """The answer that everybody gets at any time; None if it may differ."""
    if not any(isinstance(part, _ASKS) for part in walk(tree)):
        return compile_condition(tree)(_NOBODY)
    match tree:
        case Not(operand):
            answer = settled(operand)
            return None if answer is None else not answer
        case And():
            parts = list(_flat(tree))
            return False if _excluded(parts) else _all(settled(part) for part in parts)
        case Or(operands):
            if any(_denied(one) in operands for one in operands):
                return True
            answer = _all(None if one is None else not one for one in map(settled, operands))
            return None if answer is None else not answer
        case Comparison() | OneOf() | Truth():
            return _alone(tree)
        case _:
            return None


def implies(stronger: Condition, weaker: Condition) -> bool:
    """Is the weaker condition certainly true wherever the stronger one is? False also where nobody can tell."""
    parts = list(_flat(stronger))
    return all(_implied(parts, one) for one in _flat(weaker))


def _implied(parts: list[Condition], one: Condition) -> bool:
    if one in parts or not isinstance(one, Comparison):
        return _excluded([*parts, Not(one)])
    # A comparison is false of what is missing, so its opposite leaves that open.
    values = [side for side in (one.left, one.right) if not isinstance(side, Literal)]
    return _excluded([*parts, replace(one, operator=_OPPOSITES[one.operator])]) and all(
        _excluded([*parts, IsMissing(value, negated=False)]) for value in values
    )


def _alone(tree: Comparison | OneOf | Truth) -> bool | None:
    if isinstance(tree, Comparison) and tree.left == tree.right and tree.operator in _NEVER_OF_ITSELF:
        return False
    if _excluded([tree]):
        return False
    # A count is never missing, so the opposite of a comparison that cannot be true is always true.
    opposite = _OPPOSITES.get(tree.operator) if isinstance(tree, Comparison) else None
    if isinstance(tree, Comparison) and opposite is not None and isinstance(tree.left, Count):
        return True if _excluded([Comparison(opposite, tree.left, tree.right)]) else None
    return None


_OPPOSITES = {
    Operator.EQUAL: Operator.UNEQUAL,
    Operator.UNEQUAL: Operator.EQUAL,
    Operator.LESS: Operator.AT_LEAST,
    Operator.AT_MOST: Operator.GREATER,
    Operator.GREATER: Operator.AT_MOST,
    Operator.AT_LEAST: Operator.LESS,
}


def _denied(condition: Condition) -> Condition:
    return replace(condition, negated=not condition.negated) if isinstance(condition, IsMissing) else Not(condition)


def _all(answers: Iterable[bool | None]) -> bool | None:
    told = list(answers)
    if False in told:
        return False
    return True if all(answer is True for answer in told) else None


def _flat(tree: Condition) -> Iterator[Condition]:
    if isinstance(tree, And):
        for operand in tree.operands:
            yield from _flat(operand)
    else:
        yield tree


@dataclass(slots=True)
class _Room:
    """What one value can still be after several conditions that all hold."""

    low: Constant | None = None
    high: Constant | None = None
    open_low: bool = False
    open_high: bool = False
    choices: set[Constant] | None = None
    unequal: set[Constant] = field(default_factory=set)
    present: bool = False
    missing: bool = False

    def above(self, limit: Constant, *, itself: bool) -> None:
        if self.low is None or limit > self.low or (limit == self.low and not itself):  # type: ignore[operator]
            self.low, self.open_low = limit, not itself

    def below(self, limit: Constant, *, itself: bool) -> None:
        if self.high is None or limit < self.high or (limit == self.high and not itself):  # type: ignore[operator]
            self.high, self.open_high = limit, not itself

    def among(self, choices: Iterable[Constant]) -> None:
        self.choices = set(choices) if self.choices is None else self.choices & set(choices)

    def empty(self) -> bool:
        if self.missing and self.present:
            return True
        if self.choices is not None and not any(self._holds(choice) for choice in self.choices):
            return True
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (  # type: ignore[operator]
            self.low == self.high and (self.open_low or self.open_high or self.low in self.unequal)
        )

    def _holds(self, value: Constant) -> bool:
        return (
            value not in self.unequal
            and (self.low is None or value > self.low or (value == self.low and not self.open_low))  # type: ignore[operator]
            and (self.high is None or value < self.high or (value == self.high and not self.open_high))  # type: ignore[operator]
        )


def _excluded(parts: list[Condition]) -> bool:
    """Can these never be true all at once?"""
    if any(isinstance(part, Not) and all(one in parts for one in _flat(part.operand)) for part in parts):
        return True
    if any(not relations for relations in _relations(parts).values()):
        return True
    rooms: dict[Value, _Room] = {}
    for part in parts:
        _furnish(part, rooms)
    return any(room.empty() for room in rooms.values())


_LEFT = {
    Operator.EQUAL: "=",
    Operator.UNEQUAL: "<>",
    Operator.LESS: "<",
    Operator.AT_MOST: "<=",
    Operator.GREATER: ">",
    Operator.AT_LEAST: ">=",
}


def _relations(parts: list[Condition]) -> dict[tuple[Value, Value], set[str]]:
    """How two values can still stand to one another after all comparisons of the two."""
    found: dict[tuple[Value, Value], set[str]] = {}
    for part in parts:
        if isinstance(part, Comparison) and not isinstance(part.left, Literal) and not isinstance(part.right, Literal):
            pair, operator = (part.left, part.right), part.operator
            if (part.right, part.left) in found:
                pair, operator = (part.right, part.left), _MIRRORED.get(operator, operator)
            found[pair] = found.get(pair, set("<=>")) & set(_LEFT[operator])
    return found


def _furnish(part: Condition, rooms: dict[Value, _Room]) -> None:
    match part:
        case Comparison(operator, Literal(), right) if not isinstance(right, Literal):
            _furnish(Comparison(_MIRRORED.get(operator, operator), right, part.left), rooms)
        case Comparison(operator, left, Literal(value)) if not isinstance(left, Literal):
            _compare(_room(left, rooms), operator, value)
        case Comparison(_, left, right):
            for side in (left, right):
                _room(side, rooms).present = True
        case OneOf(value, choices, negated):
            room = _room(value, rooms)
            room.present = True
            if negated:
                room.unequal |= {choice.value for choice in choices}
            else:
                room.among(choice.value for choice in choices)
        case IsMissing(value, negated):
            room = _room(value, rooms)
            room.present, room.missing = room.present or negated, room.missing or not negated
        case ElementOf(value, found, _):
            for side in (value, found):
                _room(side, rooms).present = True
        case Truth(value):
            _compare(_room(value, rooms), Operator.EQUAL, True)


def _room(value: Value, rooms: dict[Value, _Room]) -> _Room:
    if value not in rooms:
        rooms[value] = _Room(low=0.0) if isinstance(value, Count) else _Room()
        if value.type is ValueType.BOOLEAN:
            rooms[value].choices = {True, False}
    return rooms[value]


def _compare(room: _Room, operator: Operator, value: Constant) -> None:
    room.present = True
    match operator:
        case Operator.EQUAL:
            room.among([value])
        case Operator.UNEQUAL:
            room.unequal.add(value)
        case Operator.LESS | Operator.AT_MOST:
            room.below(value, itself=operator is Operator.AT_MOST)
        case Operator.GREATER | Operator.AT_LEAST:
            room.above(value, itself=operator is Operator.AT_LEAST)
