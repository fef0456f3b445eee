"""Checks of single steps: what each verb names must exist, and be of use where it stands."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from dangol.definitions.checks.flow import WrittenStep, steps_of
from dangol.definitions.checks.names import Names, check_event, check_unique, day_at, duration_at, meant_event
from dangol.definitions.checks.values import Setting, check_field, check_value
from dangol.definitions.document import Document, Path, did_you_mean
from dangol.model.durations import format_duration
from dangol.model.problem import Problem
from dangol.model.times import MORNING, OfField, OnDay, Target, parse_target
from dangol.model.vocabulary import Channel, OnCapped
from dangol.model.workspace import STANDARD_ATTRIBUTES, ValueType

_DAY = timedelta(days=1)
_MOMENTS = frozenset({ValueType.DATE, ValueType.DATETIME})


@dataclass(frozen=True)
class Course:
    """One campaign as its steps are checked: its setting, its days, and what ends its journeys."""

    setting: Setting

    @property
    def document(self) -> Document:
        return self.setting.document

    @property
    def names(self) -> Names:
        return self.setting.names

    @cached_property
    def steps(self) -> list[WrittenStep]:
        return steps_of(self.document)

    @cached_property
    def starts(self) -> date | None:
        return day_at(self.document, ("starts",))

    @cached_property
    def ends(self) -> date | None:
        return day_at(self.document, ("ends",))

    @cached_property
    def over(self) -> bool:
        """Has the campaign's last day gone by?"""
        return self.ends is not None and self.names.today is not None and self.ends < self.names.today

    @cached_property
    def left(self) -> timedelta | None:
        """How long the campaign still runs at most; None if nobody can tell, or it is over."""
        first = max((day for day in (self.starts, self.names.today) if day is not None), default=None)
        if self.ends is None or first is None or self.ends < first:
            return None
        return self.ends - first + _DAY

    @cached_property
    def exits(self) -> dict[str, int]:
        """Event → line, of exits without a condition."""
        return {
            event: self.document.place(path)[0]
            for path, event, conditional in exits_of(self.document)
            if not conditional
        }

    @cached_property
    def goal(self) -> str | None:
        """The goal's event, if it counts without a condition."""
        goal = self.document.get(("goal",))
        return self.document.text_at(("goal", "event")) if isinstance(goal, dict) and "where" not in goal else None

    @cached_property
    def longest(self) -> timedelta | None:
        """A time that no journey outlasts by its own steps; None if a moment is waited for."""
        total = timedelta()
        for step in self.steps:
            if step.verb in {"wait", "wait_for"}:
                path = (*step.path, "wait") if step.verb == "wait" else (*step.path, "wait_for", "within")
                duration = duration_at(self.document, path)
                if duration is None:
                    return None
                total += duration
        return total


def exits_of(document: Document) -> Iterator[tuple[Path, str, bool]]:
    """Place, event and whether there is a condition, of every exit."""
    for path, exit_ in document.items(("exit",)):
        if isinstance(exit_, str):
            yield path, exit_, False
        elif isinstance(exit_, dict) and (event := document.text_at((*path, "event"))) is not None:
            yield (*path, "event"), event, "where" in exit_


def check_step(course: Course, step: WrittenStep) -> Iterator[Problem]:
    """What is wrong with one step, its branches aside."""
    check = _CHECKS.get(step.verb)
    if check is not None:
        yield from check(course, step.path)


# Waiting.


def _check_wait(course: Course, path: Path) -> Iterator[Problem]:
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


def _check_wait_for(course: Course, path: Path) -> Iterator[Problem]:
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
    place = (*awaited, "event")
    if event in course.exits:
        message = f"this can never match: `{event}` ends the journey first, by the `exit` in line {course.exits[event]}"
        hint = "remove the exit, or give it a `where`"
        yield course.document.problem("never-matches", place, message, hint=hint)
    elif event is not None and event == course.goal:
        hint = "wait for another event, or give the goal a `where`"
        within = duration_at(course.document, ("goal", "within"))
        whole = within is not None and course.longest is not None and course.longest <= within
        how = "can never match" if whole else "matches only after the goal's time"
        message = f"this {how}: until then `{event}` is the goal and ends the journey"
        severity = "error" if whole else "warning"
        yield course.document.problem("never-matches", place, message, hint=hint, severity=severity)


# Deciding.


def _check_if(course: Course, path: Path) -> Iterator[Problem]:
    never, always = "`then` is never reached", "`else` is never reached"
    yield from course.setting.check_condition((*path, "if"), never=never, always=always, fatal=False)


# Doing.


def _check_send(course: Course, path: Path) -> Iterator[Problem]:
    document = course.document
    message, channels = document.text_at((*path, "send")), list(_channels(document, path))
    seen: dict[str, int] = {}
    for place, _ in channels:
        yield from check_unique(document, place, seen, "duplicate-channel", "channel")
    reroutes = document.get((*path, "on_capped")) == OnCapped.REROUTE
    if reroutes and (len(channels) == 1 or isinstance(document.get((*path, "channels")), dict)):
        text = "`reroute` has no other channel to go to"
        hint = "list a second channel, or use `drop` or `defer`"
        yield document.problem("nowhere-to-reroute", (*path, "on_capped"), text, hint=hint, severity="warning")
    if message is not None:
        yield from _check_texts(course, (*path, "send"), message, channels)


