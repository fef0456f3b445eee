"""A channel can carry a message only if the message has a text for it and somebody hands it over."""

from __future__ import annotations

from dangol.model.facts import NO_OBJECTION, Facts, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def content(facts: Facts, channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Refuse a channel without a text or without a provider."""
    if channel in facts.without_text:
        return Suppress(Reason.TEMPLATE_MISSING)
    if channel in facts.without_provider:
        return Suppress(Reason.PROVIDER_MISSING)
    return NO_OBJECTION
