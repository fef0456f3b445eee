"""Addresses that could not be reached again and again are left alone, until a message arrives there after all.

What holds follows from all reports that are kept about an address, whatever order they came in. When somebody lifts
such a suppression by hand, what was before counts no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from dangol.batch.evidence import out_of_reach
from dangol.consent import lifting, recording, suppressions
from dangol.consent.suppressions import NewSuppression, Suppression
from dangol.ids import Entropy
from dangol.ledger.entries import Journal
from dangol.model.feedback import FeedbackKind, Finding
from dangol.model.vocabulary import Channel, Reason, SuppressionCause
from dangol.store import feedback as feedback_rows

OVER = timedelta(days=3)
"""Over how long a time the failures lie at least; a server that is down for a day ruins no address."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DELIVERED = "delivered"
Reach = tuple[FeedbackKind, datetime, str]


def weigh_addresses(
    connection: Connection, reports: Sequence[Row[Any]], most: int, now: datetime, entropy: Entropy, journal: Journal
) -> None:
    """Suppress those addresses of these new reports that ``most`` messages in a row did not reach; lift what is over.

    ``most`` 0: no address is suppressed for that.
    """
    soft = {row.address_hash: row.channel for row in reports if row.finding == Finding.SOFT and row.address_hash}
    arrived = {row.address_hash for row in reports if row.kind == FeedbackKind.DELIVERED and row.address_hash}
    if not soft and not arrived:
        return
    held = {
        one.address_hash: one
        for one in suppressions.active(connection, sorted(soft.keys() | arrived))
        if one.cause == SuppressionCause.SOFT_BOUNCE
    }
    known: dict[str, list[Reach]] = {address_hash: [] for address_hash in sorted(soft.keys() | held.keys())}
    for row in feedback_rows.reached(connection, list(known)):
        known[row.address_hash].append((FeedbackKind(row.kind), row.at, row.message))
    over = [held[one] for one in known if one in held and not out_of_reach(known[one], most, OVER)]
    _lift(connection, over, now, journal)
    failing = {one: latest for one in known if one not in held and (latest := _failing(connection, one, known, most))}
    new = [
        NewSuppression(Channel(soft[one]), one, SuppressionCause.SOFT_BOUNCE.value, "feedback", latest)
        for one, latest in failing.items()
    ]
    lifting.suppress(connection, new, Reason.REPORTED, now=now, entropy=entropy, journal=journal)


def _failing(connection: Connection, address_hash: str, known: dict[str, list[Reach]], most: int) -> datetime | None:
    """When the last of a row of failures was that is long enough; None if it is not."""
    if not out_of_reach(known[address_hash], most, OVER):
        return None
    lifted = [
        one.lifted_at
        for one in suppressions.record_of(connection, address_hash)
        if one.cause == SuppressionCause.SOFT_BOUNCE and one.lifted_at is not None and one.lifted_by != _DELIVERED
    ]
    since = max(lifted, default=_EPOCH)
    counted = [one for one in known[address_hash] if one[1] > since]
    return max(at for _, at, _ in counted) if out_of_reach(counted, most, OVER) else None


def _lift(connection: Connection, over: Sequence[Suppression], now: datetime, journal: Journal) -> None:
    suppressions.lift_these(connection, over, now=now, by=_DELIVERED)
    for one in over:
        recording.log_lifted(journal, one, Reason.REPORTED, None, {"by": _DELIVERED})
