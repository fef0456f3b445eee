"""Who asked to hear nothing for a while hears nothing that is marketing."""

from __future__ import annotations

from dangol.model.facts import NO_OBJECTION, Defer, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Purpose, Reason
from dangol.policy.rules import Rulebook


def pause(facts: Facts, _channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Put marketing off until the pause ends; refuse what expires before."""
    until, message = facts.preferences.paused_until, facts.message
    if until is None or until <= facts.now or message.purpose is not Purpose.MARKETING:
        return NO_OBJECTION
    evidence = {"until": until.isoformat()}
    if message.expires_at is not None and until >= message.expires_at:
        return Suppress(Reason.PAUSED_BY_RECIPIENT, evidence, final=True)
    return Defer(until, Reason.PAUSED_BY_RECIPIENT, evidence)
