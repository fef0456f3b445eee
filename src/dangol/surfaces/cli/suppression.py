"""``dangol suppression``: addresses that must not be written to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dangol.bootstrap import Dangol, open_dangol
from dangol.consent import suppressions
from dangol.consent.suppressions import NewSuppression, Suppression
from dangol.errors import UsageError
from dangol.model.vocabulary import Channel, Scope, SuppressionCause
from dangol.profiles.unwanted import one_spelling
from dangol.settings import Settings
from dangol.surfaces import inquiry
from dangol.surfaces.cli import imports
from dangol.surfaces.cli.deploy import ByOption, operator

app = typer.Typer(
    name="suppression", help="Addresses that must not be written to, whoever has them.", no_args_is_help=True
)

Address = Annotated[
    str | None, typer.Argument(metavar="ADDRESS", help="An email address, a phone number or a device's token.")
]
ProfileOption = Annotated[str | None, typer.Option("--profile", metavar="ID", help="This customer's address instead.")]
ChannelOption = Annotated[Channel | None, typer.Option("--channel", help="By the address unless given.")]
CountryOption = Annotated[str, typer.Option("--country", help="For phone numbers without their country code.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    address: Address = None,
    profile: ProfileOption = None,
    channel: ChannelOption = None,
    country: CountryOption = "KR",
    cause: Annotated[SuppressionCause, typer.Option("--cause", help="Why.")] = SuppressionCause.MANUAL,
    scope: Annotated[Scope | None, typer.Option("--scope", help="What is kept away; else by the cause.")] = None,
    note: Annotated[str, typer.Option("--note", help="A remark; no personal data.")] = "",
    by: ByOption = "",
) -> None:
    """Write to this address no more. Binds every worker as soon as this returns."""
    with open_dangol(Settings()) as dangol:
        person_id, channel, address = _target(dangol, address, profile, channel, country)
        told = NewSuppression(
            channel,
            dangol.pipeline.hasher.hash(channel, address),
            cause.value,
            f"staff:{by or operator()}",
            dangol.clock.now(),
            scope,
            inquiry.remark("--note", note),
        )
        added = dangol.pipeline.suppress([told], profile_id=person_id)
    scope = scope or suppressions.rule_of(cause.value).scope
    already = "" if added else " already"
    typer.echo(f"{_shown(profile, channel, address)} is{already} suppressed: {cause.value}, keeps away {_KEPT[scope]}")


@app.command()
def lift(
    address: Address = None,
    profile: ProfileOption = None,
    channel: ChannelOption = None,
    country: CountryOption = "KR",
    cause: Annotated[
        SuppressionCause | None, typer.Option("--cause", help="Only what was suppressed for this cause.")
    ] = None,
    consent: Annotated[
        str | None, typer.Option("--consent", metavar="ID", help="The new express consent that answers it.")
    ] = None,
    because: Annotated[str, typer.Option("--because", help="Why, for the log; no personal data.")] = "",
    by: ByOption = "",
) -> None:
    """Write to this address again, if the rule for its cause lets a person decide that.

    A complaint or a STOP is lifted only by a new express consent, and an erasure by nobody but the person.
    """
    with open_dangol(Settings()) as dangol:
        _, channel, address = _target(dangol, address, profile, channel, country)
        lifted = dangol.pipeline.lift(
            channel,
            address,
            by=by or operator(),
            because=inquiry.remark("--because", because),
            causes=[cause.value] if cause else [],
            consent_id=consent,
        )
    name = _shown(profile, channel, address)
    ended = ", ".join(one.cause for one in lifted)
    typer.echo(f"{name}: lifted {ended}" if lifted else f"{name} is not suppressed{f' for {cause}' if cause else ''}")


@app.command()
def show(
    address: Address = None,
    profile: ProfileOption = None,
    channel: ChannelOption = None,
    country: CountryOption = "KR",
    as_json: JsonOption = False,
) -> None:
    """Show what is on record about an address. Exit code 1 if it is suppressed."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        _, channel, address = _target(dangol, address, profile, channel, country)
        found = suppressions.record_of(tx, dangol.pipeline.hasher.hash(channel, address))
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False, default=_plain))
    elif not found:
        typer.echo(f"{_shown(profile, channel, address)} was never suppressed")
    else:
        Console(highlight=False).print(suppressions_table(found))
    if any(one.lifted_at is None for one in found):
        raise typer.Exit(1)


@app.command("import")
def import_(
    file: imports.FileArgument,
    format: imports.SuppressionFormatOption = None,
    encoding: imports.EncodingOption = "utf-8",
    reject_file: imports.RejectOption = None,
    source: imports.WhenceOption = "",
    as_json: imports.JsonOption = False,
) -> None:
    """The same as `dangol import suppressions`."""
    imports.import_suppressions(file, format, encoding, reject_file, source, as_json)


_KEPT = {Scope.MARKETING: "marketing", Scope.PROMPTED: "all but transactional messages", Scope.ALL: "everything"}


def suppressions_table(found: Sequence[Suppression]) -> Table:
    """What is on record, the first first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("channel", "cause, keeps away", "since (UTC)", "source, note", "lifted"):
        table.add_column(name, overflow="fold", no_wrap=name in ("channel", "since (UTC)"))
    for one in found:
        lifted = "" if one.lifted_at is None else f"{one.lifted_at:%Y-%m-%d %H:%M}"
        why = [part for part in (lifted, one.lifted_by, one.lifted_because) if part]
        table.add_row(
            one.channel,
            Text.assemble((one.cause, "" if one.lifted_at else "bold red"), f"\n{_KEPT[Scope(one.scope)]}"),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            "\n".join(part for part in (one.source, one.note) if part),
            "\n".join(why) or "holds",
        )
    return table


def _target(
    dangol: Dangol, address: str | None, profile: str | None, channel: Channel | None, country: str
) -> tuple[str | None, Channel, str]:
    """Whose address it is, if that was said, its channel and its one spelling. Raises UsageError."""
    if (address is None) == (profile is None):
        raise UsageError("say either an address or, with --profile ID, whose address")
    if profile is not None:
        return _of_profile(dangol, profile, channel)
    assert address is not None
    address = inquiry.bounded("address", address.strip())
    if channel is None:
        channel = Channel.EMAIL if "@" in address else Channel.SMS if _is_number(address) else None
    if channel is None:
        raise UsageError(f"cannot tell what {address!r} is; say --channel email, sms or push")
    return None, channel, one_spelling(channel, address, country.upper() or None)


def _of_profile(dangol: Dangol, profile: str, channel: Channel | None) -> tuple[str, Channel, str]:
    if channel is None:
        raise UsageError("--profile: say which of the customer's addresses with --channel email, sms or push")
    with dangol.database.read() as tx:
        person = inquiry.find_person(tx, profile)
    address = person.address(channel)
    if address is None:
        raise UsageError(f"the profile {profile!r} has no address for {channel.value}")
    return person.id, channel, address


def _is_number(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= _FEWEST_DIGITS and not any(map(str.isalpha, text))


_FEWEST_DIGITS = 7


def _shown(profile: str | None, channel: Channel, address: str) -> str:
    return f"{profile}'s address for {channel.value}" if profile is not None else address


def _as_json(one: Suppression) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "address_hash"}


def _plain(value: datetime) -> str:
    return value.isoformat()
