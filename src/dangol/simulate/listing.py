"""Everybody who changes between two variants, as CSV: written part by part, so that memory does not grow with them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from dangol.simulate.compare import Change, Changed
from dangol.simulate.tally import Outcome

_SIDES = ("before", "after")
COLUMNS = (
    "profile_id",
    "campaign",
    "step",
    "change",
    "how",
    "why",
    *(f"{side}_{name}" for side in _SIDES for name in ("message", "state", "reason", "channel", "at")),
)


def write_changed(into: Path | None, changed: Iterable[Changed], zone: ZoneInfo) -> None:
    """Write one row a change to a file of the listing; without one, only go through them. Times are in ``zone``."""
    if into is None:
        for _ in changed:
            pass
        return
    with into.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerows(_row(person.external_id, change, zone) for person in changed for change in person.changes)


def join_listing(folder: Path, into: Path) -> None:
    """Put the files of all parts together, in the order of the parts, under one line of names."""
    with into.open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for part in sorted(folder.iterdir(), key=lambda path: int(path.name)):
            with part.open("rb") as rows:
                shutil.copyfileobj(rows, file)


def _row(external_id: str, change: Change, zone: ZoneInfo) -> list[str]:
    about = [external_id, change.campaign, change.step, change.kind, change.how, change.why]
    return [*about, *_side(change.before, zone), *_side(change.after, zone)]


def _side(outcome: Outcome | None, zone: ZoneInfo) -> list[str]:
    if outcome is None:
        return [""] * 5
    at = outcome.at.astimezone(zone).isoformat(timespec="minutes")
    return [outcome.message, outcome.state, outcome.reason, outcome.channel, at]
