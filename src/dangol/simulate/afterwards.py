"""What is counted once a part of a simulation is over, from its tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from dangol.model.vocabulary import OPEN_STATES, JourneyStatus
from dangol.simulate.tally import Tally
from dangol.store.tables import events, journeys, messages


def count_texts(tx: Connection, start: datetime, tally: Tally) -> None:
    """Which message each step sends: the log names steps only."""
    of = (messages.c.campaign_key, messages.c.step, messages.c.template)
    for row in tx.execute(select(*of, func.count()).where(messages.c.updated_at >= start).group_by(*of)):
        tally.texts[row[0], row[1], row[2]] += row[3]


def count_emitted(tx: Connection, start: datetime, tally: Tally) -> None:
    """What campaigns told one another."""
    emitted = select(events.c.name, func.count()).where(events.c.hops > 0, events.c.received_at >= start)
    for name, count in tx.execute(emitted.group_by(events.c.name)):
        tally.emitted[name] += count


def still_waiting(tx: Connection, tally: Tally) -> dict[str, frozenset[str]]:
    """Count the journeys that go on after the end; returns profile → campaigns."""
    found: dict[str, frozenset[str]] = {}
    waiting = select(journeys.c.profile_id, journeys.c.campaign_key).where(
        journeys.c.status != JourneyStatus.ENDED.value
    )
    for row in tx.execute(waiting):
        tally.waiting[row.campaign_key] += 1
        found[row.profile_id] = found.get(row.profile_id, frozenset()) | {row.campaign_key}
    planned = select(messages.c.profile_id, messages.c.campaign_key).where(messages.c.state.in_(sorted(OPEN_STATES)))
    for row in tx.execute(planned):
        found[row.profile_id] = found.get(row.profile_id, frozenset()) | {row.campaign_key}
    return found
