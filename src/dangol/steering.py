"""Taking hold of what runs: a campaign, or one person's journeys, is paused, resumed or stopped by somebody.

A paused campaign lets nobody in, moves no journey and sends nothing; waits run on, exits still end journeys, and what
comes due is held. Resumed, held work goes on: messages whose time has passed expire, none is sent twice, and firings
that fell into the pause are not made up for. A stopped campaign ends its journeys and cancels what is not under way;
resuming it lets people in again. The gate and the pipeline ask for themselves, so a pause binds from its commit on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch.acquaintance import Journey
from dangol.batch.changes import Changes, row_subject
from dangol.definitions import versions
from dangol.definitions.document import nearest
from dangol.errors import UnknownCampaign, UnknownProfile, UsageError
from dangol.ledger.entries import Subject
from dangol.model.vocabulary import Control, Decision, JourneyStatus, MessageState, Reason
from dangol.pipeline import Pipeline
from dangol.profiles import people
from dangol.store import controls
from dangol.store import journeys as journey_rows
from dangol.store import messages as message_rows

_DECISIONS = {
    Control.PAUSE: Decision.CAMPAIGN_PAUSED,
    Control.RESUME: Decision.CAMPAIGN_RESUMED,
    Control.STOP: Decision.CAMPAIGN_STOPPED,
}


@dataclass(frozen=True, slots=True)
class Steered:
    """What changed: how a campaign stood before, and how many journeys were touched at once."""

    before: Control | None
    journeys: int = 0


class Steering:
    """Who steers, and why, is written to the log."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def campaign(self, key: str, control: Control, *, by: str, note: str = "") -> Steered:
        """Pause, resume or stop a campaign; the same again changes nothing, but stopping goes on where it broke off.

        Raises UnknownCampaign if there was never a version of this campaign.
        """
        now = self._pipeline.clock.now()
        with self._pipeline.database.write() as tx:
            controls.take_hold(tx)
            self._check(tx, key)
            before = controls.in_force(tx).get(key)
            if (before or Control.RESUME) is not control:
                controls.record(tx, key, control, at=now, by=by, note=note)
                changes = Changes(now)
                subject = Subject(key, versions.active(tx).get(key, ""), occasion=now.isoformat())
                evidence = {"by": by, "note": note}
                changes.journal.add(_DECISIONS[control], Reason.BY_HAND, subject, evidence=evidence)
                changes.write(tx)
        return Steered(before, self._end_all(key) if control is Control.STOP else 0)

    def journeys(
        self, external_id: str, control: Control, *, campaign: str | None = None, by: str, note: str = ""
    ) -> Steered:
        """Pause, resume or stop the journeys that one person is in, all of them or those in ``campaign``.

        Raises UnknownProfile if nobody has this id, UnknownCampaign if there was never a version of the campaign.
        """
        with self._pipeline.database.write() as tx:
            found = people.find(tx, [external_id])
            if external_id not in found:
                raise UnknownProfile(f"no profile has the id {external_id!r}; ids are those your back end reports")
            if campaign is not None:
                self._check(tx, campaign)
            wanted = {"campaign_key": campaign} if campaign is not None else {}
            touched = self._steer(tx, found[external_id], control, wanted, {"by": by, "note": note})
        return self._steered(control, touched)

    def journey(self, journey_id: str, control: Control, *, by: str, note: str = "") -> Steered:
        """Pause, resume or stop this journey alone, such as that of one of a person's carts.

        Raises UsageError if there is none of this id.
        """
        with self._pipeline.database.write() as tx:
            found = journey_rows.load_journeys(tx, [journey_id])
            if journey_id not in found:
                raise UsageError(f"there is no journey {journey_id!r}; `dangol explain --profile ID --json` names them")
            owner, evidence = found[journey_id]["profile_id"], {"by": by, "note": note}
            touched = self._steer(tx, owner, control, {"journey_id": journey_id}, evidence)
        return self._steered(control, touched)

    def _steer(
        self, tx: Connection, owner: str, control: Control, wanted: Mapping[str, str], evidence: dict[str, str]
    ) -> list[Journey]:
        """Steer what this person has under way and is ``wanted``; returns the journeys that this changes."""
        people.lock(tx, [owner])
        changes = Changes(self._pipeline.clock.now())
        rows = [dict(row._mapping) for row in journey_rows.open_of(tx, [owner])]
        touched = [
            journey
            for journey in rows
            if wanted.items() <= {**journey, "journey_id": journey["id"]}.items()
            and _STEER[control](changes, journey, evidence)
        ]
        changes.write(tx)
        after = Changes(changes.now)
        mine = [row for row in message_rows.open_to(tx, owner) if wanted.items() <= dict(row._mapping).items()]
        if control is Control.RESUME:
            _release(tx, after, mine)
        elif control is Control.STOP:
            after.cancel(tx, mine, Reason.JOURNEY_STOPPED)
        after.write(tx)
        return touched

    def _steered(self, control: Control, touched: Sequence[Journey]) -> Steered:
        if control is Control.RESUME:
            self._pipeline.plan([journey["id"] for journey in touched])
        return Steered(None, len(touched))

    def _check(self, tx: Connection, key: str) -> None:
        if not versions.is_known(tx, key):
            near = nearest(key, versions.known(tx))
            hint = f"; did you mean `{near}`?" if near else "; `dangol versions` lists those that were"
            raise UnknownCampaign(f"no campaign `{key}` was ever in service{hint}")

    def _end_all(self, key: str) -> int:
        """End the campaign's journeys, a part at a time."""
        ended, after = 0, ""
        while True:
            with self._pipeline.database.write() as tx:
                if controls.in_force(tx).get(key) is not Control.STOP:
                    return ended  # somebody has resumed it meanwhile
                rows = journey_rows.open_in(tx, key, after=after, limit=self._pipeline.batch_size)
                people.lock(tx, [row.profile_id for row in rows])
                changes = Changes(self._pipeline.clock.now())
                # Read again under the lock: some may have ended meanwhile.
                fresh = journey_rows.load_journeys(tx, [row.id for row in rows])
                for journey in fresh.values():
                    if journey["status"] != JourneyStatus.ENDED:
                        changes.overtake(journey, Reason.CAMPAIGN_STOPPED)
                        ended += 1
                changes.write(tx)
            if len(rows) < self._pipeline.batch_size:
                self._cancel_all(key)
                return ended
            after = rows[-1].id

    def _cancel_all(self, key: str) -> None:
        """Cancel what journeys that had ended before have left to be sent."""
        more = True
        while more:
            with self._pipeline.database.write() as tx:
                if controls.in_force(tx).get(key) is not Control.STOP:
                    return
                rows = message_rows.open_in(tx, key, limit=self._pipeline.batch_size)
                people.lock(tx, [row.profile_id for row in rows])
                changes = Changes(self._pipeline.clock.now())
                ids = {row.id for row in rows}
                # Read again under the lock: some may be under way meanwhile.
                fresh = message_rows.open_in(tx, key, limit=self._pipeline.batch_size)
                changes.cancel(tx, [row for row in fresh if row.id in ids], Reason.CAMPAIGN_STOPPED)
                changes.write(tx)
            more = bool(rows)


