"""Did a campaign do what it is for? Counted after the end, also for journeys that were over before the goal came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from dangol.journeys.flow import Ending, Known
from dangol.model.people import Event
from dangol.model.vocabulary import Decision, Reason
from dangol.profiles import people
from dangol.release import Release
from dangol.simulate.tally import Tally
from dangol.store.bulk import among
from dangol.store.tables import arms, events, journeys, log

EVERYBODY, CAME, HELD_OUT = "all", "came_to_message", "held_out"
"""Groups of a campaign's journeys; each arm of a split is another, named ``experiment: arm``.

Who came to a message and who was held out from one met the same conditions, for the gate asks for the hold-out after
consent, address and exits; so these two can be compared. All others have not come as far.
"""
_AFTER_HOLDOUT = (Decision.MESSAGE_SENDING.value, Decision.MESSAGE_DEFERRED.value)
_CAPPED = tuple(
    reason.value
    for reason in (
        Reason.CAPPED,
        Reason.CAP_OUTLASTS_EXPIRY,
        Reason.YIELDED,
        Reason.CASE_OPEN,
        Reason.PAUSED_BY_RECIPIENT,
    )
)
_NOTHING: Mapping[str, Any] = {}


def count_goals(tx: Connection, release: Release, window: tuple[datetime, datetime], tally: Tally) -> None:
    """Count a campaign's journeys of this window, those that reached its goal in time, and those that still may, by
    group. Of who came to a message, or was held out from one, only what they did after that counts."""
    goal, key = release.flow.goal, release.campaign.key
    start, end = window
    arms_of = _arms(tx, key)
    if goal is None and not arms_of:
        return
    held = _first(tx, key, start, log.c.reason == Reason.HELD_OUT.value)
    came = _first(tx, key, start, log.c.decision.in_(_AFTER_HOLDOUT) | log.c.reason.in_(_CAPPED))
    reached = _reached(tx, release, goal, start) if goal is not None else {}
    entered = select(journeys.c.id, journeys.c.profile_id, journeys.c.entered_at).where(_since(key, start))
    for row in tx.execute(entered):
        groups = {EVERYBODY: row.entered_at} | dict.fromkeys(arms_of.get(row.profile_id, ()), row.entered_at)
        if row.id in held:
            groups[HELD_OUT] = held[row.id]
        elif row.id in came:
            groups[CAME] = came[row.id]
        still = goal is not None and (goal.within is None or row.entered_at + goal.within > end)
        for group, since in groups.items():
            tally.groups[key, group] += 1
            if any(at >= since for at in reached.get(row.id, ())):
                tally.converted[key, group] += 1
            elif still:
                tally.undecided[key, group] += 1


def _since(key: str, start: datetime) -> Any:
    return (journeys.c.campaign_key == key) & (journeys.c.entered_at >= start)


def _first(tx: Connection, key: str, start: datetime, condition: ColumnElement[bool]) -> dict[str, datetime]:
    """Journey → when the log first says this about a message of it."""
    statement = (
        select(log.c.journey_id, func.min(log.c.at, type_=log.c.at.type))
        .where(log.c.campaign_key == key, log.c.at >= start, log.c.message_id.is_not(None), condition)
        .group_by(log.c.journey_id)
    )
    return {row[0]: row[1] for row in tx.execute(statement)}


def _arms(tx: Connection, key: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in tx.execute(select(arms).where(arms.c.campaign_key == key).order_by(arms.c.experiment)):
        found.setdefault(row.profile_id, []).append(f"{row.experiment}: {row.arm}")
    return found


def _reached(tx: Connection, release: Release, goal: Ending, start: datetime) -> dict[str, list[datetime]]:
    """Journeys after whose entry the goal's event happened in time, and when."""
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
    found: dict[str, list[datetime]] = {}
    for row in in_time:
        found.setdefault(row.id, []).append(row.occurred_at)
    return found


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
