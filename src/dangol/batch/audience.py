"""Whom the next part of a run takes in: those a schedule finds, or those who have come to be in an audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from dangol.expressions import to_sql
from dangol.profiles import audience
from dangol.release import Release
from dangol.store import journeys as journey_rows
from dangol.store import members


@dataclass(frozen=True, slots=True)
class Part:
    """People to take in, and up to whom the audience has been looked at; ``cursor`` None: to its end."""

    profile_ids: Sequence[str]
    cursor: str | None


def next_part(connection: Connection, release: Release, run: Row[Any], *, limit: int) -> Part:
    """The next ``limit`` people of a scheduled campaign's audience, as of the firing."""
    found = _matching(connection, release, run, limit)
    return Part(found, found[-1] if len(found) == limit else None)


def joined(
    connection: Connection, release: Release, run: Row[Any], *, since: datetime, now: datetime, limit: int
) -> Part:
    """Those of the next part of all people who have come to be in the audience since it was last looked at.

    Who is in it is written down here, and who has left it is struck off. Looked at for the first time since the
    campaign, or the present rule of its audience, came into service, the audience is only written down, unless its
    author says ``existing: enter``. ``since`` is when that rule came into service.
    """
    campaign = release.campaign.key
    inside = _matching(connection, release, run, limit)
    before = members.listed(connection, campaign, after=run.cursor, limit=limit)
    ends = [part[-1] for part in (inside, before) if len(part) == limit]
    cursor = min(ends) if ends else None
    if cursor is not None:
        inside = [one for one in inside if one <= cursor]
        before = [one for one in before if one <= cursor]
    known, present = set(before), set(inside)
    new = [one for one in inside if one not in known]
    members.leave(connection, campaign, [one for one in before if one not in present])
    new = members.join(connection, campaign, new, now)
    if release.campaign.entry.existing == "skip" and journey_rows.is_first_look(connection, run, since):
        return Part([], cursor)
    return Part(new, cursor)


def _matching(connection: Connection, release: Release, run: Row[Any], limit: int) -> list[str]:
    assert release.audience is not None
    condition = to_sql(release.audience, run.fire_at, connection.dialect.name)
    return audience.matching(connection, condition, after=run.cursor, limit=limit)
