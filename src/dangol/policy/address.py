"""An erased person or a suppressed address gets nothing, whatever the purpose."""

from __future__ import annotations

from dangol.model.facts import NO_OBJECTION, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def address(facts: Facts, channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Refuse when there is nobody to write to, nowhere to write to, or the address must be left alone."""
    if facts.profile.erased_at is not None:
        return Suppress(Reason.PROFILE_ERASED, final=True)
    if not facts.profile.address(channel):
        return Suppress(Reason.ADDRESS_MISSING)
    suppressed = facts.suppressed.get(channel)
    if suppressed is not None and suppressed.scope.covers(facts.message.purpose):
        return Suppress(Reason.ADDRESS_SUPPRESSED, {"cause": suppressed.cause})
    return NO_OBJECTION
