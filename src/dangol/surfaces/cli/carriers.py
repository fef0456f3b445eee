"""``dangol carriers``: who carries which channel, and who is left alone for now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Row

from dangol.bootstrap import open_dangol
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.store import carriers as carrier_rows

app = typer.Typer(name="carriers", help="Who carries messages, and who is left alone for now.", no_args_is_help=False)


@app.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """List the carriers of each channel, the main one first, and until when one is left alone."""
    if context.invoked_subcommand is not None:
        return
    with open_dangol(Settings()) as dangol:
        now = dangol.clock.now()
        with dangol.database.read() as tx:
            away = {row.name: row for row in carrier_rows.standing(tx) if row.away_until > now}
        table = Table(box=None, pad_edge=False)
        for name in ("channel", "carrier", "now"):
            table.add_column(name)
        for channel, providers in dangol.providers.items():
            for provider in providers:
                row = away.get(provider.name)
                table.add_row(channel.value, provider.name, _standing(row, now))
        Console(highlight=False).print(table)


def _standing(row: Row[Any] | None, now: datetime) -> str:
    return f"{row.why}, for {(row.away_until - now).total_seconds():,.0f} s more" if row is not None else "well"


@app.command()
def again(carrier: Annotated[str, typer.Argument(help="The carrier, such as sendgrid.")]) -> None:
    """Give this carrier messages again at once, in all processes within a second, instead of waiting."""
    with open_dangol(Settings()) as dangol:
        known = sorted({provider.name for providers in dangol.providers.values() for provider in providers})
        if carrier not in known:
            raise UsageError(f"carrier {carrier!r} is not chosen; expected {', '.join(known)}")
        with dangol.database.write() as tx:
            was_away = carrier_rows.is_well(tx, carrier)
    typer.echo(f"{carrier} is given messages again." if was_away else f"{carrier} was not left alone.")
