"""A small workspace, its people in files, and a simulation of a few days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dangol.definitions.workspace import read_sources
from dangol.simulate.answers import answers
from dangol.simulate.behaviour import parse_behaviour
from dangol.simulate.engine import run, scratch
from dangol.simulate.gaps import Answers
from dangol.simulate.part import Variant
from dangol.simulate.setup import Wanted, prepare
from tests.workspaces import write_workspace

START = datetime(2026, 11, 1, 15, tzinfo=UTC)
"""Midnight in Seoul, a Monday."""
QUIET = "people: {consents: {marketing: {email: 100%, sms: 100%}}, devices: 0%}\n"
"""Nobody does anything by themselves, and everybody has agreed."""


def workspace(folder: Path, *campaigns: Mapping[str, Any], name: str = "now", **files: Any) -> Variant:
    return Variant(name, read_sources(write_workspace(folder / name, *campaigns, **files)))


def people_file(folder: Path, names: Sequence[str], **fields: str) -> Path:
    path = folder / "people.jsonl"
    rows = [
        {
            "profile_id": name,
            "email": f"{name}@example.com",
            "phone": "+821012345678",
            "timezone": "Asia/Seoul",
            **fields,
        }
        for name in names
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def happened(who: str, what: str, hours: float, **properties: Any) -> dict[str, Any]:
    """A call as the API takes it, so many hours after the start."""
    at = START + timedelta(hours=hours)
    return {"userId": who, "event": what, "timestamp": at.isoformat(), "properties": properties}


def events_file(folder: Path, *calls: Mapping[str, Any]) -> Path:
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(call) + "\n" for call in calls))
    return path


def simulated(*variants: Variant, behaviour: str = QUIET, days: int = 5, processes: int = 1, **others: Any) -> Answers:
    """The answers for these variants, the last of them the present one."""
    wanted = Wanted(
        variants, parse_behaviour("behaviour.yaml", behaviour), START, days, **{"grain": timedelta(hours=1), **others}
    )
    with scratch() as folder:
        plan, origin = prepare(wanted, Path(folder))
        return answers(plan, run(plan, processes=processes, folder=Path(folder)), origin)
