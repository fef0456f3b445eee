"""What push services have in common: how long a push may wait for its device, and who takes which device."""

from __future__ import annotations

from datetime import datetime, timedelta

from dangol.model.message import Envelope

MESSAGE_ID = "dangol_message_id"
"""By this name our message's id travels with a push."""
RECEIPT = "receipt"
"""By this name, what a device proves with that it got the push; docs/feedback.md."""
_LONGEST = timedelta(days=28)
_SECOND = timedelta(seconds=1)


def seconds_to_live(envelope: Envelope, now: datetime) -> int:
    """For how many seconds the service may keep the push for a device that is away: 0 to four weeks."""
    lives = [_LONGEST]
    if envelope.rendered.ttl is not None:
        lives.append(envelope.rendered.ttl)
    if envelope.until is not None:
        lives.append(envelope.until - now)
    return max(min(lives) // _SECOND, 0)


def is_subscription(token: str) -> bool:
    """Is this a browser's subscription, in JSON, rather than the token of an app?"""
    return token.lstrip().startswith("{")
