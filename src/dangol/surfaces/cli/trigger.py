"""``dangol trigger``: report one event by hand and see what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection, select

from dangol.bootstrap import Dangol, open_dangol
from dangol.definitions import versions
from dangol.definitions.document import nearest
from dangol.errors import ErasedProfile, UnknownProfile, UsageError
from dangol.ledger.reader import Entry, Filter, history
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Channel, Decision, Reason
from dangol.policy.zones import zone
from dangol.profiles import people
from dangol.profiles.validation import parse_event
from dangol.settings import Settings
from dangol.store.tables import events, messages, profiles

SOURCE = "cli"
_SCALAR = re.compile(r"true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_MOST_DIGITS = 15


def trigger(
    event: Annotated[str, typer.Argument(help='The event, such as "Order Completed".')],
    profile: Annotated[str, typer.Option("--profile", help="The customer's id.")],
    prop: Annotated[
        list[str] | None,
        typer.Option("--prop", metavar="NAME=VALUE", help="A property; numbers, true, false and null are understood."),
    ] = None,
    json_props: Annotated[
        str | None, typer.Option("--json-props", metavar="JSON", help="Properties as a JSON object; --prop adds to it.")
    ] = None,
    message_id: Annotated[
        str | None, typer.Option("--message-id", help="An id of this event; one seen before changes nothing.")
    ] = None,
    timestamp: Annotated[
        str | None, typer.Option("--timestamp", metavar="ISO", help="When it happened; now by default.")
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Make the profile if there is none.")] = False,
) -> None:
    """Report an event of one customer, and tell which journeys began, which did not, and why."""
    properties = {**_json_object(json_props), **_pairs(prop or ())}
    reported = {
        "userId": profile,
        "event": event,
        "properties": properties,
        "timestamp": timestamp,
        "messageId": message_id,
    }
    with open_dangol(Settings()) as dangol:
        incoming = parse_event(reported, source=SOURCE, now=dangol.clock.now())
        with dangol.database.read() as tx:
            _check_profile(tx, incoming.external_id, create=create)
            warning = _unplanned(tx, incoming.name)
        if warning:
            typer.secho(f"warning: {warning}", err=True, fg=typer.colors.YELLOW)
        typer.echo("\n".join(_take(dangol, incoming)))


def _pairs(given: Sequence[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not (sign and name):
            raise UsageError(f"--prop: expected NAME=VALUE; found {pair!r}")
        if name in pairs:
            raise UsageError(f"--prop: {name!r} is given twice; for a list use --json-props")
        pairs[name] = parse_value(value)
    return pairs


def parse_value(text: str) -> Any:
    """A plain number, true, false or null where ``text`` reads as one, else the text.

    ``007``, ``1e5`` and numbers of more than 15 digits stay text: they are ids.
    """
    if _SCALAR.fullmatch(text) and sum(map(str.isdigit, text)) <= _MOST_DIGITS:
        return json.loads(text)
    return text


def _json_object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--json-props: expected a JSON object; {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f'--json-props: expected a JSON object such as {{"value": 29.3}}; found {text!r:.80}')
    return value


def _check_profile(tx: Connection, external_id: str, *, create: bool) -> None:
    profile_id = people.find(tx, [external_id]).get(external_id)
    if profile_id is None and not create:
        raise UnknownProfile(
            f"there is no profile {external_id!r}; make it with --create, or bring it in with `dangol import profiles`"
        )
    if profile_id is not None and people.erased(tx, [profile_id]):
        raise ErasedProfile(f"the profile {external_id!r} was erased; nothing new is stored about this person")


def _unplanned(tx: Connection, name: str) -> str | None:
    """What is odd about an event of this name; all campaigns in service share the tracking plan of the last deploy."""
    active = versions.active(tx)
    if not active:
        return "no campaign is in service, so no journey can begin"
    known = versions.load(tx, next(iter(active.values()))).workspace.tracking_plan.events
    if name in known:
        return None
    near = nearest(name, frozenset(known))
    return f"{name!r} is not in the tracking plan" + (f"; did you mean {near!r}?" if near else "")


def _take(dangol: Dangol, incoming: IncomingEvent) -> list[str]:
    """Ingest the event; returns what happened, in lines."""
    start = dangol.clock.now()
    ingested = dangol.pipeline.ingest([incoming])
    if not ingested.new:
        return [f"duplicate: an event with message id {incoming.message_id} is known already; nothing changed"]
    with dangol.database.read() as tx:
        profile_id = people.find(tx, [incoming.external_id])[incoming.external_id]
        event_id = tx.execute(select(events.c.id).where(events.c.message_id == incoming.message_id)).scalar_one()
        log = history(tx, Filter(profile_id=profile_id, since=start))
        at_home = _zone(tx, profile_id)
        names = _message_names(tx, log)
    when = _local(incoming.occurred_at, at_home)
    lines = [f"accepted: {incoming.name} of {incoming.external_id} at {when}, message id {incoming.message_id}"]
    lines += _consequences(log, event_id, names, at_home) or ["no campaign begins or ends with it"]
    if any(entry.decision == Decision.MESSAGE_PLANNED for entry in log):
        lines.append(_whereabouts(dangol, incoming.external_id))
    return lines


def _zone(tx: Connection, profile_id: str) -> ZoneInfo:
    """The zone that times are told in: the person's own, else that of the workspace in service, else UTC."""
    own = tx.execute(select(profiles.c.timezone).where(profiles.c.id == profile_id)).scalar_one()
    active = versions.active(tx)
    shop = versions.load(tx, next(iter(active.values()))).workspace.policies.timezone if active else None
    found = (known for name in (own, shop) if name and (known := zone(name)) is not None)
    return next(found, ZoneInfo("UTC"))


