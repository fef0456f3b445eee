"""What became of a request to start a journey."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, select

from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Decision, Reason
from dangol.store.tables import events, journeys, log


@dataclass(frozen=True, slots=True)
class Started:
    """The journey that began, or why none did; both None if the event does not meet `where`."""

    journey_id: str | None
    refused: Reason | None


def request_id(campaign_key: str, request: IncomingEvent) -> str:
    """The message id under which a request to start a journey of this campaign is stored."""
    named = f"{campaign_key}\x1f{request.message_id}"
    return f"start:{hashlib.blake2b(named.encode(), digest_size=16).hexdigest()}"


def started_by(connection: Connection, campaign_key: str, message_id: str) -> Started:
    """What became of the event with this ``message_id`` in this campaign, now or when it first came."""
    event = connection.execute(
        select(events.c.id, events.c.profile_id).where(events.c.message_id == message_id)
    ).one_or_none()
    if event is None:
        return Started(None, Reason.PROFILE_ERASED)
    journey_id = connection.execute(
        select(journeys.c.id).where(
            journeys.c.campaign_key == campaign_key,
            journeys.c.profile_id == event.profile_id,
            journeys.c.entry_key == event.id,
        )
    ).scalar_one_or_none()
    if journey_id is not None:
        return Started(journey_id, None)
    refusals = select(log.c.reason, log.c.evidence).where(
        log.c.profile_id == event.profile_id,
        log.c.campaign_key == campaign_key,
        log.c.decision == Decision.JOURNEY_REFUSED.value,
    )
    for row in connection.execute(refusals.order_by(log.c.seq.desc())):
        if row.evidence.get("occasion") == event.id:
            return Started(None, Reason(row.reason))
    return Started(None, None)
