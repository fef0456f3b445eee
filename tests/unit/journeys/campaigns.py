"""Campaigns for the step machine, in as few words as can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dangol.journeys import machine
from dangol.journeys.flow import Flow, Known
from dangol.journeys.machine import Advance, State, Waiting
from dangol.model.campaign import Campaign

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SOMEBODY = Known(profile_id="P1", profile={}, entered=(LONG_AGO, ""), zone=UTC)


def advance(campaign: Campaign, position: str, now: datetime, *, base: datetime | None = None) -> Advance:
    """Somebody of whom nothing is known goes on from here."""
    return machine.advance(Flow(campaign), State(position), SOMEBODY, now, base=base)


def waiting(position: str, wake_at: datetime) -> Waiting:
    return Waiting(State(position, wake_at))


def campaign(*steps: dict[str, Any], **more: Any) -> Campaign:
    """A campaign of one stage with these steps."""
    return staged({"onboarding": list(steps)}, **more)


def staged(stages: dict[str, list[dict[str, Any]]], **more: Any) -> Campaign:
    return Campaign.model_validate(
        {
            "key": "welcome",
            "name": "Welcome",
            "purpose": "marketing",
            "entry": {"event": "Signed Up"},
            "stages": [{"stage": stage, "steps": steps} for stage, steps in stages.items()],
            **more,
        }
    )


def send(template: str = "hello", channels: Any = ("email",), **more: Any) -> dict[str, Any]:
    return {"send": template, "channels": channels, **more}


def wait(duration: str) -> dict[str, Any]:
    return {"wait": duration}
