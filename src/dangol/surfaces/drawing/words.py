"""What a picture says about each step: a heading, and lines below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never
from urllib.parse import urlsplit

from dangol.model.campaign import Campaign, Entry, ExitOn, Goal, again_after
from dangol.model.durations import format_duration
from dangol.model.steps import (
    Add,
    AllOf,
    Emit,
    Exit,
    From,
    If,
    Remove,
    Send,
    Set,
    Split,
    Step,
    Until,
    Wait,
    WaitFor,
    Webhook,
)
from dangol.model.vocabulary import OnFailed

Words = tuple[str, tuple[str, ...]]
"""A heading and the lines below it."""


def step_words(step: Step) -> Words:
    match step:
        case Wait(wait=Until() as until):
            return f"Wait until {until.until}", tuple(_until(until))
        case Wait(wait=duration):
            assert not isinstance(duration, Until)
            return f"Wait {format_duration(duration)}", ()
        case WaitFor():
            return f"Wait for {step.wait_for.event}", tuple(_awaited(step))
        case If():
            return f"If {step.condition}", ()
        case Split():
            return f"Split {step.experiment}", ()
        case Send():
            return f"Send {step.send}", tuple(_send(step))
        case Set():
            return "Set", tuple(f"{name}: {_given(value)}" for name, value in step.set.items())
        case Emit():
            return f"Emit {step.emit}", tuple(f"{name}: {_given(value)}" for name, value in step.properties.items())
        case Webhook():
            return f"Call {urlsplit(step.webhook).hostname or 'a webhook'}", tuple(_webhook(step))
        case Exit():
            return f"Leave: {step.exit}", ()
        case _:
            assert_never(step)


def branch_words(step: Step, branch: str) -> str:
    """What leads into this branch."""
    if isinstance(step, Split):
        return f"{branch} {step.weights[branch]}%"
    if isinstance(step, If):
        return "yes" if branch == "then" else "no"
    return "it happened" if branch == "then" else "not in time"


def entry_words(campaign: Campaign) -> Words:
    entry = campaign.entry
    lines = list(_entry(entry))
    if campaign.holdout:
        lines.append(f"{campaign.holdout * 100:g}% are held out and get nothing")
    if campaign.spread is not None:
        lines.append(f"messages are spread over {format_duration(campaign.spread)}")
    if campaign.starts:
        lines.append(f"from {campaign.starts}")
    if campaign.ends:
        lines.append(f"until {campaign.ends}")
    return _entry_heading(entry), tuple(lines)


def exit_words(exits: tuple[ExitOn, ...]) -> tuple[str, ...]:
    return tuple(_happening(one.event, one.where) for one in exits)


def goal_words(goal: Goal) -> str:
    return f"{_happening(goal.event, goal.where)} within {format_duration(goal.within)}"


def _entry_heading(entry: Entry) -> str:
    match entry.kind:
        case "event":
            return str(entry.event)
        case "api":
            return f"The API asks: {entry.api}"
        case "schedule":
            return f"Schedule {entry.schedule}"
        case "audience":
            return "Joins an audience"


def _entry(entry: Entry) -> Iterator[str]:
    if entry.timezone:
        yield "in each recipient's own zone" if entry.timezone == "recipient" else f"in {entry.timezone}"
    if entry.where:
        yield f"where {entry.where}"
    if entry.audience:
        yield "everyone" if entry.audience.strip() == "true" else entry.audience
    if entry.every is not None:
        yield f"looked at every {format_duration(entry.every)}"
    if entry.existing == "enter":
        yield "those who are in it already enter too"
    if entry.key:
        yield f"one journey for each {entry.key}"
    if (after := again_after(entry)) is not None:
        yield f"again after {format_duration(after)}"
    else:
        yield "again at any time" if entry.again == "always" else "once"


def _until(until: Until) -> Iterator[str]:
    if until.at is not None:
        yield f"at {until.at:%H:%M}"
    if until.yearly:
        yield "each year"
    if until.if_past == "continue":
        yield "goes on at once if that is past"


def _awaited(step: WaitFor) -> Iterator[str]:
    if step.wait_for.where:
        yield f"where {step.wait_for.where}"
    yield f"for {format_duration(step.wait_for.within)}"
    if step.wait_for.since == "entry":
        yield "since the entry"


def _send(step: Send) -> Iterator[str]:
    joint = " and " if isinstance(step.channels, AllOf) else ", else "
    yield joint.join(channel.value for channel in step.every_channel)
    if step.expires_after:
        yield f"expires after {format_duration(step.expires_after)}"
    if step.on_capped:
        yield f"when capped: {step.on_capped.value}"
    if step.on_failed is OnFailed.NEXT_CHANNEL:
        yield "a refused address: next channel"
    if step.digest:
        yield f"waits for the digest {step.digest}"


def _webhook(step: Webhook) -> Iterator[str]:
    # What follows a `?` may be a secret; a picture gets shown around.
    yield urlsplit(step.webhook).path or "/"
    if step.expires_after:
        yield f"expires after {format_duration(step.expires_after)}"


def _happening(event: str, where: str | None) -> str:
    return f"{event} where {where}" if where else event


def _given(value: Any) -> str:
    match value:
        case None:
            return "removed"
        case From():
            return value.from_
        case Add():
            return f"add {_listed(value.add)}"
        case Remove():
            return f"remove {_listed(value.remove)}"
        case tuple():
            return _listed(value)
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _listed(values: tuple[Any, ...]) -> str:
    return ", ".join(_given(value) for value in values)
