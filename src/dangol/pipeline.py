"""The product, top to bottom: a trigger comes in, a journey moves, a message is planned, gated and handed over.

    ingest   events → journeys begin, go on and end, messages are planned   one transaction
    fan_out  a schedule fired → part of its audience begins journeys        one transaction
    plan     journeys whose wait is over → messages are planned             one transaction
    deliver  due messages → claim, facts, gate, render, slots, log          one transaction
             → the provider → outcomes, log                                 one transaction
    call     due calls to other systems, likewise
    receive  what carriers report → states, slots, suppressions, consents, events, log   one transaction

The database is the truth; queues only wake workers up. Every method takes a batch, asks one query per kind of
fact, decides in memory with pure functions, and writes in bulk. A person is always locked before their rows.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from dangol import ids, meters, traces
from dangol.clock import Clock
from dangol.errors import ContentTooLong, DangolError, RenderError, StoreUnavailable, UnknownCampaign
from dangol.ids import Entropy
from dangol.model.campaign import RECIPIENT
from dangol.model.feedback import Feedback
from dangol.model.facts import Allow, Defer, Ruling, Suppress
from dangol.model.people import ConsentChange, Event, IncomingEvent, ProfileChange
from dangol.model.vocabulary import (
    Channel,
    ConsentAction,
    Control,
    Decision,
    JourneyStatus,
    MessageState,
    Reason,
    Scope,
)
from dangol.store import calls as call_rows
from dangol.store import controls as controls_rows
from dangol.store import feedback as feedback_rows
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows
from dangol.store.database import Database
from dangol.store.tables import journeys, messages

# The stations, in the order in which a message passes them.
from dangol.profiles import events, people
from dangol.profiles.shape import impersonal
from dangol.ledger.entries import Journal, Subject
from dangol.consent import ledger as consents
from dangol.consent import lifting, recording
from dangol.consent.links import Leave, Links
from dangol.consent.suppressions import AddressHasher, NewSuppression, Suppression
from dangol.triggers.entries import MOST_JOURNEYS, Doors, PastEntry, correlation, refusal
from dangol.triggers.schedule import local_time
from dangol.release import Release, Releases
from dangol.journeys.machine import Advance, Ended, State, advance
from dangol.batch.acquaintance import Acquaintance, Journey, Place, acquaint_at_entry, acquaint_on_the_way
from dangol.batch.acquaintance import past_entries, place_of, still_inside, zone_of
from dangol.batch.audience import joined, next_part
from dangol.batch.belongings import belongings
from dangol.batch.changes import Changes, state_of
from dangol.batch.erasure import Erased, erase
from dangol.batch.facts import Briefing, Claimed, brief, in_order, several
from dangol.batch.complaints import ask_again
from dangol.batch.digests import Digest, gather
from dangol.batch.texts import Said, say
from dangol.policy.gate import decide
from dangol.batch.handover import Handover, Patience, settle
from dangol.batch.warming import WHOLE, WarmingUp
from dangol.batch.started import Started, request_id, started_by
from dangol.batch.replies import Answered, Reply, answered, hear, shop_in_service
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.pacing import Rate
from dangol.batch.carriers import Carriers
from dangol.batch.reports import row_of
from dangol.batch.feedback import receive
from dangol.batch.turns import Pacing
from dangol.batch.calls import begin_calls, settle_calls
from dangol.delivery.webhooks import Caller

_QUOTED = re.compile(r"""['"].*['"]|['"].*""", re.DOTALL)
_SETTLE_PAUSES = (0.05, 0.5, 2.0, 5.0)
"""Seconds between tries to write outcomes."""
_GATHERING = 0.5
"""Seconds that transactional messages wait at most until others of this process have been decided."""
_DECIDERS = 1
"""Threads of a process that decide batches at one time. Python works on one of them anyway: more of them decide no more
messages, but each takes longer, keeps its people locked for longer, and leaves less to what somebody waits for. The
others hand over meanwhile, or write outcomes."""
DECIDED_AT_ONCE = 200
"""So many of a batch's messages are decided in one transaction: whoever leaves waits for one that holds them."""
_log = structlog.get_logger(__name__)
_ERASED = "this person was erased; nothing new is stored about them"
Wake = Callable[[Sequence[str]], None]
"""Tells workers about rows that are due. Losing the call loses nothing: the sweeper finds them again."""


Noting = Callable[[Connection, Sequence[Event]], None]
"""Writes what belongs to new events into their transaction."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch of events: how many came, were new, and began journeys; ``left`` were not touched."""

    received: int
    new: int
    journeys: int
    left: Sequence[IncomingEvent] = ()


@dataclass(slots=True)
class Following:
    """What followed from events: messages that are due at once, the transactional ones ``first``, and how many journeys
    began."""

    due: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    entered: int = 0

    def add(self, more: Following) -> None:
        self.due += more.due
        self.first += more.first
        self.entered += more.entered


