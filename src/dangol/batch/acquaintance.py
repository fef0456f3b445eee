"""Reading what must be known of people before a batch of their journeys is decided: one query per kind of fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dangol.consent import ledger as consents
from dangol.expressions import Person
from dangol.journeys.flow import Known
from dangol.model.people import ConsentState, Event, Profile
from dangol.model.steps import START
from dangol.model.vocabulary import Channel, Purpose
from dangol.policy.zones import plausible_zones
from dangol.profiles import events, people
from dangol.release import Asks, Release
from dangol.store import arms as arm_rows
from dangol.store import journeys as journey_rows
from dangol.triggers.entries import PastEntry

Journey = dict[str, Any]
"""A row of ``journeys``."""
Place = tuple[str, str, str]
"""Campaign, profile and correlation: where one journey excludes another."""


@dataclass(slots=True)
class Acquaintance:
    """What is known of the people in a batch; kept up to date while the batch is decided."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    history: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    consents: Mapping[str, Mapping[tuple[Channel, Purpose], ConsentState]] = field(default_factory=dict)
    topic_consents: Mapping[str, Mapping[tuple[Channel, Purpose, str], ConsentState]] = field(default_factory=dict)
    arms: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    entry_events: dict[str, Event] = field(default_factory=dict)
    entries: dict[Place, PastEntry] = field(default_factory=dict)

    def person(self, event: Event) -> Person:
        """The person as of this event: nothing that happened after it is counted."""
        return Person(
            now=event.occurred_at,
            profile=self.profiles[event.profile_id].fields(),
            event=event.properties,
            entry=event.properties,
            history=[past for past in self.history.get(event.profile_id, ()) if past.order <= event.order],
            consents=self._granted(event.profile_id),
        )

    def known(self, release: Release, journey: Mapping[str, Any]) -> Known:
        """What the step machine may ask about the person on this journey."""
        profile_id = journey["profile_id"]
        profile = self.profiles.get(profile_id)
        entry = self.entry_events.get(journey["entry_event_id"] or "")
        return Known(
            profile_id=profile_id,
            profile=profile.fields() if profile is not None else {},
            entered=(journey["entered_at"], journey["entry_event_id"] or ""),
            zone=zone_of(profile, release) if profile is not None else UTC,
            entry=entry.properties if entry is not None else {},
            history=self.history.get(profile_id, ()),
            consents=self._granted(profile_id),
            arms=self.arms.get((profile_id, release.campaign.key), {}),
            hops=journey["hops"],
            taken_in=_taken_in(journey),
        )

    def journeys_of(self, place: Place) -> int:
        """How many journeys the person has under way in the campaign, whatever tells them apart."""
        campaign, profile_id, told_apart = place
        if not told_apart:
            return 0  # there is one at the most
        mine = ((other, entry) for other, entry in self.entries.items() if other[:2] == (campaign, profile_id))
        return sum(entry.active for _, entry in mine)

    def _granted(self, profile_id: str) -> frozenset[tuple[str, str]]:
        states = self.consents.get(profile_id, {})
        return frozenset(pair for pair, state in states.items() if state.granted)

    def learn(self, profile_id: str, values: Mapping[str, Any]) -> None:
        """A step has just set these attributes; None removes one."""
        if (profile := self.profiles.get(profile_id)) is not None:
            merged = {**profile.attributes, **values}
            kept = {name: value for name, value in merged.items() if value is not None}
            self.profiles[profile_id] = replace(profile, attributes=kept)

    def remember(self, profile_id: str, campaign: str, experiment: str, arm: str) -> None:
        """A step has just drawn this arm."""
        self.arms.setdefault((profile_id, campaign), {})[experiment] = arm


def _taken_in(journey: Mapping[str, Any]) -> datetime:
    """When it was decided that this journey is to be: at the firing, which by the recipient's clock comes before it."""
    entered_at: datetime = journey["entered_at"]
    if journey["entry_event_id"] is None:
        with suppress(ValueError):  # rows of the first release have other keys
            return datetime.fromisoformat(journey["entry_key"])
    return entered_at


def zone_of(profile: Profile, release: Release) -> tzinfo:
    """Where this person's clock stands, as far as can be told; else the workspace's zone."""
    zones = plausible_zones(profile, ())
    return zones[0] if zones else ZoneInfo(release.policies.timezone)


