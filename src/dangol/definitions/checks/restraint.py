"""Checks of what policies say about holding back, and of campaigns that they silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from dangol.definitions.checks.flow import WrittenStep
from dangol.definitions.checks.names import Counts, Names, check_event, check_unique, day_at, meant_event
from dangol.definitions.document import Document, Path, did_you_mean
from dangol.expressions import Person, Scope, evaluate, parse, problems
from dangol.model.durations import format_duration
from dangol.model.facts import message_fields
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel
from dangol.model.workspace import Calendar, Cap, Policies, TrackingPlan, Window

RESERVED = "recipient"
"""The key of the cap that a person sets; see ``policy.caps``."""
_MESSAGE = frozenset({"message"})
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_HOUR_MORE = timedelta(hours=1)
"""A day on which the clock is set back has it."""
_LENGTHS = {
    Calendar.DAY: timedelta(days=1) + _ONE_HOUR_MORE,
    Calendar.WEEK: timedelta(days=7) + _ONE_HOUR_MORE,
    Calendar.MONTH: timedelta(days=31) + _ONE_HOUR_MORE,
}
_WITHIN = {(Calendar.DAY, Calendar.WEEK), (Calendar.DAY, Calendar.MONTH)}
"""Calendar windows that lie in another one; a week may lie in two months."""


def closed_caps(policies: Policies | None, plan: TrackingPlan | None) -> dict[str, Counts]:
    """Caps of 0 whose condition can be read, and which messages each counts."""
    scope = Scope(plan or TrackingPlan(), _MESSAGE, functions=False)
    closed = [one for one in (policies.caps if policies is not None else ()) if one.limit == 0]
    return {one.key: _counts(one, scope) for one in closed if not problems(one.applies_to, scope)}


def _counts(cap: Cap, scope: Scope) -> Counts:
    expression = parse(cap.applies_to, scope)
    return lambda fields: evaluate(expression, Person(now=_NO_TIME, profile={}, message=fields))


# Policies.


def check_caps(document: Document, policies: Policies | None) -> Iterator[Problem]:
    for path, cap in document.items(("caps",)):
        if document.text_at((*path, "key")) == RESERVED:
            message = f"`{RESERVED}` is the cap that people set for themselves; choose another key"
            yield document.problem("reserved-name", (*path, "key"), message)
        if isinstance(cap, dict) and cap.get("limit") == 0 and not isinstance(cap["limit"], bool):
            message = "this cap lets nothing go out: no message that it counts will ever be sent"
            hint = "raise the limit, or take the campaigns that it counts out of service"
            yield document.problem("closed-cap", (*path, "limit"), message, hint=hint, severity="warning")
    caps = _readable_caps(document, policies)
    for path, one in caps.items():
        yield from _check_reserve(document, path, one)
        yield from _check_reach(document, path, one, list(caps.values()))


def _readable_caps(document: Document, policies: Policies | None) -> Mapping[Path, Cap]:
    """The caps by their place; of a file with mistakes elsewhere those that can be read."""
    if policies is not None:
        return {("caps", index): one for index, one in enumerate(policies.caps)}
    found = {}
    for path, cap in document.items(("caps",)):
        with suppress(ValidationError):
            found[path] = Cap.model_validate(cap)
    return found


def _check_reserve(document: Document, path: Path, cap: Cap) -> Iterator[Problem]:
    length = cap.window.rolling or _LENGTHS[cap.window.calendar or Calendar.MONTH]
    if cap.reserve is not None and cap.reserve > length:
        message = f"room is kept for {format_duration(cap.reserve)}, longer than the window `{cap.window}` lasts"
        hint = "what is due after the window needs no room in it: make `reserve` shorter"
        yield document.problem("long-reserve", (*path, "reserve"), message, hint=hint)


def _check_reach(document: Document, path: Path, cap: Cap, caps: Sequence[Cap]) -> Iterator[Problem]:
    """A cap that another one, stricter over a longer time, never lets come to its limit."""
    for other in caps:
        same = other is not cap and other.applies_to.split() == cap.applies_to.split()
        if same and cap.limit > other.limit and _lies_in(cap.window, other.window):
            message = (
                f"this cap never comes to {cap.limit}: `{other.key}` allows {other.limit} in `{other.window}`, which "
                f"is not shorter than `{cap.window}`"
            )
            hint = "lower this limit, raise the other one, or leave this cap out"
            yield document.problem("idle-cap", (*path, "limit"), message, hint=hint, severity="warning")


def _lies_in(inner: Window, outer: Window) -> bool:
    """Does every stretch of the inner window lie in one of the outer?"""
    if outer.calendar is not None:
        return inner == outer or (inner.calendar is not None and (inner.calendar, outer.calendar) in _WITHIN)
    assert outer.rolling is not None
    length = inner.rolling or _LENGTHS[inner.calendar or Calendar.MONTH]
    return length <= outer.rolling


def check_holds(document: Document, names: Names) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for path, _ in document.items(("holds",)):
        yield from check_unique(document, (*path, "key"), seen, "duplicate-hold", "hold")
        places: list[Path] = [(*path, "opens"), *(place for place, _ in document.items((*path, "closes")))]
        for place in places:
            yield from check_event(document, place, names)
            yield from _check_case(document, (*path, "case"), document.text_at(place), names)


def _check_case(document: Document, path: Path, event: str | None, names: Names) -> Iterator[Problem]:
    case, known = document.text_at(path), meant_event(event, names.plan)
    if case is None or known is None or names.plan is None or case in names.plan.events[known]:
        return
    message = f"the event `{known}` has no property `{case}` in tracking-plan.yaml, so its cases cannot be told apart"
    yield document.problem("unknown-property", path, message, hint=did_you_mean(case, names.plan.events[known]))


def check_warm_ups(document: Document, names: Names) -> Iterator[Problem]:
    """Each sender has one plan, is one that messages come from, and is still to become known."""
    seen: dict[tuple[str, str], int] = {}
    for path, _ in document.items(("warm_up",)):
        channel, sender = document.text_at((*path, "channel")) or "", document.text_at((*path, "sender"))
        line, _ = document.place((*path, "channel"))
        if (before := seen.setdefault((channel, (sender or "").casefold()), line)) != line:
            message = f"there is a plan for {f'`{sender}`' if sender else f'all {channel}'} already, in line {before}"
            yield document.problem("duplicate-warm-up", (*path, "channel"), message, hint="leave one of them")
        known = names.senders.get(channel)
        if sender is not None and known is not None and sender.casefold() != known.casefold():
            message = f"found the sender `{sender}`; {channel} of this workspace comes from `{known}`"
            hint = "write the sender as in templates/brand/voice.yaml, or leave it out for all of the channel"
            yield document.problem("unknown-sender", (*path, "sender"), message, hint=hint)
        yield from _check_warm_up_over(document, path, names)


def _check_warm_up_over(document: Document, path: Path, names: Names) -> Iterator[Problem]:
    starts, days = day_at(document, (*path, "starts")), document.get((*path, "per_day"))
    if starts is None or not isinstance(days, list) or names.today is None:
        return
    last = starts + timedelta(days=max(len(days) - 1, 0))
    if last < names.today:
        message = f"this plan is over: its last day was {last}, and now any number of messages goes out"
        yield document.problem("warm-up-over", (*path, "starts"), message, hint="remove it", severity="warning")


def check_digests(document: Document, names: Names) -> Iterator[Problem]:
    """The text of every digest is there, as an email."""
    for path, _ in document.items(("digests",)):
        template = document.text_at((*path, "template"))
        if template is None:
            continue
        if template not in names.templates:
            message = f"found the message `{template}`, but there is no folder templates/{template}/"
            hint = did_you_mean(template, frozenset(names.templates))
            yield document.problem("unknown-template", (*path, "template"), message, hint=hint)
        elif Channel.EMAIL not in names.templates[template]:
            message = f"the message `{template}` has no text for email in the default locale `{names.locale}`"
            hint = f"add templates/{template}/email.{names.locale}.md.j2; a digest is an email"
            yield document.problem("missing-template", (*path, "template"), message, hint=hint)


# Campaigns.


def check_silence(document: Document, sends: Sequence[WrittenStep], names: Names) -> Iterator[Problem]:
    """A campaign of which a cap of 0 lets nothing go out is an error; a single step of that kind a warning."""
    purpose = document.text_at(("purpose",))
    if not names.closed_caps or purpose is None or purpose not in names.capped_purposes:
        return
    silent = [(step, _silenced(document, step, names)) for step in sends]
    if silent and all(cap is not None for _, cap in silent):
        caps = ", ".join(f"`{cap}`" for cap in sorted({cap for _, cap in silent if cap is not None}))
        message = f"nothing of this campaign can ever be sent: {caps} of policies.yaml allows no message of it"
        yield document.problem("never-sent", ("purpose",), message, hint="raise the cap, or take the campaign out")
        return
    for step, cap in silent:
        if cap is not None:
            message = f"this can never be sent: `{cap}` of policies.yaml allows no such message"
            yield document.problem("never-sent", (*step.path, "send"), message, severity="warning")


def _silenced(document: Document, step: WrittenStep, names: Names) -> str | None:
    """The cap that lets this step send on none of its channels; None if one of them is open."""
    listed = (*step.path, "channels")
    if isinstance(document.get(listed), dict):
        listed = (*listed, "all")
    channels = [one for _, one in document.items(listed) if isinstance(one, str)]
    closed = [_closes(document, step, channel, names) for channel in channels]
    return closed[0] if closed and all(one is not None for one in closed) else None


def _closes(document: Document, step: WrittenStep, channel: str, names: Names) -> str | None:
    priority, tags = document.get(("priority",)), [one for _, one in document.items(("tags",))]
    fields = message_fields(
        channel,
        document.text_at(("purpose",)) or "",
        document.text_at(("key",)) or "",
        document.text_at((*step.path[:2], "stage")) or "",
        [one for one in tags if isinstance(one, str)],
        priority if isinstance(priority, int) else 50,
        document.text_at(("topic",)) or "",
    )
    return next((key for key, counts in names.closed_caps.items() if counts(fields)), None)
