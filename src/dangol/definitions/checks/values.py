"""Values and fields in steps: does the field exist, and is its type, or that of what is written, the declared one?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dangol.definitions.checks.names import Names, check_expression, check_number, meant_event
from dangol.definitions.document import Document, Path, did_you_mean
from dangol.definitions.shape import describe
from dangol.expressions import Scope
from dangol.expressions.comparisons import WORDS
from dangol.expressions.moments import read_date, read_datetime
from dangol.model.problem import Problem
from dangol.model.workspace import STANDARD_ATTRIBUTES, TrackingPlan, ValueType

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TEXT = frozenset({ValueType.STRING, ValueType.DATE, ValueType.DATETIME})
NO_ENTRY = "there is no `entry` here: an audience lets people in, not an event"


@dataclass(frozen=True, slots=True)
class Setting:
    """One campaign, with what its steps may talk about.

    ``opened_by`` is the path of the event that lets people in, None where an audience does; ``entry_event`` is that
    event, None also where nobody can tell which was meant.
    """

    document: Document
    names: Names
    opened_by: Path | None
    entry_event: str | None

    @classmethod
    def of(cls, document: Document, names: Names) -> Setting:
        entry = document.get(("entry",))
        way = next((way for way in ("event", "api") if isinstance(entry, dict) and way in entry), None)
        opened_by: Path | None = ("entry", way) if way is not None else None
        event = document.text_at(opened_by) if opened_by is not None else None
        return cls(document, names, opened_by, meant_event(event, names.plan))

    @property
    def plan(self) -> TrackingPlan:
        return self.names.plan or TrackingPlan()

    def scope(self, event: str | None = None) -> Scope:
        """What an expression may talk about beside ``profile``: the entry, and ``event`` where there is one."""
        spaces = {"profile"} | ({"event"} if event else set()) | ({"entry"} if self.opened_by else set())
        return Scope(self.plan, frozenset(spaces), event, self.names.segments, entry_event=self.entry_event)

    def check_condition(
        self, path: Path, event: str | None = None, *, never: str = "", always: str = "", fatal: bool = True
    ) -> Iterator[Problem]:
        """An expression of a step or an exit, asked at ``event`` if there is one."""
        if self._can_be_told(path):
            scope = self.scope(event)
            yield from check_expression(self.document, path, scope, never=never, always=always, fatal=fatal)

    def check_number(self, path: Path) -> Iterator[Problem]:
        """An expression that is to tell a number of somebody on the way."""
        if self._can_be_told(path):
            yield from check_number(self.document, path, self.scope())

    def _can_be_told(self, path: Path) -> bool:
        """Is it known what the expression at ``path`` may talk about?"""
        text = self.document.text_at(path)
        unsure = self.opened_by is not None and self.entry_event is None and text is not None and "entry" in text
        return self.names.plan is not None and not unsure

    def fields(self, namespace: str) -> Mapping[str, ValueType] | None:
        """The fields of ``profile`` or ``entry`` and their types; None if nobody can tell."""
        if self.names.plan is None:
            return None
        if namespace == "profile":
            return {**self.plan.attributes, **STANDARD_ATTRIBUTES}
        return self.plan.events.get(self.entry_event) if self.entry_event is not None else None


def check_field(setting: Setting, path: Path, field: str, wanted: frozenset[ValueType]) -> Iterator[Problem]:
    """``field``, such as ``entry.order_id``, stands somewhere in the text at ``path``; it has a ``wanted`` type."""
    document, (namespace, _, name) = setting.document, field.partition(".")
    offset = max((document.text_at(path) or "").find(field), 0)
    if namespace == "entry" and setting.opened_by is None:
        yield document.problem("unknown-field", path, NO_ENTRY, offset=offset)
        return
    fields = setting.fields(namespace)
    if fields is None:
        return
    if name not in fields:
        owner = f"the event `{setting.entry_event}`" if namespace == "entry" else "the profile"
        message = f"found `{field}`, but {owner} has no `{name}` in tracking-plan.yaml"
        hint = did_you_mean(field, {f"{namespace}.{known}": None for known in fields})
        yield document.problem("unknown-field", path, message, hint=hint, offset=offset)
    elif fields[name] not in wanted:
        expected = " or ".join(dict.fromkeys(WORDS[one] for one in sorted(wanted)))
        message = f"expected {expected}; found `{field}`, which is {WORDS[fields[name]]}"
        yield document.problem("wrong-type", path, message, offset=offset)


def check_value(setting: Setting, path: Path, wanted: ValueType, what: str) -> Iterator[Problem]:
    """A value written down or taken from a field, for something of the type ``wanted``; ``what`` names that thing."""
    value = setting.document.get(path)
    if isinstance(value, dict):
        field = value.get("from")
        if isinstance(field, str) and field.partition(".")[0] in {"profile", "entry"}:
            # A date is handed on as text, so text may hold one.
            allowed = _TEXT if wanted is ValueType.STRING else frozenset({wanted})
            yield from check_field(setting, (*path, "from"), field, allowed)
    elif value is not None and not _is(value, wanted):
        message = f"{what} is {WORDS[wanted]}{_SHAPES.get(wanted, '')}; found {describe(value)}"
        yield setting.document.problem("wrong-type", path, message, hint=_no_such_day(value, wanted))


def _no_such_day(value: object, wanted: ValueType) -> str:
    """The hint for what looks like a day, such as 2026-02-30."""
    looks = wanted is ValueType.DATE and isinstance(value, str) and _DAY.fullmatch(value)
    return "the calendar has no such day" if looks else ""


_SHAPES = {ValueType.DATE: " such as `2026-12-24`", ValueType.DATETIME: " such as `2026-12-24T09:00:00+09:00`"}


def _is(value: object, wanted: ValueType) -> bool:
    match wanted:
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ValueType.LIST:
            return isinstance(value, list)
        case ValueType.STRING:
            return isinstance(value, str)
        case ValueType.DATE:
            return isinstance(value, str) and read_date(value) is not None
        case ValueType.DATETIME:
            return isinstance(value, str) and read_datetime(value) is not None
