"""``dangol log list``, ``unknown`` and ``show``, and ``dangol explain``: what was decided, for whom, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dangol.bootstrap import open_dangol
from dangol.ledger import reader
from dangol.ledger.explain import Account, Line, MessageAccount, tell
from dangol.ledger.reader import Entry
from dangol.proof import Reproduction, reproduce, sending
from dangol.settings import Settings
from dangol.store import messages as message_rows
from dangol.surfaces import inquiry
from dangol.surfaces.inquiry import ConsentRecord

app = typer.Typer(name="log", help="Read the log: every decision about every message.", no_args_is_help=True)


class Tongue(StrEnum):
    EN = "en"
    KO = "ko"


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
_COLOURS = {
    "sent": "green",
    "delivered": "green",
    "bounced": "red",
    "on_its_way": "cyan",
    "waiting": "yellow",
    "not_sent": "red",
    "unknown": "magenta",
}


@app.command("list")
def list_(
    profile: Annotated[str | None, typer.Option(help="The person, by the id your back end uses.")] = None,
    campaign: Annotated[str | None, typer.Option(help="The campaign's key.")] = None,
    channel: Annotated[str | None, typer.Option(help="email, sms or push.")] = None,
    reason: Annotated[str | None, typer.Option(help="A reason code, such as capped.")] = None,
    decision: Annotated[str | None, typer.Option(help="A decision, such as message_suppressed.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="A date or time; UTC unless it says otherwise.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="A date (included) or a time (not included).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=inquiry.LARGEST_PAGE, help="Entries on a page.")] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Go on before this entry number.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List entries, the newest first."""
    asked = {"profile": profile, "campaign": campaign, "channel": channel, "reason": reason, "decision": decision}
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        wanted = inquiry.read_filter(tx, {**asked, "from": since, "to": until})
        found = reader.newest(tx, wanted, before=before, limit=limit + 1)
        people = inquiry.names(tx, found)
    page, more = found[:limit], len(found) > limit
    if as_json:
        for entry in page:
            typer.echo(
                json.dumps({**entry.as_json(), "profile": people.get(entry.profile_id or "")}, ensure_ascii=False)
            )
        return
    console = Console(highlight=False)
    if not page:
        console.print("No entries match.")
        return
    console.print(_entries(page, people))
    if more:
        console.print(f"Older entries: repeat with --before {page[-1].seq}", style="dim")
    console.print(f"One in full: dangol log show {page[0].seq}", style="dim")


