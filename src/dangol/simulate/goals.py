"""Did a campaign do what it is for? Counted after the end, also for journeys that were over before the goal came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from dangol.journeys.flow import Ending, Known
from dangol.model.people import Event
from dangol.model.vocabulary import MessageState, Reason
from dangol.profiles import people
from dangol.release import Release
from dangol.simulate.tally import Tally
from dangol.store.bulk import among
from dangol.store.tables import arms, events, journeys, messages

EVERYBODY, MESSAGED, HELD_OUT = "all", "messaged", "held_out"
"""Groups of a campaign's journeys; each arm of a split is another, named ``experiment: arm``."""
_NOTHING: Mapping[str, Any] = {}


def count_goals(tx: Connection, release: Release, start: datetime, tally: Tally) -> None:
    """Count a campaign's journeys since ``start``, and those that reached its goal in time, by group."""
    goal, key = release.flow.goal, release.campaign.key
    held = set(tx.execute(_journeys_with(key, messages.c.reason == Reason.HELD_OUT.value)).scalars())
    messaged = set(tx.execute(_journeys_with(key, messages.c.state == MessageState.ACCEPTED.value)).scalars())
    arms_of = _arms(tx, key)
    if goal is None and not arms_of:
        return
    reached = _reached(tx, release, goal, start) if goal is not None else set()
    entered = select(journeys.c.id, journeys.c.profile_id).where(_since(key, start))
    for row in tx.execute(entered):
        groups = [EVERYBODY, *arms_of.get(row.profile_id, ())]
        if row.id in held:
            groups.append(HELD_OUT)
        elif row.id in messaged:
            groups.append(MESSAGED)
        for group in groups:
            tally.groups[key, group] += 1
            if goal is not None:
                tally.converted[key, group] += row.id in reached


def _since(key: str, start: datetime) -> Any:
    return (journeys.c.campaign_key == key) & (journeys.c.entered_at >= start)


def _journeys_with(key: str, condition: Any) -> Select[tuple[str]]:
    return select(messages.c.journey_id).where(messages.c.campaign_key == key, condition).distinct()


def _arms(tx: Connection, key: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in tx.execute(select(arms).where(arms.c.campaign_key == key).order_by(arms.c.experiment)):
        found.setdefault(row.profile_id, []).append(f"{row.experiment}: {row.arm}")
    return found


def _reached(tx: Connection, release: Release, goal: Ending, start: datetime) -> set[str]:
    """Journeys after whose entry the goal's event happened in time."""
    happened = (
        select(journeys.c.id, journeys.c.profile_id, journeys.c.entered_at, journeys.c.entry_event_id)
        .add_columns(events.c.id.label("event_id"), events.c.properties, events.c.occurred_at)
        .add_columns(events.c.hops, journeys.c.hops.label("entry_hops"))
        .join(events, (events.c.profile_id == journeys.c.profile_id) & (events.c.name == goal.event))
        .where(_since(release.campaign.key, start), events.c.occurred_at >= journeys.c.entered_at)
    )
    in_time = [
        row
        for row in tx.execute(happened)
        if release.flow.follows(_event(row, goal.event), _known(row))
        and (goal.within is None or row.occurred_at <= row.entered_at + goal.within)
    ]
    if goal.test is not None:
        in_time = _that_count(tx, goal, in_time)
    return {row.id for row in in_time}


def _known(row: Row[Any], profile: Mapping[str, Any] = _NOTHING, entry: Mapping[str, Any] = _NOTHING) -> Known:
    entered = row.entered_at, row.entry_event_id or ""
    return Known(row.profile_id, profile, entered, UTC, entry, hops=row.entry_hops)


def _event(row: Row[Any], name: str) -> Event:
    return Event(row.event_id, row.profile_id, name, row.properties, row.occurred_at, row.hops)


def _that_count(tx: Connection, goal: Ending, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those whose event meets the goal's ``where``."""
    assert goal.test is not None
    profiles = people.load(tx, sorted({row.profile_id for row in rows}))
    entries = _properties(tx, sorted({row.entry_event_id for row in rows if row.entry_event_id}))
    found = []
    for row in rows:
        known = _known(row, profiles[row.profile_id].fields(), entries.get(row.entry_event_id or "", {}))
        if goal.test(known, row.occurred_at, _event(row, goal.event)):
            found.append(row)
    return found


def _properties(tx: Connection, event_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    statement = select(events.c.id, events.c.properties).where(among(events.c.id, "ids"))
    return {row.id: row.properties for row in tx.execute(statement, {"ids": event_ids})}
