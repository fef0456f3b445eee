"""What somebody did to campaigns in service: paused, resumed, stopped. The latest act holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from dangol.model.vocabulary import Control
from dangol.store.bulk import insert_many
from dangol.store.tables import controls

_LATEST = select(controls.c.campaign_key, controls.c.action, controls.c.at).where(
    controls.c.seq.in_(select(func.max(controls.c.seq)).group_by(controls.c.campaign_key))
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How campaigns that somebody ever took hold of stand now.

    ``shut`` maps those that are paused or stopped to which of the two; ``resumed_at`` the others to since when.
    """

    shut: Mapping[str, Control]
    resumed_at: Mapping[str, datetime]


def standing(connection: Connection) -> Standing:
    rows = connection.execute(_LATEST).all()
    return Standing(
        shut={row.campaign_key: Control(row.action) for row in rows if row.action != Control.RESUME},
        resumed_at={row.campaign_key: row.at for row in rows if row.action == Control.RESUME},
    )


def attend(connection: Connection) -> None:
    """From here to the end of the transaction nobody takes hold of a campaign.

    Called first in every transaction that moves journeys or hands over, so that a pause which has returned binds all
    of them; and before people are locked, so that nobody waits in a circle. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(7301, 3)"))


def take_hold(connection: Connection) -> None:
    """Wait until every transaction that attends is over; new ones wait for this one."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7301, 3)"))


def in_force(connection: Connection) -> Mapping[str, Control]:
    """Campaign → pause or stop, for those that are not simply running."""
    return standing(connection).shut


def record(connection: Connection, campaign_key: str, control: Control, *, at: datetime, by: str, note: str) -> None:
    """Note that somebody did this to a campaign."""
    row = {"campaign_key": campaign_key, "action": control.value, "at": at, "by": by[:200], "note": note[:500]}
    insert_many(connection, controls, [row])
