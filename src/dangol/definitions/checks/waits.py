"""Checks of waits: is what they wait for still to come, and can it be heard before the journey ends?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime

from dangol.definitions.checks.course import Course, exits_of
from dangol.definitions.checks.names import check_event, duration_at, meant_event
from dangol.definitions.checks.values import check_field
from dangol.definitions.document import Path
from dangol.expressions import parse, problems
from dangol.expressions.constants import implies
from dangol.model.durations import format_duration
from dangol.model.problem import Problem
from dangol.model.times import MORNING, OfField, OnDay, Target, parse_target
from dangol.model.workspace import ValueType

_MOMENTS = frozenset({ValueType.DATE, ValueType.DATETIME})


def check_wait(course: Course, path: Path) -> Iterator[Problem]:
    yield from _check_length(course, (*path, "wait"))
    until = (*path, "wait", "until")
    text = course.document.text_at(until)
    target: Target | None = None
    with suppress(ValueError):
        target = parse_target(text)
    if isinstance(target, OfField):
        yield from check_field(course.setting, until, f"{target.namespace}.{target.name}", _MOMENTS)
    elif isinstance(target, OnDay) and course.document.get((*path, "wait", "yearly")) is not True:
        # By the calendar alone: people's zones are not known here.
        day = (datetime.combine(target.day, MORNING) + target.offset).date()
        skipped = course.document.get((*path, "wait", "if_past")) == "continue"
        yield from _check_day(course, until, day, "this wait is passed over" if skipped else "every journey ends here")


def _check_day(course: Course, path: Path, day: date, effect: str) -> Iterator[Problem]:
    if course.ends is not None and day > course.ends:
        message = f"waits past the campaign's end: {day} is after its last day, {course.ends}, so nobody gets further"
        hint = "wait until an earlier day, or set a later `ends`"
        yield course.document.problem("waits-past-end", path, message, hint=hint, severity="warning")
    elif course.starts is not None and day < course.starts:
        message = f"waits into the past: {day} is before the campaign starts on {course.starts}, so {effect}"
        hint = "wait until a later day, or set an earlier `starts`"
        yield course.document.problem("waits-into-past", path, message, hint=hint, severity="warning")
    elif course.names.today is not None and day < course.names.today and not course.over:
        message = f"waits into the past: {day} has gone by, so {effect}"
        hint = "wait until a later day, say `yearly: true`, or take the wait out"
        yield course.document.problem("waits-into-past", path, message, hint=hint, severity="warning")


def _check_length(course: Course, path: Path) -> Iterator[Problem]:
    duration = duration_at(course.document, path)
    if duration is not None and course.left is not None and duration > course.left:
        message = f"waits past the campaign's end: it runs for {format_duration(course.left)} at most"
        hint = "wait less long, or set a later `ends`"
        yield course.document.problem("waits-past-end", path, message, hint=hint, severity="warning")


def check_wait_for(course: Course, path: Path) -> Iterator[Problem]:
    document, awaited = course.document, (*path, "wait_for")
    if not isinstance(document.get(awaited), dict):
        return
    event = document.text_at((*awaited, "event"))
    yield from check_event(document, (*awaited, "event"), course.names)
    if (known := meant_event(event, course.names.plan)) is not None:
        never = "the wait can only time out"
        yield from course.setting.check_condition((*awaited, "where"), known, never=never)
    yield from _check_overtaken(course, awaited, event)
    yield from _check_length(course, (*awaited, "within"))


def _check_overtaken(course: Course, awaited: Path, event: str | None) -> Iterator[Problem]:
    """An event that ends the journey is never heard by a step."""
    document, place = course.document, (*awaited, "event")
    for path, exit_event, conditional in exits_of(document):
        if exit_event == event and (not conditional or _implies(course, awaited, path[:-1], event)):
            line, _ = document.place(path)
            message = f"this can never match: `{event}` ends the journey first, by the `exit` in line {line}"
            hint = (
                "remove the exit, or give it a `where`" if not conditional else "remove the exit, or narrow its `where`"
            )
            yield document.problem("never-matches", place, message, hint=hint)
            return
    goal = document.get(("goal",))
    if not isinstance(goal, dict) or event is None or document.text_at(("goal", "event")) != event:
        return
    if "where" not in goal or _implies(course, awaited, ("goal",), event):
        hint = "wait for another event, or give the goal a `where`" if "where" not in goal else _NARROW
        within = duration_at(document, ("goal", "within"))
        whole = within is not None and course.longest is not None and course.longest <= within
        how = "can never match" if whole else "matches only after the goal's time"
        message = f"this {how}: until then `{event}` is the goal and ends the journey"
        yield document.problem("never-matches", place, message, hint=hint, severity="error" if whole else "warning")


_NARROW = "wait for another event, or narrow the goal's `where`"


def _implies(course: Course, awaited: Path, ending: Path, event: str | None) -> bool:
    """Does every event that the wait is for meet the ``where`` of what ends the journey too?"""
    mine, theirs = (course.document.text_at((*path, "where")) for path in (awaited, ending))
    if mine is None or theirs is None or course.names.plan is None or event not in course.names.plan.events:
        return False
    scope = course.setting.scope(event)
    if problems(mine, scope) or problems(theirs, scope):
        return False
    return implies(parse(mine, scope).tree, parse(theirs, scope).tree)
