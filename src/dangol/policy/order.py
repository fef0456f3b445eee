"""One journey's messages go out in the order in which they were planned, even when an earlier one has to wait.

That one may have to wait is not settled until its hand-over has an outcome: the provider may refuse it for the moment.
"""

from __future__ import annotations

from datetime import timedelta

from dangol.model.facts import NO_OBJECTION, Defer, Facts, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.contention import comes_before, earlier_in_journey
from dangol.policy.rules import Rulebook

LOOK_AGAIN = timedelta(minutes=1)
"""After this, a message is asked again whose forerunner another worker decides about or is handing over."""


def order(facts: Facts, _channel: Channel, _rulebook: Rulebook) -> Verdict:
    """Wait behind the last of the journey's earlier messages that are still open; until our own expiry at the latest.

    Messages of one step (``all`` channels) do not wait for one another.
    """
    before = [(one.due_at, one.message.id) for one in (earlier_in_journey(facts) if facts.contenders else ())]
    before += [(facts.now, one.id) for one in facts.under_way if comes_before(one, facts.message)]
    if not before:
        return NO_OBJECTION
    due_at, last = max(before)
    until = due_at if due_at > facts.now else facts.now + LOOK_AGAIN
    if facts.message.expires_at is not None:
        until = min(until, facts.message.expires_at)
    return Defer(until, Reason.EARLIER_WAITS, {"behind": last, "until": until.isoformat()})
