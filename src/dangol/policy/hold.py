"""While a complaint is open, its person hears nothing of the purposes that the workspace holds back.

Which cases are open is told from the history of events; nothing is kept beside it. A case is opened by an event and
closed by the first later one that closes it, or, if none comes, after the hold's ``at_most``; it lasts ``resume_after``
beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from dangol.model.facts import NO_OBJECTION, Case, Defer, Facts, Suppress, Verdict
from dangol.model.people import Event
from dangol.model.restraint import During, Hold
from dangol.model.vocabulary import Channel, Reason
from dangol.policy.rules import Rulebook


def hold(facts: Facts, _channel: Channel, rulebook: Rulebook) -> Verdict:
    """Put the message off until the last of the open cases ends, our own expiry at the latest; or drop it.

    A message that waits is asked again as soon as the case is closed.
    """
    if not facts.cases:
        return NO_OBJECTION
    holds = {one.key: one for one in rulebook.policies.holds if facts.message.purpose in one.purposes}
    open_now = [case for case in facts.cases if case.hold in holds and facts.now < case.until]
    if not open_now:
        return NO_OBJECTION
    last = max(open_now, key=lambda case: (case.until, case.hold))
    evidence = {"hold": last.hold, "since": last.opened_at.isoformat()}
    if any(holds[case.hold].during is During.DROP for case in open_now):
        return Suppress(Reason.CASE_OPEN, evidence, final=True)
    expires_at = facts.message.expires_at
    until = last.until if expires_at is None else min(last.until, expires_at)
    return Defer(until, Reason.CASE_OPEN, {**evidence, "until": until.isoformat()})


def open_cases(holds: Iterable[Hold], history: Iterable[Event], now: datetime) -> Sequence[Case]:
    """The cases of one person that hold something back now; ``history`` holds the events of these holds, in order."""
    happened = [event for event in history if event.occurred_at <= now]
    return [case for one in holds for case in _cases(one, happened) if case.opened_at <= now < case.until]


def _cases(one: Hold, history: Iterable[Event]) -> Iterable[Case]:
    """A case that is reported again while it is open stays the one it is; once closed, it is opened anew."""
    still_open: dict[Any, datetime] = {}
    aftermath = one.resume_after or timedelta()
    for event in history:
        case = _case_of(one, event)
        opened_at = still_open.get(case)
        if opened_at is not None and event.occurred_at >= opened_at + one.at_most:
            yield Case(one.key, still_open.pop(case), opened_at + one.at_most + aftermath)
            opened_at = None
        if event.name == one.opens and opened_at is None:
            still_open[case] = event.occurred_at
        elif event.name in one.closes and opened_at is not None:
            yield Case(one.key, still_open.pop(case), event.occurred_at + aftermath)
    for opened_at in still_open.values():
        yield Case(one.key, opened_at, opened_at + one.at_most + aftermath)


def _case_of(one: Hold, event: Event) -> str:
    """Which case an event is about; what lacks the property is about one case of its own."""
    value = event.properties.get(one.case) if one.case is not None else None
    return "" if value is None else str(value)