@dataclass(frozen=True)
class Timing:
    """How long marks on rows hold, how refusals are retried, and how long reports are kept once processed."""

    queue_lease: timedelta
    send_lease: timedelta
    patience: Patience
    feedback_kept: timedelta = timedelta(days=30)


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
        links: Links,
        dispatcher: Dispatcher,
        caller: Caller,
        releases: Releases,
        timing: Timing,
        pace: Mapping[str, Rate] | None = None,
        batch_size: int = 500,
        soft_bounces: int = 5,
        wake: Wake | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.entropy = entropy
        self.hasher = hasher
        self.links = links
        self.dispatcher = dispatcher
        self.carriers = Carriers(dispatcher)
        self.pacing = Pacing(dispatcher, pace or {})
        self.caller = caller
        self.releases = releases
        self.timing = timing
        self.batch_size = batch_size
        self.soft_bounces = soft_bounces
        self.warm_up_slice = WHOLE
        self.wake = wake
        self.wake_first: Wake | None = None
        self._gathering = threading.Lock()
        self._deciding = threading.Semaphore(_DECIDERS)
        self.wake_receivers: Wake | None = None

    # People tell us who they are and what they agree to.

    def identify(self, changes: Sequence[ProfileChange]) -> dict[str, str]:
        """Create or update profiles; returns external id → profile id."""
        with self.database.write() as tx:
            return people.identify(tx, changes, now=self.clock.now(), entropy=self.entropy)

    def record_consents(self, changes: Sequence[ConsentChange]) -> list[str]:
        """Write what people agree to and take back; returns the ids of the rows. The erased have none.

        Committed before a claim, it binds it (G3). An express consent lifts suppressions that it answers.
        """
        now = self.clock.now()
        with self.database.write() as tx:
            owners = people.resolve(tx, [change.external_id for change in changes], now=now, entropy=self.entropy)
            people.lock(tx, owners.values())
            gone = people.erased(tx, list(owners.values()))
            of_living = [change for change in changes if owners[change.external_id] not in gone]
            journal = Journal(now)
            written = recording.record(tx, of_living, owners, now=now, hasher=self.hasher, journal=journal)
            journal.write(tx)
            return written

    def withdraw(self, leave: Leave, *, source: str, wording: str) -> bool:
        """Take back the consent that a leaving link names; whether there was anything to take back.

        Nothing is written twice, and nothing about those who were erased.
        """
        now = self.clock.now()
        with self.database.write() as tx:
            people.lock(tx, [leave.profile_id])
            person = people.load(tx, [leave.profile_id]).get(leave.profile_id)
            if person is None or person.erased_at is not None:
                return False
            if consents.refused(tx, person.id, leave.channel, leave.purpose):
                return False
            change = ConsentChange(
                person.external_id, leave.channel, leave.purpose, ConsentAction.WITHDRAWN, now, source, wording=wording
            )
            consents.record(tx, [change], {person.external_id: person.id}, now=now)
            return True

    def suppress(
        self, told: Sequence[NewSuppression], *, reason: Reason = Reason.BY_HAND, profile_id: str | None = None
    ) -> list[Suppression]:
        """Write to these addresses no more; returns what is new. Committed before a claim, it binds it.

        Raises InvalidEvent for a note that quotes an address: it stays after an erasure.
        """
        for one in told:
            impersonal(one.note, "note")
        journal = Journal(self.clock.now())
        with self.database.write() as tx:
            added = lifting.suppress(
                tx,
                told,
                reason,
                now=self.clock.now(),
                entropy=self.entropy,
                journal=journal,
                profile_id=profile_id,
            )
            journal.write(tx)
        return added

    def lift(
        self,
        channel: Channel,
        address: str,
        *,
        by: str,
        because: str = "",
        causes: Collection[str] = (),
        consent_id: str | None = None,
    ) -> list[Suppression]:
        """Write to this address again; returns the suppressions that ended. Raises SuppressionStays, and lifts none.

        Raises InvalidEvent if ``because`` quotes an address: it stays after an erasure.
        """
        impersonal(because, "because")
        journal = Journal(self.clock.now())
        with self.database.write() as tx:
            lifted = lifting.lift(
                tx,
                channel,
                self.hasher.hash(channel, address),
                by=by,
                because=because,
                causes=causes,
                consent_id=consent_id,
                hasher=self.hasher,
                now=self.clock.now(),
                journal=journal,
            )
            journal.write(tx)
        return lifted

    def erase(self, external_id: str, *, by: str, reason: Reason = Reason.BY_HAND) -> Erased:
        """Forget a person for good; what was decided about them stays provable, without saying who they were (G8).

        Raises UnknownProfile. Somebody who was erased before is left as they are.
        """
        with self.database.write() as tx:
            controls_rows.attend(tx)
            return erase(
                tx,
                external_id,
                by=by,
                reason=reason,
                now=self.clock.now(),
                hasher=self.hasher,
                entropy=self.entropy,
            )

    def export(self, external_id: str, *, by: str, reason: Reason = Reason.BY_HAND) -> dict[str, Any]:
        """All that is held about a person, as one JSON document; that it was handed out is entered in the log.

        Raises UnknownProfile and ErasedProfile.
        """
        now, journal = self.clock.now(), Journal(self.clock.now())
        with self.database.read() as tx:
            document = belongings(tx, self.releases, external_id, now=now, hasher=self.hasher)
        subject = Subject(profile_id=document["profile"]["id"], occasion=ids.opaque(now, self.entropy))
        journal.add(Decision.DATA_EXPORTED, reason, subject, evidence={"by": by})
        with self.database.write() as tx:
            journal.write(tx)
        return document

    def reply(self, reply: Reply) -> Answered:
        """Do at once what somebody's answer to a message asks for (docs/replies.md). Once committed, a STOP binds.

        Reported again with the same ``message_id``, nothing happens and the answer is the same.
        """
        with traces.at("receive"), self.database.write() as tx:
            controls_rows.attend(tx)
            shop = shop_in_service(tx)
            heard = hear(
                tx,
                reply,
                scope=shop.policies.stop_scope if shop else Scope.PROMPTED,
                locale=shop.policies.locale if shop else "ko",
                now=self.clock.now(),
                entropy=self.entropy,
                hasher=self.hasher,
            )
            following = self._follow(tx, self._heard(tx, heard.events)) if heard.events else Following()
        self._announce(following)
        return answered(heard, shop)

    # Triggers come in.

    def ingest(
        self, incoming: Sequence[IncomingEvent], *, noting: Noting | None = None, patient: bool = True
    ) -> Ingested:
        """Accept events: when this returns they are committed, and so is everything that follows from them (G1).

        An event seen before, by its ``message_id``, changes nothing; of one about an erased person only that it came
        is kept. ``noting`` is given the new ones, to write what belongs to them in the same transaction.

        Unless ``patient``, nobody is waited for: events about people whom another transaction holds are ``left``.
        """
        with traces.at("ingest"), self.database.write() as tx:
            controls_rows.attend(tx)
            owners = self._hold(tx, incoming, patient=patient)
            left = [event for event in incoming if event.external_id not in owners]
            new = self._record(tx, [event for event in incoming if event.external_id in owners], owners)
            if noting is not None:
                noting(tx, new)
            following = self._follow(tx, new)
        self._announce(following)
        meters.count("events", len(new), result="new")
        received = len(incoming) - len(left)
        meters.count("events", received - len(new), result="known")
        return Ingested(received, len(new), following.entered, tuple(left))

    def start(self, campaign_key: str, request: IncomingEvent) -> Started:
        """Let a person into a campaign whose entry is ``api``; asked again with the same ``message_id``, the answer is
        the same.

        Raises UnknownCampaign if no campaign of that key and kind is in service.
        """
        with traces.at("ingest"), self.database.write() as tx:
            controls_rows.attend(tx)
            release = self.releases.serving(tx, campaign_key)
            if release is None or release.campaign.entry.api is None:
                raise UnknownCampaign(f"no campaign `{campaign_key}` that is entered through the API is in service")
            # The id is the campaign's own, so that another call with the same one is not taken for this.
            request = replace(request, name=release.campaign.entry.api, message_id=request_id(campaign_key, request))
            new = self._heard(tx, [request])
            following = self._follow(tx, new, only=campaign_key)
            started = started_by(tx, campaign_key, request.message_id)
        self._announce(following)
        return started

    def _heard(self, tx: Connection, incoming: Sequence[IncomingEvent]) -> list[Event]:
        """Hold the people of these events, and store them."""
        return self._record(tx, incoming, self._hold(tx, incoming))

    def _hold(self, tx: Connection, incoming: Sequence[IncomingEvent], *, patient: bool = True) -> dict[str, str]:
        """Lock the people of these events, all of them or those whom nobody else holds: ``external_id`` → id."""
        now = self.clock.now()
        owners = people.resolve(tx, [event.external_id for event in incoming], now=now, entropy=self.entropy)
        if patient:
            people.lock(tx, owners.values())
            return owners
        free = people.lock_free(tx, owners.values())
        return {external_id: owner for external_id, owner in owners.items() if owner in free}

    def _record(self, tx: Connection, incoming: Sequence[IncomingEvent], owners: Mapping[str, str]) -> list[Event]:
        """Store events of people who are locked, and return the new ones in the order in which they occurred."""
        accepted = self._of_the_living(tx, incoming, owners)
        happened = events.record(tx, accepted, owners, received_at=self.clock.now())
        return sorted(happened, key=lambda event: event.order)

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

    def _follow(self, tx: Connection, happened: Sequence[Event], *, only: str | None = None) -> Following:
        """Do all that follows from these events, and from those that journeys emit in turn.

        ``only`` is the one campaign that these events, but not those emitted, may open.
        """
        following = Following()
        while happened:
            ask_again(tx, happened, self.releases, self.clock.now())
            heard, entered = Changes(self.clock.now()), Changes(self.clock.now())
            left = self._hear(tx, happened, heard)
            emitted = self._write(tx, heard, following)
            # Written first, so that whoever enters is known as journeys on their way have just left them.
            self._enter(tx, happened, left, entered, only)
            happened, only = [*emitted, *self._write(tx, entered, following)], None
        return following

    def _hear(self, tx: Connection, happened: Sequence[Event], changes: Changes) -> set[Place]:
        """Move the journeys that react to these events; returns the places of those that they end."""
        names = {profile_id: {event.name for event in of} for profile_id, of in _by_person(happened).items()}
        found = [dict(row._mapping) for row in journey_rows.open_of(tx, sorted(names))]
        releases = self.releases.of(tx, {journey["version_id"] for journey in found})
        # Journeys whose version cannot be run are asked again before their next step and each send what happened.
        concerned = [
            (releases[journey["version_id"]], journey)
            for journey in found
            if journey["version_id"] in releases
            and releases[journey["version_id"]].flow.events & names[journey["profile_id"]]
        ]
        self._move(tx, concerned, changes)
        return {place_of(journey) for _, journey in concerned if journey["status"] == JourneyStatus.ENDED}

    def _move(self, tx: Connection, concerned: Sequence[tuple[Release, Journey]], changes: Changes) -> None:
        """Let the step machine move these journeys as far as they go now. Paused ones can only end."""
        if not concerned:
            return
        known, controls = acquaint_on_the_way(tx, concerned), controls_rows.in_force(tx)
        inside = still_inside(tx, [journey for _, journey in concerned], changes.now)
        erased = people.erased(tx, sorted({journey["profile_id"] for _, journey in concerned}))
        for release, journey in concerned:
            control = controls.get(release.campaign.key)
            if control is Control.STOP or journey["profile_id"] in erased:
                reason = Reason.CAMPAIGN_STOPPED if control is Control.STOP else Reason.PROFILE_ERASED
                changes.overtake(journey, reason)
                continue
            if journey["id"] in inside:
                changes.overtake(journey, Reason.ALREADY_IN_JOURNEY)
                continue
            before = state_of(journey)
            step = _next(release, journey, known, changes.now, base=_due(before, changes.now))
            if step is None:
                continue  # it is tried again; the others of its batch do not wait for that
            overtaken = isinstance(step.state, Ended) and step.state.overtaken
            still = control is Control.PAUSE or journey["status"] == JourneyStatus.PAUSED
            if still and not overtaken:
                if journey["status"] == JourneyStatus.WAITING and step.changes(before):
                    changes.hold(journey)
            elif step.changes(before) or journey["status"] == JourneyStatus.HELD:
                changes.go_on(journey)
                changes.advance(release, journey, step, known)

    def _enter(
        self, tx: Connection, happened: Sequence[Event], left: set[Place], changes: Changes, only: str | None
    ) -> None:
        """Let people into the campaigns that these events open."""
        open_to: dict[str, list[Release]] = {}
        doors: dict[str, Doors] = {}
        for release, since in self.releases.active_since(tx):
            key, entry = release.campaign.key, release.campaign.entry
            opened_by = entry.event if only is None else (entry.api if key == only else None)
            if opened_by is not None:
                open_to.setdefault(opened_by, []).append(release)
                doors[key] = Doors(release.opens_at, release.over_at, since=since)
        happened = [event for event in happened if event.name in open_to]
        if not happened:
            return
        concerned = [release for name in {event.name for event in happened} for release in open_to[name]]
        known, controls = acquaint_at_entry(tx, happened, concerned), controls_rows.in_force(tx)
        for place in left & known.entries.keys():
            known.entries[place] = PastEntry(known.entries[place].entered_at, active=False)
        for event in happened:
            for release in open_to[event.name]:
                if release.admits(known.person(event)):
                    key = release.campaign.key
                    self._begin(release, event, known, changes, replace(doors[key], control=controls.get(key)))

    def _begin(self, release: Release, event: Event, known: Acquaintance, changes: Changes, doors: Doors) -> None:
        """One person, one campaign, one event: in, or a logged refusal."""
        campaign, told_apart = release.campaign, correlation(release.campaign, event)
        place = (campaign.key, event.profile_id, told_apart or "")
        refused = (
            doors.refusal(event.occurred_at, changes.now)
            or (Reason.KEY_MISSING if told_apart is None else None)
            or refusal(campaign, known.entries.get(place), event.occurred_at)
            or (Reason.TOO_MANY_JOURNEYS if known.journeys_of(place) >= MOST_JOURNEYS else None)
        )
        if refused is not None:
            changes.refuse(release, event.profile_id, refused, occasion=event.id)
            return
        reason = Reason.EVENT_MATCHED if campaign.entry.event is not None else Reason.API_REQUESTED
        journey = changes.enter(
            release,
            event.profile_id,
            event.id,
            event.occurred_at,
            reason,
            entry_event_id=event.id,
            correlation=told_apart or "",
            hops=event.hops,
        )
        self._advance(release, journey, event.occurred_at, known, changes)
        known.entries[place] = PastEntry(event.occurred_at, active=journey["status"] == JourneyStatus.WAITING)

    def fan_out(self, run_id: str) -> bool:
        """Take the next part of a campaign's audience in; True if there may be more of it.

        The cursor moves in the same transaction as the journeys it stands for, so a crash repeats and skips nobody.
        Taking the campaign out of service, or stopping it, stops it; while it is paused nobody is taken in.
        """
        now = self.clock.now()
        with traces.at("fan_out"), self.database.write() as tx:
            controls_rows.attend(tx)
            run = journey_rows.claim_run(tx, run_id)
            if run is None:
                return False
            release = self.releases.of(tx, [run.version_id]).get(run.version_id)
            if release is None or release.audience is None:
                return False
            control = controls_rows.in_force(tx).get(release.campaign.key)
            if control is Control.PAUSE:
                return False
            changes, following = Changes(now), Following()
            if control is Control.STOP or not self.releases.is_serving(tx, release.campaign.key):
                changes.stop(release, run.fire_at)
                if run.kind == journey_rows.AUDIENCE:
                    journey_rows.forget_run(tx, run_id)
                else:
                    journey_rows.move_run(tx, run_id, finished_at=now)
                changes.write(tx)
                return False
            if release.campaign.entry.kind == "audience":
                since = self.releases.same_audience_since(tx, release)
                part = joined(tx, release, run, since=since, now=now, limit=self.batch_size)
            else:
                part = next_part(tx, release, run, limit=self.batch_size)
            self._take_in(tx, release, run.fire_at, part.profile_ids, changes)
            if part.cursor is not None:
                journey_rows.move_run(tx, run_id, cursor=part.cursor, queued_until=now + self.timing.queue_lease)
            else:
                journey_rows.move_run(tx, run_id, finished_at=now)
            emitted = self._write(tx, changes, following)
            following.add(self._follow(tx, emitted))
        self._announce(following)
        return part.cursor is not None

    def _take_in(
        self,
        tx: Connection,
        release: Release,
        fired_at: datetime,
        profile_ids: Sequence[str],
        changes: Changes,
    ) -> None:
        """Let these people of an audience in, each at the firing or at its wall time on their own clock.

        Whose time came before this version went into service is refused.
        """
        if not profile_ids:
            return
        campaign, entry = release.campaign, release.campaign.entry
        reason = Reason.AUDIENCE_MATCHED if entry.kind == "schedule" else Reason.AUDIENCE_JOINED
        people.lock(tx, profile_ids)
        gone = people.erased(tx, profile_ids)
        profile_ids = [one for one in profile_ids if one not in gone]
        latest = past_entries(tx, profile_ids, [release])
        begun = []
        beginnings, since = self._beginnings(tx, release, fired_at, profile_ids)
        for profile_id, begins_at in beginnings.items():
            later = begins_at if begins_at > changes.now else None
            past = latest.get((campaign.key, profile_id, ""))
            if past is not None and later is not None:
                past = replace(past, active=False)  # whether they are still inside is asked when it is time
            refused = Doors(release.opens_at, release.over_at, since=since).refusal(begins_at, changes.now) or refusal(
                campaign, past, begins_at
            )
            if refused is not None:
                changes.refuse(release, profile_id, refused, occasion=fired_at.isoformat())
                continue
            journey = changes.enter(release, profile_id, fired_at.isoformat(), begins_at, reason, wake_at=later)
            if later is None:
                begun.append((release, journey))
        known = acquaint_on_the_way(tx, begun)
        for _, journey in begun:
            self._advance(release, journey, journey["entered_at"], known, changes)

    def _beginnings(
        self, tx: Connection, release: Release, fired_at: datetime, profile_ids: Sequence[str]
    ) -> tuple[dict[str, datetime], datetime | None]:
        """When each of these people begins, and since when a beginning is this version's if not always."""
        if release.campaign.entry.timezone != RECIPIENT:
            return dict.fromkeys(profile_ids, fired_at), None
        profiles = people.load(tx, profile_ids)
        times = {one: local_time(fired_at, zone_of(profiles[one], release)) for one in profile_ids}
        since = self.releases.serves_since(tx, release, fired_at)
        # As everywhere with schedules, what came due at the very instant of a deployment belongs to what was before.
        return times, since + timedelta(microseconds=1) if since is not None else None

    # Journeys go on.

    def plan(self, journey_ids: Sequence[str]) -> None:
        """Wake journeys whose wait is over, who may have missed what they listen to, or who were held by a pause.

        Those that are not due, or that another worker holds, are left alone. If our own code or the database refuses
        the batch, its halves are tried, so that whatever is wrong with one journey holds up no other.
        """
        try:
            self._plan(journey_ids)
        except DangolError:
            raise
        except Exception as error:
            if len(journey_ids) <= 1:
                _log.exception("a journey cannot go on", journey_ids=list(journey_ids), error=type(error).__name__)
                return
            middle = len(journey_ids) // 2
            self.plan(journey_ids[:middle])
            self.plan(journey_ids[middle:])

    def _plan(self, journey_ids: Sequence[str]) -> None:
        with traces.at("plan"), self.database.write() as tx:
            controls_rows.attend(tx)
            people.lock(tx, journey_rows.people_of(tx, journeys, journey_ids))
            changes, following = Changes(self.clock.now()), Following()
            claimed = [dict(row._mapping) for row in journey_rows.claim_due(tx, journey_ids, changes.now)]
            releases = self.releases.of(tx, {journey["version_id"] for journey in claimed})
            able = [(releases[one["version_id"]], one) for one in claimed if one["version_id"] in releases]
            self._move(tx, able, changes)
            following.add(self._follow(tx, self._write(tx, changes, following)))
        self._announce(following)

    def _advance(
        self, release: Release, journey: Journey, base: datetime, known: Acquaintance, changes: Changes
    ) -> None:
        step = _next(release, journey, known, changes.now, base=base)
        if step is not None:
            changes.advance(release, journey, step, known)
        else:
            # In already; the next sweep after this finds it and tries again.
            journey["wake_at"] = changes.now + self.timing.queue_lease

    def _write(self, tx: Connection, changes: Changes, following: Following) -> list[Event]:
        """Write changes; returns the events that journeys emitted with them, stored."""
        until = changes.now + self.timing.queue_lease if self.wake is not None else None
        told = changes.write(tx, announce_until=until)
        following.first += told.first
        following.due += told.rest
        following.entered += changes.entered
        owners = {event.external_id: event.external_id for event in changes.emitted}
        return events.record(tx, changes.emitted, owners, received_at=changes.now)

    def _announce(self, following: Following) -> None:
        self._tell(self.wake_first or self.wake, following.first)
        self._tell(self.wake, following.due)

    def _tell(self, wake: Wake | None, ids_: Sequence[str]) -> None:
        if not ids_ or wake is None:
            return
        try:
            wake(ids_)
        except Exception as error:
            # What was committed stays accepted; the sweeper finds these rows when their mark runs out.
            _log.error("nobody could be told", rows=len(ids_), error=type(error).__name__)

    # Messages leave the house.

    def deliver(self, message_ids: Sequence[str]) -> int:
        """Gate these messages and hand over those that may go; returns how many were handed over.

        What is not open, not due, or held by another worker is left alone. Decisions, slots and the log are
        committed before the provider is called: a crash in mid-call leaves ``sending`` rows, which the sweeper
        turns into ``unknown`` and nobody sends again (G2). A journey's later message is not begun before the outcome
        of an earlier one is written: the provider may refuse that one for the moment. A large batch is decided and
        handed over in parts, so that nobody is locked for long.
        """
        return self._deliver(message_ids, self._deciding)

    def _deliver(self, message_ids: Sequence[str], turn: AbstractContextManager[Any]) -> int:
        """``turn`` is held while messages are decided."""
        handed_over = 0
        for start in range(0, len(message_ids), DECIDED_AT_ONCE):
            following: Sequence[str] = message_ids[start : start + DECIDED_AT_ONCE]
            while following:
                with turn:
                    handover = self._begin_hand_over(following)
                handed_over += self._hand_over(handover)
                following = handover.following
        return handed_over

    def deliver_first(self, message_ids: Sequence[str]) -> int:
        """Deliver these transactional messages as ``deliver`` does, and with them those that other wake-ups tell of.

        Each comes with a wake-up of its own, and alone costs several times what it costs in a batch. So what has
        gathered goes along: the more there is, the cheaper each becomes, and wake-ups that come after find nothing
        left to do. What cannot be decided together is decided alone.
        """
        gathered = self._begin_gathered(message_ids)
        if gathered is None:
            return self._deliver(message_ids, nullcontext())
        handed_over = sum(self._hand_over(handover) for handover in gathered)
        return handed_over + sum(self._deliver(handover.following, nullcontext()) for handover in gathered)

    def _begin_gathered(self, message_ids: Sequence[str]) -> list[Handover] | None:
        """The hand-over of these and of what has gathered, none if all of it is done; None if they better go alone.

        One thread of a process gathers at a time, so that the next sees what it left, but nobody waits long for that.
        """
        if not self._gathering.acquire(timeout=_GATHERING):
            return None
        try:
            most = min(DECIDED_AT_ONCE, self.batch_size)
            with self.database.read() as tx:
                told = message_rows.told_first(tx, self.clock.now(), most)
            own = message_ids if len(told) == most else [one for one in message_ids if one in told]
            together = list(dict.fromkeys((*own, *told)))[: max(len(own), most)]
            return [self._begin_hand_over(together)] if own else []
        except DangolError:
            raise
        except Exception as error:
            _log.exception("transactional messages are delivered one wake-up at a time", error=type(error).__name__)
            return None
        finally:
            self._gathering.release()

    def _begin_hand_over(self, message_ids: Sequence[str]) -> Handover:
        with traces.at("deliver"), self.database.write() as tx:
            controls_rows.attend(tx)
            self.carriers.hear(tx)
            handover = self._decide(tx, message_ids)
            handover.write(tx)
        return handover

    def _hand_over(self, handover: Handover) -> int:
        if not handover.under_way:
            return 0
        with traces.at("hand_over"):
            handed = self.dispatcher.send(
                [item.envelope for item in handover.under_way],
                partial(self.pacing.room, self.database, self.clock, handover.transactional),
                handover.trial.tries,
            )
            for item, answer in zip(handover.under_way, handed, strict=True):
                traces.concerns(item.subject.journey_id, message=item.subject.message_id, provider=answer.provider)
        answered, learned = list(zip(handover.under_way, handed, strict=True)), self.carriers.learned(handover.trial)

        def write(tx: Connection) -> None:
            settle(tx, answered, self.clock.now(), self.timing.patience, entropy=self.entropy, hasher=self.hasher)
            self.carriers.tell(tx, learned, handover.trial, self.clock.now())

        self._settle(write)
        return len(answered)

    def call(self, call_ids: Sequence[str]) -> int:
        """Make those of these calls to other systems that are due and still wanted; returns how many were made.

        As with messages, what is about to leave the house is committed before it does.
        """
        with traces.at("call"), self.database.write() as tx:
            controls_rows.attend(tx)
            people.lock(tx, call_rows.people_of(tx, call_ids))
            under_way = begin_calls(tx, call_ids, self.clock.now(), self.releases, self.timing.send_lease)
        if not under_way:
            return 0
        outcomes = self.caller.send_many([item.call for item in under_way])
        answered = list(zip(under_way, outcomes, strict=True))
        self._settle(lambda tx: settle_calls(tx, answered, self.clock.now(), self.timing.patience))
        return len(answered)

    # Carriers report what became of them.

    def take_in(self, reports: Sequence[Feedback]) -> int:
        """Store what carriers report; how much of it was new. When this returns it is committed, and is worked off by
        whoever is told, or found by the sweeper. What was reported before changes nothing."""
        now = self.clock.now()
        until = now + self.timing.queue_lease if self.wake_receivers is not None else None
        rows = [row_of(report, now, self.hasher, until) for report in reports]
        with self.database.write() as tx:
            new = feedback_rows.insert(tx, rows)
        self._tell(self.wake_receivers, new)
        return len(new)

    def receive(self, feedback_ids: Sequence[str]) -> None:
        """Work off what carriers reported: states, slots, suppressions, consents, events for journeys, and the log.

        The order in which reports come, and how often, makes no difference. What is processed already, or held by
        another worker, is left alone. Whatever is wrong with one report holds up no other.
        """
        try:
            self._receive(feedback_ids)
        except DangolError:
            raise
        except Exception as error:
            if len(feedback_ids) <= 1:
                _log.exception("a report cannot be processed", ids=list(feedback_ids), error=type(error).__name__)
                return
            middle = len(feedback_ids) // 2
            self.receive(feedback_ids[:middle])
            self.receive(feedback_ids[middle:])

    def _receive(self, feedback_ids: Sequence[str]) -> None:
        with self.database.write() as tx:
            controls_rows.attend(tx)
            now = self.clock.now()
            done = receive(
                tx,
                feedback_ids,
                releases=self.releases,
                soft_bounces=self.soft_bounces,
                now=now,
                entropy=self.entropy,
            )
            owners = {event.external_id: event.external_id for event in done.events}
            happened = events.record(tx, done.events, owners, received_at=now)
            following = self._follow(tx, sorted(happened, key=lambda event: event.order))
        self._announce(following)

    def _settle(self, write: Callable[[Connection], None]) -> None:
        """Write the outcomes; a database that is away for a moment must not make them unknown."""
        for pause in _SETTLE_PAUSES:
            try:
                return self._settle_once(write)
            except StoreUnavailable:
                time.sleep(pause)
        return self._settle_once(write)

    def _settle_once(self, write: Callable[[Connection], None]) -> None:
        with traces.at("settle"), self.database.write() as tx:
            write(tx)

    def _decide(self, tx: Connection, message_ids: Sequence[str]) -> Handover:
        owners = journey_rows.people_of(tx, messages, message_ids)
        people.lock(tx, owners)
        now, controls = self.clock.now(), controls_rows.in_force(tx)
        open_now, sending = _parted(message_rows.undecided(tx, owners))
        rows = message_rows.claim_due(tx, self._with_rivals(message_ids, open_now, now), now, known=open_now)
        releases = self.releases.of(tx, {row.version_id for row in (*rows, *open_now, *sending)})
        taken = {row.id: Claimed.of(row, releases[row.version_id]) for row in rows if row.version_id in releases}
        claimed = in_order(list(taken.values()))
        if claimed:
            meters.observe("due_lag_seconds", (now - min(item.row.due_at for item in claimed)).total_seconds())
        rivals = [
            taken.get(row.id) or Claimed.of(row, releases[row.version_id])
            for row in several(open_now)
            if row.version_id in releases and row.campaign_key not in controls
        ]
        under_way = [Claimed.of(row, releases[row.version_id]) for row in sending if row.version_id in releases]
        briefing = brief(
            tx,
            claimed,
            now,
            hasher=self.hasher,
            providers=self._channels(),
            leeway=self.timing.send_lease,
            waiting=rivals,
            under_way=under_way,
        )
        warming = WarmingUp.of(tx, claimed, now, self.warm_up_slice)
        until = now + self.timing.send_lease
        trial = self.carriers.trial(tx, claimed, now, until)
        turns = self.pacing.turns(tx, claimed, now, trial.open)
        handover = Handover(briefing, until, self.links, warming=warming, turns=turns, trial=trial)
        waited: dict[str, list[Claimed]] = {}
        for item in claimed:
            if item.row.digest and self._standing(item, briefing, controls) is None:
                waited.setdefault(item.row.profile_id, []).append(item)
        for item in claimed:
            if item.row.id in handover.decided:
                continue  # it goes out in the email of one before it
            if briefing.follows(item):
                handover.following.append(item.row.id)
                continue
            try:
                if not self._held(item, briefing, controls, handover):
                    self._rule(item, briefing, handover, waited.get(item.row.profile_id, ()))
            except Exception as error:
                # Whatever is wrong with one message, the others of its batch must not wait for it for ever.
                handover.give_up(item, error)
        return handover

    def _with_rivals(self, message_ids: Sequence[str], open_now: Sequence[Row[Any]], now: datetime) -> list[str]:
        """These messages, and others to the same people that are due as well: they are decided together.

        So the more important one gets the room, whichever a worker was told about first. A batch takes on as many
        others as a batch may have.
        """
        asked = set(message_ids)
        others = [row for row in open_now if row.due_at <= now and row.id not in asked]
        others.sort(key=lambda row: (-row.priority, -row.value, row.planned_at, row.id))
        return [*message_ids, *(row.id for row in others[: self.batch_size])]

    def _held(self, item: Claimed, briefing: Briefing, controls: Mapping[str, Control], handover: Handover) -> bool:
        """Has somebody paused or stopped the campaign, or this journey? Then the message does not go."""
        standing = self._standing(item, briefing, controls)
        if standing is Reason.CAMPAIGN_STOPPED:
            stopped = Suppress(standing, final=True)
            handover.refuse(item, Ruling(stopped, item.candidate.channels[0]), stopped)
        elif standing is not None:
            handover.hold(item, standing)
        return standing is not None

    def _standing(self, item: Claimed, briefing: Briefing, controls: Mapping[str, Control]) -> Reason | None:
        """Why a message does not go on at all: what somebody did to its campaign or journey."""
        control = controls.get(item.candidate.campaign)
        if control in {Control.STOP, Control.PAUSE}:
            return Reason.CAMPAIGN_STOPPED if control is Control.STOP else Reason.CAMPAIGN_PAUSED
        paused = briefing.journeys[item.row.journey_id]["status"] == JourneyStatus.PAUSED
        return Reason.JOURNEY_PAUSED if paused else None

    def _rule(self, item: Claimed, briefing: Briefing, handover: Handover, waited: Sequence[Claimed]) -> None:
        """Decide about one message; ``waited`` are those to the same person in the batch that waited for a digest."""
        if briefing.gone(item):
            nobody = Suppress(Reason.PROFILE_ERASED, final=True)
            handover.refuse(item, Ruling(nobody, item.candidate.channels[0]), nobody)
            return
        ruling = decide(briefing.facts(item), item.release.rulebook)
        verdict = ruling.verdict
        if isinstance(verdict, Allow):
            verdict = self._not_now(item, ruling.channel, briefing, handover) or verdict
        match verdict:
            case Allow() as allowed:
                self._render(item, ruling, allowed, briefing, handover, waited)
            case Defer():
                handover.defer(item, ruling, verdict)
            case Suppress():
                handover.refuse(item, ruling, verdict)

    def _not_now(
        self, item: Claimed, channel: Channel, briefing: Briefing, handover: Handover
    ) -> Defer | Suppress | None:
        """Why a message that the gate allows does not go now: nobody carries it, its sender has sent enough today, or
        it has no turn at its carrier. None if it goes, and then it has taken its turn.

        It waits for this channel, and goes on no other instead: what is nobody's wish must not change how people hear
        from us.
        """
        now, trial = briefing.now, handover.trial
        if until := self.carriers.away(item, channel, now, trial):
            return Defer(until, Reason.CARRIER_AWAY, {"until": until.isoformat()})
        waits = handover.warming.waits(item, channel) or handover.turns.ask(
            item, self.pacing.lines(item, channel, now, trial.open), now
        )
        if waits is None:
            self.carriers.takes_part(item, channel, now, trial)
        return waits

    def _channels(self) -> frozenset[Channel]:
        return frozenset(channel for channel in Channel if self.dispatcher.provider_for(channel) is not None)

    def _render(
        self,
        item: Claimed,
        ruling: Ruling,
        allowed: Allow,
        briefing: Briefing,
        handover: Handover,
        waited: Sequence[Claimed],
    ) -> None:
        try:
            said = say(item, ruling.channel, briefing, handover.links(item, ruling.channel))
        except ContentTooLong as error:
            handover.refuse(item, ruling, Suppress(Reason.CONTENT_TOO_LONG, {"error": _quoting_nothing(error)}))
        except RenderError as error:
            handover.refuse(item, ruling, Suppress(Reason.RENDER_FAILED, {"error": _quoting_nothing(error)}))
        else:
            digest = None
            if item.row.digest and ruling.channel is Channel.EMAIL:
                digest, allowed = self._gather(item, said, allowed, briefing, handover, waited)
            handover.begin(item, ruling, allowed, said, digest)

    def _gather(
        self,
        item: Claimed,
        said: Said,
        allowed: Allow,
        briefing: Briefing,
        handover: Handover,
        waited: Sequence[Claimed],
    ) -> tuple[Digest | None, Allow]:
        """The digest as which this email goes out, if others wait for the same.

        A digest whose own text cannot be made is none: its messages go out by themselves, and the log says why.
        """
        others = [one for one in waited if one.row.id not in handover.decided]
        links = {one.row.id: handover.links(one, Channel.EMAIL) for one in (item, *others)}
        try:
            return gather(item, said, others, briefing, links), allowed
        except RenderError as error:
            evidence = {**allowed.evidence, "digest": item.row.digest, "error": _quoting_nothing(error)}
            return None, replace(allowed, evidence=evidence)


