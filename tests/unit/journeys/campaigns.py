"""Campaigns for the step machine, in as few words as can be."""

from __future__ import annotations

from typing import Any

from dangol.model.campaign import Campaign


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
