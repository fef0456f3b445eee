"""Reading everything the gate must know about a batch of claimed messages: one query per kind of fact.

All of it is read inside the transaction that claims the messages and after the people were locked, so a consent
withdrawn before that moment is seen (G3) and no other worker can take a slot meanwhile (G4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch.acquaintance import Acquaintance, acquaint_on_the_way
from dangol.batch.asked_anew import asked_anew
from dangol.consent import preferences, suppressions
from dangol.consent.suppressions import AddressHasher
from dangol.journeys.machine import ending, over
from dangol.ledger.entries import load_keys
from dangol.ledger.sealing import PersonKey
from dangol.model.facts import Candidate, Case, Contender, Facts, Slot, message_fields
from dangol.model.people import Event, Preferences, Profile, Suppressed
from dangol.model.vocabulary import Channel, JourneyStatus, Reason
from dangol.policy.caps import longest_reserve, longest_window
from dangol.policy.contention import comes_before, in_turn, rivals
from dangol.policy.hold import open_cases
from dangol.profiles import events
from dangol.release import Asks, Release
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows

PersonalLinks = Callable[[Iterable[str], Event | None], dict[str, str]]
"""Makes the links of these names for one recipient, who entered by this event."""


_NO_DIGEST: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed message's row with what its version says about it."""

    row: Row[Any]
    release: Release
    candidate: Candidate

    @classmethod
    def of(cls, row: Row[Any], release: Release) -> Claimed:
        """Tags and ``on_capped`` are those of the version that the journey runs."""
        campaign = release.campaign
        candidate = Candidate(
            id=row.id,
            campaign=campaign.key,
            stage=row.stage,
            purpose=campaign.purpose,
            tags=campaign.tags,
            priority=campaign.priority,
            channels=_channels_of(row.channels, row.refused or ""),
            expires_at=row.expires_at,
            on_capped=release.on_capped.get(row.step, release.policies.on_capped),
            holdout=campaign.holdout,
            topic=campaign.topic or "",
            value=row.value,
            journey_id=row.journey_id,
            planned_at=row.planned_at,
            step=row.step,
            place=release.places.get(row.step, 0),
            digest=row.digest or "",
        )
        return cls(row, release, candidate)


@lru_cache(maxsize=64)
def _channels_of(written: str, refused: str) -> tuple[Channel, ...]:
    """Those that a message may still go by: once a carrier refused its address, the ones after that channel."""
    channels = tuple(Channel(name) for name in written.split(","))
    return channels[channels.index(Channel(refused.rpartition(",")[2])) + 1 :] if refused else channels


