"""``dangol consent``: what a person agreed to, now or at any past instant, and recording what they say by hand."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from dangol.bootstrap import Dangol, open_dangol
from dangol.consent import ledger, suppressions
from dangol.consent.folding import Matter
from dangol.consent.ledger import Recorded
from dangol.content.columns import fit
from dangol.errors import ErasedProfile, InvalidEvent, UsageError
from dangol.model.people import ConsentChange, ConsentState, Profile
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose
from dangol.profiles.validation import MAX_SOURCE, parse_consent
from dangol.settings import Settings
from dangol.surfaces import inquiry
from dangol.surfaces.cli import imports
from dangol.surfaces.cli.deploy import operator

app = typer.Typer(name="consent", help="Read and write the consent ledger.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(metavar="ID", help="The person, by the id your back end uses.")]
ChannelOption = Annotated[Channel, typer.Option("--channel", help="Where the person may be written to.")]
PurposeOption = Annotated[Purpose, typer.Option("--purpose", help="What for.")]
TopicOption = Annotated[str, typer.Option("--topic", help="Only this topic; `night` for being written to at night.")]
WordingOption = Annotated[str, typer.Option("--wording", help="The exact words that the person saw or heard.")]
WordingFileOption = Annotated[
    Path | None, typer.Option("--wording-file", metavar="FILE", help="The same, from a text file.")
]
VersionOption = Annotated[str, typer.Option("--wording-version", help="How you call this version of the words.")]
LocaleOption = Annotated[str, typer.Option("--locale", help="The language of the words, such as ko-KR.")]
ProofOption = Annotated[str, typer.Option("--proof", help="Where evidence is kept; no personal data.")]
BasisOption = Annotated[str, typer.Option("--basis", help="What the consent rests on; docs/consent.md lists them.")]
PlaceOption = Annotated[str, typer.Option("--jurisdiction", help="Whose law it was given under, such as KR.")]
SourceOption = Annotated[str, typer.Option("--source", help="Where it comes from; staff:YOU by default.")]
AtOption = Annotated[str, typer.Option("--at", metavar="TIME", help="When the person said so; now by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_COLOURS = {
    ConsentStatus.GRANTED: "green",
    ConsentStatus.PENDING: "yellow",
    ConsentStatus.WITHDRAWN: "red",
    ConsentStatus.EXPIRED: "magenta",
}
_WORDING_COLUMNS = 60
_OPTIONS = {"occurred_at": "--at", "userId": "ID"}


@app.command()
def show(
    profile: Person,
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="TIME", help="What held then; else now.")] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="TIME", help="Only what had been recorded by then.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a person agreed to, and every row of the ledger that says so.

    A date means its end, in UTC. With --known-at you see what dangol could know then, without what it learnt later.
    """
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        person = inquiry.find_person(tx, profile)
        now = dangol.clock.now()
        instant = inquiry.read_moment("--as-of", as_of) or now
        known = inquiry.read_moment("--known-at", known_at)
        held = ledger.as_of(tx, [person.id], instant, known)[person.id]
        rows = [row for row in ledger.history(tx, person.id) if _counts(row, instant, known)]
    if as_json:
        typer.echo(json.dumps(_as_json(person, instant, known, held, rows), ensure_ascii=False, default=_plain))
        return
    console = Console(highlight=False)
    asked = as_of is not None or known is not None
    console.print(_heading(profile, person, instant if asked else None, known))
    if person.erased_at is not None:
        console.print(erased_line(person.erased_at), style="red")
    if not rows:
        console.print("The ledger says nothing about this person: there is no consent to anything.")
        return
    console.print(states_table(held) if held else "Nothing of what was said holds by itself.")
    console.print(_rows_table(rows))


def _counts(row: Recorded, instant: datetime, known: datetime | None) -> bool:
    return row.occurred_at <= instant and (known is None or row.recorded_at <= known)


def _heading(name: str, person: Profile, instant: datetime | None, known: datetime | None) -> Text:
    parts = [(name, "bold")]
    if instant is not None:
        parts.append((f"  as of {instant:%Y-%m-%d %H:%M:%S} UTC", "dim"))
    if known is not None:
        parts.append((f"  known at {known:%Y-%m-%d %H:%M:%S} UTC", "dim"))
    return Text.assemble(*parts)


