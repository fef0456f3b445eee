"""Finding what is due: schedules to fire, journeys to wake, messages to deliver, calls to make, reports to
process, what to give up on and what to forget.

The sweeper decides nothing about people. In production the scheduler runs it every tick and tells workers over
the broker; simulations run it inline on their own clock. Rows are marked when somebody is told, and told again
when the mark runs out, so a lost broker message delays work and loses none (G1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from dangol import ids
from dangol.batch.calls import give_up_calls
from dangol.batch.changes import row_subject
from dangol.clock import Clock
from dangol.definitions import versions
from dangol.ledger.entries import Journal, Subject
from dangol.model.campaign import RECIPIENT
from dangol.model.vocabulary import Decision, MessageState, Purpose, Reason
from dangol.pipeline import Timing
from dangol.release import Release, Releases
from dangol.store import calls as call_rows
from dangol.store import controls
from dangol.store import feedback as feedback_rows
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows
from dangol.store.controls import Standing
from dangol.store.database import Database
from dangol.triggers.schedule import LONGEST_DAY, firings_between, next_firing

_FORGOTTEN_AT_ONCE = 2_000
"""Reports that one sweep deletes at most, so that it stays short."""
_REMEMBERED = timedelta(days=1)
"""How long the runs of an audience without a schedule are kept, the latest always."""


@dataclass(frozen=True, slots=True)
class Due:
    """Ids of work that is due and now marked as told to a worker."""

    runs: tuple[str, ...]
    journeys: tuple[str, ...]
    messages: tuple[str, ...]
    calls: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    """Transactional messages: somebody waits for them, so they go before all others, on a queue of their own."""
    transactional: frozenset[str] = frozenset()
    """Those of the ``journeys`` that send such messages."""

    @property
    def first_journeys(self) -> tuple[str, ...]:
        return tuple(one for one in self.journeys if one in self.transactional)

    @property
    def other_journeys(self) -> tuple[str, ...]:
        return tuple(one for one in self.journeys if one not in self.transactional)

    def __bool__(self) -> bool:
        return bool(self.runs or self.journeys or self.messages or self.first or self.calls or self.feedback)


class Sweeper:
    """Looks at the database and says what is to be done now."""

    def __init__(
        self, *, database: Database, clock: Clock, releases: Releases, timing: Timing, limit: int = 10_000
    ) -> None:
        self.database = database
        self.clock = clock
        self.releases = releases
        self.timing = timing
        self.limit = limit

    def sweep(self) -> Due:
        """Fire schedules, give up on lost hand-overs, and mark what is due."""
        now = self.clock.now()
        with self.database.write() as tx:
            self.fire(tx, now)
            self._give_up(tx, now)
            give_up_calls(tx, now, self.limit)
            feedback_rows.forget(tx, now - self.timing.feedback_kept, _FORGOTTEN_AT_ONCE)
            until = now + self.timing.queue_lease
            resumed = self._resume(tx, now, until)
            journeys = journey_rows.queue_due(tx, now, until, self.limit)
            messages = message_rows.queue_due(tx, now, until, self.limit)
            return Due(
                runs=tuple(journey_rows.queue_runs(tx, now, until)),
                journeys=(*resumed, *(row.id for row in journeys)),
                messages=tuple(messages.rest),
                first=tuple(messages.first),
                calls=tuple(call_rows.queue_due(tx, now, until, self.limit)),
                feedback=tuple(feedback_rows.queue_due(tx, now, until, self.limit)),
                transactional=self._transactional(tx, journeys),
            )

    def _transactional(self, tx: Connection, rows: Sequence[Row[Any]]) -> frozenset[str]:
        releases = self.releases.of(tx, {row.version_id for row in rows})
        return frozenset(
            row.id
            for row in rows
            if row.version_id in releases and releases[row.version_id].campaign.purpose is Purpose.TRANSACTIONAL
        )

    def next_due(self) -> datetime | None:
        """The next instant at which there will be something to do, if nothing else happens before."""
        with self.database.read() as tx:
            standing = controls.standing(tx)
            if standing.resumed_at and self._any_held(tx, standing):
                return self.clock.now()
            waiting = [journey_rows.next_wake(tx), message_rows.next_due(tx), call_rows.next_due(tx)]
            waiting.append(feedback_rows.next_due(tx))
            instants = [*waiting, *self._next_firings(tx, standing)]
        return min((instant for instant in instants if instant is not None), default=None)

    def _scheduled(self, tx: Connection, standing: Standing) -> list[tuple[Release, datetime]]:
        """Every campaign that time opens and nobody has shut, and since when its firings are still open.

        What came due while a campaign was paused is not made up for when it is resumed.
        """
        deployed = {key: one for key, one in versions.active_since(tx).items() if key not in standing.shut}
        releases = self.releases.of(tx, {version_id for version_id, _ in deployed.values()})
        scheduled = [
            (releases[version_id], since)
            for version_id, since in deployed.values()
            if version_id in releases and releases[version_id].audience is not None
        ]
        if not scheduled:
            return []
        fired, resumed = journey_rows.last_firings(tx), standing.resumed_at
        return [
            (
                release,
                _open_since(
                    release, max(since, resumed.get(release.campaign.key, since)), fired.get(release.campaign.key)
                ),
            )
            for release, since in scheduled
            if release.over_at is None or since < release.over_at
        ]

    def _next_firings(self, tx: Connection, standing: Standing) -> list[datetime]:
        """The next firing of each schedule; one that would come after its campaign's last day never will."""
        instants = (
            (release, next_firing(release.campaign.entry, after=since, default_zone=release.policies.timezone))
            for release, since in self._scheduled(tx, standing)
        )
        return [
            instant
            for release, instant in instants
            if instant is not None and (release.over_at is None or instant <= release.over_at)
        ]

    def fire(self, tx: Connection, now: datetime) -> None:
        """Open a run for each schedule that came due. After an outage only the latest firing is run, once."""
        journal = Journal(now)
        for release, since in self._scheduled(tx, controls.standing(tx)):
            until = min(now, release.over_at) if release.over_at is not None else now
            due = firings_between(release.campaign.entry, since, until, default_zone=release.policies.timezone)
            if due is None:
                continue
            campaign = release.campaign.key
            looks = release.campaign.entry.kind == "audience"
            if looks and journey_rows.is_being_looked_at(tx, campaign):
                continue  # one look at a time: an older one would strike off whom a newer one has written down
            run = {
                "id": ids.derive(due.latest, "run", campaign),
                "campaign_key": campaign,
                "version_id": release.version_id,
                "fire_at": due.latest,
                "kind": release.campaign.entry.kind,
            }
            if not journey_rows.open_run(tx, run):
                continue
            if looks:
                # Looked at many times a day: the log says who joined, not that somebody looked.
                journey_rows.forget_runs(tx, campaign, before=now - _REMEMBERED)
                continue
            subject = Subject(campaign, release.version_id, occasion=due.latest.isoformat())
            if due.missed:
                evidence = {"missed": due.missed, "first": due.first.isoformat(), "run": due.latest.isoformat()}
                journal.add(Decision.SCHEDULE_MISSED, Reason.MISSED_WHILE_DOWN, subject, evidence=evidence)
            journal.add(
                Decision.SCHEDULE_FIRED, Reason.DUE_BY_SCHEDULE, subject, evidence={"fire_at": due.latest.isoformat()}
            )
        journal.write(tx)

    def _resume(self, tx: Connection, now: datetime, until: datetime) -> list[str]:
        """Let go what was held by a pause that is over; returns the journeys, which a worker lets go.

        Done here and not by whoever resumes a campaign: a worker may hold something a moment after that.
        """
        standing = controls.standing(tx)
        if not standing.resumed_at:
            return []
        released = message_rows.held(tx, Reason.CAMPAIGN_PAUSED, resumed=standing.resumed_at, limit=self.limit)
        journal = Journal(now)
        for row in released:
            journal.add(Decision.MESSAGE_RELEASED, Reason.BY_HAND, row_subject(row))
        message_rows.change(
            tx,
            [row.id for row in released],
            state=MessageState.PLANNED.value,
            reason=Reason.STEP_REACHED.value,
            updated_at=now,
        )
        journal.write(tx)
        return journey_rows.queue_held(tx, standing.resumed_at, now, until, self.limit)

    def _any_held(self, tx: Connection, standing: Standing) -> bool:
        resumed = standing.resumed_at
        journeys_held = journey_rows.any_held(tx, resumed)
        return journeys_held or message_rows.any_held(tx, Reason.CAMPAIGN_PAUSED, resumed)

    def _give_up(self, tx: Connection, now: datetime) -> None:
        """A worker that took a message and was not heard of again may have handed it over: that is ``unknown``."""
        lost = message_rows.abandoned(tx, now, self.limit)
        journal = Journal(now)
        for row in lost:
            journal.add(
                Decision.MESSAGE_UNKNOWN,
                Reason.LEASE_LOST,
                row_subject(row),
                evidence={"attempt": row.attempt, "lease_ended": row.lease_until.isoformat()},
            )
        message_rows.change(
            tx,
            [row.id for row in lost],
            state=MessageState.UNKNOWN.value,
            reason=Reason.LEASE_LOST.value,
            lease_until=None,
            updated_at=now,
        )
        message_rows.release(tx, self._uncounted(tx, lost))
        journal.write(tx)

    def _uncounted(self, tx: Connection, lost: Sequence[Row[Any]]) -> list[str]:
        """Those of these messages whose policies say that what nobody can tell does not count under the caps."""
        releases = self.releases.of(tx, {row.version_id for row in lost})
        return [
            row.id for row in lost if row.version_id in releases and not releases[row.version_id].policies.count_unknown
        ]


def _open_since(release: Release, in_service: datetime, fired: datetime | None) -> datetime:
    """From when on firings are still to be run: what is past was run, or belongs to nobody.

    By the recipient's clock a firing comes long before it is time for most; who it came too early for is told by
    whoever takes them in.
    """
    earlier = LONGEST_DAY if release.campaign.entry.timezone == RECIPIENT else timedelta()
    bounds = [in_service - earlier]
    if fired is not None:
        bounds.append(fired)
    if release.opens_at is not None:
        bounds.append(release.opens_at - earlier - timedelta(microseconds=1))
    return max(bounds)
