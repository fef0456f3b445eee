"""``dangol profile``: what is held about one person, in a form to hand out, and forgetting it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, func, select

from dangol.bootstrap import Dangol, open_dangol
from dangol.consent import ledger, suppressions
from dangol.errors import UsageError
from dangol.model.people import Profile
from dangol.model.vocabulary import Channel, JourneyStatus, Reason
from dangol.settings import Settings
from dangol.store.tables import events, journeys, messages
from dangol.surfaces import inquiry
from dangol.surfaces.cli.consent import erased_line, states_table
from dangol.surfaces.cli.deploy import ByOption, operator
from dangol.surfaces.cli.outputs import check_writable, write_file
from dangol.surfaces.cli.suppression import suppressions_table

app = typer.Typer(name="profile", help="One person: show, export, erase.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(metavar="ID", help="The person, by the id your back end uses.")]
AskedOption = Annotated[bool, typer.Option("--asked", help="The person asked for it; the log says so.")]


@app.command()
def show(
    profile: Person,
    as_json: Annotated[bool, typer.Option("--json", help="Print the fields as one JSON object.")] = False,
) -> None:
    """Show a person's fields, consents and suppressed addresses."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        person = inquiry.find_person(tx, profile)
        counts = _counts(tx, person.id)
        held = ledger.as_of(tx, [person.id], dangol.clock.now())[person.id]
        kept_away = _suppressions(tx, dangol, person)
    facts = _facts(profile, person, counts)
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(_grid({name: value for name, value in facts.items() if value not in (None, {}, [])}))
    if person.erased_at is not None:
        console.print(erased_line(person.erased_at), style="red")
        return
    console.print(states_table(held) if held else "No consents on record.")
    if kept_away:
        console.print(suppressions_table(kept_away))


def _facts(name: str, person: Profile, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": name,
        "email": person.email,
        "phone": person.phone,
        "devices": len(person.devices),
        "locale": person.locale,
        "timezone": person.timezone,
        "country": person.country,
        "attributes": dict(person.attributes),
        "created_at": person.created_at.isoformat(),
        "erased_at": person.erased_at.isoformat() if person.erased_at else None,
        **counts,
        "own id in the log": person.id,
    }


def _counts(tx: Connection, profile_id: str) -> dict[str, int]:
    counted = {
        "events": select(func.count()).where(events.c.profile_id == profile_id),
        "journeys under way": select(func.count()).where(
            journeys.c.profile_id == profile_id, journeys.c.status != JourneyStatus.ENDED.value
        ),
        "messages": select(func.count()).where(messages.c.profile_id == profile_id),
    }
    return {name: tx.execute(statement).scalar_one() for name, statement in counted.items()}


def _suppressions(tx: Connection, dangol: Dangol, person: Profile) -> list[suppressions.Suppression]:
    addresses = [(channel, address) for channel in Channel if (address := person.address(channel)) is not None]
    hashes = [dangol.pipeline.hasher.hash(channel, address) for channel, address in addresses]
    return suppressions.active(tx, hashes)


def _grid(facts: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
        grid.add_row(name.replace("_", " "), Text(shown))
    return grid


@app.command()
def export(
    profile: Person,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to; printed unless given.")
    ] = None,
    asked: AskedOption = False,
    by: ByOption = "",
) -> None:
    """Write all that is held about a person as one JSON document, with the texts that were sent to them.

    That it was handed out is entered in the log.
    """
    check_writable("--output", output)
    with open_dangol(Settings()) as dangol:
        document = dangol.pipeline.export(profile, by=by or operator(), reason=_reason(asked))
    text = json.dumps(document, ensure_ascii=False, indent=2)
    if output is None:
        typer.echo(text)
        return
    write_file("--output", output, text + "\n")
    told = ", ".join(f"{len(document[name]):,} {name}" for name in ("events", "journeys", "messages", "log"))
    typer.echo(f"{output}: all that is held about {profile}: {told}")


@app.command()
def erase(
    profile: Person,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    asked: AskedOption = False,
    by: ByOption = "",
) -> None:
    """Forget a person for good. Nothing brings back what is erased.

    Their rows and their key go, their journeys end, and their addresses are never written to again. What was sent,
    and under which consent, stays provable without saying who they were.
    """
    with open_dangol(Settings()) as dangol:
        with dangol.database.read() as tx:
            person = inquiry.find_person(tx, profile)
        if person.erased_at is None:
            _confirm(profile, yes)
        done = dangol.pipeline.erase(profile, by=by or operator(), reason=_reason(asked))
    if done.before is not None:
        typer.echo(f"{profile} was erased already, at {done.before:%Y-%m-%d %H:%M} UTC")
        return
    forms = f"; erased with them: {done.forms:,} known by a form and the same address" if done.forms else ""
    typer.echo(
        f"{profile} is erased: {done.events:,} events deleted, {done.journeys:,} journeys ended,"
        f" {done.messages:,} messages cancelled, {done.addresses:,} addresses suppressed{forms}"
    )


def _confirm(profile: str, yes: bool) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(f"nobody is there to confirm that {profile!r} is to be erased for good; say --yes")
    typer.confirm(f"Erase {profile} for good?", abort=True)


def _reason(asked: bool) -> Reason:
    return Reason.ASKED_BY_RECIPIENT if asked else Reason.BY_HAND
