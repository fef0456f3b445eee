"""Compare what became of people's messages in two finished simulations, and find out why it differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, select

from dangol.model.vocabulary import Decision, JourneyStatus
from dangol.simulate.compare import Change, Changed, Comparison, changes
from dangol.simulate.tally import NEVER_ENTERED, Outcome
from dangol.store.bulk import among
from dangol.store.database import Database
from dangol.store.tables import journeys, log, messages, profiles

_PEOPLE_AT_ONCE = 1_000
IN_JOURNEY = "still_in_journey"


def compare(before: Path, after: Path, found: Comparison, *, start: datetime, limit: int) -> None:
    """Add to ``found`` the people of two finished databases whose messages since ``start`` differ."""
    old, new = Database(f"sqlite:///{before}"), Database(f"sqlite:///{after}")
    try:
        with old.read() as one, new.read() as other:
            for some in _people(one):
                mine, theirs = _outcomes(one, list(some), start), _outcomes(other, list(some), start)
                for profile_id, name in some.items():
                    differ = changes(mine.get(profile_id, ()), theirs.get(profile_id, ()))
                    if differ:
                        found.note(Changed(name, tuple(_explained(one, other, profile_id, differ))), limit)
    finally:
        old.close()
        new.close()


def _people(tx: Connection) -> Iterator[dict[str, str]]:
    """Profile id → external id, some at a time, in the order of external ids."""
    after = ""
    statement = select(profiles.c.id, profiles.c.external_id).order_by(profiles.c.external_id).limit(_PEOPLE_AT_ONCE)
    while rows := tx.execute(statement.where(profiles.c.external_id > after)).all():
        yield {row.id: row.external_id for row in rows}
        after = rows[-1].external_id


def _outcomes(tx: Connection, profile_ids: Sequence[str], start: datetime) -> dict[str, list[Outcome]]:
    statement = (
        select(messages)
        .where(among(messages.c.profile_id, "ids"), messages.c.updated_at >= start)
        .order_by(messages.c.profile_id, messages.c.updated_at, messages.c.id)
    )
    rows = tx.execute(statement, {"ids": list(profile_ids)})
    return {
        profile_id: [
            Outcome(
                row.campaign_key,
                row.step,
                row.state,
                row.reason or "",
                row.channel or row.channels.partition(",")[0],
                row.updated_at,
                row.journey_id,
            )
            for row in of_one
        ]
        for profile_id, of_one in groupby(rows, key=lambda row: row.profile_id)
    }


def _explained(one: Connection, other: Connection, profile_id: str, differ: Sequence[Change]) -> Iterator[Change]:
    """Where a variant has no such message, what its log says about the person and the journey."""
    for change in differ:
        if change.before is None and change.after is not None:
            yield replace(change, why=_why_not(one, other, profile_id, change.after))
        elif change.after is None and change.before is not None:
            yield replace(change, why=_why_not(other, one, profile_id, change.before))
        else:
            yield change


def _why_not(without: Connection, with_it: Connection, profile_id: str, outcome: Outcome) -> str:
    """Why this person has no such message: how the journey ended there, why it was refused, or that none began."""
    there = select(journeys.c.status, journeys.c.end_reason).where(journeys.c.id == outcome.journey)
    journey = without.execute(there).first()
    if journey is not None:
        return str(journey.end_reason) if journey.status == JourneyStatus.ENDED else IN_JOURNEY
    entry = with_it.execute(select(journeys.c.entry_key).where(journeys.c.id == outcome.journey)).scalar_one()
    refused = (
        select(log.c.reason, log.c.evidence)
        .where(
            log.c.profile_id == profile_id,
            log.c.campaign_key == outcome.campaign,
            log.c.decision == Decision.JOURNEY_REFUSED.value,
        )
        .order_by(log.c.seq.desc())
    )
    return next(
        (row.reason for row in without.execute(refused) if row.evidence.get("occasion") == entry), NEVER_ENTERED
    )
