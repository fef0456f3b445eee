"""A campaign with every kind of step, and texts that try to be more than texts."""

from __future__ import annotations

from typing import Any

from dangol.model.campaign import Campaign

HOSTILE = '"]; click n0 "javascript:alert(1)" <script>alert(1)</script> & `x` -->|a| end %%{init} 한글'

STEPS: list[dict[str, Any]] = [
    {"wait": "2 hours"},
    {"wait": {"until": "3 days before profile.birthday", "yearly": True, "at": "10:00", "if_past": "continue"}},
    {"send": "reminder", "ref": "nudge", "channels": ["push", "email"], "expires_after": "12 hours"},
    {
        "wait_for": {"event": "Checkout Resumed", "where": "event.a == entry.a", "within": "1 day", "since": "entry"},
        "then": [{"exit": "resumed"}],
        "else": [],
    },
    {
        "split": {"copy": {"plain": 50, "story": 30, "none": 20}},
        "plain": [{"send": "plain", "channels": {"all": ["email", "sms"]}}],
        "story": [{"if": "profile.vip", "then": [{"exit": "told"}], "else": [{"exit": "bored"}]}],
        "none": [],
    },
    {"set": {"cart": {"from": "entry.a"}, "vip": True, "tags": {"add": ["regular"]}, "old": None}},
    {"emit": "Cart Abandoned", "properties": {"a": {"from": "entry.a"}}},
    {"webhook": "https://crm.example/hook?token=secret", "payload": {"a": 1}},
]
LAST = [{"wait": "3 days"}]


def campaign(steps: list[dict[str, Any]] | None = None, **fields: Any) -> Campaign:
    stages = [{"stage": "purchase", "steps": steps or STEPS}]
    return Campaign.model_validate(
        {
            "key": "cart",
            "name": "Cart",
            "purpose": "marketing",
            "entry": {"event": "Checkout Started", "where": "event.value > 3", "key": "event.a", "again": "always"},
            "exit": [{"event": "Order Completed", "where": "event.a == entry.a"}, "Complaint Raised"],
            "goal": {"event": "Order Completed", "within": "3 days"},
            "holdout": "10%",
            "stages": stages if steps else [*stages, {"stage": "loyalty", "steps": LAST}],
        }
        | fields
    )


def hostile() -> Campaign:
    """Wherever an author, or whoever names an event, can write freely, something hostile is written."""
    return campaign(
        [
            {"if": HOSTILE, "then": [{"emit": HOSTILE, "properties": {"a": HOSTILE}}]},
            {"set": {HOSTILE: HOSTILE}},
            {"wait_for": {"event": HOSTILE, "where": HOSTILE, "within": "1 day"}},
            {"webhook": "https://crm.example/<script>alert(1)</script>"},
        ],
        name=HOSTILE,
        entry={"event": HOSTILE, "where": HOSTILE},
        exit=[HOSTILE],
        goal={"event": HOSTILE, "within": "1 day"},
    )
