"""``dangol policy duties``: who is to be told by when, as the law asks, and whether they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from dangol.bootstrap import open_dangol
from dangol.duties import LOOKED_BACK
from dangol.settings import Settings
from dangol.surfaces.due import DutyAccount, Standing, duties_raised

_WORDS = {
    Standing.TOLD: "told",
    Standing.WAITS: "under way",
    Standing.FAILED: "not told",
    Standing.NOBODY: "no campaign takes it up",
}


def duties(
    everything: Annotated[bool, typer.Option("--all", help="List those who were told, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the notices that the law asks for: to whom, by when, and how they stand.

    Those of the last 90 days. The scheduler raises them; docs/duties.md says which there are. Exit code 1 if one is
    overdue.
    """
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        found = duties_raised(tx, dangol.clock.now(), dangol.releases.law(tx))
    shown = [one for one in found if everything or one.open]
    if as_json:
        told = [
            {**asdict(one), "due_by": one.due_by.isoformat(), "raised_at": one.raised_at.isoformat()} for one in shown
        ]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _tell(found, shown)
    if any(one.overdue for one in found):
        raise typer.Exit(1)


def _tell(found: Sequence[DutyAccount], shown: Sequence[DutyAccount]) -> None:
    if shown:
        table = Table("due by", "rule", "profile", "stands", "why", box=box.SIMPLE_HEAD)
        for one in shown:
            style = "red" if one.overdue else "dim" if not one.open else None
            words = f"{_WORDS[one.standing]}{', overdue' if one.overdue else ''}"
            table.add_row(one.due_by.isoformat(), one.rule, one.profile or "(erased)", words, one.reason, style=style)
        Console(highlight=False).print(table)
    waiting, late = sum(one.open for one in found), sum(one.overdue for one in found)
    typer.echo(
        f"{len(found)} raised in the last {LOOKED_BACK.days} days: {len(found) - waiting} told, {waiting} open, "
        f"{late} overdue"
    )