def _quoting_nothing(error: RenderError) -> str:
    """What went wrong, for the log: without the values that it quotes, because evidence holds no personal data."""
    return _QUOTED.sub("…", str(error).partition("; found ")[0])


def _parted(rows: Sequence[Row[Any]]) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """Those that wait, and those that are being handed over."""
    waiting = [row for row in rows if row.state != MessageState.SENDING]
    return waiting, [row for row in rows if row.state == MessageState.SENDING]


def _by_person(happened: Iterable[Event]) -> dict[str, list[Event]]:
    grouped: dict[str, list[Event]] = {}
    for event in happened:
        grouped.setdefault(event.profile_id, []).append(event)
    return grouped


def _next(release: Release, journey: Journey, known: Acquaintance, now: datetime, *, base: datetime) -> Advance | None:
    """What the step machine says; None if something about this journey breaks our own code."""
    try:
        return advance(release.flow, state_of(journey), known.known(release, journey), now, base=base)
    except Exception as error:
        _log.exception(
            "a journey cannot go on",
            campaign=release.campaign.key,
            journey_id=journey["id"],
            error=type(error).__name__,
        )
        return None


def _due(state: State, now: datetime) -> datetime:
    """When a journey's next step was due: at the end of its wait, or now if an event comes before that."""
    return min(state.wake_at, now) if state.wake_at is not None else now
