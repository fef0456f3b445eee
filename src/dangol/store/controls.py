"""What somebody did to campaigns in service: paused, resumed, stopped. The latest act holds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from dangol.model.vocabulary import Control
from dangol.store.bulk import insert_many
from dangol.store.tables import controls

_LATEST = select(controls.c.campaign_key, controls.c.action, controls.c.at).where(
    controls.c.seq.in_(select(func.max(controls.c.seq)).group_by(controls.c.campaign_key))
)


def in_force(connection: Connection) -> dict[str, Control]:
    """Campaign → pause or stop, for those that are not simply running."""
    latest = {row.campaign_key: Control(row.action) for row in connection.execute(_LATEST)}
    return {campaign: control for campaign, control in latest.items() if control is not Control.RESUME}


def resumed_at(connection: Connection) -> dict[str, datetime]:
    """Campaign → when it was resumed, for those whose latest control is that."""
    return {row.campaign_key: row.at for row in connection.execute(_LATEST) if row.action == Control.RESUME}


def record(connection: Connection, campaign_key: str, control: Control, *, at: datetime, by: str, note: str) -> None:
    """Note that somebody did this to a campaign."""
    row = {"campaign_key": campaign_key, "action": control.value, "at": at, "by": by[:200], "note": note[:500]}
    insert_many(connection, controls, [row])
