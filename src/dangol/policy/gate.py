"""The gate: may this message go to this person now, and on which channel?

Precedence, first objection decides:

1. ``address``      an erased person, a missing or a suppressed address
2. ``content``      no text or no provider for the channel
3. ``consent``      channel × purpose, from the consent ledger
4. ``expiry``       ``expires_after`` has passed
5. ``exits``        an exit event or the goal ended the journey
6. ``holdout``      the person is in the campaign's hold-out
7. ``hold``         a complaint of the person is open
8. ``pause``        the person asked for a pause
9. ``quiet_hours``  the recipient's night
10. ``order``       an earlier message of the same journey waits
11. ``caps``        frequency caps over all channels, and room for what goes first

Channels are tried in the author's order and the first that is allowed *now* is taken. If none is, but one would be
allowed later, the message waits for the earliest of those; if none ever will be, it is refused for the reason its
first channel was refused. An objection marked ``final`` ends the search at once.

What is allowed is allowed until the first rule would object: the end of its time, or the next quiet hours. The
dispatcher asks the clock again just before the hand-over, because a batch takes a while.

What waits for a quiet window to end is spread over some time after it.

Everything here is a pure function of facts that were read inside the claiming transaction. A rule that raises means
the message is not sent (fail closed).
"""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Final

import structlog

from dangol.model.facts import NO_OBJECTION, Allow, Defer, Evidence, Facts, Ruling, Suppress, Verdict
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.address import address
from dangol.policy.caps import caps
from dangol.policy.consent import consent
from dangol.policy.content import content
from dangol.policy.exits import exits
from dangol.policy.expiry import expiry
from dangol.policy.hold import hold
from dangol.policy.holdout import holdout
from dangol.policy.order import order
from dangol.policy.pause import pause
from dangol.policy.quiet_hours import quiet_hours
from dangol.policy.rules import Rule, Rulebook
from dangol.policy.spread import spread

RULES: Final[tuple[Rule, ...]] = (
    address,
    content,
    consent,
    expiry,
    exits,
    holdout,
    hold,
    pause,
    quiet_hours,
    order,
    caps,
)

_log = structlog.get_logger(__name__)


def decide(facts: Facts, rulebook: Rulebook) -> Ruling:
    """The gate's answer for one message. Never raises."""
    passed_over: list[tuple[Channel, Suppress]] = []
    deferred: tuple[Channel, Defer] | None = None
    for channel in facts.message.channels:
        verdict = _ask(facts, channel, rulebook)
        if isinstance(verdict, Allow):
            return Ruling(verdict, channel, tuple(passed_over))
        if isinstance(verdict, Defer):
            if deferred is None or verdict.until < deferred[1].until:
                deferred = (channel, verdict)
            continue
        if verdict.final:
            return Ruling(verdict, channel, tuple(passed_over))
        passed_over.append((channel, verdict))
    if deferred is not None:
        return Ruling(deferred[1], deferred[0], tuple(passed_over))
    channel, first = passed_over[0]
    return Ruling(first, channel, tuple(passed_over[1:]))


def _ask(facts: Facts, channel: Channel, rulebook: Rulebook) -> Verdict:
    """The first objection of any rule, or an Allow with the evidence of all of them."""
    evidence: Evidence = {}
    until: datetime | None = None
    for rule in RULES:
        try:
            verdict = rule(facts, channel, rulebook)
            if verdict is NO_OBJECTION:
                continue
            if isinstance(verdict, Defer):
                return spread(verdict, facts, channel, rulebook)
        except Exception as error:
            # A traceback with its variables would put addresses into the operator's log; where it broke is enough.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "a rule failed; nothing is sent",
                rule=rule.__name__,
                message_id=facts.message.id,
                error=type(error).__name__,
                at=f"{place.filename}:{place.lineno}",
            )
            return Suppress(Reason.GATE_FAILED, {"rule": rule.__name__, "error": type(error).__name__}, final=True)
        if not isinstance(verdict, Allow):
            return verdict
        if verdict.evidence:
            evidence |= verdict.evidence
        if verdict.until is not None:
            until = verdict.until if until is None else min(until, verdict.until)
    return Allow(evidence, until)
