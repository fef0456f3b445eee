"""What people chose for themselves beyond consents: a pause, and how often they want to hear from us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from dangol.model.people import Preferences
from dangol.model.vocabulary import Reason
from dangol.store import messages
from dangol.store.bulk import among, upsert
from dangol.store.tables import preferences

_LOAD = select(
    preferences.c.profile_id, preferences.c.paused_until, preferences.c.at_most, preferences.c.per_days
).where(among(preferences.c.profile_id, "ids"))


def load(connection: Connection, profile_ids: Sequence[str]) -> dict[str, Preferences]:
    """What these people chose; who chose nothing is left out."""
    rows = connection.execute(_LOAD, {"ids": profile_ids}).all()
    return {profile_id: Preferences(*chosen) for profile_id, *chosen in rows}


def save(connection: Connection, chosen: Mapping[str, Preferences], *, now: datetime) -> None:
    """Write what these people chose, in place of what they chose before.

    The caller must hold ``people.lock`` on them in the same transaction: a pause that was asked for before a message
    was claimed binds it. Messages that wait for the end of an earlier pause are asked again when this one ends.
    """
    for profile_id, preference in sorted(chosen.items()):
        at = max(preference.paused_until or now, now)
        waiting = messages.waiting_because(connection, [profile_id], Reason.PAUSED_BY_RECIPIENT)
        messages.change(connection, [row.id for row in waiting if row.due_at > at], due_at=at, updated_at=now)
    rows = [
        {
            "profile_id": profile_id,
            "paused_until": preference.paused_until,
            "at_most": preference.at_most,
            "per_days": preference.per_days,
            "updated_at": now,
        }
        for profile_id, preference in sorted(chosen.items())
    ]
    upsert(
        connection, preferences, rows, key=["profile_id"], update=["paused_until", "at_most", "per_days", "updated_at"]
    )
