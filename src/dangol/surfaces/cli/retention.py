"""``dangol retention``: what the settings keep for how long, what has been kept long enough, and what was removed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from dangol.bootstrap import open_dangol
from dangol.ledger.removals import Removal, flaws, removals
from dangol.model.durations import format_duration
from dangol.retention.kinds import Keep, Kind, Removed
from dangol.settings import Settings
from dangol.surfaces.cli.log import JsonOption

app = typer.Typer(
    name="retention", help="Remove what was kept long enough, and show what was removed.", no_args_is_help=True
)


@app.command()
def plan(as_json: JsonOption = False) -> None:
    """Tell what would be removed now. Changes nothing."""
    _round(dry=True, as_json=as_json)


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As `plan`: tell only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove now what was kept long enough. The scheduler does so once a day by itself."""
    _round(dry=dry_run, as_json=as_json)


@app.command()
def proof(as_json: JsonOption = False) -> None:
    """List which months of the log were removed, with proof. Exit code 1 if that does not explain how it begins."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        found, wrong = removals(tx), list(flaws(tx))
    if as_json:
        for one in found:
            typer.echo(json.dumps(asdict(one), default=str))
    else:
        _list(found)
    for flaw in wrong:
        typer.echo(f"error: {flaw}", err=True)
    if wrong:
        raise typer.Exit(1)


def _round(*, dry: bool, as_json: bool) -> None:
    with open_dangol(Settings()) as dangol:
        keep = dangol.retention.keep
        told = _sums(keep, dangol.retention.run(dry=dry))
    if as_json:
        for line in told:
            typer.echo(json.dumps(line))
        return
    table = Table("kind", "kept for", "would go" if dry else "removed", "with them", box=box.SIMPLE_HEAD)
    for line in told:
        with_them = ", ".join(f"{count} {name}" for name, count in line["with_them"].items())
        table.add_row(line["kind"], line["kept_for"] or "ever", str(line["count"]), with_them)
    Console(highlight=False).print(table)


def _sums(keep: Keep, steps: Iterable[Removed]) -> list[dict[str, Any]]:
    """A line for each kind: how long it is kept, and how much of it goes."""
    counts = dict.fromkeys(Kind, 0)
    with_them: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
    for step in steps:
        counts[step.kind] += step.count
        for name, count in step.with_them.items():
            with_them[step.kind][name] = with_them[step.kind].get(name, 0) + count
    kept = {kind: keep.of(kind) for kind in Kind}
    return [
        {
            "kind": kind.value,
            "kept_for": format_duration(length) if length is not None else None,
            "count": counts[kind],
            "with_them": with_them[kind],
        }
        for kind, length in kept.items()
    ]


def _list(found: Iterable[Removal]) -> None:
    table = Table("entries", "first", "last", "before", "removed", "by", "rule", "hash", box=box.SIMPLE_HEAD)
    for one in found:
        when, numbers = f"{one.removed_at:%Y-%m-%d}", (str(one.entries), str(one.first_seq), str(one.last_seq))
        table.add_row(*numbers, f"{one.before:%Y-%m-%d}", when, one.removed_by, one.rule, one.hash[:16])
    if table.row_count:
        Console(highlight=False).print(table)
    else:
        typer.echo("Nothing was ever removed from the log.")
