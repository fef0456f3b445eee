"""Which arm of an experiment a person drew: written once, read ever after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from dangol.store.bulk import among, upsert
from dangol.store.tables import arms

_OF = select(arms.c.profile_id, arms.c.campaign_key, arms.c.experiment, arms.c.arm).where(
    among(arms.c.profile_id, "ids")
)


def load(connection: Connection, profile_ids: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """(profile, campaign) → experiment → arm."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for profile_id, campaign, experiment, arm in connection.execute(_OF, {"ids": profile_ids}).all():
        found.setdefault((profile_id, campaign), {})[experiment] = arm
    return found


def assign(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write draws. Nobody draws who has an arm that still exists; the caller has locked the people."""
    key = ["profile_id", "campaign_key", "experiment"]
    upsert(connection, arms, rows, key=key, update=["arm", "assigned_at"])
