"""What carriers report about messages, taken in and worked off in any order and however often it comes.

* The **state** of a message follows from all that is known of it (``evidence``), and never goes back. An ``unknown``
  is settled by whatever shows that the carrier had it.
* A **slot** under the caps is never given back: the carrier took the message, and nobody can tell what the person saw.
  What counted as refused takes its slot again if the carrier had it after all.
* An **address** that is dead, or whose owner complained or opted out, is suppressed at once, whether or not anybody
  knows the message; one that could not be reached several times in a row, until a message arrives there.
* **Consent** is withdrawn by who complained, unsubscribed at the carrier or said STOP to it.
* **Events** for journeys have ids of their own, so that the same thing happens once. What a machine did counts as
  something else than what a person does.

A report may come before we have written down that the message was handed over, and about messages of others. It is
looked at again for an hour, then it is closed as ``unmatched``. Of those about erased people only that they came stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch import announcing, reach, reports
from dangol.batch.changes import row_subject
from dangol.batch.evidence import SETTLED, Evidence, further, too_fast, weigh
from dangol.batch.facts import Claimed
from dangol.batch.handover import slot_row
from dangol.batch.reports import Became
from dangol.consent import lifting
from dangol.consent.lifting import Objection
from dangol.consent.suppressions import NewSuppression
from dangol.ids import Entropy
from dangol.ledger import reader
from dangol.ledger.entries import Journal
from dangol.model.feedback import FeedbackKind, Finding
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Channel, Decision, MessageState, Reason, Scope, SuppressionCause
from dangol.profiles import people
from dangol.release import Releases
from dangol.store import feedback as feedback_rows
from dangol.store import messages as message_rows

_AGAIN_AFTER = timedelta(seconds=5)
_LOOKED_FOR = timedelta(hours=1)
"""How long a message is looked for that a report names."""
_DELIVERY_AWAITED = timedelta(minutes=1)
"""How long a click waits for the report of the delivery, which tells whether a scanner made it."""
_NEVER_HANDED_OVER = frozenset(
    {
        MessageState.PLANNED,
        MessageState.HELD,
        MessageState.DUE,
        MessageState.SUPPRESSED,
        MessageState.EXPIRED,
        MessageState.CANCELLED,
    }
)
_DECISIONS = {
    FeedbackKind.DELIVERED: Decision.MESSAGE_DELIVERED,
    FeedbackKind.BOUNCED: Decision.MESSAGE_BOUNCED,
    FeedbackKind.FAILED: Decision.MESSAGE_FAILED,
    FeedbackKind.OPENED: Decision.MESSAGE_OPENED,
    FeedbackKind.CLICKED: Decision.MESSAGE_CLICKED,
    FeedbackKind.COMPLAINED: Decision.MESSAGE_COMPLAINED,
    FeedbackKind.UNSUBSCRIBED: Decision.MESSAGE_UNSUBSCRIBED,
}
_CAUSES = {
    Finding.HARD: SuppressionCause.HARD_BOUNCE,
    Finding.INVALID: SuppressionCause.INVALID,
    Finding.COMPLAINED: SuppressionCause.COMPLAINT,
    Finding.OPTED_OUT: SuppressionCause.STOP,
}
_HANDED_OVER = SETTLED | {MessageState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a batch of reports: how many were closed in which way, and the events that follow, by profile id."""

    became: Mapping[Became, int]
    events: Sequence[IncomingEvent]


def receive(
    connection: Connection,
    feedback_ids: Sequence[str],
    *,
    releases: Releases,
    soft_bounces: int,
    now: datetime,
    entropy: Entropy,
) -> Received:
    """Work off those of these reports that nobody else is at. ``soft_bounces`` in a row suppress an address."""
    seen = feedback_rows.waiting(connection, feedback_ids)
    whose = reports.whose_are(connection, seen)
    owners = sorted({message.profile_id for message in whose.values()})
    people.lock(connection, owners)
    claimed = feedback_rows.claim(connection, feedback_ids)
    if not claimed:
        return Received({}, [])
    named = sorted({message.id for message in whose.values()})
    free = {row.id: row for row in feedback_rows.messages_of(connection, named, (), lock=True)}
    work = _Work(connection, releases, now, entropy, people.erased(connection, owners), whose, free)
    work.learn(claimed, feedback_rows.about(connection, named))
    for report in claimed:
        work.take(report)
    return work.write(soft_bounces)