@dataclass(slots=True)
class Briefing:
    """The facts of one batch. Slots taken while the batch is decided are added as it goes.

    ``waiting`` are the messages to each person that are not under way, by id, first in turn first; what is decided
    leaves it or waits on. ``under_way`` are those of each journey that are being handed over, ``begun`` those of them
    that this batch begins. ``leeway`` is how long after its claim a hand-over may begin, ``reserve`` the longest time
    for which any cap keeps room. ``asked_anew`` is by the event with which a journey began.
    """

    now: datetime
    people: Acquaintance
    keys: Mapping[str, PersonKey]
    suppressed: Mapping[str, Mapping[Channel, Suppressed]]
    journeys: Mapping[str, Mapping[str, Any]]
    slots: dict[str, list[Slot]] = field(default_factory=dict)
    without_provider: frozenset[Channel] = frozenset()
    preferences: Mapping[str, Preferences] = field(default_factory=dict)
    waiting: dict[str, dict[str, Contender]] = field(default_factory=dict)
    complaints: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    reserve: timedelta = timedelta()
    asked_anew: Mapping[str, frozenset[Channel]] = field(default_factory=dict)
    recalled: dict[str, dict[Any, bool]] = field(default_factory=dict)
    under_way: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)
    begun: dict[str, list[Candidate]] = field(default_factory=dict)
    leeway: timedelta = timedelta()

    @property
    def profiles(self) -> Mapping[str, Profile]:
        return self.people.profiles

    def gone(self, claimed: Claimed) -> bool:
        """Is there nobody left to decide about? Whoever was erased has no row, or no key, any more."""
        row = claimed.row
        return row.profile_id not in self.profiles or row.profile_id not in self.keys

    def facts(self, claimed: Claimed) -> Facts:
        """What the gate looks at for one message."""
        row = claimed.row
        return Facts(
            now=self.now,
            message=claimed.candidate,
            profile=self.profiles[row.profile_id],
            consents=self.people.consents.get(row.profile_id, {}),
            suppressed=self.suppressed.get(row.profile_id, {}),
            ended=self._ended(claimed),
            slots=self.slots.get(row.profile_id, ()),
            without_text=claimed.release.messages.lacking(row.template, claimed.candidate.channels),
            without_provider=self.without_provider,
            topic_consents=self.people.topic_consents.get(row.profile_id, {}),
            preferences=self.preferences.get(row.profile_id, _NOTHING_CHOSEN),
            cases=self._cases(claimed),
            contenders=self._contenders(claimed),
            asked_anew=self.asked_anew.get(self.journeys[row.journey_id]["entry_event_id"] or "", frozenset()),
            under_way=(*self.under_way.get(row.journey_id, ()), *self.begun.get(row.journey_id, ())),
            leeway=self.leeway,
            recalled=self.recalled.setdefault(row.profile_id, {}),
        )

    def follows(self, claimed: Claimed) -> bool:
        """Has an earlier message of the same journey begun in this batch, so that its outcome is soon known?"""
        return any(comes_before(one, claimed.candidate) for one in self.begun.get(claimed.row.journey_id, ()))

    def _contenders(self, claimed: Claimed) -> Sequence[Contender]:
        mine = self.waiting.get(claimed.row.profile_id)
        return rivals(claimed.candidate, mine.values(), self.now, self.reserve) if mine else ()

    def _cases(self, claimed: Claimed) -> Sequence[Case]:
        holds = claimed.release.policies.holds
        history = self.complaints.get(claimed.row.profile_id, ()) if holds else ()
        return open_cases(holds, history, self.now) if history else ()

    def _ended(self, claimed: Claimed) -> Reason | None:
        journey = self.journeys[claimed.row.journey_id]
        if journey["end_reason"] in OVERTAKEN:
            return Reason(journey["end_reason"])
        if not self.people.history.get(claimed.row.profile_id):
            return over(claimed.release.flow, self.now)
        return ending(claimed.release.flow, self.people.known(claimed.release, journey), self.now)

    def context(
        self,
        claimed: Claimed,
        variables: Iterable[tuple[str, str]],
        links: PersonalLinks,
        *,
        digest: Mapping[str, Any] = _NO_DIGEST,
    ) -> dict[str, dict[str, Any]]:
        """What a text may know: only the fields and links that it names. The log keeps no more than that.

        ``digest`` is what the text of a digest may know beside.
        """
        event = self.people.entry_events.get(self.journeys[claimed.row.journey_id]["entry_event_id"] or "")
        sources: dict[str, Mapping[str, Any]] = {
            "profile": self.profiles[claimed.row.profile_id].fields(),
            "event": event.properties if event else {},
            "digest": digest,
        }
        context: dict[str, dict[str, Any]] = {"profile": {}, "event": {}, **({"digest": {}} if digest else {})}
        if wanted := [name for namespace, name in variables if namespace == "links"]:
            sources["links"] = context["links"] = links(wanted, event)
        for namespace, name in variables:
            if name in sources[namespace]:
                context[namespace][name] = sources[namespace][name]
        return context

    def take_slot(self, claimed: Claimed, channel: Channel) -> None:
        """Count a message that is about to be handed over."""
        slot = Slot(self.now, claimed.candidate.fields(channel), taken_by=claimed.candidate)
        self.slots.setdefault(claimed.row.profile_id, []).append(slot)
        self.begun.setdefault(claimed.row.journey_id, []).append(claimed.candidate)
        self.leaves(claimed)

    def put_off(self, claimed: Claimed, until: datetime) -> None:
        """The message waits until then."""
        mine = self.waiting.get(claimed.row.profile_id, {})
        if claimed.row.id in mine:
            mine[claimed.row.id] = Contender(claimed.candidate, until)

    def leaves(self, claimed: Claimed) -> None:
        """The message waits no longer: it is under way, held, or will never be sent."""
        self.waiting.get(claimed.row.profile_id, {}).pop(claimed.row.id, None)


OVERTAKEN = frozenset(
    reason.value
    for reason in (
        Reason.EXIT_EVENT,
        Reason.GOAL_REACHED,
        Reason.CAMPAIGN_OVER,
        Reason.CAMPAIGN_STOPPED,
        Reason.JOURNEY_STOPPED,
        Reason.PROFILE_ERASED,
    )
)
"""Journeys that ended this way take their messages with them; completed ones leave them to be sent."""


_NOTHING_CHOSEN = Preferences()
_EVERYONE = Asks(profile=True, consents=True, entry=True)


