"""The plan: what a deployment would change, against what is in service in this database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from dangol.definitions import versions
from dangol.definitions.diff import VersionDiff, diff
from dangol.definitions.step_diff import nested, says
from dangol.definitions.versions import Version
from dangol.errors import UnknownVersion
from dangol.model.forms import ConsentForm
from dangol.planner.beside import PartChange, form_changes, pack_changes
from dangol.planner.cautions import Audience, Caution, Counted, cautions, templates_to_count
from dangol.planner.migration import Fate, fates
from dangol.planner.standing import audience_size, everybody, had_lately, places, some_who_had

NO_DIFF = VersionDiff()
Status = Literal["new", "changed", "unchanged", "withdrawn"]
GROWTH = 0.2
"""The share by which an audience may grow before the plan warns."""


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What would become of one campaign.

    ``outline`` tells a new campaign's steps. ``under_way`` are people on other versions than the new one, and what
    becomes of them. ``unreadable`` says why there is no diff, where the version in service cannot be read.
    """

    key: str
    status: Status
    version_id: str | None
    replaced: str | None
    diff: VersionDiff = NO_DIFF
    outline: tuple[str, ...] = ()
    audience: Audience | None = None
    under_way: tuple[Fate, ...] = ()
    warnings: tuple[Caution, ...] = ()
    unreadable: str = ""

    @property
    def people(self) -> int:
        return sum(fate.people for fate in self.under_way)

    @property
    def refused(self) -> tuple[Fate, ...]:
        """People whom ``--migrate`` could not take along."""
        return tuple(fate for fate in self.under_way if fate.obstacle)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every campaign in question, by key, and what changes beside them.

    ``forms`` are all that the workspace offers, whichever campaigns are asked about: a deployment registers them all.
    """

    campaigns: tuple[CampaignPlan, ...]
    forms: tuple[PartChange, ...] = ()
    packs: tuple[PartChange, ...] = ()

    @property
    def changes(self) -> tuple[CampaignPlan, ...]:
        return tuple(one for one in self.campaigns if one.status != "unchanged")

    @property
    def warnings(self) -> dict[Caution, tuple[str, ...]]:
        """Each warning once, with the campaigns that it is about."""
        found: defaultdict[Caution, list[str]] = defaultdict(list)
        for campaign in self.campaigns:
            for caution in campaign.warnings:
                found[caution].append(campaign.key)
        return {caution: tuple(keys) for caution, keys in found.items()}


def make_plan(
    connection: Connection,
    wanted: Mapping[str, Version | None],
    *,
    now: datetime,
    growth: float = GROWTH,
    forms: Mapping[str, ConsentForm] | None = None,
) -> Plan:
    """What putting ``wanted`` into service (None: taking out) would change. Reads only.

    ``growth`` is the share by which an audience may grow without a warning. ``forms`` are those that people can fill in
    afterwards; None leaves them as they are.
    """
    planner = _Planner(connection, wanted, now, growth)
    campaigns = tuple(planner.campaign(key) for key in sorted(wanted))
    return Plan(campaigns, form_changes(connection, forms), planner.packs())


class _Planner:
    def __init__(
        self, connection: Connection, wanted: Mapping[str, Version | None], now: datetime, growth: float
    ) -> None:
        self.connection = connection
        self.wanted = wanted
        self.now = now
        self.growth = growth
        self._loaded: dict[str, tuple[Version | None, str]] = {}
        self.before = versions.active(connection)
        self.places = places(connection, wanted.keys())
        self.everybody = everybody(connection)
        self.senders = self._senders()

    def campaign(self, key: str) -> CampaignPlan:
        new, old_id = self.wanted[key], self.before.get(key)
        under_way = fates(self.connection, [place for place in self.places if place.campaign_key == key], new)
        new_id = new.id if new is not None else None
        if new_id == old_id:
            return CampaignPlan(key, "unchanged", new_id, old_id, under_way=tuple(under_way))
        old, unreadable = self._load(old_id)
        change = diff(old, new) if old is not None and new is not None else NO_DIFF
        audience = self._audience(old, new)
        templates = (
            templates_to_count(old.campaign, new.campaign, change) if old is not None and new is not None else ()
        )
        lately = had_lately(self.connection, templates, self.now)
        who = {template: some_who_had(self.connection, template, self.now) for template in lately}
        counted = Counted(under_way, audience, lately, self._others(key), self.growth, who)
        status: Status = "withdrawn" if new is None else "new" if old_id is None else "changed"
        return CampaignPlan(
            key,
            status,
            new_id,
            old_id,
            change,
            _outline(new) if status == "new" and new is not None else (),
            audience,
            tuple(under_way),
            tuple(cautions(old, new, change, counted)),
            unreadable,
        )

    def packs(self) -> tuple[PartChange, ...]:
        """What becomes of the workspace's own packs of law, over all campaigns."""
        staying = [id_ for key, id_ in self.before.items() if key not in self.wanted]
        kept, old = (
            [version for id_ in ids if (version := self._load(id_)[0]) is not None]
            for ids in (staying, self.before.values())
        )
        new = [*kept, *(version for version in self.wanted.values() if version is not None)]
        return pack_changes(old, new) if new else ()

    def _load(self, version_id: str | None) -> tuple[Version | None, str]:
        if version_id is None:
            return None, ""
        if version_id not in self._loaded:
            try:
                self._loaded[version_id] = versions.load(self.connection, version_id), ""
            except UnknownVersion as error:
                self._loaded[version_id] = None, str(error)
        return self._loaded[version_id]

    def _audience(self, old: Version | None, new: Version | None) -> Audience | None:
        size = audience_size(self.connection, new, self.now) if new is not None else None
        if size is None:
            return None
        before = audience_size(self.connection, old, self.now) if old is not None else None
        return Audience(before, size, self.everybody)

    def _senders(self) -> dict[str, set[str]]:
        """Template → campaigns that would send it after the deployment."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        staying = {key: self._load(id_)[0] for key, id_ in self.before.items() if key not in self.wanted}
        for key, version in {**staying, **self.wanted}.items():
            for send in version.campaign.sends if version is not None else ():
                found[send.send].add(key)
        return found

    def _others(self, key: str) -> Mapping[str, Collection[str]]:
        return {template: users - {key} for template, users in self.senders.items()}


def _outline(version: Version) -> tuple[str, ...]:
    """A new campaign's steps, what branches hold indented below."""
    return tuple(nested(placed.position, says(placed.step)) for placed in version.campaign.placed)