def _message_names(tx: Connection, log: Sequence[Entry]) -> Mapping[str, str]:
    """Id → name of the messages that the entries are about."""
    ids = {entry.message_id for entry in log if entry.message_id is not None}
    found = tx.execute(select(messages.c.id, messages.c.template).where(messages.c.id.in_(ids)))
    return {row.id: row.template for row in found}


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}"


def _consequences(log: Sequence[Entry], event_id: str, names: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """What came of the event, in lines; ``names`` are those of messages, by id."""
    begun = {
        entry.journey_id
        for entry in log
        if entry.decision == Decision.JOURNEY_ENTERED and entry.evidence.get("event") == event_id
    }
    lines = []
    for entry in log:
        why = Reason(entry.reason)
        message = names.get(entry.message_id or "", entry.step)
        if entry.decision == Decision.JOURNEY_ENTERED and entry.journey_id in begun:
            lines.append(f"{entry.campaign_key}: a journey began ({why})")
        elif entry.decision == Decision.JOURNEY_REFUSED and entry.evidence.get("occasion") == event_id:
            lines.append(f"{entry.campaign_key}: no journey ({why}): {why.meaning}")
        elif entry.decision == Decision.JOURNEY_ENDED:
            lines.append(f"{entry.campaign_key}: a journey ended ({why}): {why.meaning}")
        elif entry.decision == Decision.MESSAGE_CANCELLED:
            lines.append(f"{entry.campaign_key}: {message} will not be sent ({why})")
        elif entry.decision == Decision.MESSAGE_PLANNED and entry.journey_id in begun:
            channels = entry.evidence["channels"].replace(",", ", then ")
            due = _local(datetime.fromisoformat(entry.evidence["due_at"]), zone)
            lines.append(f"{entry.campaign_key}: {message} is due at {due} by {channels}")
    return lines


def _whereabouts(dangol: Dangol, external_id: str) -> str:
    providers = {channel: dangol.dispatcher.provider_for(channel) for channel in Channel}
    to_mailbox = [channel for channel, provider in providers.items() if provider is dangol.mailbox]
    shown = f"; {', '.join(to_mailbox)} messages then show up at /mailbox" if to_mailbox else ""
    return (
        f"Messages go out while `dangol up`, or a worker and a scheduler, runs{shown}. "
        f"`dangol explain --profile {external_id}` tells what became of them."
    )
