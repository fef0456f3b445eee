"""How campaigns stand: what is in service, in which state, and how many people are where. Nothing here names anyone.

Every query goes by an index and reads a bounded number of rows, or only the index rows of people on their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select, union_all

from dangol.bootstrap import Dangol
from dangol.definitions import versions
from dangol.definitions.document import did_you_mean
from dangol.definitions.versions import Version
from dangol.errors import DangolError, UnknownVersion
from dangol.model.campaign import Campaign
from dangol.model.fragmentation import Fragmentation
from dangol.model.vocabulary import Control, Decision, JourneyStatus, Reason
from dangol.store.tables import controls, deployments, journeys, log
from dangol.surfaces.drawing.chart import Chart, make_chart

LATEST_ENTRIES = 20_000
"""How far back into a campaign's part of the log the numbers of its row look."""
ON_THEIR_WAY = (JourneyStatus.WAITING.value, JourneyStatus.HELD.value, JourneyStatus.PAUSED.value)
_KEPT = 256
AT_A_TIME = 100
"""So many campaigns are asked about in one statement."""
_OF_CONTROLS = {Control.PAUSE.value: "paused", Control.STOP.value: "stopped"}


class UnknownCampaign(DangolError):
    """No campaign of this key was ever put into service here."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Service:
    """A campaign's latest deployment. ``version`` is None out of service, and where this release cannot read it.

    ``facts`` is how far its texts tell the same, None if nobody counted.
    ``state`` is ``in service``, ``paused``, ``stopped``, ``not started``, ``over``, ``out of service`` or
    ``unreadable``.
    """

    key: str
    version_id: str | None
    since: datetime
    by: str
    git_commit: str | None
    state: str
    version: Version | None
    problem: str = ""
    facts: Fragmentation | None = None

    @property
    def campaign(self) -> Campaign | None:
        return self.version.campaign if self.version else None

    @property
    def runs(self) -> bool:
        """Does it send messages now?"""
        return self.state == "in service"

    @property
    def may_run(self) -> bool:
        """Does it send messages now, or will it as soon as its day comes or somebody resumes it?"""
        return self.state in {"in service", "paused", "not started"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a campaign did lately, out of its latest log entries; ``since`` is None if that is everything."""

    entered: int = 0
    sent: int = 0
    goal: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class People:
    """How many are on their way through a campaign: by position of the version in service, and on earlier versions."""

    by_position: Mapping[str, int] = field(default_factory=dict)
    on_earlier_versions: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_position.values()) + self.on_earlier_versions


