"""What a plan counts in the database: people under way, audiences, who had a message lately. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, union

from dangol.definitions.history import OPEN
from dangol.definitions.versions import Version
from dangol.expressions import Scope, parse, to_sql
from dangol.model.vocabulary import Decision, MessageState
from dangol.store.bulk import among
from dangol.store.tables import calls, journeys, log, messages, profiles

LATELY = timedelta(days=30)
"""How far back a plan looks for people who had a message."""
_LEFT_THE_HOUSE = sorted(
    state.value
    for state in (
        MessageState.SENDING,
        MessageState.ACCEPTED,
        MessageState.DELIVERED,
        MessageState.BOUNCED,
        MessageState.UNKNOWN,
    )
)

_NOTED = (Decision.EVENT_EMITTED.value, Decision.PROFILE_CHANGED.value)
"""What steps leave in the log alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where people of one campaign stand; ``listening``: a ``wait_for`` has begun there."""

    campaign_key: str
    version_id: str
    position: str
    listening: bool
    people: int
    journeys: int


def places(connection: Connection, campaign_keys: Collection[str]) -> list[Place]:
    """Where the people under way in these campaigns stand, by campaign, version and position."""
    return [Place(*row) for row in connection.execute(_PLACES, {"keys": sorted(campaign_keys)})]


_LISTENING = journeys.c.awaits.is_not(None)
_PLACES = (
    select(
        journeys.c.campaign_key,
        journeys.c.version_id,
        journeys.c.position,
        _LISTENING.label("listening"),
        func.count(journeys.c.profile_id.distinct()),
        func.count(),
    )
    .where(among(journeys.c.campaign_key, "keys"), journeys.c.status.in_(OPEN))
    .group_by(journeys.c.campaign_key, journeys.c.version_id, journeys.c.position, _LISTENING)
    .order_by(journeys.c.campaign_key, journeys.c.version_id, journeys.c.position, _LISTENING)
)


def had_already(connection: Connection, place: Place, steps: Collection[str]) -> list[str]:
    """Which of these steps have done something for somebody at this place, in this very journey: planned a message or a
    call, reported an event, changed an attribute."""
    if not steps:
        return []
    of_place = (
        journeys.c.campaign_key == place.campaign_key,
        journeys.c.status.in_(OPEN),
        journeys.c.version_id == place.version_id,
        journeys.c.position == place.position,
    )
    had = [
        select(table.c.step)
        .join(journeys, journeys.c.id == table.c.journey_id)
        .where(*of_place, among(table.c.step, "steps"))
        for table in (messages, calls)
    ]
    # By person first: the log is not indexed by journey.
    mine = (log.c.profile_id == journeys.c.profile_id) & (log.c.journey_id == journeys.c.id)
    noted = select(log.c.step).join(journeys, mine).where(*of_place, among(log.c.step, "steps"))
    had.append(noted.where(log.c.decision.in_(_NOTED)))
    found = connection.execute(union(*had), {"steps": sorted(steps)}).scalars()
    return sorted(found)


def templates_had(connection: Connection, place: Place, templates: Collection[str]) -> list[str]:
    """Which of these texts somebody at this place has had, in this very journey, whatever the step was called."""
    if not templates:
        return []
    statement = (
        select(messages.c.template)
        .distinct()
        .join(journeys, journeys.c.id == messages.c.journey_id)
        .where(
            journeys.c.campaign_key == place.campaign_key,
            journeys.c.status.in_(OPEN),
            journeys.c.version_id == place.version_id,
            journeys.c.position == place.position,
            among(messages.c.template, "templates"),
        )
    )
    return sorted(connection.execute(statement, {"templates": sorted(templates)}).scalars())


def audience_size(connection: Connection, version: Version, now: datetime) -> int | None:
    """How many people are in the campaign's audience now; None where it has none."""
    audience = version.campaign.entry.audience
    if audience is None:
        return None
    workspace = version.workspace
    scope = Scope(workspace.tracking_plan, frozenset({"profile"}), segments=workspace.segments)
    condition = to_sql(parse(audience, scope), now, connection.dialect.name)
    return int(connection.execute(_ALL.where(condition)).scalar_one())


def everybody(connection: Connection) -> int:
    """How many people there are; the erased are not counted."""
    return int(connection.execute(_ALL).scalar_one())


_ALL = select(func.count()).select_from(profiles).where(profiles.c.erased_at.is_(None))


def had_lately(connection: Connection, templates: Collection[str], now: datetime) -> Mapping[str, int]:
    """Template → how many people had it, in whatever campaign, within LATELY."""
    if not templates:
        return {}
    statement = (
        select(messages.c.template, func.count(messages.c.profile_id.distinct()))
        .where(
            among(messages.c.template, "templates"),
            messages.c.state.in_(_LEFT_THE_HOUSE),
            messages.c.updated_at >= now - LATELY,
        )
        .group_by(messages.c.template)
    )
    return {row[0]: row[1] for row in connection.execute(statement, {"templates": sorted(templates)})}


def some_who_had(connection: Connection, template: str, now: datetime) -> list[str]:
    """The ids of some of the people who had a template within LATELY, in order: enough to look at."""
    statement = (
        select(profiles.c.external_id)
        .join(messages, messages.c.profile_id == profiles.c.id)
        .where(
            messages.c.template == template,
            messages.c.state.in_(_LEFT_THE_HOUSE),
            messages.c.updated_at >= now - LATELY,
            profiles.c.external_id.is_not(None),
        )
        .distinct()
        .order_by(profiles.c.external_id)
        .limit(_SHOWN)
    )
    return list(connection.execute(statement).scalars())


_SHOWN = 100
"""People whom a plan names, at most."""
