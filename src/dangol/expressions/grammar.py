"""Text → syntax tree, by Jinja2's own lexer and parser, within bounds that no hostile text escapes.

Jinja2 knows only line numbers. Its lexer hands every token's line number through to the node made of it, so
here the tokens carry their offset in the text in that place; ``offset_of`` reads it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from dangol.errors import ExpressionError

MAX_CHARACTERS = 2000
MAX_TOKENS = 300
MAX_BRACKETS = 10
MAX_PREFIXES = 4

_JINJA = Environment(autoescape=True, keep_trailing_newline=True)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_PREFIXES = frozenset({"not", "-", "+"})
_HINTS = {
    "=": ("`=` does not compare", "=="),
    "&": ("`&` is not an operator", "and"),
    "!": ("`!` is not an operator", "not"),
    "AND": ("operators are lower case", "and"),
    "OR": ("operators are lower case", "or"),
    "NOT": ("operators are lower case", "not"),
    "IN": ("operators are lower case", "in"),
    "NULL": ("a missing value is called `none`", "none"),
    "null": ("a missing value is called `none`", "none"),
    "TRUE": ("constants are lower case", "true"),
    "FALSE": ("constants are lower case", "false"),
}


def read(text: str) -> nodes.Expr:
    """The syntax tree of exactly one expression; raises ExpressionError."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"this expression has {len(text):,} characters; {MAX_CHARACTERS:,} is the limit", offset=MAX_CHARACTERS
        )
    if not text.strip():
        raise ExpressionError("expected a condition; found nothing (write `true` for everyone)")
    if control := _CONTROL.search(text):
        raise ExpressionError(f"unexpected control character U+{ord(control[0]):04X}", offset=control.start())
    parser = Parser(_JINJA, "", state="variable")
    try:
        parser.stream = TokenStream(_JINJA.lexer.wrap(_positioned(text)), None, None)
        tree = parser.parse_expression()
        if not parser.stream.eos:
            token = parser.stream.current
            raise _unexpected(text, token.lineno)
    except TemplateSyntaxError as error:
        offset = len(text) if parser.stream.current.type == "eof" else error.lineno
        raise _syntax_error(text, offset, error.message or "") from None
    return tree


def offset_of(node: nodes.Node) -> int:
    """Where in the text the node begins, as well as can be told."""
    while True:
        match node:
            case nodes.BinExpr():
                node = node.left
            case nodes.Compare() | nodes.Concat():
                node = node.expr if isinstance(node, nodes.Compare) else node.nodes[0]
            case nodes.Getattr() | nodes.Getitem() | nodes.Call() | nodes.Filter() | nodes.Test():
                node = node.node  # type: ignore[assignment]
            case nodes.CondExpr():
                node = node.expr1
            case _:
                return node.lineno


def _positioned(text: str) -> Iterator[tuple[int, str, str]]:
    """Jinja2's raw tokens with their offset for a line number; refuses what would nest or run too far."""
    offset = brackets = prefixes = count = 0
    try:
        for _line, kind, value in _JINJA.lexer.tokeniter(text, None, state="variable"):
            if kind == "variable_end":
                raise ExpressionError(f"unexpected `{value.strip()}`; write the expression alone", offset=offset)
            if kind != "whitespace":
                count += 1
                brackets += (value in "([{") - (value in ")]}") if kind == "operator" else 0
                prefixes = prefixes + 1 if value in _PREFIXES else 0
            if count > MAX_TOKENS:
                raise ExpressionError(
                    f"this expression is too long; {MAX_TOKENS} words and signs is the limit", offset=offset
                )
            if brackets > MAX_BRACKETS or prefixes > MAX_PREFIXES:
                raise ExpressionError(f"this is nested too deeply; {MAX_BRACKETS} brackets is the limit", offset=offset)
            yield offset, kind, value
            offset += len(value)
    except TemplateSyntaxError as error:
        raise _syntax_error(text, offset, error.message or "") from None


def _syntax_error(text: str, offset: int, message: str) -> ExpressionError:
    if offset >= len(text):
        return ExpressionError(
            "the expression ends too early; something is missing after its last word", offset=len(text)
        )
    if message.startswith(("unexpected char", "unexpected", "expected token")):
        return _unexpected(text, offset)
    return ExpressionError(f"{message[:1].lower()}{message[1:]}".rstrip("."), offset=offset)


def _unexpected(text: str, offset: int) -> ExpressionError:
    found = re.match(r"\w+|&&|\|\||[^\w\s]", text[offset:])
    word = found[0] if found else text[offset : offset + 1]
    hint, suggestion = _HINTS.get(word if word.isidentifier() else word[:1], ("", None))
    if word in {"'", '"'}:
        hint = "a text that begins with this quote is not closed"
    message = f"unexpected `{word}`; " + (hint or "expected one expression, nothing before it or after it")
    return ExpressionError(message, offset=offset, suggestion=suggestion)
