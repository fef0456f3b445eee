"""A message is never late: past ``expires_after`` it is a logged refusal."""

from __future__ import annotations

from dangol.model.facts import Allow, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def expiry(facts: Facts, _channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Refuse a message whose time has passed; the instant of expiry itself is too late."""
    expires_at = facts.message.expires_at
    if expires_at is not None and facts.now >= expires_at:
        return Suppress(Reason.EXPIRED, {"expired_at": expires_at.isoformat()}, final=True)
    return Allow(until=expires_at)
