"""The product, top to bottom: a trigger comes in, a journey moves, a message is planned, gated and handed over.

    ingest   events → journeys begin and end, messages are planned          one transaction
    fan_out  a schedule fired → part of its audience begins journeys        one transaction
    plan     journeys whose wait is over → messages are planned             one transaction
    deliver  due messages → claim, facts, gate, render, slots, log          one transaction
             → the provider → outcomes, log                                 one transaction

The database is the truth; queues only wake workers up. Every method takes a batch, asks one query per kind of
fact, decides in memory with pure functions, and writes in bulk. A person is always locked before their rows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from dangol.clock import Clock
from dangol.errors import ContentTooLong, RenderError, StoreUnavailable
from dangol.ids import Entropy
from dangol.model.facts import Allow, Defer, Ruling, Suppress
from dangol.model.message import Outcome
from dangol.model.people import ConsentChange, Event, IncomingEvent, ProfileChange
from dangol.model.vocabulary import Channel, JourneyStatus, Reason
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows
from dangol.store.database import Database
from dangol.store.tables import journeys, messages

# The stations, in the order in which a message passes them.
from dangol.profiles import audience, events, people
from dangol.consent import ledger as consents
from dangol.consent.suppressions import AddressHasher
from dangol.expressions import to_sql
from dangol.triggers.entries import PastEntry, refusal
from dangol.release import Release, Releases
from dangol.journeys.machine import advance
from dangol.batch.acquaintance import Acquaintance, acquaint
from dangol.batch.changes import Changes, Journey
from dangol.batch.facts import Briefing, Claimed, brief, ending
from dangol.policy.gate import decide
from dangol.batch.handover import Handover, Patience, UnderWay, settle
from dangol.delivery.dispatch import Dispatcher

_QUOTED = re.compile(r"""['"].*['"]|['"].*""", re.DOTALL)
_SETTLE_PAUSES = (0.05, 0.5, 2.0, 5.0)
"""Seconds between tries to write outcomes."""
_log = structlog.get_logger(__name__)
_ERASED = "this person was erased; nothing new is stored about them"
Wake = Callable[[Sequence[str]], None]
"""Tells workers about messages that are due. Losing the call loses nothing: the sweeper finds them again."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch of events: how many came, were new, and began journeys."""

    received: int
    new: int
    journeys: int


@dataclass(frozen=True)
class Timing:
    """How long marks on rows hold, and how refusals are retried."""

    queue_lease: timedelta
    send_lease: timedelta
    patience: Patience