def brief(
    connection: Connection,
    claimed: Sequence[Claimed],
    now: datetime,
    *,
    hasher: AddressHasher,
    providers: Iterable[Channel],
    leeway: timedelta,
    waiting: Sequence[Claimed] = (),
    under_way: Sequence[Claimed] = (),
) -> Briefing:
    """Read the facts of a batch; the caller has locked its people.

    ``waiting`` are messages to these people that are planned and not under way, claimed or not, and may still go;
    ``under_way`` are those that are being handed over. ``leeway`` is how long after its claim a hand-over may begin.
    """
    rows = [item.row for item in claimed]
    profile_ids = sorted({row.profile_id for row in rows})
    journeys = journey_rows.standing(connection, sorted({item.row.journey_id for item in (*claimed, *waiting)}))
    known = acquaint_on_the_way(
        connection, [(item.release, journeys[item.row.journey_id]) for item in claimed], more=_EVERYONE
    )
    wishes = preferences.load(connection, profile_ids)
    releases = [item.release for item in _one_per_version(claimed)]
    suppressed = suppressed_of(connection, known.profiles, _channels(claimed), hasher)
    window = longest_window([release.rulebook for release in releases], wishes.values(), leeway=leeway)
    return Briefing(
        now=now,
        people=known,
        keys=load_keys(connection, profile_ids),
        suppressed=suppressed,
        journeys=journeys,
        slots={
            profile_id: [slot_of(row) for row in taken]
            for profile_id, taken in message_rows.load_slots(connection, profile_ids, now - window).items()
        },
        without_provider=frozenset(Channel) - frozenset(providers),
        preferences=wishes,
        waiting=_contenders(waiting, journeys),
        complaints=_complaints(connection, profile_ids, releases, now),
        reserve=longest_reserve([release.rulebook for release in releases]),
        asked_anew=asked_anew(connection, known.entry_events.values(), suppressed),
        under_way=_by_journey(under_way),
        leeway=leeway,
    )


def several(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those of these messages that are not the only one to their person: whoever waits alone contends with nobody."""
    to_each = Counter([row.profile_id for row in rows])
    return [row for row in rows if to_each[row.profile_id] > 1]


def in_order(claimed: Sequence[Claimed]) -> list[Claimed]:
    """A batch in the order in which it is decided: what is to go first to a person comes first."""
    by_id = {item.row.id: item for item in claimed}
    return [by_id[candidate.id] for candidate in in_turn([item.candidate for item in claimed])]


def _by_journey(claimed: Sequence[Claimed]) -> Mapping[str, Sequence[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for item in claimed:
        found.setdefault(item.row.journey_id, []).append(item.candidate)
    return found


def _contenders(
    waiting: Sequence[Claimed], journeys: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Contender]]:
    """Whoever waits alone contends with nobody; what belongs to a journey that is over or paused will not go."""
    found: dict[str, dict[str, Contender]] = {}
    for item in waiting:
        journey = journeys.get(item.row.journey_id)
        if journey is None or (
            journey["end_reason"] not in OVERTAKEN and journey["status"] != JourneyStatus.PAUSED.value
        ):
            mine = found.setdefault(item.row.profile_id, {})
            mine[item.row.id] = Contender(item.candidate, item.row.due_at)
    return {profile_id: _first_in_turn_first(mine) for profile_id, mine in found.items() if len(mine) > 1}


def _first_in_turn_first(mine: Mapping[str, Contender]) -> dict[str, Contender]:
    return {one.id: mine[one.id] for one in in_turn([waiting.message for waiting in mine.values()])}


def _complaints(
    connection: Connection, profile_ids: Sequence[str], releases: Iterable[Release], now: datetime
) -> Mapping[str, Sequence[Event]]:
    """What opens and closes cases of these people, as far back as any hold of these versions looks."""
    holds = [one for release in releases for one in release.policies.holds]
    if not holds:
        return {}
    names = frozenset[str]().union(*(one.events for one in holds))
    return events.history(connection, profile_ids, names, since=now - max(one.reach for one in holds))


def _one_per_version(claimed: Sequence[Claimed]) -> Iterable[Claimed]:
    return {item.release.version_id: item for item in claimed}.values()


def _channels(claimed: Sequence[Claimed]) -> frozenset[Channel]:
    return frozenset(channel for item in claimed for channel in item.candidate.channels)


def slot_of(row: Row[Any]) -> Slot:
    """A slot as stored."""
    fields = message_fields(row.channel, row.purpose, row.campaign_key, row.stage, row.tags, row.priority, row.topic)
    return Slot(row.reserved_at, fields)


def suppressed_of(
    connection: Connection, profiles: Mapping[str, Profile], channels: Iterable[Channel], hasher: AddressHasher
) -> dict[str, dict[Channel, Suppressed]]:
    """Which addresses of these people are left alone, and why."""
    hashes = {
        (profile.id, channel): hasher.hash(channel, address)
        for profile in profiles.values()
        for channel in channels
        if (address := profile.address(channel))
    }
    causes = suppressions.suppressed(connection, sorted(set(hashes.values())))
    found: dict[str, dict[Channel, Suppressed]] = {}
    for (profile_id, channel), address_hash in hashes.items():
        if address_hash in causes:
            found.setdefault(profile_id, {})[channel] = causes[address_hash]
    return found
