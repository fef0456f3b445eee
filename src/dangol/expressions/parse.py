"""Text → checked expression: the one parser of both back ends."""

from __future__ import annotations

from dangol.errors import ExpressionError
from dangol.expressions.check import Checker
from dangol.expressions.evaluate import compile_condition, compile_value
from dangol.expressions.functions import Functions, check_number, check_text
from dangol.expressions.scope import Scope
from dangol.expressions.tree import Count, Expression, Field, Figure, HasConsent, Needs, Occurrence, Sum, Value, walk

__all__ = ["Scope", "number_problems", "parse", "parse_number", "problems"]


def parse(text: str, scope: Scope) -> Expression:
    """The expression that ``text`` says; raises ExpressionError for the first thing wrong with it."""
    checker = Checker(scope, Functions().call)
    tree = check_text(checker, text)
    if tree is None:
        raise checker.errors[0]
    return Expression(text, tree, _needs(tree), compile_condition(tree))


def problems(text: str, scope: Scope) -> list[ExpressionError]:
    """Everything wrong with ``text``, in its order; empty if it can be parsed."""
    checker = Checker(scope, Functions().call)
    check_text(checker, text)
    return checker.errors


def parse_number(text: str, scope: Scope) -> Figure:
    """The number that ``text`` tells of a person; raises ExpressionError for the first thing wrong with it."""
    checker = Checker(scope, Functions().call)
    tree = check_number(checker, text)
    if tree is None:
        raise checker.errors[0]
    return Figure(text, tree, _needs(tree), compile_value(tree))


def number_problems(text: str, scope: Scope) -> list[ExpressionError]:
    """As ``problems``, for a text that is to tell a number."""
    checker = Checker(scope, Functions().call)
    check_number(checker, text)
    return checker.errors


def _needs(tree: Value) -> Needs:
    parts = list(walk(tree))
    return Needs(
        events=frozenset(part.event for part in parts if isinstance(part, Count | Sum | Occurrence)),
        consents=any(isinstance(part, HasConsent) for part in parts),
        profile=frozenset(part.name for part in parts if isinstance(part, Field) and part.namespace == "profile"),
        reaches=frozenset(
            (part.event, None if isinstance(part, Occurrence) else part.within)
            for part in parts
            if isinstance(part, Count | Sum | Occurrence)
        ),
    )
