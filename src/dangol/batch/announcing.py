"""What happened to messages, as events that journeys can wait for, begin with and end by.

An event is made only where the tracking plan of a campaign in service lists it: nobody else could hear it. What a
machine did has a name of its own, because it tells nothing about the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch.changes import MAX_HOPS, row_subject
from dangol.definitions import versions
from dangol.ledger.entries import Journal
from dangol.model.feedback import FeedbackKind
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Decision, Reason
from dangol.release import Releases
from dangol.store import journeys as journey_rows

NAMES = {
    FeedbackKind.DELIVERED: "Message Delivered",
    FeedbackKind.OPENED: "Message Opened",
    FeedbackKind.CLICKED: "Message Clicked",
    FeedbackKind.DISMISSED: "Message Dismissed",
    FeedbackKind.BOUNCED: "Message Bounced",
    FeedbackKind.FAILED: "Message Failed",
    FeedbackKind.COMPLAINED: "Message Complained",
    FeedbackKind.UNSUBSCRIBED: "Message Unsubscribed",
}
BY_MACHINE = " By Machine"
SOURCE = "feedback"


@dataclass(frozen=True, slots=True)
class Applied:
    """A report about a message that is known, and whether a machine did what it tells."""

    id: str
    kind: FeedbackKind
    machine: bool
    report: Row[Any]
    message: Row[Any]

    @property
    def name(self) -> str:
        """The event's name; empty for what is none."""
        name = NAMES.get(self.kind, "")
        return f"{name}{BY_MACHINE}" if self.machine and name else name


def events_of(
    connection: Connection, applied: Sequence[Applied], releases: Releases, journal: Journal, now: datetime
) -> list[IncomingEvent]:
    """The events that follow, by profile id; what would set campaigns off in a circle is refused and logged."""
    in_service = releases.of(connection, versions.active(connection).values()) if applied else {}
    listed = frozenset[str]().union(*(release.listed for release in in_service.values()))
    wanted = [one for one in applied if one.name in listed]
    hops = journey_rows.hops_of(connection, sorted({one.message.journey_id for one in wanted})) if wanted else {}
    found = []
    for one in wanted:
        event = _event(one, hops.get(one.message.journey_id, 0) + 1, now)
        if event.hops > MAX_HOPS:
            subject = replace(row_subject(one.message), occasion=event.message_id)
            evidence = {"event": event.name, "hops": event.hops}
            journal.add(Decision.EVENT_REFUSED, Reason.TOO_MANY_HOPS, subject, evidence=evidence)
        else:
            found.append(event)
    return found


def _event(one: Applied, hops: int, now: datetime) -> IncomingEvent:
    """Carriers tell whole seconds, so that what happened seems to come before the message; it did not."""
    message, report = one.message, one.report
    properties = {
        "message": message.template,
        "message_id": message.id,
        "campaign": message.campaign_key,
        "stage": message.stage,
        "step": message.step,
        "channel": report.channel,
        "machine": one.machine,
    }
    if report.url:
        properties["url"] = report.url
    if one.kind is FeedbackKind.BOUNCED:
        properties["bounce"] = report.finding
    return IncomingEvent(
        message_id=f"{SOURCE}:{one.id}",
        external_id=message.profile_id,
        name=one.name,
        properties=properties,
        occurred_at=min(max(report.at, message.planned_at + timedelta(microseconds=1)), now),
        source=SOURCE,
        hops=hops,
    )
