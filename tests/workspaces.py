"""Small workspaces made in code: the shipped brand, one message on every channel, and the campaigns a test is about."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_STAGES = re.compile(r"^( *)stages:\n(?:\1 +.*\n)+", re.MULTILINE)

JOURNEY_MAP = {
    "stages": [
        {"key": "purchase", "name": "Purchase", "intent": "Pay."},
        {"key": "loyalty", "name": "Loyalty", "intent": "Be known."},
    ]
}
TRACKING_PLAN = {
    "attributes": {
        "name": "string",
        "given_name": "string",
        "vip": "boolean",
        "birthday": "date",
        "last_cart": "string",
        "tags": "list",
    },
    "events": {
        "Order Completed": {"order_id": "string", "value": "number", "cart_id": "string"},
        "Checkout Started": {"value": "number", "cart_id": "string"},
        "Checkout Resumed": {"cart_id": "string"},
        "Complaint Raised": {"topic": "string"},
        "Gift Requested": {"gift": "string"},
        "Gathering Announced": {"starts_at": "datetime"},
        "Regular Recognised": {"orders": "number"},
        "Consent Outcome Due": {"action": "string", "channels": "list", "happened_on": "date"},
        "Consent Requested": {
            "channel": "string",
            "purpose": "string",
            "topic": "string",
            "consent_id": "string",
        },
    },
}
POLICIES: dict[str, Any] = {"timezone": "Asia/Seoul", "locale": "en", "consent_required": ["marketing"]}
NIGHT = [{"from": "21:00", "to": "08:00"}]
TEXTS = {
    "note/email.en.md.j2": "---\nsubject: A note\npreheader: P\ntitle: T\n---\nHow are you?\n",
    "note/sms.en.txt.j2": "How are you?\n",
    "note/push.en.txt.j2": "---\ntitle: A note\n---\nHow are you?\n",
    "letter/email.en.md.j2": "---\nsubject: A letter\npreheader: P\ntitle: T\n---\nHow have you been?\n",
    "receipt/email.en.md.j2": (
        "---\nsubject: Your order {{ event.order_id }}\npreheader: P\ntitle: T\n---\nYou paid {{ event.value }}.\n"
    ),
}


def campaign(
    key: str,
    *steps: Mapping[str, Any],
    event: str = "Order Completed",
    again: str | Mapping[str, str] = "always",
    where: str | None = None,
    **others: Any,
) -> dict[str, Any]:
    """A campaign that marketing could have written; by default everyone who orders is sent a note."""
    entry = {"event": event, "again": again} | ({"where": where} if where else {})
    return {
        "key": key,
        "name": key,
        "purpose": "marketing",
        "entry": entry,
        "stages": [{"stage": "loyalty", "steps": list(steps) or [note()]}],
        **others,
    }


def scheduled(key: str, *steps: Mapping[str, Any], cron: str = "0 12 * * *", **others: Any) -> dict[str, Any]:
    """A campaign for everyone, every noon in Seoul unless ``cron`` or ``entry`` says otherwise."""
    entry = {"schedule": cron, "audience": "true", "again": "always"}
    return campaign(key, *steps, **{"entry": entry, **others})


def note(*channels: str, **others: Any) -> dict[str, Any]:
    """A step that sends the note: by email, or on the first of these channels that is allowed."""
    return {"send": "note", "channels": list(channels) or ["email"], **others}


def cap(limit: int, window: str = "rolling 7 days", *, key: str = "cap", **others: Any) -> dict[str, Any]:
    return {"key": key, "limit": limit, "window": window, **others}


def copy_brand(root: Path) -> None:
    """The shipped brand, without what its voice says of stages that a small journey map does not have."""
    shutil.copytree(ROOT / "templates" / "brand", root / "templates" / "brand")
    voice = root / "templates" / "brand" / "voice.yaml"
    voice.write_text(_STAGES.sub("", voice.read_text(encoding="utf-8")), encoding="utf-8")


def copy_part(root: Path, *keys: str) -> Path:
    """Of the shipped workspace only these campaigns, their messages and scenarios, and what is shared by all."""
    others = {file.stem for file in (ROOT / "campaigns" / "tests").glob("*.yaml")} - set(keys)
    told = "\n".join((ROOT / "campaigns" / f"{key}.yaml").read_text(encoding="utf-8") for key in keys)
    sent = {"brand", "morning_letters", *re.findall(r"\bsend: (\w+)", told)}  # policies name the digest
    unsent = [folder.name for folder in (ROOT / "templates").iterdir() if folder.name not in sent]
    left_out = {"campaigns": [f"{key}.yaml" for key in others], "templates": unsent}
    for folder, names in left_out.items():
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns(*names))
    return root


def write_workspace(
    root: Path,
    *campaigns: Mapping[str, Any],
    policies: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Path:
    """Write a workspace with exactly these campaigns to ``root``; ``policies`` and ``texts`` add to the usual ones."""
    shutil.rmtree(root, ignore_errors=True)
    copy_brand(root)
    files = {
        "campaigns/journey-map.yaml": json.dumps(JOURNEY_MAP),
        "campaigns/tracking-plan.yaml": json.dumps(TRACKING_PLAN),
        "campaigns/policies.yaml": json.dumps({**POLICIES, **(policies or {})}),
        **{f"campaigns/{one['key']}.yaml": json.dumps(one) for one in campaigns},
        **{f"templates/{path}": text for path, text in {**TEXTS, **(texts or {})}.items()},
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root
