"""Versions made from a few words, to be compared."""

from __future__ import annotations

import json
from typing import Any

from dangol.definitions.versions import Version, cut
from dangol.definitions.workspace import build_workspace
from tests.unit.definitions.samples import SHARED, TEMPLATES


def version(
    *steps: dict[str, Any],
    changed: dict[str, str] | None = None,
    policies: dict[str, Any] | None = None,
    **settings: Any,
) -> Version:
    """A version of the campaign ``cart`` with these steps and settings; ``changed`` are files with another text."""
    campaign = {
        "key": "cart",
        "name": "Cart",
        "purpose": "marketing",
        "entry": {"event": "Checkout Started"},
        "stages": [{"stage": "purchase", "steps": list(steps) or [{"send": "nudge", "channels": ["email"]}]}],
        **settings,
    }
    files = {**SHARED, **TEMPLATES, "campaigns/cart.yaml": json.dumps(campaign)}
    files |= {"campaigns/policies.yaml": json.dumps({"timezone": "Asia/Seoul", "locale": "ko", **(policies or {})})}
    return cut(build_workspace({**files, **(changed or {})}), "cart")


def send(message: str = "nudge", ref: str | None = None, **others: Any) -> dict[str, Any]:
    return {"send": message, "channels": ["email"], **({"ref": ref} if ref else {}), **others}


def wait(length: str, ref: str | None = None) -> dict[str, Any]:
    return {"wait": length, **({"ref": ref} if ref else {})}


def listen(event: str = "Order Completed", ref: str | None = None, **others: Any) -> dict[str, Any]:
    return {"wait_for": {"event": event, "within": "1 day"}, **({"ref": ref} if ref else {}), **others}
