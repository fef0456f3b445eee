"""Checks of one campaign: its entry, its ends and its steps, held against what the workspace defines.

They walk the plain values, not the models, so that a campaign with a mistake in its shape is still checked in full.
A value of the wrong kind is passed over here: the model has told about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from cronsim import CronSim, CronSimError

from dangol.definitions.checks.course import Course, exits_of
from dangol.definitions.checks.flow import check_flow
from dangol.definitions.checks.names import (
    Names,
    check_audience,
    check_event,
    check_expression,
    check_zone,
    day_at,
    duration_at,
    meant_event,
)
from dangol.definitions.checks.restraint import check_silence
from dangol.definitions.checks.steps import check_step
from dangol.definitions.checks.values import Setting
from dangol.definitions.checks.waits import check_order
from dangol.definitions.document import Document, Path, did_you_mean
from dangol.expressions import Scope
from dangol.model.campaign import RECIPIENT
from dangol.model.durations import format_duration
from dangol.model.problem import Problem
from dangol.model.vocabulary import Purpose
from dangol.model.workspace import ValueType

AT_AN_EVENT = frozenset({"entry", "event", "profile"})
SHORTEST_ROUND = timedelta(minutes=1)
"""The least time between two looks at an audience."""


def check_campaign(document: Document, names: Names) -> Iterator[Problem]:
    setting = Setting.of(document, names)
    course = Course(setting)
    yield from _check_entry(setting)
    yield from _check_topic(document, names)
    yield from setting.check_number(("value",))
    yield from _check_days(document, names)
    yield from _check_spread(course)
    yield from _check_ends(course)
    yield from _check_stages(document, names)
    yield from check_flow(document, course.steps)
    yield from check_order(course)
    yield from check_silence(document, [step for step in course.steps if step.verb == "send"], names)
    for step in course.steps:
        yield from check_step(course, step)


def check_keys(documents: Sequence[Document]) -> Iterator[Problem]:
    """Every campaign's key is the name of its file, so that no two share one."""
    files = {document.path: document.text_at(("key",)) for document in documents}
    for document in documents:
        key, file = document.text_at(("key",)), PurePosixPath(document.path)
        if key is None or key == file.stem:
            continue
        owner = next((path for path, other in files.items() if other == key and path != document.path), None)
        if owner is not None:
            message = f"the campaign key `{key}` is already used by {owner}"
            yield document.problem("duplicate-campaign", ("key",), message, hint=f"change it to `{file.stem}`")
        else:
            message = f"found the key `{key}` in {file.name}; expected `{file.stem}`"
            hint = f"rename the file to {key}.yaml or change the key"
            yield document.problem("file-name", ("key",), message, hint=hint)


# Who gets in.


def _check_entry(setting: Setting) -> Iterator[Problem]:
    document, names = setting.document, setting.names
    yield from check_zone(document, ("entry", "timezone"), also=frozenset({RECIPIENT}))
    yield from _check_schedule(document, ("entry", "schedule"))
    yield from _check_round(document, ("entry", "every"))
    marketing = document.get(("purpose",)) == Purpose.MARKETING
    always = "everyone gets in who ever was a customer" if marketing else ""
    yield from check_audience(document, ("entry", "audience"), names, never="nobody ever gets in", always=always)
    for way in ("event", "api"):
        yield from check_event(document, ("entry", way), names)
    if setting.entry_event is not None and names.plan is not None:
        scope = Scope(names.plan, AT_AN_EVENT, event=setting.entry_event, segments=names.segments)
        yield from check_expression(document, ("entry", "where"), scope, never="nobody ever gets in")
        yield from _check_key(setting, setting.entry_event)


def _check_key(setting: Setting, event: str) -> Iterator[Problem]:
    document, path = setting.document, ("entry", "key")
    owner, _, name = (document.text_at(path) or "").partition(".")
    if owner != "event" or not name:
        return
    declared = setting.plan.events[event]
    if name not in declared:
        message = f"the event `{event}` has no property `{name}` in tracking-plan.yaml"
        hint = did_you_mean(f"event.{name}", {f"event.{known}": None for known in declared})
        yield document.problem("unknown-property", path, message, hint=hint)
    elif declared[name] in {ValueType.LIST, ValueType.BOOLEAN}:
        message = f"a key tells one journey from another; `{name}` of `{event}` is of the type `{declared[name]}`"
        yield document.problem("wrong-type", path, message, hint="use an id, such as a text or a number")


def _check_round(document: Document, path: Path) -> Iterator[Problem]:
    every = duration_at(document, path)
    if every is not None and every < SHORTEST_ROUND:
        message = f"expected {format_duration(SHORTEST_ROUND)} at least; found `{document.text_at(path)}`"
        yield document.problem("too-often", path, message)


