"""An erased person or a suppressed address gets nothing, whatever the purpose.

Save one thing: whoever fills in a form after an erasure is asked whether it was them. Without that question nobody
could ever agree anew, and it is all that an erased address is sent.
"""

from __future__ import annotations

from dangol.model.facts import NO_OBJECTION, Allow, Facts, Suppress, Verdict
from dangol.model.people import Suppressed
from dangol.model.vocabulary import Channel, Purpose, Reason, SuppressionCause
from dangol.policy.rules import Rulebook


def address(facts: Facts, channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Refuse when there is nobody to write to, nowhere to write to, or the address must be left alone."""
    if facts.profile.erased_at is not None:
        return Suppress(Reason.PROFILE_ERASED, final=True)
    if not facts.profile.address(channel):
        return Suppress(Reason.ADDRESS_MISSING)
    suppressed = facts.suppressed.get(channel)
    if suppressed is None or not suppressed.scope.covers(facts.message.purpose):
        return NO_OBJECTION
    if _is_asked_anew(facts, channel, suppressed):
        return Allow({"asked": "by a form, after an erasure"})
    return Suppress(Reason.ADDRESS_SUPPRESSED, {"cause": suppressed.cause})


def _is_asked_anew(facts: Facts, channel: Channel, suppressed: Suppressed) -> bool:
    erased = suppressed.cause == SuppressionCause.ERASED
    return erased and channel in facts.asked_anew and facts.message.purpose is Purpose.TRANSACTIONAL
