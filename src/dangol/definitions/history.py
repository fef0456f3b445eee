"""The history of what was in service: who changed it when, and what a rollback goes back to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from dangol.definitions.document import nearest
from dangol.definitions.versions import Action, counted
from dangol.errors import UsageError
from dangol.model.fragmentation import Fragmentation
from dangol.model.vocabulary import JourneyStatus
from dangol.store.tables import deployments, journeys, versions

OPEN = tuple(status.value for status in JourneyStatus if status is not JourneyStatus.ENDED)
"""Statuses of journeys that are under way."""


@dataclass(frozen=True, slots=True)
class Past:
    """One line of a campaign's history; ``journeys`` are under way on that version now.

    ``facts`` is how far its texts tell the same; None if nobody counted.
    """

    campaign_key: str
    version_id: str | None
    deployed_at: datetime
    deployed_by: str
    action: str
    git_commit: str | None
    in_service: bool
    journeys: int
    facts: Fragmentation | None = None


def history(connection: Connection, campaign_key: str | None = None) -> list[Past]:
    """What came into and went out of service, the newest first, of one campaign or of all."""
    rows = _history_rows(connection, campaign_key)
    latest = {row.campaign_key: row.seq for row in reversed(rows)}
    under_way = {row.version_id: row.journeys for row in connection.execute(_UNDER_WAY)}
    return [
        Past(
            row.campaign_key,
            row.version_id,
            row.deployed_at,
            row.deployed_by,
            row.action,
            row.git_commit,
            row.version_id is not None and latest[row.campaign_key] == row.seq,
            under_way.get(row.version_id, 0),
            counted(row),
        )
        for row in rows
    ]


def _history_rows(connection: Connection, campaign_key: str | None) -> Sequence[Row[Any]]:
    commit = func.coalesce(deployments.c.git_commit, versions.c.git_commit).label("git_commit")
    columns = [column for column in deployments.c if column.name != "git_commit"]
    statement = (
        select(*[*columns, commit])
        .outerjoin_from(deployments, versions, versions.c.id == deployments.c.version_id)
        .order_by(deployments.c.seq.desc())
    )
    if campaign_key is not None:
        statement = statement.where(deployments.c.campaign_key == campaign_key)
    return connection.execute(statement).all()


_UNDER_WAY = (
    select(journeys.c.version_id, func.count().label("journeys"))
    .where(journeys.c.status.in_(OPEN))
    .group_by(journeys.c.version_id)
)


def version_before(connection: Connection, campaign_key: str, to: str = "") -> str:
    """The version that a rollback puts back: the one before what is in service, or that whose id begins with ``to``.

    A rollback undoes: after v1, v2, v3 and a rollback to v2, the one before is v1 and not v3. Where the campaign was
    taken out of service, the one before is what it was then. Raises UsageError if there is none, or more than one.
    """
    past = list(reversed(_history_rows(connection, campaign_key)))
    if not past:
        known = set(connection.execute(select(deployments.c.campaign_key).distinct()).scalars())
        near = nearest(campaign_key, known)
        raise UsageError(
            f"the campaign {campaign_key!r} was never deployed" + (f"; did you mean {near!r}?" if near else "")
        )
    in_service = past[-1].version_id
    if to:
        found = _of_prefix(campaign_key, to, [row.version_id for row in past if row.version_id is not None])
        if found == in_service:
            raise UsageError(f"version {found[:12]} of {campaign_key} is in service already")
        return found
    undone = _undoable(past)
    if in_service is not None:
        undone.pop()
    if not undone:
        raise UsageError(f"{campaign_key} had no version before {str(in_service)[:12]}; `--to` chooses one by its id")
    return undone[-1]


def _undoable(past: Iterable[Row[Any]]) -> list[str]:
    """The versions that lead to the present one, oldest first, without those that a rollback undid."""
    found: list[str] = []
    for row in past:
        if row.version_id is None:
            continue
        if row.action == Action.ROLLBACK and row.version_id in found:
            del found[len(found) - found[::-1].index(row.version_id) :]
        elif found[-1:] != [row.version_id]:
            found.append(row.version_id)
    return found


def _of_prefix(campaign_key: str, prefix: str, ids: Iterable[str]) -> str:
    known = sorted(set(ids))
    found = [id_ for id_ in known if id_.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    told = ", ".join(id_[:12] for id_ in found or known)
    what = f"several versions of {campaign_key} begin" if found else f"no version of {campaign_key} begins"
    raise UsageError(f"{what} with {prefix!r}: {'they are' if found else 'there are'} {told}")
