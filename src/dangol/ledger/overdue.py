"""How many notices that a law asks for nobody got in time, counted where they are: by the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, exists, func, select

from dangol.model.vocabulary import Decision, MessageState, Reason
from dangol.store.tables import journeys, log, messages

_TOLD = (MessageState.ACCEPTED.value, MessageState.DELIVERED.value)
_COUNT = (
    select(func.count())
    .select_from(log)
    .where(
        log.c.at >= bindparam("since"),
        log.c.decision == Decision.DUTY_RAISED.value,
        log.c.reason == Reason.LAW_REQUIRES.value,
        log.c.evidence["rule"].as_string() == bindparam("rule"),
        log.c.evidence["due_by"].as_string() < bindparam("today"),
        ~exists().where(
            journeys.c.profile_id == log.c.profile_id,
            journeys.c.entry_event_id == log.c.evidence["event"].as_string(),
            messages.c.journey_id == journeys.c.id,
            messages.c.state.in_(_TOLD),
        ),
    )
)


def overdue(connection: Connection, today: Mapping[str, date], since: datetime) -> int:
    """How many duties raised since then have run out and no message about them is with a carrier.

    ``today`` is the day it is by each rule's clock; days are as in ``due_by``: the last day is in time.
    """
    return sum(
        connection.execute(_COUNT, {"since": since, "rule": rule, "today": day.isoformat()}).scalar_one()
        for rule, day in today.items()
    )
