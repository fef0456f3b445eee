"""The words that scenarios may use for reasons and ends, taken from the vocabulary of the log."""

from __future__ import annotations

from dangol.model.campaign import Campaign
from dangol.model.steps import Exit
from dangol.model.vocabulary import Decision, Reason

WAITING = "waiting"
NOT_ENTERED = "not_entered"

REFUSING = frozenset(
    {
        Decision.JOURNEY_REFUSED,
        Decision.EVENT_REFUSED,
        Decision.MESSAGE_REROUTED,
        Decision.MESSAGE_SUPPRESSED,
        Decision.MESSAGE_EXPIRED,
        Decision.MESSAGE_CANCELLED,
        Decision.MESSAGE_FAILED,
        Decision.MESSAGE_UNKNOWN,
    }
)
"""Decisions that refuse a message, one of its channels, or an entry."""
DEFERRING = frozenset({Decision.MESSAGE_DEFERRED, Decision.MESSAGE_RETRIED, Decision.MESSAGE_HELD})
"""Decisions that let a message wait."""

_DEFERRALS = frozenset(
    {
        Reason.QUIET_HOURS,
        Reason.CAPPED,
        Reason.PROVIDER_BUSY,
        Reason.CAMPAIGN_PAUSED,
        Reason.CASE_OPEN,
        Reason.PAUSED_BY_RECIPIENT,
        Reason.YIELDED,
        Reason.EARLIER_WAITS,
        Reason.GATHERED,
        Reason.WARMING_UP,
    }
)
_ENDS = frozenset(
    {
        Reason.COMPLETED,
        Reason.EXIT_STEP,
        Reason.EXIT_EVENT,
        Reason.GOAL_REACHED,
        Reason.MOMENT_PAST,
        Reason.MOMENT_UNKNOWN,
        Reason.CAMPAIGN_OVER,
        Reason.CAMPAIGN_STOPPED,
        Reason.JOURNEY_STOPPED,
    }
)
_GOING_WELL = frozenset(
    {
        Reason.EVENT_MATCHED,
        Reason.AUDIENCE_MATCHED,
        Reason.AUDIENCE_JOINED,
        Reason.API_REQUESTED,
        Reason.COMPLETED,
        Reason.EXIT_STEP,
        Reason.BY_HAND,
        Reason.VERSION_CHANGED,
        Reason.DUE_BY_SCHEDULE,
        Reason.STEP_REACHED,
        Reason.ALLOWED,
        Reason.ACCEPTED_BY_PROVIDER,
        Reason.CALL_ANSWERED,
    }
)


def refusals() -> set[str]:
    """What ``refused`` may say."""
    return {reason.value for reason in Reason} - {reason.value for reason in _GOING_WELL}


def deferrals() -> set[str]:
    """What ``deferred`` may say."""
    return {reason.value for reason in _DEFERRALS}


def ends(campaign: Campaign) -> set[str]:
    """What ``ends`` may say about this campaign."""
    own = {placed.step.exit for placed in campaign.placed if isinstance(placed.step, Exit)}
    return own | {reason.value for reason in _ENDS} | {WAITING, NOT_ENTERED}