@dataclass
class _Work:
    """One batch in its transaction: everything is gathered, then written in bulk."""

    connection: Connection
    releases: Releases
    now: datetime
    entropy: Entropy
    erased: frozenset[str]
    whose: Mapping[str, Row[Any]]
    free: Mapping[str, Row[Any]]
    closed: list[dict[str, Any]] = field(default_factory=list)
    applied: list[announcing.Applied] = field(default_factory=list)
    suppressed: list[NewSuppression] = field(default_factory=list)
    objections: list[Objection] = field(default_factory=list)
    about: dict[str, list[Row[Any]]] = field(default_factory=dict)
    told: set[tuple[Any, ...]] = field(default_factory=set)
    touched: dict[str, Row[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = Journal(self.now)

    def learn(self, claimed: Sequence[Row[Any]], known: Sequence[Row[Any]]) -> None:
        """Note all that is known of the messages, and what the log has already."""
        for row in {row.id: row for row in (*known, *claimed)}.values():
            message_id = self.whose[row.id].id if row.id in self.whose else row.message_id
            self.about.setdefault(message_id, []).append(row)
            if row.processed_at is not None:
                self.told.add(reports.matter(message_id, row, row.machine))

    def take(self, report: Row[Any]) -> None:
        message = self.whose.get(report.id)
        if message is not None and message.profile_id in self.erased:
            self._close(report, Became.ERASED)
            return
        self._about_the_address(report, message)
        if message is None:
            self._look_again(report)
            return
        message = self.free.get(message.id)
        if message is None or message.state == MessageState.SENDING:
            self._put_off(report, _AGAIN_AFTER)  # whoever hands it over is about to write what came of it
        elif (message.attempt == 0 and message.state in _NEVER_HANDED_OVER) or not self._concerns(report, message.id):
            self._close(report, Became.CONTRADICTED)
        elif self._waits_for_delivery(report, message):
            self._put_off(report, _AGAIN_AFTER)
        else:
            self._apply(report, message)

    def _apply(self, report: Row[Any], message: Row[Any]) -> None:
        kind, machine = FeedbackKind(report.kind), self._machine(report, message)
        self.touched[message.id] = message
        self._withdraw(report, message)
        decision, matter = _DECISIONS.get(kind), reports.matter(message.id, report, machine)
        if decision is not None and matter not in self.told:
            self.told.add(matter)
            subject = replace(row_subject(message), occasion=report.id)
            channel = Channel(report.channel)
            evidence = reports.evidence(report, machine)
            self._accept(report, message)
            self.journal.add(decision, Reason.REPORTED, subject, channel=channel, evidence=evidence)
        else:
            self._accept(report, message)
        self.applied.append(announcing.Applied(report.id, kind, machine, report, message))
        self._close(report, Became.APPLIED, message.id, machine=machine)

    def _accept(self, report: Row[Any], message: Row[Any]) -> None:
        """Say once of a message whose outcome nobody knew that the carrier has it."""
        state = MessageState(message.state)
        if state in SETTLED or (message.id, "accepted") in self.told:
            return
        if further(state, self._evidence(message.id)) is state:
            return
        self.told.add((message.id, "accepted"))
        subject = replace(row_subject(message), occasion=report.id)
        told = {"provider": report.provider, "attempt": message.attempt}
        channel = Channel(report.channel)
        self.journal.add(Decision.MESSAGE_ACCEPTED, Reason.REPORTED, subject, channel=channel, evidence=told)

    def _evidence(self, message_id: str) -> Evidence:
        return weigh(FeedbackKind(row.kind) for row in self.about[message_id] if self._concerns(row, message_id))

    def _concerns(self, report: Row[Any], message_id: str) -> bool:
        """Is it about the hand-over that counts? A message that its first carrier refused may have gone on by another
        channel, and what is said of the first says nothing of that."""
        message = self.free.get(message_id)
        gone_on = message is not None and message.channel is not None and message.state in _HANDED_OVER
        return message is None or not gone_on or bool(report.channel == message.channel)

    def _machine(self, report: Row[Any], message: Row[Any]) -> bool:
        if report.machine or report.kind != FeedbackKind.CLICKED or report.channel != Channel.EMAIL:
            return bool(report.machine)
        return too_fast(report.at, self._deliveries(message))

    def _deliveries(self, message: Row[Any]) -> list[datetime]:
        return [row.at for row in self.about[message.id] if row.kind == FeedbackKind.DELIVERED]

    def _waits_for_delivery(self, report: Row[Any], message: Row[Any]) -> bool:
        by_chance = report.kind == FeedbackKind.CLICKED and report.channel == Channel.EMAIL and not report.machine
        return by_chance and not self._deliveries(message) and self.now < report.received_at + _DELIVERY_AWAITED

    def _about_the_address(self, report: Row[Any], message: Row[Any] | None) -> None:
        cause = _CAUSES.get(Finding(report.finding))
        if cause is None or report.address_hash is None:
            return
        channel, source = Channel(report.channel), reports.source(report)
        scope = self._scope(report, message) if cause is SuppressionCause.STOP else None
        self.suppressed.append(NewSuppression(channel, report.address_hash, cause.value, source, report.at, scope))

    def _withdraw(self, report: Row[Any], message: Row[Any]) -> None:
        if report.finding not in {Finding.COMPLAINED, Finding.OPTED_OUT}:
            return
        scope = self._scope(report, message) if report.finding == Finding.OPTED_OUT else Scope.MARKETING
        self.objections.append(
            Objection(message.profile_id, Channel(report.channel), scope, report.at, reports.source(report))
        )

    def _scope(self, report: Row[Any], message: Row[Any] | None) -> Scope:
        """How far an opt-out reaches: of email what is advertised, of text messages what the policies say of STOP."""
        if report.channel == Channel.EMAIL:
            return Scope.MARKETING
        release = self.releases.of(self.connection, {message.version_id}) if message is not None else {}
        return next((one.policies.stop_scope for one in release.values()), Scope.PROMPTED)

    def _look_again(self, report: Row[Any]) -> None:
        age = self.now - report.received_at
        if age >= _LOOKED_FOR or not (report.message_id or report.reference):
            self._close(report, Became.UNMATCHED)
        else:
            self._put_off(report, min(max(_AGAIN_AFTER, age), max(_AGAIN_AFTER, _LOOKED_FOR - age)))

    def _put_off(self, report: Row[Any], pause: timedelta) -> None:
        self.closed.append({**reports.as_it_was(report), "queued_until": self.now + pause})

    def _close(
        self, report: Row[Any], became: Became, message_id: str | None = None, *, machine: bool | None = None
    ) -> None:
        kept = reports.as_it_was(report)
        if became is Became.ERASED:
            kept |= dict.fromkeys(("message_id", "reference", "url", "address_hash"))
        if message_id is not None:
            kept |= {"message_id": message_id, "machine": machine}
        self.closed.append({**kept, "processed_at": self.now, "became": became.value, "queued_until": None})

    # What was gathered is written.

    def write(self, soft_bounces: int) -> Received:
        self._write_states()
        self._write_slots()
        lifting.suppress(
            self.connection,
            self.suppressed,
            Reason.REPORTED,
            now=self.now,
            entropy=self.entropy,
            journal=self.journal,
        )
        lifting.withdraw(self.connection, self.objections, now=self.now)
        feedback_rows.close(self.connection, self.closed)
        applied = [one.report for one in self.applied]
        reach.weigh_addresses(self.connection, applied, soft_bounces, self.now, self.entropy, self.journal)
        events = announcing.events_of(self.connection, self.applied, self.releases, self.journal, self.now)
        self.journal.write(self.connection)
        became: dict[Became, int] = {}
        for row in self.closed:
            if row["became"] is not None:
                became[Became(row["became"])] = became.get(Became(row["became"]), 0) + 1
        return Received(became, events)

    def _write_states(self) -> None:
        changed = []
        for message_id, message in sorted(self.touched.items()):
            state = MessageState(message.state)
            found = further(state, self._evidence(message_id))
            if found is not state:
                changed.append(
                    {
                        "id": message_id,
                        "state": found.value,
                        "reason": Reason.REPORTED.value,
                        "lease_until": None,
                        "updated_at": self.now,
                    }
                )
        message_rows.change_each(self.connection, changed)

    def _write_slots(self) -> None:
        """Take the slots again of what the carrier had after all."""
        counting = sorted(id_ for id_ in self.touched if self._evidence(id_).went_on)
        held = message_rows.holding_slots(self.connection, counting)
        missing = [self.touched[id_] for id_ in counting if id_ not in held]
        rows = []
        compiled = self.releases.of(self.connection, {row.version_id for row in missing})
        for row in missing:
            sent = reader.history(
                self.connection, reader.Filter(message_id=row.id, decision=Decision.MESSAGE_SENDING.value)
            )
            if sent and row.channel and row.version_id in compiled:
                claimed = Claimed.of(row, compiled[row.version_id])
                rows.append(slot_row(claimed, Channel(row.channel), sent[-1].at))
        message_rows.reserve(self.connection, rows)
