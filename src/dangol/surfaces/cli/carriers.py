"""``dangol carriers``: who carries which channel, and who is left alone for now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Row

from dangol.bootstrap import open_dangol
from dangol.delivery.pacing import Rate
from dangol.delivery.standing import FAILING
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.store import carriers as carrier_rows
from dangol.store import paces as pace_rows

app = typer.Typer(name="carriers", help="Who carries messages, and who is left alone for now.", no_args_is_help=False)


@app.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """List the carriers of each channel, the main one first, and until when one is left alone."""
    if context.invoked_subcommand is not None:
        return
    with open_dangol(Settings()) as dangol:
        now = dangol.clock.now()
        with dangol.database.read() as tx:
            standing = {row.name: row for row in carrier_rows.standing(tx)}
        table = Table(box=None, pad_edge=False)
        for name in ("channel", "carrier", "now"):
            table.add_column(name)
        for channel, providers in dangol.providers.items():
            for provider in providers:
                table.add_row(channel.value, provider.name, _standing(standing.get(provider.name), now))
        console = Console(highlight=False)
        console.print(table)
        if dangol.pace:
            with dangol.database.read() as tx:
                lines = {row.line: row for row in pace_rows.every(tx)}
            console.print()
            console.print(_rates(dangol.pace, lines, now))


def _rates(pace: Mapping[str, Rate], lines: Mapping[str, Row[Any]], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("line", "rate", "turns are given out"):
        table.add_column(name)
    for name, rate in pace.items():
        row = lines.get(name)
        until = max(row.promised_until, row.again_until, row.first_until) if row is not None else now
        table.add_row(name, str(rate), f"until {until:%Y-%m-%d %H:%M:%S} UTC" if until > now else "as they come")
    return table


def _standing(row: Row[Any] | None, now: datetime) -> str:
    if row is not None and row.away_until > now:
        return f"{row.why}, for {(row.away_until - now).total_seconds():,.0f} s more"
    if row is None or row.why != FAILING:
        return "well"
    return (
        f"{row.why}, being tried" if row.tried_until is not None and row.tried_until > now else f"{row.why}, next tried"
    )


@app.command()
def again(carrier: Annotated[str, typer.Argument(help="The carrier, such as sendgrid.")]) -> None:
    """Give this carrier messages again at once, in all processes within a second, instead of waiting.

    Turns that are given out at its rate begin anew as well: who was told to come later still comes then, and those who
    come now do not wait behind them. It is given no more than its rate for all that.
    """
    with open_dangol(Settings()) as dangol:
        known = sorted({provider.name for providers in dangol.providers.values() for provider in providers})
        if carrier not in known:
            raise UsageError(f"carrier {carrier!r} is not chosen; expected {', '.join(known)}")
        with dangol.database.write() as tx:
            was_away = carrier_rows.is_well(tx, carrier)
            dangol.pipeline.pacing.begin_anew(tx, carrier, dangol.clock.now())
    typer.echo(f"{carrier} is given messages again." if was_away else f"{carrier} was not left alone.")
