"""What carriers report about messages after they took them, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dangol.model.vocabulary import Channel


class FeedbackKind(StrEnum):
    """What happened to a message. ``processed``, ``deferred`` and ``sent``: its carrier has it and goes on with it.

    ``bounced``: the recipient's side refused it. ``failed``: the carrier itself let it drop. ``other``: a word that
    this release does not know.
    """

    PROCESSED = "processed"
    DEFERRED = "deferred"
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    DISMISSED = "dismissed"
    BOUNCED = "bounced"
    FAILED = "failed"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


class Finding(StrEnum):
    """What a report says about the address: it is dead for good (``hard``) or as such impossible (``invalid``), it
    could not be reached for now (``soft``), or the message was turned away for what it is or whom it is from
    (``blocked``). ``complained`` and ``opted_out``: its owner wants no more."""

    NONE = ""
    HARD = "hard"
    SOFT = "soft"
    BLOCKED = "blocked"
    INVALID = "invalid"
    COMPLAINED = "complained"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One report. ``event_id`` is the carrier's id of it: reported again it is the same report.

    ``message_id`` is ours, as it travelled with the message; ``reference`` the carrier's own; either may be empty.
    ``at`` is None where the carrier tells no time. ``detail`` is a code and never a text, and ``url`` has neither
    query nor token. ``address`` is personal: it is hashed before anything is stored. ``machine``: a proxy or a
    scanner did it, as far as can be told by the report alone.
    """

    provider: str
    event_id: str
    kind: FeedbackKind
    channel: Channel
    at: datetime | None
    message_id: str = ""
    reference: str = ""
    finding: Finding = Finding.NONE
    detail: str = ""
    machine: bool = False
    url: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a request of a carrier held: reports, and how many parts of it could not be understood."""

    reports: tuple[Feedback, ...]
    unreadable: int = 0
