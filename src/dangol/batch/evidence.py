"""What reports about a message come to, whatever order they arrive in and however often. Pure.

Every report is evidence of something that was so at some time, and none of them can make it undone. So what a message
has come to is the furthest of what is known:

    accepted    the carrier has it
    failed      the carrier let it drop
    delivered   it arrived, or somebody opened, followed or complained about it
    bounced     the recipient's side sent it back, maybe after it had taken it

What the carrier took counts under the caps, whatever came of it afterwards: only a refusal in place of an acceptance
gives a slot back, and that is no report (docs/restraint.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dangol.model.feedback import FeedbackKind
from dangol.model.vocabulary import MessageState

TOO_FAST = timedelta(seconds=2)
"""A link that is followed so soon after the delivery was followed by a scanner."""
_ARRIVED = frozenset(
    {
        FeedbackKind.DELIVERED,
        FeedbackKind.OPENED,
        FeedbackKind.CLICKED,
        FeedbackKind.DISMISSED,
        FeedbackKind.COMPLAINED,
        FeedbackKind.UNSUBSCRIBED,
    }
)
_COMES_TO = {
    FeedbackKind.PROCESSED: MessageState.ACCEPTED,
    FeedbackKind.DEFERRED: MessageState.ACCEPTED,
    FeedbackKind.SENT: MessageState.ACCEPTED,
    FeedbackKind.FAILED: MessageState.FAILED,
    FeedbackKind.BOUNCED: MessageState.BOUNCED,
    **dict.fromkeys(_ARRIVED, MessageState.DELIVERED),
}
_FURTHER = (MessageState.ACCEPTED, MessageState.FAILED, MessageState.DELIVERED, MessageState.BOUNCED)
SETTLED = frozenset(_FURTHER)
"""The states of a message of which it is known what its carrier did with it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one message: ``state`` None if no report says anything."""

    state: MessageState | None

    @property
    def went_on(self) -> bool:
        """Whether the carrier went on with it, so that it counts even if it had been told as refused. That the carrier
        let it drop says no more than its refusal did."""
        return self.state not in {None, MessageState.FAILED}


def weigh(kinds: Iterable[FeedbackKind]) -> Evidence:
    """What all reports about one message come to."""
    known = set(kinds)
    states = [_COMES_TO[kind] for kind in known if kind in _COMES_TO]
    return Evidence(max(states, key=_FURTHER.index, default=None))


def further(state: MessageState, evidence: Evidence) -> MessageState:
    """The state of a message that stands at ``state``, in the light of the evidence; it never goes back.

    A message that the carrier has is not sent again, whatever stands there: it may have been held to be refused.
    What the carrier says it let drop is no news about one that it refused and that is to be tried again.
    """
    found = evidence.state
    if found is None:
        return state
    if state in _FURTHER:
        return max(state, found, key=_FURTHER.index)
    if state is not MessageState.UNKNOWN and found is MessageState.FAILED:
        return state
    return found


def too_fast(clicked_at: datetime, delivered_at: Sequence[datetime]) -> bool:
    """Whether a link was followed sooner after the message arrived than anybody reads.

    Carriers tell whole seconds, so a click may seem to come before the delivery.
    """
    return any(abs(clicked_at - at) <= TOO_FAST for at in delivered_at)


def out_of_reach(reports: Iterable[tuple[FeedbackKind, datetime, str]], most: int, over: timedelta) -> bool:
    """Whether an address could by now not be reached ``most`` times in a row, with as many messages, over that long.

    ``reports`` tell what happened, when and to which message; their order does not matter. ``most`` 0 means never.
    """
    run: dict[str, datetime] = {}
    for kind, at, message in sorted(reports, key=lambda one: (one[1], one[0] is FeedbackKind.DELIVERED)):
        if kind is FeedbackKind.DELIVERED:
            run.clear()
        else:
            run.setdefault(message, at)
    return 0 < most <= len(run) and max(run.values()) - min(run.values()) >= over