def _check_texts(course: Course, path: Path, message: str, channels: list[tuple[Path, str]]) -> Iterator[Problem]:
    templates, locale = course.names.templates, course.names.locale
    if message not in templates:
        text = f"found the message `{message}`, but there is no folder templates/{message}/"
        hint = did_you_mean(message, frozenset(templates))
        yield course.document.problem("unknown-template", path, text, hint=hint)
        return
    for place, channel in channels:
        if channel not in templates[message]:
            text = f"the message `{message}` has no text for {channel} in the default locale `{locale}`"
            hint = f"add templates/{message}/{channel}.{locale}.{'md' if channel == 'email' else 'txt'}.j2"
            yield course.document.problem("missing-template", place, text, hint=hint)


def _channels(document: Document, path: Path) -> Iterator[tuple[Path, str]]:
    """The known channels of a `send` step with their places."""
    listed = (*path, "channels")
    if isinstance(document.get(listed), dict):
        listed = (*listed, "all")
    for place, value in document.items(listed):
        if isinstance(value, str) and value in set(Channel):
            yield place, value


def _check_set(course: Course, path: Path) -> Iterator[Problem]:
    changes = course.document.get((*path, "set"))
    if course.names.plan is None or not isinstance(changes, dict):
        return
    known = course.names.plan.attributes
    for name, change in changes.items():
        place = (*path, "set", name)
        if name in STANDARD_ATTRIBUTES:
            message = f"`{name}` is the customer's own and comes from your systems; a campaign cannot set it"
            yield course.document.problem("not-settable", place, message, key=True)
        elif name not in known:
            message = f"found the attribute `{name}`, which is not in tracking-plan.yaml"
            hint = did_you_mean(name, known)
            yield course.document.problem("unknown-attribute", place, message, hint=hint, key=True)
        elif isinstance(change, dict) and ("add" in change or "remove" in change):
            yield from _check_list_change(course, place, known[name])
        else:
            yield from check_value(course.setting, place, known[name], f"the attribute `{name}`")


def _check_list_change(course: Course, path: Path, declared: ValueType) -> Iterator[Problem]:
    if declared is not ValueType.LIST:
        verb = "add" if "add" in course.document.get(path) else "remove"
        message = f"`{verb}` is for lists; the attribute `{path[-1]}` is of the type `{declared}`"
        yield course.document.problem("wrong-type", (*path, verb), message, hint="write the value itself", key=True)


def _check_emit(course: Course, path: Path) -> Iterator[Problem]:
    document, event = course.document, course.document.text_at((*path, "emit"))
    yield from check_event(document, (*path, "emit"), course.names)
    known = meant_event(event, course.names.plan)
    if course.names.plan is not None and known is not None:
        declared = course.names.plan.events[known]
        given = document.get((*path, "properties"))
        for name in given if isinstance(given, dict) else ():
            place = (*path, "properties", name)
            if name in declared:
                yield from check_value(course.setting, place, declared[name], f"`{name}` of `{known}`")
            else:
                message = f"the event `{known}` has no property `{name}` in tracking-plan.yaml"
                yield document.problem("unknown-property", place, message, hint=did_you_mean(name, declared), key=True)
    if event is not None and (event in course.exits or event == course.goal):
        what = "an exit" if event in course.exits and event != course.goal else "the goal"
        message = f"`{event}` is {what} of this campaign, so the journey ends by its own step"
        hint = "use `exit` to end it, or another event"
        yield document.problem("ends-itself", (*path, "emit"), message, hint=hint, severity="warning")


def _check_webhook(course: Course, path: Path) -> Iterator[Problem]:
    document = course.document
    yield from _check_address(document, (*path, "webhook"))
    payload = document.get((*path, "payload"))
    for name, value in payload.items() if isinstance(payload, dict) else ():
        field = value.get("from") if isinstance(value, dict) else None
        if isinstance(field, str) and field.partition(".")[0] in {"profile", "entry"}:
            yield from check_field(course.setting, (*path, "payload", name, "from"), field, frozenset(ValueType))


def _check_address(document: Document, path: Path) -> Iterator[Problem]:
    with suppress(ValueError):
        address = urlsplit(document.text_at(path) or "")
        host = address.hostname or ""
        if _is_private(host):
            message = f"`{host}` is no public address; the call is refused unless `DANGOL_WEBHOOK_ALLOW` lists it"
            yield document.problem("private-address", path, message, severity="warning")
        elif address.scheme == "http":
            message = "found `http://`, where others can read and change what is told; expected `https://`"
            yield document.problem("insecure-address", path, message)


def _is_private(host: str) -> bool:
    """An address from which no packet of the internet comes, or a name that only a local network knows."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return last in {"localhost", "local", "internal", "lan", "home", "arpa"} or (host != "" and "." not in host)


_CHECKS: dict[str, Callable[[Course, Path], Iterator[Problem]]] = {
    "wait": _check_wait,
    "wait_for": _check_wait_for,
    "if": _check_if,
    "send": _check_send,
    "set": _check_set,
    "emit": _check_emit,
    "webhook": _check_webhook,
}
