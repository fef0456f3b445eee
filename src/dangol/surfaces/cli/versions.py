"""``dangol versions``: what was in service when, by whom, and who is still on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dangol.bootstrap import open_dangol
from dangol.definitions import history
from dangol.definitions.history import Past
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.surfaces.cli.plan import SHORT

_COMMIT = 7


def versions(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="One campaign; all by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
) -> None:
    """List what came into and went out of service, the newest first."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        past = history.history(tx, key)
    if key is not None and not past:
        raise UsageError(f"the campaign {key!r} was never deployed; `dangol versions` lists those that were")
    if as_json:
        for one in past:
            typer.echo(json.dumps(_as_data(one), ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(_table(past) if past else "Nothing was deployed yet.")


def _as_data(one: Past) -> dict[str, Any]:
    facts = asdict(one.facts) | {"fragmentation": one.facts.index} if one.facts else None
    return asdict(one) | {"deployed_at": one.deployed_at.isoformat(), "facts": facts}


def _table(past: Sequence[Past]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("UTC", "campaign, version", "action, by", "commit"):
        table.add_column(name, overflow="fold", no_wrap=name == "campaign, version")
    table.add_column("journeys on it", justify="right", max_width=8)
    table.add_column("facts apart", justify="right", max_width=6)
    for one in past:
        version = Text(f"{one.campaign_key}\n", "bold").append(
            one.version_id[:SHORT] if one.version_id else "none", "not bold green" if one.in_service else "not bold"
        )
        if one.in_service:
            version.append("  in service", "not bold green")
        table.add_row(
            f"{one.deployed_at:%Y-%m-%d\n%H:%M:%S}",
            version,
            Text(f"{one.action}\n").append(one.deployed_by, "dim"),
            _short(one.git_commit),
            f"{one.journeys:,}" if one.version_id else "",
            f"{one.facts.index:,}" if one.facts else "",
        )
    return table


def _short(commit: str | None) -> str:
    sha, dirty, _ = (commit or "").partition("-dirty")
    return f"{sha[:_COMMIT]}{dirty}"
