"""``dangol requests``: what people asked for on their pages and somebody has to do, with the day by which."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dangol.bootstrap import open_dangol
from dangol.consent import asking
from dangol.consent.asking import Request
from dangol.settings import Settings
from dangol.surfaces.cli.deploy import ByOption, operator

app = typer.Typer(name="requests", help="What people asked for: their data to be erased.", no_args_is_help=True)


@app.command("list")
def list_(
    done: Annotated[bool, typer.Option("--all", help="Also those that were done.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is still to be done, the most urgent first. Exit code 1 if something is overdue."""
    with open_dangol(Settings()) as dangol:
        now = dangol.clock.now()
        with dangol.database.read() as tx:
            found = asking.listed(tx, done=done)
    if as_json:
        data = [asdict(one) | {"overdue": one.overdue(now)} for one in found]
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))
    elif found:
        _print(found, now)
    else:
        typer.echo("nobody asked for anything" if done else "nothing is left to do")
    if any(one.overdue(now) for one in found):
        raise typer.Exit(1)


@app.command("done")
def done(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request's id.")],
    by: ByOption = "",
) -> None:
    """Mark a request as done. `dangol profile erase` does so by itself."""
    with open_dangol(Settings()) as dangol:
        now = dangol.clock.now()
        with dangol.database.write() as tx:
            settled = asking.settle(tx, request, by=by or operator(), now=now)
    typer.echo(f"{settled.id}: done {_moment(settled.done_at)} by {settled.done_by}")


def _print(found: list[Request], now: datetime) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("request", "asked for", "profile", "asked", "due", "done"):
        table.add_column(name, no_wrap=name == "request", overflow="fold")
    for one in found:
        due = f"[red]{_day(one.due_at)} overdue[/red]" if one.overdue(now) else _day(one.due_at)
        finished = f"{_day(one.done_at)} by {one.done_by}" if one.done_at is not None else ""
        table.add_row(one.id, one.kind, one.external_id or "", _day(one.asked_at), due, finished)
    Console(highlight=False, soft_wrap=True).print(table)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else ""