def erased_line(at: datetime) -> str:
    """What there is to say about somebody who was erased."""
    return f"Erased on {at:%Y-%m-%d %H:%M} UTC; nothing is sent, and what is left names nobody."


def states_table(held: Mapping[Matter, ConsentState]) -> Table:
    """What holds, a line for each channel, purpose and topic."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("what for", "holds", "since (UTC)", "rests on, record"):
        table.add_column(name, overflow="fold", no_wrap=name == "since (UTC)")
    for matter, state in sorted(held.items()):
        table.add_row(
            _matter(*matter[:2], "") + (f"\n{matter[2]}" if matter[2] else ""),
            Text(state.status.value, _COLOURS[state.status]),
            _since(state),
            "\n".join(part for part in (_basis(state), state.consent_id) if part),
        )
    return table


def _since(state: ConsentState) -> str:
    began = state.since or state.occurred_at
    fresh = state.confirmed_at if state.confirmed_at != state.since else None
    return f"{began:%Y-%m-%d %H:%M}" + (f"\n{fresh:%Y-%m-%d %H:%M} confirmed" if fresh is not None else "")


def _basis(state: ConsentState) -> str:
    """What a consent that is given or asked for rests on; a refusal needs no ground."""
    asked = state.status in (ConsentStatus.GRANTED, ConsentStatus.PENDING)
    proof = "" if state.proven else ", unproven"
    proof += ", double opt-in" if state.confirmed else ""
    return " · ".join(part for part in (f"{state.basis}{proof}" if asked else "", state.jurisdiction) if part)


def _rows_table(rows: Sequence[Recorded]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Ledger, the oldest first", title_justify="left")
    for name in ("UTC", "said", "source, wording, proof, record"):
        table.add_column(name, overflow="fold", no_wrap=name == "UTC")
    for row in rows:
        wording = " ".join(row.wording.split())
        told = [row.source, f"“{fit(wording, _WORDING_COLUMNS)}”" if wording else "", row.proof, row.id]
        table.add_row(
            f"{row.occurred_at:%Y-%m-%d}\n{row.occurred_at:%H:%M:%S}",
            Text.assemble((row.action.value, "bold"), f"\n{_matter(row.channel, row.purpose, row.topic)}"),
            Text("\n".join(part for part in told if part)),
        )
    return table


def _matter(channel: Channel, purpose: Purpose, topic: str) -> str:
    return f"{channel.value} · {purpose.value}" + (f" · {topic}" if topic else "")


def _as_json(
    person: Profile,
    instant: datetime,
    known: datetime | None,
    held: Mapping[Matter, ConsentState],
    rows: Sequence[Recorded],
) -> dict[str, Any]:
    return {
        "profile": person.external_id,
        "as_of": instant,
        "known_at": known,
        "states": [
            {"channel": channel, "purpose": purpose, "topic": topic, **asdict(state)}
            for (channel, purpose, topic), state in sorted(held.items())
        ],
        "ledger": [asdict(row) for row in rows],
    }


def _plain(value: datetime) -> str:
    return value.isoformat()


@app.command()
def grant(
    profile: Person,
    channel: ChannelOption,
    purpose: PurposeOption,
    topic: TopicOption = "",
    wording: WordingOption = "",
    wording_file: WordingFileOption = None,
    wording_version: VersionOption = "",
    locale: LocaleOption = "",
    proof: ProofOption = "",
    basis: BasisOption = "consent",
    jurisdiction: PlaceOption = "",
    source: SourceOption = "",
    at: AtOption = "",
) -> None:
    """Record that a person agreed. Without wording and proof nobody can show that they did."""
    told = {
        "topic": topic,
        "wording": _wording(wording, wording_file),
        "wording_version": wording_version,
        "locale": locale,
        "proof": proof,
        "basis": basis,
        "jurisdiction": jurisdiction,
    }
    _record(profile, channel, purpose, ConsentAction.GRANTED, source, at, told)


@app.command()
def withdraw(
    profile: Person,
    channel: ChannelOption,
    purpose: PurposeOption,
    topic: TopicOption = "",
    wording: WordingOption = "",
    proof: ProofOption = "",
    source: SourceOption = "",
    at: AtOption = "",
) -> None:
    """Record that a person does not agree any more. Binds every worker as soon as this returns."""
    told = {"topic": topic, "wording": wording, "proof": proof}
    _record(profile, channel, purpose, ConsentAction.WITHDRAWN, source, at, told)


@app.command("import")
def import_(
    file: imports.FileArgument,
    format: imports.FormatOption = None,
    encoding: imports.EncodingOption = "utf-8",
    reject_file: imports.RejectOption = None,
    source: imports.WhenceOption = "",
    as_json: imports.JsonOption = False,
) -> None:
    """The same as `dangol import consents`."""
    imports.import_consents(file, format, encoding, reject_file, source, as_json)


def _wording(wording: str, file: Path | None) -> str:
    if file is None:
        return wording
    if wording:
        raise UsageError("--wording and --wording-file: say the words once")
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--wording-file: {file} cannot be read as UTF-8 text: {error}") from None


def _record(
    profile: str,
    channel: Channel,
    purpose: Purpose,
    action: ConsentAction,
    source: str,
    at: str,
    told: Mapping[str, str],
) -> None:
    with open_dangol(Settings()) as dangol:
        now = dangol.clock.now()
        said = {
            "userId": profile,
            "channel": channel.value,
            "purpose": purpose.value,
            "action": action.value,
            "occurred_at": at or now.isoformat(),
            **told,
        }
        told_by = _staff(inquiry.remark("--source", source) or operator())
        change = _parsed(said, told_by, now, dangol.known_places())
        with dangol.database.read() as tx:
            person = inquiry.find_person(tx, profile)
        if person.erased_at is not None:
            raise ErasedProfile(f"the profile {profile!r} was erased; nothing new is stored about this person")
        if change.topic:
            _check_topic(dangol, change.topic)
        (consent_id,) = dangol.pipeline.record_consents([change])
        with dangol.database.read() as tx:
            held = ledger.as_of(tx, [person.id], now)[person.id].get((channel, purpose, change.topic))
            lifted = _lifted(dangol, tx, person, channel, consent_id)
    holds = f"{_matter(channel, purpose, change.topic)} is {held.status.value if held else 'not given'}"
    later = "" if held is not None and held.consent_id == consent_id else "; something else that was said decides"
    typer.echo(f"recorded {consent_id}: {profile}: {holds}{later}")
    if lifted:
        typer.echo(f"lifted by it: the suppression of the address for {channel.value} ({', '.join(lifted)})")
    if action is ConsentAction.GRANTED and not (change.wording or change.proof):
        typer.secho(
            "warning: without --wording or --proof nobody can show this consent", err=True, fg=typer.colors.YELLOW
        )


def _lifted(dangol: Dangol, tx: Connection, person: Profile, channel: Channel, consent_id: str) -> list[str]:
    """The causes for which the person's address was left alone until this consent."""
    address = person.address(channel)
    if address is None:
        return []
    known = suppressions.record_of(tx, dangol.pipeline.hasher.hash(channel, address))
    return [one.cause for one in known if one.lifted_because == consent_id]


def _parsed(said: Mapping[str, str], told_by: str, now: datetime, places: Collection[str]) -> ConsentChange:
    """The row to record. Raises UsageError, which names the option that is wrong."""
    try:
        return parse_consent(said, source=told_by, now=now, places=places)
    except InvalidEvent as error:
        field, colon, problem = str(error).partition(":")
        option = _OPTIONS.get(field, f"--{field.replace('_', '-')}")
        raise UsageError(f"{option}:{problem}" if colon and field in said else str(error)) from None


def _staff(source: str) -> str:
    """Marked for good: only our own forms and pages can say that a person told us there."""
    marked = source if source.startswith("staff:") else f"staff:{source}"
    return marked[:MAX_SOURCE]


def _check_topic(dangol: Dangol, topic: str) -> None:
    known = imports.topics(dangol)
    if known is not None and topic not in known:
        imports.warn_of_topic(topic, known)
