"""The functions: count, sum, first, last, has_consent, in_segment, days_since."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from jinja2 import nodes

from dangol.errors import ExpressionError
from dangol.expressions.check import Checker
from dangol.expressions.comparisons import MOMENTS, WORDS, moment_literal
from dangol.expressions.grammar import offset_of, read
from dangol.expressions.scope import Scope, unknown
from dangol.expressions.tree import Condition, Count, DaysSince, HasConsent, Literal, Occurrence, Sum, Value, nesting
from dangol.model.durations import parse_duration
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import ValueType

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "count": ("event", "within"),
    "sum": ("event", "property", "within"),
    "first": ("event",),
    "last": ("event",),
    "has_consent": ("channel", "purpose"),
    "in_segment": ("key",),
    "days_since": ("moment",),
}
_OPTIONAL = frozenset({"within"})
MAX_SEGMENT_DEPTH = 5
MAX_NESTING = 9
"""SQLite's SQL parser has a stack of 100; this deep an expression, its segments included, always fits."""

Arguments = dict[str, nodes.Expr]
V = TypeVar("V", bound=Value)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's audience, typed once however often it is used."""

    tree: Condition | None
    size: int
    errors: tuple[ExpressionError, ...]


@dataclass(frozen=True, slots=True)
class Functions:
    """Types the function calls of one expression and of the segments that it uses.

    ``path`` names the segments we are inside of.
    """

    path: tuple[str, ...] = ()
    segments: dict[str, Segment] = field(default_factory=dict)

    def call(self, checker: Checker, node: nodes.Call) -> Value:
        """The typed call; raises ExpressionError for an unknown function or unfit arguments."""
        name, arguments = _bound(checker.scope, node)
        match name:
            case "days_since":
                return _days_since(checker, arguments["moment"])
            case "has_consent":
                channel, purpose = checker.each(
                    lambda pair: _choice(*pair),
                    (
                        (arguments["channel"], "channel", tuple(Channel)),
                        (arguments["purpose"], "purpose", tuple(Purpose)),
                    ),
                )
                return HasConsent(channel, purpose)
            case "in_segment":
                return self._in_segment(checker, arguments["key"])
            case "first" | "last":
                return Occurrence(_event(checker.scope, arguments), latest=name == "last")
        event, within = checker.each(lambda check: check(checker.scope, arguments), (_event, _within))
        assert isinstance(event, str)
        assert not isinstance(within, str)
        return (
            Count(event, within) if name == "count" else Sum(event, _property(checker.scope, event, arguments), within)
        )

    def _in_segment(self, checker: Checker, node: nodes.Expr) -> Condition:
        key, offset = _text(node, "the segment's key"), node.lineno
        if key not in checker.scope.segments:
            raise unknown("segment", key, checker.scope.segments, offset)
        if key in self.path:
            raise ExpressionError(f"segment `{key}` is made of itself: {' → '.join([*self.path, key])}", offset=offset)
        if len(self.path) >= MAX_SEGMENT_DEPTH:
            raise ExpressionError(f"segments nest too deeply; {MAX_SEGMENT_DEPTH} is the limit", offset=offset)
        if key not in self.segments:
            self.segments[key] = self._segment(checker.scope, key)
        segment = self.segments[key]
        if segment.tree is None:
            raise ExpressionError(f"segment `{key}`: {segment.errors[0]}", offset=offset)
        checker.grow(segment.size, offset)
        return segment.tree

    def _segment(self, scope: Scope, key: str) -> Segment:
        inner = replace(scope, namespaces=frozenset({"profile"}), event=None)
        checker = Checker(inner, Functions((*self.path, key), self.segments).call)
        tree = check_text(checker, scope.segments[key])
        return Segment(tree, checker.size, tuple(checker.errors))


def check_text(checker: Checker, text: str) -> Condition | None:
    """The typed tree of a whole text, or None with the reasons in ``checker.errors``, in the text's order."""
    try:
        return _shallow(checker.condition(read(text)))
    except ExpressionError as error:
        checker.report(error)
    checker.errors.sort(key=lambda error: error.offset)
    return None