def _entries(page: Sequence[Entry], people: Mapping[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("entry", justify="right", no_wrap=True)
    table.add_column("UTC", no_wrap=True)
    table.add_column("decision, reason", overflow="fold")
    table.add_column("person, campaign, channel", overflow="fold")
    for entry in page:
        where = " · ".join(part for part in (entry.campaign_key, entry.channel) if part)
        table.add_row(
            str(entry.seq),
            Text(f"{entry.at:%Y-%m-%d}\n{entry.at:%H:%M:%S}"),
            Text.assemble((entry.decision.replace("_", " "), "bold"), f"\n{entry.reason}"),
            Text(f"{people.get(entry.profile_id or '', '—')}\n{where}"),
        )
    return table


_LONGEST_LIST = 1_000_000
"""Of messages that are unknown: all of them have to be found, and there is no page after this one."""


@app.command()
def unknown(
    limit: Annotated[int, typer.Option(min=1, max=_LONGEST_LIST, help="Messages on the list.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List messages of which nobody can tell whether they were sent, the oldest first. Exit code 1 if there are any.

    What their carriers report settles them; the rest is to be looked up there.
    """
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        found = message_rows.unknown(tx, limit)
    told = [{name: getattr(row, name) for name in _OF_UNKNOWN} for row in found]
    if as_json:
        for one in told:
            typer.echo(json.dumps(one, ensure_ascii=False, default=_plain))
    elif told:
        Console(highlight=False).print(_unknown(told))
    else:
        typer.echo("Of every message it is known what became of it.")
    if told:
        raise typer.Exit(1)


_OF_UNKNOWN = ("id", "campaign_key", "step", "channel", "provider", "reason", "attempt", "updated_at")


def _unknown(told: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("message, since (UTC)", no_wrap=True)
    table.add_column("campaign, step", overflow="fold")
    table.add_column("provider, channel, reason", overflow="fold")
    for one in told:
        where = " · ".join(str(one[name]) for name in ("provider", "channel") if one[name])
        table.add_row(
            f"{one['id']}\n{one['updated_at']:%Y-%m-%d %H:%M:%S}",
            f"{one['campaign_key']} · {one['step']}",
            f"{where}\n{one['reason']}",
        )
    return table


@app.command()
def show(
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="An entry's id, or its number in the list.")],
    language: Annotated[Tongue, typer.Option(help="The language of the explanation.")] = Tongue.EN,
    as_json: JsonOption = False,
) -> None:
    """Show an entry with its evidence and text, and prove the text. Exit code 1 if the proof fails."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        entry = inquiry.find_entry(tx, entry_id)
        if entry is None:
            raise inquiry.UnknownEntry(f"the log has no entry {entry_id!r}; `dangol log list` shows what there is")
        person = inquiry.names(tx, [entry]).get(entry.profile_id or "")
        consent = inquiry.consent_record(tx, entry)
        handed_over = sending(tx, entry)
        proof = reproduce(tx, dangol.releases, handed_over) if handed_over else None
    if as_json:
        typer.echo(json.dumps(_as_json(entry, person, consent, proof), ensure_ascii=False, default=_plain))
    else:
        Console(highlight=False).print(_entry(entry, person, consent, proof, language))
    if proof is not None and proof.doubtful:
        raise typer.Exit(1)


def _entry(
    entry: Entry, person: str | None, consent: ConsentRecord | None, proof: Reproduction | None, language: Tongue
) -> RenderableType:
    line = tell(entry, language=language.value)
    facts = {
        "entry": f"{entry.seq}  {entry.id}",
        "at": f"{entry.at:%Y-%m-%d %H:%M:%S} UTC",
        "decision": entry.decision,
        "reason": entry.reason,
        "person": person or ("(no longer known)" if entry.profile_id else None),
        "campaign": entry.campaign_key,
        "stage, step": " · ".join(part for part in (entry.stage, entry.step) if part),
        "channel": entry.channel,
        "journey": entry.journey_id,
        "message": entry.message_id,
        "version": entry.version_id,
        "content hash": entry.content_hash,
    }
    parts: list[RenderableType] = [Text(line.text, style="bold"), _grid(facts)]
    if entry.evidence:
        parts += [_heading("Evidence"), _grid({name: _evidence(value) for name, value in entry.evidence.items()})]
    if consent is not None:
        parts += [_heading("Consent"), _grid(_consent(consent))]
    if proof is not None:
        parts += [_heading("Message"), *_message(proof)]
    return Group(*parts)


def _evidence(value: Any) -> str:
    return ", ".join(f"{name} {used}" for name, used in value.items()) if isinstance(value, dict) else str(value)


def _consent(consent: ConsentRecord) -> dict[str, str | None]:
    return {
        "record": consent.id,
        "said": f"{consent.action} for {consent.purpose} by {consent.channel}",
        "when": f"{consent.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
        "basis, source": f"{consent.basis}, {consent.source}",
        "wording": consent.wording or "not on record",
    }


def _message(proof: Reproduction) -> list[RenderableType]:
    parts: list[RenderableType] = [_grid({"to": proof.address})] if proof.address else []
    rendered = proof.rendered
    if rendered is not None:
        body = "\n\n".join(part for part in (rendered.text.strip(), rendered.link) if part)
        title = rendered.subject or rendered.channel.value
        parts.append(Panel(Text(body), title=Text(title), title_align="left", box=box.ROUNDED, width=88))
    parts.append(verdict(proof))
    return parts


def verdict(proof: Reproduction) -> Text:
    """Whether the text is proven, in one line."""
    if proof.matches:
        return Text("Rendered again: the same text, byte for byte, as was sealed when it was sent.", style="green")
    if proof.matches is False:
        return Text(
            "Rendered again: NOT the bytes that were sent. The log or the version was altered.", style="bold red"
        )
    return Text(f"The text cannot be shown: {proof.obstacle}", style="red" if proof.doubtful else "yellow")


def _heading(text: str) -> RenderableType:
    return Text(f"\n{text}", style="bold")


def _grid(facts: Mapping[str, str | None]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            grid.add_row(name, Text(value))
    return grid


def _as_json(
    entry: Entry, person: str | None, consent: ConsentRecord | None, proof: Reproduction | None
) -> dict[str, Any]:
    told = None
    if proof is not None:
        told = {
            "address": proof.address,
            "rendered": asdict(proof.rendered) if proof.rendered else None,
            "matches": proof.matches,
            "obstacle": str(proof.obstacle) if proof.obstacle else None,
        }
    return {
        **entry.as_json(),
        "profile": person,
        "consent": asdict(consent) if consent else None,
        "reproduction": told,
    }


def _plain(value: datetime) -> str:
    return value.isoformat()


def explain(
    profile: Annotated[str, typer.Option(help="The person, by the id your back end uses.")],
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    language: Annotated[Tongue, typer.Option(help="en or ko.")] = Tongue.EN,
    as_json: JsonOption = False,
) -> None:
    """Say in plain words why each message to a person was or was not sent."""
    with open_dangol(Settings()) as dangol, dangol.database.read() as tx:
        person = inquiry.find_person(tx, profile)
        accounts = inquiry.account_of(tx, person, campaign=campaign, language=language.value)
    if as_json:
        for account in accounts:
            typer.echo(json.dumps(asdict(account), ensure_ascii=False, default=_plain))
        return
    console = Console(highlight=False)
    if not accounts:
        nothing = _NOTHING if campaign is None else _NOTHING_OF_CAMPAIGN
        console.print(nothing[language].format(person=profile, campaign=campaign), markup=False)
    for account in accounts:
        console.print(_account(account))


_NOTHING = {
    Tongue.EN: "The log has nothing about {person}: no campaign has come up for this person yet.",
    Tongue.KO: "{person} 님에 대한 기록이 없습니다. 아직 해당하는 캠페인이 없었습니다.",
}


_NOTHING_OF_CAMPAIGN = {
    Tongue.EN: "The log has nothing about {person} in the campaign {campaign}.",
    Tongue.KO: "캠페인 {campaign}에는 {person} 님에 대한 기록이 없습니다.",
}


def _account(account: Account) -> RenderableType:
    parts: list[RenderableType] = [Text.assemble((account.campaign, "bold underline"), (f"  {account.zone}", "dim"))]
    parts += [_line(line) for line in account.lines]
    parts += [_told(message) for message in account.messages]
    if account.now:
        parts.append(Text(f"  {account.now}", "bold"))
    return Group(*parts, Text())


def _line(line: Line) -> RenderableType:
    return Padding(Text.assemble((f"{line.when}  ", "dim"), line.text), (0, 0, 0, 2))


def _told(message: MessageAccount) -> RenderableType:
    style = _COLOURS[message.outcome]
    parts: list[RenderableType] = [Text.assemble((message.status.upper(), f"bold {style}"), f"  {message.name}")]
    for line in message.lines:
        parts.append(_line(line))
        if line.details:
            parts.append(Padding(Text(" · ".join(line.details), style="dim"), (0, 0, 0, 4)))
    return Padding(Group(*parts), (1, 0, 0, 2))
