"""What every check shares: the names that a workspace defines, and how a text is held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from dangol.definitions.document import Document, Path, did_you_mean, nearest
from dangol.expressions import Scope, number_problems, parse, problems
from dangol.expressions.constants import settled
from dangol.model.durations import parse_duration
from dangol.model.problem import Problem
from dangol.model.workspace import TrackingPlan

PROFILE = frozenset({"profile"})
Counts = Callable[[Mapping[str, Any]], bool]
"""Does a cap count a message with these fields?"""


@dataclass(frozen=True, slots=True)
class Names:
    """What the workspace defines. None where the file is broken: then nothing is held against it.

    ``templates`` maps a message to the channels that have a text in the default locale. ``today`` is the day in the
    workspace's zone; without it nothing is held to have gone by. ``digests`` maps one to its template,
    ``closed_caps`` a cap that lets nothing go out to the test of whether it counts a message, ``senders`` a channel to
    the address or number that its messages come from, where that is known.
    """

    stages: frozenset[str] | None
    plan: TrackingPlan | None
    segments: Mapping[str, str]
    templates: Mapping[str, frozenset[str]]
    locale: str
    today: date | None = None
    topics: frozenset[str] | None = None
    digests: Mapping[str, str] | None = None
    closed_caps: Mapping[str, Counts] = field(default_factory=dict)
    capped_purposes: frozenset[str] = frozenset()
    senders: Mapping[str, str] = field(default_factory=dict)


# Events.


def meant_event(event: str | None, plan: TrackingPlan | None) -> str | None:
    """The event, or of a misspelt one that which was meant, so that what depends on it is checked in the same run."""
    if plan is None or event is None:
        return None
    return event if event in plan.events else nearest(event, plan.events)


def check_event(document: Document, path: Path, names: Names) -> Iterator[Problem]:
    event = document.text_at(path)
    if names.plan is not None and event is not None and event not in names.plan.events:
        message = f"found the event `{event}`, which is not in tracking-plan.yaml"
        yield document.problem("unknown-event", path, message, hint=did_you_mean(event, names.plan.events))


# Expressions.


def check_expression(
    document: Document, path: Path, scope: Scope, *, never: str = "", always: str = "", fatal: bool = True
) -> Iterator[Problem]:
    """Problems of an expression, and what follows if its answer is the same for everybody.

    ``never`` and ``always`` say what follows; empty if that is fine. ``fatal``: never true is an error, else a warning.
    """
    text = document.text_at(path)
    if text is None:
        return
    errors = problems(text, scope)
    for error in errors:
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else ""
        yield document.problem("bad-expression", path, str(error), hint=hint, offset=error.offset)
    answer = None if errors else settled(parse(text, scope).tree)
    if answer is False and never:
        severity = "error" if fatal else "warning"
        message, hint = f"this is never true, so {never}", "change the expression: it rules out everyone"
        yield document.problem("never-true", path, message, hint=hint, severity=severity)
    if answer is True and always:
        message, hint = f"this is always true, so {always}", "change the expression: it tells nobody from anybody else"
        yield document.problem("always-true", path, message, hint=hint, severity="warning")


def check_number(document: Document, path: Path, scope: Scope) -> Iterator[Problem]:
    """Problems of an expression that is to tell a number."""
    text = document.text_at(path)
    for error in number_problems(text, scope) if text is not None else ():
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else ""
        yield document.problem("bad-expression", path, str(error), hint=hint, offset=error.offset)


def check_audience(
    document: Document, path: Path, names: Names, *, never: str = "", always: str = "", fatal: bool = True
) -> Iterator[Problem]:
    if names.plan is not None:
        scope = Scope(names.plan, PROFILE, segments=names.segments)
        yield from check_expression(document, path, scope, never=never, always=always, fatal=fatal)


# Other words.


def check_zone(document: Document, path: Path, *, also: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """``also`` are words that may stand there beside zones."""
    zone, known = document.text_at(path), _zones() | also
    if zone is not None and zone not in known:
        hint = did_you_mean(zone, known) or "expected an IANA name such as `Asia/Seoul`"
        yield document.problem("unknown-timezone", path, f"found the unknown time zone `{zone}`", hint=hint)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_unique(document: Document, path: Path, seen: dict[str, int], code: str, noun: str) -> Iterator[Problem]:
    """``seen`` collects name → line of its first use."""
    name = document.text_at(path)
    if name is None:
        return
    line, _ = document.place(path)
    if name in seen:
        yield document.problem(code, path, f"the {noun} `{name}` was used before, in line {seen[name]}")
    seen.setdefault(name, line)


def duration_at(document: Document, path: Path) -> timedelta | None:
    """The duration at ``path``; None if there is none, or none that can be read."""
    with suppress(ValueError):
        return parse_duration(document.text_at(path))
    return None


def day_at(document: Document, path: Path) -> date | None:
    """The day at ``path``; None if there is none, or none that can be read."""
    with suppress(ValueError):
        return date.fromisoformat(document.text_at(path) or "")
    return None