class Standing:
    """Answers over one installation; versions never change, so those once read are kept."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._versions: dict[str, Version] = {}

    def services(self, tx: Connection) -> dict[str, Service]:
        """Every campaign that ever was in service, by key."""
        held = {row.campaign_key: row.action for row in tx.execute(_latest(controls))}
        return {row.campaign_key: self._service(tx, row, held) for row in tx.execute(_latest(deployments))}

    def service(self, tx: Connection, key: str) -> Service:
        """Raises UnknownCampaign."""
        found = self.services(tx)
        if key not in found:
            hint = did_you_mean(key, set(found))
            raise UnknownCampaign(f"no campaign {key[:80]!r} is or was in service" + (f"; {hint}" if hint else ""))
        return found[key]

    def chart(self, tx: Connection, key: str) -> Chart:
        """The version in service, drawn with the people in it. Raises UnknownCampaign, UnknownVersion."""
        service = self.service(tx, key)
        if service.version is None:
            raise UnknownVersion(service.problem or f"the campaign {key} is not in service; there is nothing to draw")
        return self.drawn(service.version, self.people(tx, key, service.version_id))

    def drawn(self, version: Version, people: People) -> Chart:
        names = {stage.key: stage.name for stage in version.workspace.journey_map.stages}
        return make_chart(version.campaign, stage_names=names, people=people.by_position)

    def people(self, tx: Connection, key: str, version_id: str | None) -> People:
        """Who is on their way through this campaign, counted by step."""
        rows = tx.execute(_PEOPLE, {"campaign": key}).all()
        here: dict[str, int] = {}
        for row in rows:
            if row.version_id == version_id:
                here[row.position] = here.get(row.position, 0) + row.number
        return People(here, sum(row.number for row in rows if row.version_id != version_id))

    def on_their_way(self, tx: Connection, keys: Sequence[str]) -> dict[str, int]:
        """Campaign → how many journeys are under way."""
        statement = (
            select(journeys.c.campaign_key, func.count().label("number"))
            .where(journeys.c.campaign_key.in_(keys), journeys.c.status.in_(ON_THEIR_WAY))
            .group_by(journeys.c.campaign_key)
        )
        return {row.campaign_key: row.number for row in tx.execute(statement)}

    def numbers(self, tx: Connection, keys: Sequence[str]) -> dict[str, Numbers]:
        """Campaign → what it did lately."""
        found = {}
        for start in range(0, len(keys), AT_A_TIME):
            rows = tx.execute(_counted(keys[start : start + AT_A_TIME])).all()
            for key in keys[start : start + AT_A_TIME]:
                found[key] = _numbers([row for row in rows if row.campaign_key == key])
        return found

    def latest(self, services: Mapping[str, Service]) -> Version | None:
        """The latest deployment that is in service: its journey map and policies are the workspace's."""
        readable = [one for one in services.values() if one.version is not None]
        return max(readable, key=lambda one: (one.since, one.key)).version if readable else None

    def _service(self, tx: Connection, row: Any, held: Mapping[str, str]) -> Service:
        version, problem = None, ""
        if row.version_id is not None:
            try:
                version = self.version(tx, row.version_id)
            except UnknownVersion as error:
                problem = str(error)
        state = self._state(version, row.version_id, held.get(row.campaign_key))
        return Service(
            row.campaign_key,
            row.version_id,
            row.deployed_at,
            row.deployed_by,
            row.git_commit,
            state,
            version,
            problem,
            versions.counted(row),
        )

    def _state(self, version: Version | None, version_id: str | None, control: str | None) -> str:
        if version_id is None:
            return "out of service"
        if version is None:
            return "unreadable"
        if control in _OF_CONTROLS:
            return _OF_CONTROLS[control]
        today = self._dangol.clock.now().astimezone(ZoneInfo(version.workspace.policies.timezone)).date()
        if version.campaign.starts is not None and today < version.campaign.starts:
            return "not started"
        over = version.campaign.ends is not None and today > version.campaign.ends
        return "over" if over else "in service"

    def version(self, tx: Connection, version_id: str) -> Version:
        """The version of this id, kept once it was read. Raises UnknownVersion."""
        found = self._versions.get(version_id)
        if found is None:
            found = versions.load(tx, version_id)
            while len(self._versions) >= _KEPT:
                self._versions.pop(next(iter(self._versions)), None)
            self._versions[version_id] = found
        return found


def _latest(table: Any) -> Any:
    """The latest row of each campaign."""
    newest = select(func.max(table.c.seq)).group_by(table.c.campaign_key)
    return select(table).where(table.c.seq.in_(newest)).order_by(table.c.campaign_key)


_PEOPLE = (
    select(journeys.c.version_id, journeys.c.position, func.count().label("number"))
    .where(journeys.c.campaign_key == bindparam("campaign"), journeys.c.status.in_(ON_THEIR_WAY))
    .group_by(journeys.c.version_id, journeys.c.position)
)


def latest_entries(keys: Sequence[str]) -> Any:
    """The latest log entries of each of these campaigns, as a subquery."""
    parts = [
        select(
            select(log.c.campaign_key, log.c.decision, log.c.reason, log.c.at, log.c.stage, log.c.journey_id)
            .where(log.c.campaign_key == key)
            .order_by(log.c.seq.desc())
            .limit(LATEST_ENTRIES)
            .subquery()
        )
        for key in keys
    ]
    return union_all(*parts).subquery()


def _counted(keys: Sequence[str]) -> Any:
    """The decisions among the latest log entries of each of these campaigns, counted."""
    latest = latest_entries(keys)
    return select(
        latest.c.campaign_key,
        latest.c.decision,
        latest.c.reason,
        func.count().label("number"),
        func.min(latest.c.at, type_=log.c.at.type).label("first"),
    ).group_by(latest.c.campaign_key, latest.c.decision, latest.c.reason)


def _numbers(rows: Sequence[Any]) -> Numbers:
    def of(decision: Decision, reason: Reason | None = None) -> int:
        return sum(row.number for row in rows if row.decision == decision and reason in (None, row.reason))

    all_of_it = sum(row.number for row in rows) < LATEST_ENTRIES
    return Numbers(
        of(Decision.JOURNEY_ENTERED),
        of(Decision.MESSAGE_ACCEPTED),
        of(Decision.JOURNEY_ENDED, Reason.GOAL_REACHED),
        None if all_of_it else min(row.first for row in rows),
    )
