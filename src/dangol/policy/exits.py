"""No cart reminder after the purchase: exits and goals are asked again just before each send."""

from __future__ import annotations

from dangol.model.facts import NO_OBJECTION, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel
from dangol.policy.rules import Rulebook


def exits(facts: Facts, _channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Refuse when an exit event or the goal ended the journey before this moment."""
    if facts.ended is not None:
        return Suppress(facts.ended, final=True)
    return NO_OBJECTION