def check_number(checker: Checker, text: str) -> Value | None:
    """As ``check_text``, for a text that is to tell a number."""
    try:
        node = read(text)
        return _shallow(checker.number(node))
    except ExpressionError as error:
        checker.report(error)
    checker.errors.sort(key=lambda error: error.offset)
    return None


def _shallow(tree: V) -> V:
    if nesting(tree) > MAX_NESTING:
        raise ExpressionError(f"this expression and its segments nest too deeply; {MAX_NESTING} levels is the limit")
    return tree


def _bound(scope: Scope, node: nodes.Call) -> tuple[str, Arguments]:
    """The function's name and its arguments by parameter."""
    offset = offset_of(node)
    if not isinstance(node.node, nodes.Name):
        raise ExpressionError("only the functions can be called, nothing has methods", offset=offset)
    name = node.node.name
    if not scope.functions:
        raise ExpressionError(f"functions are not available here; found `{name}(…)`", offset=offset)
    if name == "not":
        raise ExpressionError("put this in brackets of its own: `(not …)`", offset=offset)
    if name not in _PARAMETERS:
        raise unknown("function", name, _PARAMETERS, offset)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise ExpressionError("`*` and `**` arguments are not available", offset=offset)
    parameters = _PARAMETERS[name]
    if len(node.args) > len(parameters):
        raise ExpressionError(f"`{_usage(name)}` takes no more than that", offset=offset_of(node.args[len(parameters)]))
    arguments: Arguments = dict(zip(parameters, node.args, strict=False))
    for keyword in node.kwargs:
        if keyword.key not in parameters:
            raise unknown(f"argument of `{name}`:", keyword.key, parameters, offset_of(keyword.value))
        if keyword.key in arguments:
            raise ExpressionError(f"`{keyword.key}` is given twice", offset=offset_of(keyword.value))
        arguments[keyword.key] = keyword.value
    missing = [parameter for parameter in parameters if parameter not in arguments and parameter not in _OPTIONAL]
    if missing:
        raise ExpressionError(f"`{name}` needs its {missing[0]}: `{_usage(name)}`", offset=offset)
    return name, arguments


def _usage(name: str) -> str:
    return f"{name}({', '.join(_PARAMETERS[name])})"


def _text(node: nodes.Expr, what: str) -> str:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    raise ExpressionError(f"expected {what} as a text in quotes", offset=offset_of(node))


def _choice(node: nodes.Expr, what: str, choices: tuple[str, ...]) -> str:
    name = _text(node, f"the {what}")
    if name not in choices:
        raise unknown(what, name, choices, node.lineno)
    return str(name)


def _event(scope: Scope, arguments: Arguments) -> str:
    node = arguments["event"]
    name = _text(node, "the event's name")
    if name not in scope.plan.events:
        raise unknown("event", name, scope.plan.events, node.lineno)
    return name


def _property(scope: Scope, event: str, arguments: Arguments) -> str:
    node = arguments["property"]
    name = _text(node, "the property's name")
    found = replace(scope, event=event).field("event", name, node.lineno)
    if found.type is not ValueType.NUMBER:
        raise ExpressionError(
            f"`{name}` of `{event}` is {WORDS[found.type]}; only numbers can be summed", offset=node.lineno
        )
    return name


def _within(_scope: Scope, arguments: Arguments) -> timedelta | None:
    if (node := arguments.get("within")) is None:
        return None
    try:
        return parse_duration(_text(node, 'a duration such as "30 days"'))
    except ValueError as error:
        raise ExpressionError(str(error), offset=node.lineno) from None


def _days_since(checker: Checker, node: nodes.Expr) -> DaysSince:
    moment = checker.value(node)
    if isinstance(moment, Literal) and moment.type is ValueType.STRING:
        moment = moment_literal(str(moment.value), ValueType.DATETIME, offset_of(node))
    if moment.type not in MOMENTS:
        raise ExpressionError(f"expected a date or datetime; found {WORDS[moment.type]}", offset=offset_of(node))
    return DaysSince(moment)