def _check_schedule(document: Document, path: Path) -> Iterator[Problem]:
    schedule = document.text_at(path)
    if schedule is None:
        return
    expected = 'expected five cron fields (minute hour day month weekday), such as "0 10 * * MON"'
    if len(schedule) > 200 or len(schedule.split()) != 5:
        yield document.problem("bad-schedule", path, f"{expected}; found `{schedule[:60]}`")
        return
    try:
        next(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except StopIteration:
        yield document.problem("bad-schedule", path, f"the schedule `{schedule}` never comes")
    except (CronSimError, ValueError) as error:
        field = str(error).removeprefix("Bad ")
        message = f"the {field} of the schedule `{schedule}` does not exist or never comes"
        yield document.problem("bad-schedule", path, message, hint=expected)
    else:
        _, _, day, _, weekday = schedule.split()
        if not day.startswith("*") and not weekday.startswith("*"):
            message = f"this comes on day `{day}` of the month and also on every `{weekday}`, as cron has it"
            hint = "let one of the two be `*`"
            yield document.problem("either-day", path, message, hint=hint, severity="warning")


def _check_spread(course: Course) -> Iterator[Problem]:
    """What goes to many at once can be spread; what one person waits for cannot, and nothing past its expiry."""
    document, path = course.document, ("spread",)
    spread = duration_at(document, path)
    if document.text_at(path) is None:
        return
    if document.get(("purpose",)) == Purpose.TRANSACTIONAL:
        message = "what somebody waits for goes out at once; this campaign is transactional"
        yield document.problem("cannot-spread", path, message, hint="leave `spread` out")
    elif document.get(("entry", "audience")) is None:
        message = "only a `schedule` or an `audience` lets many in at once; this campaign takes people one by one"
        yield document.problem("cannot-spread", path, message, hint="leave `spread` out")
    for step in course.steps if spread is not None else ():
        expires = duration_at(document, (*step.path, "expires_after")) if step.verb == "send" else None
        if spread is not None and expires is not None and expires < spread:
            message = f"this expires after {format_duration(expires)}, before all of it has gone out: `spread` is "
            message += format_duration(spread)
            hint = "lengthen `expires_after`, or make `spread` shorter"
            yield document.problem("spread-outlasts-expiry", (*step.path, "expires_after"), message, hint=hint)


def _check_topic(document: Document, names: Names) -> Iterator[Problem]:
    topic = document.text_at(("topic",))
    if topic is None or names.topics is None or topic in names.topics:
        return
    message = f"found the topic `{topic}`, which is not in policies.yaml"
    hint = did_you_mean(topic, names.topics) or f"add `{topic}` to `topics` in policies.yaml, with its names"
    yield document.problem("unknown-topic", ("topic",), message, hint=hint)


# What ends it.


def _check_days(document: Document, names: Names) -> Iterator[Problem]:
    ends = day_at(document, ("ends",))
    if ends is not None and names.today is not None and ends < names.today:
        message = f"the campaign is over: its last day was {ends}"
        hint = "set a later `ends`, or remove the file"
        yield document.problem("campaign-over", ("ends",), message, hint=hint, severity="warning")


def _check_ends(course: Course) -> Iterator[Problem]:
    setting, document, names = course.setting, course.document, course.names
    for path, event, conditional in exits_of(document):
        yield from check_event(document, path, names)
        if conditional and (known := meant_event(event, names.plan)) is not None:
            yield from setting.check_condition((*path[:-1], "where"), known, never="this exit ends nothing")
    yield from check_event(document, ("goal", "event"), names)
    if (known := meant_event(document.text_at(("goal", "event")), names.plan)) is not None:
        yield from setting.check_condition(("goal", "where"), known, never="the goal is never reached")
    yield from _check_double_exits(document)
    yield from _check_goal_and_exit(course)


def _check_double_exits(document: Document) -> Iterator[Problem]:
    """Exits that say the same, or nothing beside another."""
    seen: dict[tuple[str, str | None], int] = {}
    always = {event for _, event, conditional in exits_of(document) if not conditional}
    for path, event, conditional in exits_of(document):
        condition = document.text_at((*path[:-1], "where")) if conditional else None
        line, _ = document.place(path)
        if (event, condition) in seen:
            message = f"the exit `{event}` was listed before, in line {seen[event, condition]}"
            yield document.problem("duplicate-exit", path, message)
        elif conditional and event in always:
            message = f"`{event}` ends the journey without a condition as well, so this `where` changes nothing"
            yield document.problem("duplicate-exit", path, message)
        seen.setdefault((event, condition), line)


def _check_goal_and_exit(course: Course) -> Iterator[Problem]:
    """The goal comes first; where a journey can outlast its time, the same event means two things."""
    within = duration_at(course.document, ("goal", "within"))
    if course.goal in course.exits and within is not None and (course.longest is None or course.longest > within):
        time = format_duration(within)
        message = f"`{course.goal}` is also an exit: for {time} it counts as the goal, after that as an exit"
        hint = "make `within` as long as a journey, or leave the exit out"
        yield course.document.problem("goal-and-exit", ("goal", "event"), message, hint=hint, severity="warning")


def _check_stages(document: Document, names: Names) -> Iterator[Problem]:
    for path, _ in document.items(("stages",)):
        stage = document.text_at((*path, "stage"))
        if stage is not None and names.stages is not None and stage not in names.stages:
            message = f"found the stage `{stage}`, which is not in journey-map.yaml"
            yield document.problem("unknown-stage", (*path, "stage"), message, hint=did_you_mean(stage, names.stages))
