"""Advance a journey as far as it goes now.

``advance`` is pure and total: same campaign, position and instant, same answer (G9). A journey's position is that
of the step it runs *next*; a ``wait`` therefore moves on before it sleeps, and waking never runs a step twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dangol.model.campaign import Campaign, Exit, PlacedStep, Send, Wait
from dangol.model.vocabulary import Reason

START = ""
"""The position of a journey that has not run a step."""


@dataclass(frozen=True, slots=True)
class PlanMessage:
    """Ask for the messages of a ``send`` step."""

    step: PlacedStep
    send: Send
    due_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The journey sleeps until ``wake_at`` and goes on with the step at ``position``."""

    position: str
    wake_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The journey is over; ``detail`` is the author's word at an ``exit`` step."""

    reason: Reason
    position: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Advance:
    """Where the journey stands now, and the messages it asked for on the way."""

    state: Waiting | Ended
    commands: tuple[PlanMessage, ...]


def advance(campaign: Campaign, position: str, now: datetime, *, base: datetime | None = None) -> Advance:
    """Run steps from ``position`` until the journey waits or ends.

    A position that the campaign does not have ends the journey; it cannot arise while a journey keeps its version.
    Waits count from ``now``, not from when they should have begun: after an outage nobody gets two messages of one
    journey at once. ``expires_after`` counts from ``base`` (when the step was due; ``now`` if not given), so that
    work which was itself late is not sent as if it were fresh.
    """
    due = base or now
    commands: list[PlanMessage] = []
    steps = list(campaign.steps())
    index = 0 if position == START else _index(steps, position)
    while index < len(steps):
        placed = steps[index]
        index += 1
        match placed.step:
            case Send() as send:
                expires_at = due + send.expires_after if send.expires_after else None
                commands.append(PlanMessage(placed, send, now, expires_at))
            case Wait(wait=duration):
                following = steps[index].position if index < len(steps) else END
                return Advance(Waiting(following, now + duration), tuple(commands))
            case Exit(exit=why):
                return Advance(Ended(Reason.EXIT_STEP, placed.position, why), tuple(commands))
    return Advance(Ended(Reason.COMPLETED, END), tuple(commands))


END = "end"
"""The position after the last step: a journey may wait there before it completes."""


def _index(steps: list[PlacedStep], position: str) -> int:
    return next((index for index, placed in enumerate(steps) if placed.position == position), len(steps))