class Pipeline:
    """Does the work of every process; processes differ only in who calls it, on which clock, with which providers.

    Raises StoreUnavailable when the database is; nothing is then half done, because every step is one transaction.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        entropy: Entropy,
        hasher: AddressHasher,
        dispatcher: Dispatcher,
        releases: Releases,
        timing: Timing,
        batch_size: int = 500,
        wake: Wake | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.entropy = entropy
        self.hasher = hasher
        self.dispatcher = dispatcher
        self.releases = releases
        self.timing = timing
        self.batch_size = batch_size
        self.wake = wake

    # People tell us who they are and what they agree to.

    def identify(self, changes: Sequence[ProfileChange]) -> dict[str, str]:
        """Create or update profiles; returns external id → profile id."""
        with self.database.write() as tx:
            return people.identify(tx, changes, now=self.clock.now(), entropy=self.entropy)

    def record_consents(self, changes: Sequence[ConsentChange]) -> list[str]:
        """Write consents given and withdrawn; committed before a claim, they bind it (G3). The erased have none."""
        now = self.clock.now()
        with self.database.write() as tx:
            owners = people.resolve(tx, [change.external_id for change in changes], now=now, entropy=self.entropy)
            people.lock(tx, owners.values())
            gone = people.erased(tx, list(owners.values()))
            return consents.record(
                tx, [change for change in changes if owners[change.external_id] not in gone], owners, now=now
            )

    # Triggers come in.

    def ingest(self, incoming: Sequence[IncomingEvent]) -> Ingested:
        """Accept events: when this returns they are committed, and so is everything that follows from them (G1).

        An event seen before, by its ``message_id``, changes nothing; of one about an erased person only that it came
        is kept.
        """
        now = self.clock.now()
        with self.database.write() as tx:
            owners = people.resolve(tx, [event.external_id for event in incoming], now=now, entropy=self.entropy)
            people.lock(tx, owners.values())
            accepted = self._of_the_living(tx, incoming, owners)
            new = sorted(events.record(tx, accepted, owners, received_at=now), key=lambda event: event.order)
            changes = Changes(now)
            if new:
                left = self._leave(tx, new, changes)
                self._enter(tx, new, left, changes)
            due = self._write(tx, changes)
        self._announce(due)
        return Ingested(len(incoming), len(new), changes.entered)

    def _of_the_living(
        self, tx: Connection, incoming: Sequence[IncomingEvent], owners: Mapping[str, str]
    ) -> Sequence[IncomingEvent]:
        """The events but those about people who were erased (G8)."""
        gone = people.erased(tx, list(owners.values()))
        if not gone:
            return incoming
        for event in incoming:
            if owners[event.external_id] in gone:
                events.reject(
                    tx,
                    source=event.source,
                    code="erased",
                    message=_ERASED,
                    payload="",
                    now=self.clock.now(),
                    entropy=self.entropy,
                )
        return [event for event in incoming if owners[event.external_id] not in gone]

    def _leave(self, tx: Connection, happened: Sequence[Event], changes: Changes) -> set[tuple[str, str]]:
        """End the journeys that these events end; returns their (campaign, profile)."""
        by_person = _by_person(happened)
        journeys = [dict(row._mapping) for row in journey_rows.waiting_of(tx, sorted(by_person))]
        releases = self.releases.of(tx, {journey["version_id"] for journey in journeys})
        left = set()
        for journey in journeys:
            if journey["version_id"] not in releases:
                continue  # before its next step and each send it is asked again what happened
            reason = ending(releases[journey["version_id"]].campaign, journey, by_person[journey["profile_id"]])
            if reason is not None:
                changes.overtake(journey, reason)
                left.add((journey["campaign_key"], journey["profile_id"]))
        return left

    def _enter(self, tx: Connection, happened: Sequence[Event], left: set[tuple[str, str]], changes: Changes) -> None:
        """Let people into the campaigns that these events open."""
        open_to: dict[str, list[Release]] = {}
        for release in self.releases.active(tx):
            if release.campaign.entry.event is not None:
                open_to.setdefault(release.campaign.entry.event, []).append(release)
        happened = [event for event in happened if event.name in open_to]
        if not happened:
            return
        concerned = [release for name in {event.name for event in happened} for release in open_to[name]]
        known = acquaint(tx, sorted(_by_person(happened)), concerned)
        for pair in left & known.entries.keys():
            known.entries[pair] = PastEntry(known.entries[pair].entered_at, active=False)
        for event in happened:
            for release in open_to[event.name]:
                if release.admits(known.person(event)):
                    self._begin(release, event, known, changes)

    def _begin(self, release: Release, event: Event, known: Acquaintance, changes: Changes) -> None:
        """One person, one campaign, one event: in, or a logged refusal."""
        campaign = release.campaign
        pair = (campaign.key, event.profile_id)
        refused = refusal(campaign, known.entries.get(pair), event.occurred_at)
        if refused is not None:
            changes.refuse(release, event.profile_id, refused, occasion=event.id)
            return
        journey = changes.enter(
            release, event.profile_id, event.id, event.occurred_at, Reason.EVENT_MATCHED, entry_event_id=event.id
        )
        overtaken = ending(campaign, journey, known.history.get(event.profile_id, ()))
        if overtaken is not None:
            changes.overtake(journey, overtaken)
        else:
            self._advance(release, journey, event.occurred_at, changes)
        known.entries[pair] = PastEntry(event.occurred_at, active=journey["status"] == JourneyStatus.WAITING)

    def fan_out(self, run_id: str) -> bool:
        """Take the next part of a scheduled campaign's audience in; True if there may be more of it.

        The cursor moves in the same transaction as the journeys it stands for, so a crash repeats and skips nobody.
        Taking the campaign out of service stops it.
        """
        now = self.clock.now()
        with self.database.write() as tx:
            run = journey_rows.claim_run(tx, run_id)
            if run is None:
                return False
            changes = Changes(now)
            release = self.releases.of(tx, [run.version_id]).get(run.version_id)
            if release is None or release.audience is None:
                return False
            if not self.releases.serves(tx, release.campaign.key):
                changes.stop(release, run.fire_at)
                journey_rows.move_run(tx, run_id, finished_at=now)
                changes.write(tx)
                return False
            condition = to_sql(release.audience, run.fire_at, tx.dialect.name)
            members = audience.matching(tx, condition, after=run.cursor, limit=self.batch_size)
            people.lock(tx, members)
            entries = journey_rows.latest_entries(tx, members, {release.campaign.key})
            for profile_id in members:
                latest = entries.get((release.campaign.key, profile_id))
                self._take_in(release, profile_id, run.fire_at, PastEntry(*latest) if latest else None, changes)
            more = len(members) == self.batch_size
            if more:
                journey_rows.move_run(tx, run_id, cursor=members[-1], queued_until=now + self.timing.queue_lease)
            else:
                journey_rows.move_run(tx, run_id, finished_at=now)
            due = self._write(tx, changes)
        self._announce(due)
        return more

    def _take_in(
        self, release: Release, profile_id: str, fired_at: datetime, latest: PastEntry | None, changes: Changes
    ) -> None:
        refused = refusal(release.campaign, latest, fired_at)
        if refused is not None:
            changes.refuse(release, profile_id, refused, occasion=fired_at.isoformat())
            return
        journey = changes.enter(release, profile_id, fired_at.isoformat(), fired_at, Reason.AUDIENCE_MATCHED)
        self._advance(release, journey, fired_at, changes)

    # Journeys go on.

    def plan(self, journey_ids: Sequence[str]) -> None:
        """Wake journeys whose wait is over; those that are not due, or that another worker holds, are left alone."""
        now = self.clock.now()
        with self.database.write() as tx:
            profile_ids = journey_rows.people_of(tx, journeys, journey_ids)
            people.lock(tx, profile_ids)
            claimed = [dict(row._mapping) for row in journey_rows.claim_due(tx, journey_ids, now)]
            releases = self.releases.of(tx, {journey["version_id"] for journey in claimed})
            names = frozenset().union(*(release.ending_events for release in releases.values()))
            since = min((journey["entered_at"] for journey in claimed), default=now)
            history = events.history(tx, profile_ids, names, since=since) if names else {}
            changes = Changes(now)
            for journey in claimed:
                release = releases.get(journey["version_id"])
                if release is None:
                    continue
                overtaken = ending(release.campaign, journey, history.get(journey["profile_id"], ()))
                if overtaken is not None:
                    changes.overtake(journey, overtaken)
                else:
                    self._advance(release, journey, journey["wake_at"], changes)
            due = self._write(tx, changes)
        self._announce(due)

    def _advance(self, release: Release, journey: Journey, base: datetime, changes: Changes) -> None:
        step = advance(release.campaign, journey["position"], changes.now, base=base)
        changes.advance(release, journey, step)

    def _write(self, tx: Connection, changes: Changes) -> list[str]:
        until = changes.now + self.timing.queue_lease if self.wake is not None else None
        return changes.write(tx, announce_until=until)

    def _announce(self, message_ids: Sequence[str]) -> None:
        if not message_ids or self.wake is None:
            return
        try:
            self.wake(message_ids)
        except Exception as error:
            # What was committed stays accepted; the sweeper finds these messages when their mark runs out.
            _log.error("nobody could be told", messages=len(message_ids), error=type(error).__name__)

    # Messages leave the house.

    def deliver(self, message_ids: Sequence[str]) -> int:
        """Gate these messages and hand over those that may go; returns how many were handed over.

        What is not open, not due, or held by another worker is left alone. Decisions, slots and the log are
        committed before the provider is called: a crash in mid-call leaves ``sending`` rows, which the sweeper
        turns into ``unknown`` and nobody sends again (G2).
        """
        with self.database.write() as tx:
            handover = self._decide(tx, message_ids)
            handover.write(tx)
        if not handover.under_way:
            return 0
        outcomes = self.dispatcher.send([item.envelope for item in handover.under_way])
        answered = [
            (item, outcome, self._carrier(item.envelope.channel))
            for item, outcome in zip(handover.under_way, outcomes, strict=True)
        ]
        self._settle(answered)
        return len(answered)

    def _settle(self, answered: Sequence[tuple[UnderWay, Outcome, str]]) -> None:
        """Write the outcomes; a database that is away for a moment must not make them unknown."""
        for pause in _SETTLE_PAUSES:
            try:
                return self._settle_once(answered)
            except StoreUnavailable:
                time.sleep(pause)
        return self._settle_once(answered)

    def _settle_once(self, answered: Sequence[tuple[UnderWay, Outcome, str]]) -> None:
        with self.database.write() as tx:
            settle(tx, answered, self.clock.now(), self.timing.patience)

    def _decide(self, tx: Connection, message_ids: Sequence[str]) -> Handover:
        people.lock(tx, journey_rows.people_of(tx, messages, message_ids))
        now = self.clock.now()
        rows = message_rows.claim_due(tx, message_ids, now)
        releases = self.releases.of(tx, {row.version_id for row in rows})
        claimed = [Claimed.of(row, releases[row.version_id]) for row in rows if row.version_id in releases]
        briefing = brief(tx, claimed, now, hasher=self.hasher, providers=self._channels())
        handover = Handover(briefing, now + self.timing.send_lease)
        for item in claimed:
            try:
                self._rule(item, briefing, handover)
            except Exception as error:
                # Whatever is wrong with one message, the others of its batch must not wait for it for ever.
                handover.give_up(item, error)
        return handover

    def _rule(self, item: Claimed, briefing: Briefing, handover: Handover) -> None:
        if briefing.gone(item):
            nobody = Suppress(Reason.PROFILE_ERASED, final=True)
            handover.refuse(item, Ruling(nobody, item.candidate.channels[0]), nobody)
            return
        ruling = decide(briefing.facts(item), item.release.rulebook)
        match ruling.verdict:
            case Allow() as allowed:
                self._render(item, ruling, allowed, briefing, handover)
            case Defer() as verdict:
                handover.defer(item, ruling, verdict)
            case Suppress() as verdict:
                handover.refuse(item, ruling, verdict)

    def _carrier(self, channel: Channel) -> str:
        provider = self.dispatcher.provider_for(channel)
        return provider.name if provider is not None else ""

    def _channels(self) -> frozenset[Channel]:
        return frozenset(channel for channel in Channel if self.dispatcher.provider_for(channel) is not None)

    def _render(self, item: Claimed, ruling: Ruling, allowed: Allow, briefing: Briefing, handover: Handover) -> None:
        profile = briefing.profiles[item.row.profile_id]
        texts = item.release.messages
        try:
            context = briefing.context(item, texts.variables(item.row.template, ruling.channel, profile.locale))
            rendered = texts.render(item.row.template, ruling.channel, profile.locale, context)
        except ContentTooLong as error:
            handover.refuse(item, ruling, Suppress(Reason.CONTENT_TOO_LONG, {"error": _quoting_nothing(error)}))
        except RenderError as error:
            handover.refuse(item, ruling, Suppress(Reason.RENDER_FAILED, {"error": _quoting_nothing(error)}))
        else:
            handover.begin(item, ruling, allowed, rendered, context)


def _quoting_nothing(error: RenderError) -> str:
    """What went wrong, for the log: without the values that it quotes, because evidence holds no personal data."""
    return _QUOTED.sub("…", str(error).partition("; found ")[0])


def _by_person(happened: Iterable[Event]) -> dict[str, list[Event]]:
    grouped: dict[str, list[Event]] = {}
    for event in happened:
        grouped.setdefault(event.profile_id, []).append(event)
    return grouped