def acquaint_at_entry(connection: Connection, happened: Sequence[Event], releases: Sequence[Release]) -> Acquaintance:
    """Read what these campaigns ask about the people of these events; the caller has locked them."""
    profile_ids = sorted({event.profile_id for event in happened})
    asks = [release.asks_at_entry for release in releases]
    known = _read(connection, profile_ids, asks, since=min(event.occurred_at for event in happened))
    known.entry_events = {event.id: event for event in happened}
    known.entries = past_entries(connection, profile_ids, releases)
    return known


def acquaint_on_the_way(
    connection: Connection, journeys: Iterable[tuple[Release, Mapping[str, Any]]], *, more: Asks | None = None
) -> Acquaintance:
    """Read what these journeys ask about their people, and ``more``; the caller has locked them."""
    pairs = list(journeys)
    if not pairs:
        return Acquaintance()
    profile_ids = sorted({journey["profile_id"] for _, journey in pairs})
    asks = [*{release.version_id: release.asks for release, _ in pairs}.values(), *([more] if more else [])]
    known = _read(connection, profile_ids, asks, since=min(_taken_in(journey) for _, journey in pairs))
    wanted = {
        journey["entry_event_id"]
        for release, journey in pairs
        if journey["entry_event_id"] and (release.asks.entry or (more is not None and more.entry))
    }
    known.entry_events = events.load_events(connection, sorted(wanted))
    return known


def place_of(journey: Journey) -> Place:
    """The place that this journey takes up."""
    return journey["campaign_key"], journey["profile_id"], journey["correlation"]


def still_inside(connection: Connection, moving: Iterable[Journey], now: datetime) -> frozenset[str]:
    """Those of these journeys that are to begin now, of people who are still on an earlier one at the same place.

    Only journeys on the recipient's own clock begin later than they are taken in, so nobody else is asked about.
    """
    beginning = [one for one in moving if one["position"] == START and one["wake_at"] and one["wake_at"] <= now]
    if not beginning:
        return frozenset()
    owners = sorted({journey["profile_id"] for journey in beginning})
    earliest: dict[Place, datetime] = {}
    for row in journey_rows.open_of(connection, owners):
        place, entered_at = (row.campaign_key, row.profile_id, row.correlation), row.entered_at
        earliest[place] = min(entered_at, earliest.get(place, entered_at))
    return frozenset(
        journey["id"]
        for journey in beginning
        if earliest.get(place_of(journey), journey["entered_at"]) < journey["entered_at"]
    )


def past_entries(
    connection: Connection, profile_ids: Sequence[str], releases: Iterable[Release]
) -> dict[Place, PastEntry]:
    """The latest entries of these people into these campaigns."""
    found = journey_rows.latest_entries(connection, profile_ids, {release.campaign.key for release in releases})
    return {place: PastEntry(*entry) for place, entry in found.items()}


def _read(connection: Connection, profile_ids: Sequence[str], asks: Sequence[Asks], *, since: datetime) -> Acquaintance:
    ever = frozenset[str]().union(*(one.events_ever for one in asks))
    lately = frozenset[str]().union(*(one.events_since_entry for one in asks)) - ever
    general, topics = consents.all_states(connection, profile_ids) if any(one.consents for one in asks) else ({}, {})
    return Acquaintance(
        profiles=people.load(connection, profile_ids) if any(one.profile for one in asks) else {},
        history=_history(connection, profile_ids, ever, lately, since),
        consents=general,
        topic_consents=topics,
        arms=arm_rows.load(connection, profile_ids) if any(one.arms for one in asks) else {},
    )


def _history(
    connection: Connection, profile_ids: Sequence[str], ever: frozenset[str], lately: frozenset[str], since: datetime
) -> Mapping[str, Sequence[Event]]:
    if not ever:
        return events.history(connection, profile_ids, lately, since=since) if lately else {}
    whole = events.history(connection, profile_ids, ever)
    if not lately:
        return whole
    recent = events.history(connection, profile_ids, lately, since=since)
    return {one: sorted([*whole[one], *recent[one]], key=lambda event: event.order) for one in profile_ids}
