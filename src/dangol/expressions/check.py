"""Syntax tree → typed tree: the allow-list. What is not named here is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from jinja2 import nodes

from dangol.errors import ExpressionError
from dangol.expressions.comparisons import NONE, WORDS, NoneLiteral, Operand, element_of, missing, one_of, pair
from dangol.expressions.grammar import offset_of
from dangol.expressions.scope import Scope
from dangol.expressions.tree import (
    CONDITIONS,
    LARGEST,
    SMALLEST,
    And,
    Arithmetic,
    Condition,
    Field,
    Literal,
    Negative,
    Not,
    Operator,
    Or,
    Truth,
    Value,
)
from dangol.model.workspace import ValueType

MAX_NODES = 500
MAX_DEPTH = 32
_MAX_REACH = 300

_COMPARISONS = {
    "eq": Operator.EQUAL,
    "ne": Operator.UNEQUAL,
    "lt": Operator.LESS,
    "lteq": Operator.AT_MOST,
    "gt": Operator.GREATER,
    "gteq": Operator.AT_LEAST,
}
_ARITHMETIC: dict[type[nodes.BinExpr], Operator] = {
    nodes.Add: Operator.ADD,
    nodes.Sub: Operator.SUBTRACT,
    nodes.Mul: Operator.MULTIPLY,
    nodes.Div: Operator.DIVIDE,
}
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Filter: "filters (`|`) belong to templates, not to expressions",
    nodes.Test: "`is` is not available; compare with `== none` or `!= none`",
    nodes.CondExpr: "`… if … else …` is not available; use `and`, `or` and `not`",
    nodes.Concat: "joining text (`~`) is not available",
    nodes.Dict: "`{…}` is not available; write a list as `[…]`",
    nodes.Pow: "`**` is not available; the operators are + - * /",
    nodes.FloorDiv: "`//` is not available; the operators are + - * /",
    nodes.Mod: "`%` is not available; the operators are + - * /",
    nodes.Pos: "a leading `+` is not available; leave it out",
}

T = TypeVar("T")
N = TypeVar("N")


class Reported(ExpressionError):
    """Something below is wrong and is in the list of errors already."""


class Checker:
    """Builds the typed tree of one text; ``errors`` collects what is wrong with it, all of it.

    ``call`` types a function call; it is given, so that functions and checks can stand in files of their own.
    """

    def __init__(self, scope: Scope, call: Callable[[Checker, nodes.Call], Value]) -> None:
        self.scope = scope
        self.errors: list[ExpressionError] = []
        self.size = 0
        self._call = call
        self._depth = 0

    def condition(self, node: nodes.Expr) -> Condition:
        """The node as a condition; raises ExpressionError (or Reported) if it is none."""
        match node:
            case nodes.And():
                return And(tuple(self.each(self.condition, _operands(node, nodes.And))))
            case nodes.Or():
                return Or(tuple(self.each(self.condition, _operands(node, nodes.Or))))
            case nodes.Not():
                return Not(self.condition(node.node))
            case nodes.Compare():
                return self._comparisons(node)
        value = self.value(node)
        if isinstance(value, CONDITIONS):
            return value
        if value.type is ValueType.BOOLEAN:
            return Truth(value)
        raise ExpressionError(
            f"expected a condition, true or false; found {WORDS[value.type]}: compare it with something",
            offset=offset_of(node),
        )

    def value(self, node: nodes.Expr) -> Value:
        """The node as a value; raises ExpressionError (or Reported) if it is none."""
        self.grow(1, offset_of(node))
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise ExpressionError("this calculation is too long; split it", offset=offset_of(node))
            return self._value(node)
        finally:
            self._depth -= 1

    def each(self, check: Callable[[N], T], items: Iterable[N]) -> list[T]:
        """Check every item and report every error, then raise Reported if there was any."""
        results: list[T] = []
        failed = False
        for item in items:
            try:
                results.append(check(item))
            except ExpressionError as error:
                self.report(error)
                failed = True
        if failed:
            raise Reported("already reported")
        return results

    def report(self, error: ExpressionError) -> None:
        if not isinstance(error, Reported):
            self.errors.append(error)

    def grow(self, by: int, offset: int) -> None:
        """Count nodes, those of inlined segments too; raises ExpressionError when there are too many."""
        self.size += by
        if self.size > MAX_NODES:
            raise ExpressionError(
                f"this expression and its segments are too large; {MAX_NODES} terms is the limit", offset=offset
            )

    def _value(self, node: nodes.Expr) -> Value:
        match node:
            case nodes.Const():
                return _constant(node)
            case nodes.Getattr() | nodes.Getitem():
                return self._field(node)
            case nodes.Neg():
                return self._negative(node)
            case nodes.Add() | nodes.Sub() | nodes.Mul() | nodes.Div():
                return self._arithmetic(node)
            case nodes.Call():
                return self._call(self, node)
            case nodes.And() | nodes.Or() | nodes.Not() | nodes.Compare():
                return self.condition(node)
            case nodes.Name():
                self.scope.check_namespace(node.name, node.lineno)
                raise ExpressionError(f"`{node.name}` alone is no value; write `{node.name}.…`", offset=node.lineno)
            case nodes.List() | nodes.Tuple():
                raise ExpressionError("a list can stand only to the right of `in`", offset=offset_of(node))
        raise ExpressionError(
            _REFUSED.get(type(node), "this is not part of the expression language"), offset=offset_of(node)
        )

    def _field(self, node: nodes.Getattr | nodes.Getitem) -> Field:
        if isinstance(node, nodes.Getattr):
            name, offset = node.attr, node.lineno + 1
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            name, offset = node.arg.value, node.arg.lineno
        else:
            raise ExpressionError('expected a name in quotes, as in `profile["name"]`', offset=node.lineno)
        if not isinstance(node.node, nodes.Name):
            raise ExpressionError(
                f"`{name}` cannot be read here: only `profile.…`, `event.…`, `entry.…` and `message.…` have fields",
                offset=offset,
            )
        self.scope.check_namespace(node.node.name, node.node.lineno)
        return self.scope.field(node.node.name, name, offset)

    # Numbers.

    def number(self, node: nodes.Expr) -> Value:
        """The node as a number; raises ExpressionError (or Reported) if it is none."""
        value = self.value(node)
        if value.type is not ValueType.NUMBER:
            raise ExpressionError(
                f"expected a number to calculate with; found {WORDS[value.type]}", offset=offset_of(node)
            )
        return value

    def _negative(self, node: nodes.Neg) -> Value:
        operand = self.number(node.node)
        return Literal(-float(operand.value), ValueType.NUMBER) if isinstance(operand, Literal) else Negative(operand)

    def _arithmetic(self, node: nodes.BinExpr) -> Value:
        left, right = self.each(self.number, (node.left, node.right))
        result = Arithmetic(_ARITHMETIC[type(node)], left, right)
        if _reach(result) > _MAX_REACH:
            raise ExpressionError(
                "this multiplies or divides too often: the result could leave the range of numbers",
                offset=offset_of(node),
            )
        return result

    # Comparisons.

    def _comparisons(self, node: nodes.Compare) -> Condition:
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        values = self.each(self._operand, sides)
        if len(node.ops) > 1 and any(not isinstance(v, tuple | NoneLiteral) and _is_boolean(v) for v in values):
            raise ExpressionError("true/false values cannot be compared in a chain; use `and`", offset=offset_of(node))
        pairs = self.each(
            lambda i: self._compare(node.ops[i].op, values[i], values[i + 1], offset_of(sides[i]), sides[i + 1]),
            range(len(node.ops)),
        )
        return pairs[0] if len(pairs) == 1 else And(tuple(pairs))

    def _operand(self, node: nodes.Expr) -> Operand:
        if isinstance(node, nodes.Const) and node.value is None:
            return NONE
        if isinstance(node, nodes.List | nodes.Tuple):
            return tuple(self.each(self._item, node.items))
        return self.value(node)

    def _item(self, node: nodes.Expr) -> Literal:
        value = self.value(node)
        if not isinstance(value, Literal):
            raise ExpressionError("a list holds constants only", offset=offset_of(node))
        return value

    def _compare(self, op: str, left: Operand, right: Operand, offset: int, right_node: nodes.Expr) -> Condition:
        right_offset = offset_of(right_node)
        if isinstance(left, tuple) or (isinstance(right, tuple) and op not in {"in", "notin"}):
            raise ExpressionError("a list can stand only to the right of `in`", offset=offset)
        if isinstance(left, NoneLiteral) or isinstance(right, NoneLiteral):
            return missing(op, left, right, offset)
        if op in {"in", "notin"}:
            if isinstance(right, tuple):
                items = right_node.items if isinstance(right_node, nodes.List | nodes.Tuple) else []
                return one_of(left, right, op == "notin", offset, [offset_of(item) for item in items])
            return element_of(left, right, op == "notin", offset, right_offset)
        assert not isinstance(right, tuple)
        return pair(_COMPARISONS[op], left, right, offset, right_offset)


def _operands(node: nodes.BinExpr, kind: type[nodes.BinExpr]) -> list[nodes.Expr]:
    found: list[nodes.Expr] = []
    rest: nodes.Expr = node
    while isinstance(rest, kind):
        found.append(rest.right)
        rest = rest.left
    return [rest, *reversed(found)]


def _constant(node: nodes.Const) -> Literal:
    value, offset = node.value, node.lineno
    if isinstance(value, bool):
        return Literal(value, ValueType.BOOLEAN)
    if isinstance(value, str):
        if "\x00" in value or (not value.isprintable() and any("\ud800" <= char <= "\udfff" for char in value)):
            raise ExpressionError("text cannot hold NUL or half a surrogate pair", offset=offset)
        return Literal(value, ValueType.STRING)
    if value is None:
        raise ExpressionError("`none` can stand only beside `==` or `!=`", offset=offset)
    if abs(value) > LARGEST or 0 < abs(value) < SMALLEST:
        raise ExpressionError("this number is beyond what can be compared exactly (1e15)", offset=offset)
    return Literal(float(value), ValueType.NUMBER)


def _reach(value: Value) -> int:
    """A power of ten: the value is zero or a multiple of 10^-n, and at most 10^n. Bounds what doubles must hold."""
    match value:
        case Arithmetic(Operator.ADD | Operator.SUBTRACT, left, right):
            return max(_reach(left), _reach(right)) + 1
        case Arithmetic(_, left, right):
            return _reach(left) + _reach(right) + 16
        case Negative(operand):
            return _reach(operand)
    return 31


def _is_boolean(value: Value) -> bool:
    return value.type is ValueType.BOOLEAN
