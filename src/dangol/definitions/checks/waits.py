"""Checks of waits: is what they wait for still to come, and can it be heard before the journey ends?"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from dangol.definitions.checks.course import Course, exits_of
from dangol.definitions.checks.flow import step_at, steps_in
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
_SOME_DAY = date(2000, 1, 1)
"""Stands for the day of a field."""


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
        yield from _check_day(course, until, day, skipped=skipped)
    yield from _check_return(course, (*path, "wait"), target)


def _check_return(course: Course, path: Path, target: Target | None) -> Iterator[Problem]:
    """A day of the person's life that lies behind them comes only if it returns."""
    if not isinstance(target, OfField) or target.namespace != "profile" or target.offset > timedelta():
        return
    if not any(word in target.name.lower() for word in _BEHIND) or course.document.get((*path, "yearly")) is True:
        return
    message = f"`profile.{target.name}` lies behind everybody, so this wait is for a moment that has gone by"
    yield course.document.problem("waits-into-past", (*path, "until"), message, hint=_YEARLY, severity="warning")


_BEHIND = ("birth", "created_at")
_YEARLY = "say `yearly: true` for each year's return"


def _check_day(course: Course, path: Path, day: date, *, skipped: bool) -> Iterator[Problem]:
    effect, severity = ("this wait is passed over", "warning") if skipped else ("every journey ends here", "error")
    if course.ends is not None and day > course.ends:
        message = f"waits past the campaign's end: {day} is after its last day, {course.ends}, so nobody gets further"
        hint = "wait until an earlier day, or set a later `ends`"
        yield course.document.problem("waits-past-end", path, message, hint=hint, severity="warning")
    elif course.starts is not None and day < course.starts:
        message = f"waits into the past: {day} is before the campaign starts on {course.starts}, so {effect}"
        hint = "wait until a later day, or set an earlier `starts`"
        yield course.document.problem("waits-into-past", path, message, hint=hint, severity=severity)
    elif course.names.today is not None and day < course.names.today and not course.over:
        message = f"waits into the past: {day} has gone by, so {effect}"
        hint = "wait until a later day, say `yearly: true`, or take the wait out"
        yield course.document.problem("waits-into-past", path, message, hint=hint, severity=severity)


@dataclass(frozen=True, slots=True)
class Reached:
    """What has gone by for sure when a step is reached: so much time, and these moments.

    ``moments`` maps what a wait was for (a field and its time of day, None for written days) to the latest that has
    passed: a naive local time, of a field counted from its day.
    """

    elapsed: timedelta = timedelta()
    moments: Mapping[tuple[str, object] | None, datetime] = field(default_factory=dict)

    def after(self, length: timedelta) -> Reached:
        moments = {key: moment + length for key, moment in self.moments.items()}
        return Reached(self.elapsed + length, moments)


def check_order(course: Course) -> Iterator[Problem]:
    """Waits for what the waits before them have let go by already, or that together outlast the campaign."""
    stages = course.document.items(("stages",))
    yield from _walk(course, [path for stage, _ in stages for path in steps_in(course.document, (*stage, "steps"))])


def _walk(course: Course, paths: Iterable[Path], reached: Reached | None = None) -> Iterator[Problem]:
    reached = reached or Reached()
    for path in paths:
        step = step_at(course.document, path)
        for branch in step.branches:
            yield from _walk(course, steps_in(course.document, branch), reached)
        if step.verb == "wait":
            reached = yield from _after_wait(course, (*path, "wait"), reached)


def _after_wait(course: Course, path: Path, reached: Reached) -> Generator[Problem, None, Reached]:
    duration, document = duration_at(course.document, path), course.document
    if duration is not None:
        later = reached.after(duration)
        if course.left is not None and duration <= course.left < later.elapsed and reached.elapsed <= course.left:
            together = f"with the waits before it, {format_duration(later.elapsed)}"
            message = f"waits past the campaign's end: it runs for {format_duration(course.left)} at most; {together}"
            hint = "wait less long, or set a later `ends`"
            yield document.problem("waits-past-end", path, message, hint=hint, severity="warning")
        return later
    found = _moment(course, path)
    if found is None:
        return reached
    key, moment = found
    before = reached.moments.get(key)
    if before is not None and moment < before:
        skipped = document.get((*path, "if_past")) == "continue"
        effect = "this wait is passed over" if skipped else "every journey ends here"
        message = f"waits into the past: an earlier wait lasts longer than this one, so {effect}"
        severity = "warning" if skipped else "error"
        hint = "put the waits in order, or say `if_past: continue`" if not skipped else "put the waits in order"
        yield document.problem("waits-into-past", (*path, "until"), message, hint=hint, severity=severity)
    return replace(reached, moments={**reached.moments, key: max(moment, before or moment)})


def _moment(course: Course, path: Path) -> tuple[tuple[str, object] | None, datetime] | None:
    """What is waited for, and when that is on the person's clock; None for what returns or cannot be compared."""
    if course.document.get((*path, "yearly")) is True:
        return None
    at = course.document.text_at((*path, "at"))
    with suppress(ValueError, OverflowError):
        clock = time.fromisoformat(at) if at is not None else MORNING
        match parse_target(course.document.text_at((*path, "until"))):
            case OnDay(day, offset):
                return None, datetime.combine(day, clock) + offset
            case OfField(namespace, name, offset):
                return (f"{namespace}.{name}", at), datetime.combine(_SOME_DAY, MORNING) + offset
            case _:
                pass
    return None


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
