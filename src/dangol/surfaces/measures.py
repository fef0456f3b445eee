"""KPIs of the journey map, measured: one statement each, over everyone or over a sample that is large enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, exists, func, literal, select, true

from dangol.definitions.workspace import Workspace
from dangol.expressions import Scope, parse, to_sql
from dangol.expressions.dialects import DIALECTS
from dangol.model.workspace import Kpi
from dangol.store.tables import events, profiles

COHORT = timedelta(days=30)
"""A KPI of events is measured over this long a stretch of time."""
SAMPLE = 20_000
"""Where there are more people, about so many are asked about: enough to tell a share to one percent."""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LAST = 26


@dataclass(frozen=True, slots=True)
class Measure:
    """``done`` of ``people`` did what the KPI is about; of ``sampled`` people in all, if not of everyone.

    ``since`` and ``until`` bound when they had the event that counts them in; None for an expression.
    """

    people: int
    done: int
    at: datetime
    since: datetime | None = None
    until: datetime | None = None
    sampled: bool = False

    @property
    def share(self) -> float | None:
        """From 0 to 1; None if there was nobody to ask about."""
        return self.done / self.people if self.people else None


def measure(tx: Connection, kpi: Kpi, workspace: Workspace, now: datetime) -> Measure:
    """The KPI as of ``now``.

    For events: of the people who had ``of`` in the last 30 days that ended ``within`` ago, so that all of them had
    their full time, those who had ``event`` in time after it.
    """
    until = now - kpi.within if kpi.within is not None else None
    since = until - COHORT if until is not None else None
    dialect = tx.dialect.name
    if since is not None and until is not None:
        counted, done = _events(kpi, since, until, dialect)
    else:
        counted, done = _expressions(kpi, workspace, now, dialect)
    sampled, drawn = _drawn(tx)
    asked = (
        select(case((done, 1), else_=0).label("done"))
        .select_from(profiles)
        .where(profiles.c.erased_at.is_(None), drawn, counted)
        .subquery()
    )
    people, number = tx.execute(select(func.count(), func.coalesce(func.sum(asked.c.done), 0)).select_from(asked)).one()
    return Measure(people, int(number), now, since, until, sampled)


def _events(
    kpi: Kpi, since: datetime, until: datetime, dialect: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    first, then = events.alias("first"), events.alias("then_")
    assert kpi.within is not None
    length = kpi.within // timedelta(microseconds=1)
    began = and_(
        first.c.profile_id == profiles.c.id,
        first.c.name == kpi.of,
        first.c.occurred_at > since,
        first.c.occurred_at <= until,
    )
    instant = DIALECTS[dialect].instant
    followed = exists().where(
        then.c.profile_id == profiles.c.id,
        then.c.name == kpi.event,
        then.c.occurred_at >= first.c.occurred_at,
        instant(then.c.occurred_at) <= instant(first.c.occurred_at) + literal(length, BigInteger),
        then.c.id != first.c.id,
    )
    counted = exists().where(began).correlate(profiles)
    return counted, exists().where(began, followed.correlate(profiles, first)).correlate(profiles)


def _expressions(
    kpi: Kpi, workspace: Workspace, now: datetime, dialect: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    scope = Scope(workspace.tracking_plan, frozenset({"profile"}), segments=workspace.segments)
    assert kpi.expression is not None
    counted = to_sql(parse(kpi.among, scope), now, dialect) if kpi.among else true()
    return counted, to_sql(parse(kpi.expression, scope), now, dialect)


def _drawn(tx: Connection) -> tuple[bool, ColumnElement[bool]]:
    """Whom to ask about. The last letter of an id is chance, so some letters of 32 are a fair sample."""
    everyone = tx.execute(select(func.count()).select_from(profiles)).scalar_one()
    if everyone <= SAMPLE:
        return False, true()
    letters = max(1, math.ceil(len(_LETTERS) * SAMPLE / everyone))
    return letters < len(_LETTERS), func.substr(profiles.c.id, _LAST, 1).in_(list(_LETTERS[:letters]))
