"""What kinds of values the filters take and give, and what they say of the constants that they are given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from babel.core import Locale
from jinja2 import nodes

from dangol.content.filters import Refused, filters_for
from dangol.model.workspace import ValueType


class Kind(StrEnum):
    """Kinds of values, named as authors are told of them."""

    TEXT = "a text"
    NUMBER = "a number"
    TRUTH = "true or false"
    DATE = "a date"
    MOMENT = "a date with a time"
    LIST = "a list"
    NOTHING = "nothing"


OF_TYPE: Mapping[ValueType, Kind] = {
    ValueType.STRING: Kind.TEXT,
    ValueType.NUMBER: Kind.NUMBER,
    ValueType.BOOLEAN: Kind.TRUTH,
    ValueType.DATE: Kind.DATE,
    ValueType.DATETIME: Kind.MOMENT,
    ValueType.LIST: Kind.LIST,
}

WRITTEN = frozenset({Kind.TEXT, Kind.DATE, Kind.MOMENT})
"""What is text in the data."""
PRINTED = WRITTEN | {Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a filter takes; a value and arguments with which it works; what it gives."""

    takes: frozenset[Kind]
    value: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)
    gives: Kind = Kind.TEXT


_NUMERIC = frozenset({Kind.NUMBER, Kind.TEXT})
_SOME_TIME = "2026-03-02T09:00:00+00:00"
FILTERS: Mapping[str, Signature] = {
    "amount": Signature(_NUMERIC, 1, {"currency": "KRW", "style": "symbol"}),
    "number": Signature(_NUMERIC, 1),
    "plural": Signature(_NUMERIC, 1, {"one": "x", "many": "x"}),
    "date": Signature(WRITTEN, _SOME_TIME, {"format": "long", "timezone": None}),
    "time": Signature(WRITTEN - {Kind.DATE}, _SOME_TIME, {"timezone": None}),
    "josa": Signature(PRINTED, "x", {"particle": "이"}),
    "join": Signature(frozenset({Kind.LIST}), [], {"separator": ", "}),
    "truncate": Signature(PRINTED, "x", {"length": 1}),
    "length": Signature(WRITTEN | {Kind.LIST}, "x", gives=Kind.NUMBER),
    "url": Signature(WRITTEN, "https://x.example/"),
    **dict.fromkeys(("lower", "upper", "trim"), Signature(PRINTED, "x")),
}
_WORK = filters_for(Locale("en"))


def refusal(node: nodes.Filter, told: Signature) -> str:
    """What a filter says of the constants that it is given, other values being as they should; empty if nothing."""
    if node.name == "url":
        return ""  # which links there are is not known here
    function = _WORK[node.name]
    try:
        bound = inspect.signature(function).bind(
            node.node, *node.args, **{str(one.key): one.value for one in node.kwargs}
        )
    except TypeError:
        return ""  # the dialect has told
    value, *names = bound.arguments
    arguments = {
        name: argument.value if isinstance(argument := bound.arguments[name], nodes.Const) else told.arguments.get(name)
        for name in names
    }
    first = bound.arguments[value]
    try:
        function(first.value if isinstance(first, nodes.Const) else told.value, **arguments)
    except (Refused, TypeError, ValueError) as error:
        return str(error)
    return ""
