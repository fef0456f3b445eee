"""Reports as rows: what is stored of one, whose message it is about, and what the log and suppressions say of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from dangol import ids
from dangol.consent.suppressions import AddressHasher
from dangol.model.feedback import Feedback, FeedbackKind, Finding
from dangol.model.vocabulary import Channel
from dangol.store import feedback as feedback_rows

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Became(StrEnum):
    """What came of a report. ``contradicted``: it is about a hand-over that never began, or was certainly refused."""

    APPLIED = "applied"
    UNMATCHED = "unmatched"
    ERASED = "erased"
    CONTRADICTED = "contradicted"


def row_of(report: Feedback, now: datetime, hasher: AddressHasher, queued_until: datetime | None) -> dict[str, Any]:
    """The row of a report. The same report has the same id; where no time was told, the time is ours."""
    return {
        "id": ids.derive(report.at or _EPOCH, "feedback", report.provider, report.event_id),
        "provider": report.provider,
        "kind": report.kind.value,
        "channel": report.channel.value,
        "finding": report.finding.value,
        "detail": report.detail,
        "message_id": report.message_id or None,
        "reference": report.reference or None,
        "at": min(report.at or now, now),
        "received_at": now,
        "machine": report.machine,
        "url": report.url or None,
        "address_hash": hasher.hash(report.channel, report.address) if report.address else None,
        "queued_until": queued_until,
    }


def whose_are(connection: Connection, reports: Iterable[Row[Any]]) -> dict[str, Row[Any]]:
    """Report → its message: by our id, else by the carrier's where that names one message alone."""
    ours = sorted({one.message_id for one in reports if one.message_id})
    theirs = sorted({one.reference for one in reports if one.reference})
    found = feedback_rows.messages_of(connection, ours, theirs)
    by_id = {row.id: row for row in found}
    by_reference: dict[tuple[str, str], set[str]] = {}
    for row in found:
        if row.provider_reference:
            by_reference.setdefault((row.provider or "", row.provider_reference), set()).add(row.id)
    whose: dict[str, Row[Any]] = {}
    for one in reports:
        candidates = by_reference.get((one.provider, one.reference or ""), set())
        message = by_id.get(one.message_id or "") or (by_id[min(candidates)] if len(candidates) == 1 else None)
        if message is not None:
            whose[one.id] = message
    return whose


def matter(message_id: str, report: Row[Any], machine: bool) -> tuple[Any, ...]:
    """What the log says of a message once: that it arrived, that a person followed this link, …"""
    return message_id, report.kind, bool(machine), report.url, report.finding


def source(report: Row[Any]) -> str:
    """Where a suppression or withdrawal comes from; one of a text message reads as a STOP by text does."""
    if report.channel == Channel.SMS and report.finding == Finding.OPTED_OUT:
        return f"sms:{report.provider}"
    return f"{report.provider}:{report.kind}"


def evidence(report: Row[Any], machine: bool) -> dict[str, Any]:
    """What the log keeps of a report; nothing personal."""
    told = {
        "provider": report.provider,
        "bounce": report.finding if report.kind == FeedbackKind.BOUNCED else "",
        "detail": report.detail,
        "machine": machine,
        "url": report.url,
    }
    return {name: value for name, value in told.items() if value}


def as_it_was(report: Row[Any]) -> dict[str, Any]:
    """What closing a report may change, unchanged."""
    names = (
        "id",
        "message_id",
        "reference",
        "url",
        "address_hash",
        "machine",
        "processed_at",
        "became",
        "queued_until",
    )
    return {name: getattr(report, name) for name in names}
