"""What is coming: firings of schedules, waits that end, messages that come due, by day. Counts only, nobody's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Table, case, func, select

from dangol.model.campaign import RECIPIENT, Campaign
from dangol.model.durations import format_duration
from dangol.model.steps import Emit, Send, Set, Webhook
from dangol.model.vocabulary import JourneyStatus, MessageState, Purpose
from dangol.store.tables import journeys, messages, schedule_runs
from dangol.triggers.schedule import firings_between

COUNTED = 200_000
"""Rows of waits, and of messages, that are counted, the earliest first."""
_OPEN = (MessageState.PLANNED.value, MessageState.DUE.value, MessageState.HELD.value)
_PURPOSES = tuple(purpose.value for purpose in Purpose)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Firing:
    """How often a campaign's schedule fires on a day: once at ``first``, or ``times`` times until ``last``.

    ``everywhere``: by each recipient's own clock. ``past``: it has fired. ``spread``: over how long what it sends goes
    out, "" if at once.
    """

    campaign: str
    first: time
    last: time
    times: int
    everywhere: bool = False
    past: bool = False
    spread: str = ""


@dataclass(slots=True)
class Day:
    """One day of the workspace's calendar, with how many journeys and messages of each kind.

    ``waits`` counts journeys whose wait ends by campaign and the message that they are sent then, "" if what comes
    next is something else or depends on the person; ``due`` counts planned messages by campaign and message.
    """

    date: date
    firings: list[Firing] = field(default_factory=list)
    waits: dict[tuple[str, str], int] = field(default_factory=dict)
    due: dict[tuple[str, str], int] = field(default_factory=dict)
    starting: list[str] = field(default_factory=list)
    ending: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.firings or self.waits or self.due or self.starting or self.ending)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Days in order. ``cut`` says that there are more waits or messages than were counted."""

    days: tuple[Day, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class Step:
    """So many people go on at ``position`` of a version on this day."""

    date: date
    version_id: str
    position: str
    people: int


class Calendar:
    """Days from ``first`` on, in ``zone``; the first moment of each is known in UTC."""

    def __init__(self, first: date, length: int, zone: str, now: datetime) -> None:
        self.zone = ZoneInfo(zone)
        self.now = now
        self.today = now.astimezone(self.zone).date()
        self.dates = [first + timedelta(days=index) for index in range(length)]
        midnights = [*self.dates, first + timedelta(days=length)]
        self.bounds = [datetime.combine(day, time(), self.zone).astimezone(UTC) for day in midnights]

    @property
    def start(self) -> datetime:
        """From when on rows count: what is overdue counts as today's."""
        return _LONG_AGO if self.today in self.dates else self.bounds[0]

    @property
    def end(self) -> datetime:
        return self.bounds[-1]

    def day_of(self, column: ColumnElement[datetime]) -> ColumnElement[int]:
        """The index of the day on which an instant before the end falls; overdue ones fall on today."""
        today = self.dates.index(self.today) if self.today in self.dates else 0
        return case(*((column < bound, index) for index, bound in enumerate(self.bounds[1:], 0) if index >= today))


def look_ahead(
    tx: Connection, campaigns: Mapping[str, Campaign], calendar: Calendar, versions: Mapping[str, str | None]
) -> Ahead:
    """Everything of these campaigns, and all waits and messages, on the days of ``calendar``.

    ``versions`` maps a campaign to its version in service: of journeys on it is told what they are sent next.
    """
    days = [Day(each) for each in calendar.dates]
    for key in sorted(campaigns):
        _place_campaign(key, campaigns[key], days, calendar)
    _place_past(tx, [key for key in sorted(campaigns) if campaigns[key].entry.kind == "schedule"], days, calendar)
    wanted = [journeys.c.campaign_key, journeys.c.version_id, journeys.c.position]
    waits = tx.execute(_counted(_waits(calendar), wanted)).all()
    due = tx.execute(_counted(_due(calendar), [messages.c.campaign_key, messages.c.template])).all()
    for row in waits:
        version = versions.get(row.campaign_key)
        here = campaigns.get(row.campaign_key) if version == row.version_id else None
        sent = row.campaign_key, next_message(here, row.position) if here is not None else ""
        days[row.day].waits[sent] = days[row.day].waits.get(sent, 0) + row.number
    for row in due:
        days[row.day].due[row.campaign_key, row.template] = row.number
    return Ahead(tuple(days), any(sum(row.number for row in rows) >= COUNTED for rows in (waits, due)))


def next_message(campaign: Campaign, position: str) -> str:
    """The message that a journey is sent as soon as it goes on from here; "" if that is not certain."""
    steps = {placed.position: placed for placed in campaign.placed}
    placed = steps.get(position)
    while placed is not None and isinstance(placed.step, Set | Emit | Webhook):
        placed = steps.get(placed.following)
    return placed.step.send if placed is not None and isinstance(placed.step, Send) else ""


def steps_ahead(tx: Connection, key: str, calendar: Calendar) -> list[Step]:
    """Where people of this campaign go on, by day and step."""
    wanted = [journeys.c.version_id, journeys.c.position]
    rows = tx.execute(_counted(_waits(calendar, key), wanted)).all()
    return [Step(calendar.dates[row.day], row.version_id, row.position, row.number) for row in rows]


def due_ahead(tx: Connection, key: str, calendar: Calendar) -> list[tuple[date, str, int]]:
    """Day, message and how many of it come due, for this campaign."""
    rows = tx.execute(_counted(_due(calendar, key), [messages.c.template])).all()
    return [(calendar.dates[row.day], row.template, row.number) for row in rows]


def firings_of(key: str, campaign: Campaign, calendar: Calendar) -> list[tuple[date, Firing]]:
    """The firings of the campaign's schedule that are still to come, by day."""
    if campaign.entry.kind != "schedule":
        return []
    everywhere = campaign.entry.timezone == RECIPIENT
    # By the recipient's clock it is the same time of day everywhere, so any zone tells the day.
    entry = campaign.entry.model_copy(update={"timezone": None}) if everywhere else campaign.entry
    spread = format_duration(campaign.spread) if campaign.spread is not None else ""
    found = []
    for index, day in enumerate(calendar.dates):
        after = max(calendar.bounds[index] - _MOMENT, calendar.now)
        until = calendar.bounds[index + 1] - _MOMENT
        inside = (campaign.starts is None or campaign.starts <= day) and (campaign.ends is None or day <= campaign.ends)
        fired = firings_between(entry, after, until, default_zone=calendar.zone.key) if inside else None
        if fired is not None:
            first, last = (at.astimezone(calendar.zone).time() for at in (fired.first, fired.latest))
            found.append((day, Firing(key, first, last, fired.missed + 1, everywhere, spread=spread)))
    return found


def _place_campaign(key: str, campaign: Campaign, days: Sequence[Day], calendar: Calendar) -> None:
    by_date = {day.date: day for day in days}
    for day, firing in firings_of(key, campaign, calendar):
        by_date[day].firings.append(firing)
    if campaign.starts in by_date:
        by_date[campaign.starts].starting.append(key)
    if campaign.ends in by_date:
        by_date[campaign.ends].ending.append(key)


def _place_past(tx: Connection, keys: Iterable[str], days: Sequence[Day], calendar: Calendar) -> None:
    statement = (
        select(schedule_runs.c.campaign_key, schedule_runs.c.fire_at)
        .where(
            schedule_runs.c.campaign_key.in_(list(keys)),
            schedule_runs.c.fire_at >= calendar.bounds[0],
            schedule_runs.c.fire_at < min(calendar.end, calendar.now),
        )
        .order_by(schedule_runs.c.fire_at, schedule_runs.c.campaign_key)
        .limit(COUNTED)
    )
    found: dict[tuple[date, str], list[time]] = {}
    for row in tx.execute(statement):
        local = row.fire_at.astimezone(calendar.zone)
        found.setdefault((local.date(), row.campaign_key), []).append(local.time())
    by_date = {day.date: day for day in days}
    for (day, key), times in found.items():
        by_date[day].firings.insert(0, Firing(key, times[0], times[-1], len(times), past=True))


def _waits(calendar: Calendar, key: str | None = None) -> Any:
    statement = select(journeys, calendar.day_of(journeys.c.wake_at).label("day")).where(
        journeys.c.status == JourneyStatus.WAITING.value,
        journeys.c.wake_at >= calendar.start,
        journeys.c.wake_at < calendar.end,
    )
    return _first(statement, journeys, journeys.c.wake_at, key)


def _due(calendar: Calendar, key: str | None = None) -> Any:
    statement = select(messages, calendar.day_of(messages.c.due_at).label("day")).where(
        messages.c.state.in_(_OPEN),
        messages.c.purpose.in_(_PURPOSES),
        messages.c.due_at >= calendar.start,
        messages.c.due_at < calendar.end,
    )
    return _first(statement, messages, messages.c.due_at, key)


def _first(statement: Any, table: Table, moment: ColumnElement[datetime], key: str | None) -> Any:
    if key is not None:
        statement = statement.where(table.c.campaign_key == key)
    return statement.order_by(moment).limit(COUNTED).subquery()


def _counted(rows: Any, by: Sequence[Any]) -> Any:
    """How many of these rows there are for each day and each value of ``by``."""
    columns = [rows.c.day, *(rows.c[column.name] for column in by)]
    return select(*columns, func.count().label("number")).group_by(*columns).order_by(*columns)
