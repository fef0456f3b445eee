"""One journey's messages go out in the order in which they were planned, even when an earlier one has to wait."""

from __future__ import annotations

from datetime import timedelta

from dangol.model.facts import NO_OBJECTION, Defer, Facts, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.contention import earlier_in_journey
from dangol.policy.rules import Rulebook

LOOK_AGAIN = timedelta(minutes=1)
"""After this, a message is asked again whose forerunner is due and not decided: another worker holds it."""


def order(facts: Facts, _channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Wait behind the last of the journey's earlier messages that are still open; until our own expiry at the latest.

    Messages of one step (``all`` channels) do not wait for one another.
    """
    before = earlier_in_journey(facts) if facts.contenders else ()
    if not before:
        return NO_OBJECTION
    last = max(before, key=lambda one: (one.due_at, one.message.id))
    until = last.due_at if last.due_at > facts.now else facts.now + LOOK_AGAIN
    if facts.message.expires_at is not None:
        until = min(until, facts.message.expires_at)
    return Defer(until, Reason.EARLIER_WAITS, {"behind": last.message.id, "until": until.isoformat()})
