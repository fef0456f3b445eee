"""Where a journey under way goes on in another version of its campaign. Pure.

A journey stands at the step that it runs next, or at the ``wait_for`` it listens at. It goes on at the step with the
same ``ref``; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from dangol.model.campaign import Campaign
from dangol.model.steps import END, START, Add, Emit, PlacedStep, Send, Set, Split, Wait, WaitFor, Webhook


@dataclass(frozen=True, slots=True)
class Transfer:
    """``to`` is the position to go on at; None if there is none, and ``obstacle`` then says why and what to do."""

    to: str | None
    obstacle: str = ""


def transfer(old: Campaign, new: Campaign, position: str, *, listening: bool) -> Transfer:
    """Where a journey of ``old`` at ``position`` stands in ``new``; ``listening``: a ``wait_for`` has begun there."""
    if position in {START, END}:
        return Transfer(position)
    here = _at(old, position)
    if here is None:
        return Transfer(None, "its version has no such step; let the journey finish, or stop it")
    if here.step.ref is None:
        return Transfer(None, "the step has no `ref` in the version they are on; deploy without --migrate")
    there = next((placed for placed in new.placed if placed.step.ref == here.step.ref), None)
    if there is None:
        ref = here.step.ref
        return Transfer(None, f"the new version has no step with `ref: {ref}`; keep one, or deploy without --migrate")
    if listening and not _hears_the_same(here, there):
        assert isinstance(here.step, WaitFor)
        event = here.step.wait_for.event
        return Transfer(
            None,
            f"they listen for {event}; let `{there.name}` be a `wait_for` of that event, or deploy without --migrate",
        )
    drawn = set(_arms(old, position))
    if foreign := [(name, arm) for name, arm in _arms(new, there.position) if (name, arm) not in drawn]:
        name, arm = foreign[0]
        told = f"`{there.name}` stands in the arm `{arm}` of `{name}`, which they have not drawn"
        return Transfer(None, f"{told}; put it outside of the `split`, or deploy without --migrate")
    return Transfer(there.position)


def _arms(campaign: Campaign, position: str) -> Iterator[tuple[str, str]]:
    """The experiments around a step, each with the arm in which the step stands."""
    parts = position.split(".")
    for end in range(2, len(parts) - 1, 2):
        around = _at(campaign, ".".join(parts[:end]))
        if around is not None and isinstance(around.step, Split):
            yield around.step.experiment, parts[end]


def still_to_come(campaign: Campaign, position: str) -> frozenset[str]:
    """Names of the steps that must not be run twice and that a journey at ``position`` may still reach, it included:
    sends, webhooks, emits, and what adds to a list."""
    return frozenset(placed.name for placed in ahead(campaign, position) if _counts_twice(placed))


def ahead(campaign: Campaign, position: str) -> list[PlacedStep]:
    """Every step that a journey at ``position`` may still reach, that step included, in the campaign's order."""
    steps = {placed.position: placed for placed in campaign.placed}
    open_, seen = [position], set()
    while open_:
        here = open_.pop()
        if here in steps and here not in seen:
            seen.add(here)
            open_ += [steps[here].following, *(steps[here].into(branch) for branch in steps[here].branches)]
    return [placed for placed in campaign.placed if placed.position in seen]


def time_before(campaign: Campaign, position: str) -> timedelta:
    """How long the waits of a journey last at least before it comes to the step at ``position``; moments are left out.

    Of a ``wait_for`` its ``else`` comes after its whole time, and everything else perhaps at once.
    """
    way = [one for one in campaign.placed if _leads_to(one.position, position)]
    lasts = timedelta()
    for placed in way:
        match placed.step:
            case Wait(wait=timedelta() as length):
                lasts += length
            case WaitFor(wait_for=awaited) if position.startswith(f"{placed.position}.else."):
                lasts += awaited.within
            case _:
                pass
    return lasts


def _leads_to(before: str, position: str) -> bool:
    """Does every way to the step at ``position`` pass that at ``before``, in its list or around it?"""
    if position.startswith(f"{before}."):
        return True
    first, second = before.split("."), position.split(".")
    if len(first) == 2:
        return [int(one) for one in first] < [int(one) for one in second[:2]]
    around, at = first[:-1], len(first) - 1
    return second[:at] == around and len(second) > at and int(first[at]) < int(second[at])


def _counts_twice(placed: PlacedStep) -> bool:
    match placed.step:
        case Send() | Webhook() | Emit():
            return True
        case Set(set=values):
            return any(isinstance(value, Add) for value in values.values())
        case _:
            return False


def _at(campaign: Campaign, position: str) -> PlacedStep | None:
    return next((placed for placed in campaign.placed if placed.position == position), None)


def _hears_the_same(here: PlacedStep, there: PlacedStep) -> bool:
    return (
        isinstance(here.step, WaitFor)
        and isinstance(there.step, WaitFor)
        and here.step.wait_for.event == there.step.wait_for.event
    )