def _pause(changes: Changes, journey: Journey, evidence: dict[str, str]) -> bool:
    if journey["status"] == JourneyStatus.PAUSED:
        return False
    changes.pause(journey, evidence)
    return True


def _resume(changes: Changes, journey: Journey, evidence: dict[str, str]) -> bool:
    if journey["status"] != JourneyStatus.PAUSED:
        return False
    changes.resume(journey, evidence)
    return True


def _stop(changes: Changes, journey: Journey, evidence: dict[str, str]) -> bool:
    changes.overtake(journey, Reason.JOURNEY_STOPPED, evidence)
    return True


_STEER: dict[Control, Callable[[Changes, Journey, dict[str, str]], bool]] = {
    Control.PAUSE: _pause,
    Control.RESUME: _resume,
    Control.STOP: _stop,
}


def _release(tx: Connection, changes: Changes, rows: Sequence[Row[Any]]) -> None:
    held = [row for row in rows if row.state == MessageState.HELD and row.reason == Reason.JOURNEY_PAUSED]
    for row in held:
        changes.journal.add(Decision.MESSAGE_RELEASED, Reason.BY_HAND, row_subject(row))
    message_rows.change(
        tx,
        [row.id for row in held],
        state=MessageState.PLANNED.value,
        reason=Reason.STEP_REACHED.value,
        updated_at=changes.now,
    )
