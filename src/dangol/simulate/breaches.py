"""Who got what nobody may ever get: every simulated person is held to the rules of the scenario files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from dangol.definitions.workspace import Workspace
from dangol.expressions import Scope
from dangol.model.vocabulary import MessageState
from dangol.policy.zones import plausible_zones
from dangol.profiles import people
from dangol.simulate.carrier import Carrier
from dangol.simulate.crowd import CHUNK, chunks
from dangol.simulate.happenings import Someone
from dangol.simulate.never import Got, Happened, Rule, broken, scope_of, where_of
from dangol.simulate.tally import Breach, Tally
from dangol.store.bulk import among
from dangol.store.tables import events, journeys, messages

_HANDED_OVER = (MessageState.ACCEPTED.value, MessageState.DELIVERED.value)


class Held(NamedTuple):
    """What people are held to, and since when; ``anywhere`` are the zones of those whose own nobody knows."""

    rules: Sequence[Rule]
    workspace: Workspace
    start: datetime
    anywhere: tuple[str, ...]


def count_breaches(tx: Connection, held: Held, crowd: Sequence[Someone], carrier: Carrier, tally: Tally) -> None:
    """Count for each rule the messages that break it, and who got the first of them.

    Events count for ``after`` from when the journey began that sends the message: what came before it is another
    story, such as a complaint that was resolved long ago.
    """
    if not held.rules:
        return
    meets = [where_of(rule, _scope(rule, held.workspace)) for rule in held.rules]
    asked = sorted({rule.after for rule in held.rules if rule.after is not None})
    for some in chunks([one.profile_id for one in crowd], CHUNK):
        known, happened = people.load(tx, some), _happened(tx, some, asked)
        for profile_id, rows in groupby(_messages(tx, some, held), key=lambda row: row.profile_id):
            who = known[profile_id]
            zones = plausible_zones(who, held.anywhere)
            got = [_got(row, zones, carrier) for row in rows]
            for number, rule in enumerate(held.rules):
                for index in broken(rule, got, happened.get(profile_id, {}), meets[number]):
                    tally.breached[number] += 1
                    one = got[index]
                    tally.note_breach(number, Breach(one.at, who.external_id, one.campaign, one.message, one.channel))


def _messages(tx: Connection, profile_ids: Sequence[str], held: Held) -> Iterable[Any]:
    """What these people got, each person's in the order of time."""
    entered_by = events.alias()
    statement = (
        select(
            messages.c.id,
            messages.c.profile_id,
            messages.c.campaign_key,
            messages.c.template,
            messages.c.channel,
            messages.c.updated_at,
            journeys.c.entered_at,
            journeys.c.entry_event_id,
            entered_by.c.properties.label("entry"),
        )
        .join(journeys, journeys.c.id == messages.c.journey_id)
        .outerjoin(entered_by, entered_by.c.id == journeys.c.entry_event_id)
        .where(
            among(messages.c.profile_id, "ids"),
            messages.c.state.in_(_HANDED_OVER),
            messages.c.updated_at >= held.start,
        )
        .order_by(messages.c.profile_id, messages.c.updated_at, messages.c.id)
    )
    return tx.execute(statement, {"ids": list(profile_ids)})


def _happened(tx: Connection, profile_ids: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, list[Happened]]]:
    found: dict[str, dict[str, list[Happened]]] = {}
    if not names:
        return found
    statement = select(events).where(among(events.c.profile_id, "ids"), events.c.name.in_(names))
    for row in tx.execute(statement, {"ids": list(profile_ids)}):
        one = Happened(row.occurred_at, row.properties, row.id)
        found.setdefault(row.profile_id, {}).setdefault(row.name, []).append(one)
    return found


def _scope(rule: Rule, workspace: Workspace) -> Scope:
    campaign = workspace.campaigns.get(rule.campaign or "")
    return scope_of(rule.after, campaign.entry.opened_by if campaign else None, workspace.tracking_plan)


def _got(row: Any, zones: Sequence[ZoneInfo], carrier: Carrier) -> Got:
    return Got(
        at=row.updated_at,
        clocks=tuple(row.updated_at.astimezone(zone).time() for zone in zones),
        since=row.entered_at,
        campaign=row.campaign_key,
        message=row.template,
        channel=row.channel,
        holds=partial(carrier.held, row.id),
        entry=row.entry or {},
        began=row.entry_event_id or "",
    )
