"""Which of several messages to one person goes first: priority, then value, then age, then id.

Messages of one journey go in the order in which they were planned, whatever each is worth; so a message's turn comes no
sooner than that of what stands before it in its journey. That makes one order of all of them, and no two ever wait
for one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from dangol.model.facts import Candidate, Contender, Facts

Turn = tuple[int, float, datetime, str]
"""Where a message stands in the order; the smallest goes first."""
MOST_RIVALS = 200
"""So many of a person's waiting messages of other journeys a decision looks at."""
_LAST = datetime.max.replace(tzinfo=UTC)


def turn(message: Candidate) -> Turn:
    """Where this message stands by itself."""
    return -message.priority, -message.value, message.planned_at or _LAST, message.id


def in_turn(messages: Sequence[Candidate]) -> list[Candidate]:
    """These messages to one person in the order in which they are to be decided."""
    turns = sorted((latest, planned(message), message.id) for message, latest in _all_turns(messages))
    known = {message.id: message for message in messages}
    return [known[message_id] for *_, message_id in turns]


def ahead(facts: Facts) -> list[Contender]:
    """Those of the person's other messages that go before this one, first come first; what expired is left out.

    What waits for a digest is no contender: it can wait.
    """
    message = facts.message
    others = [one for one in facts.contenders if _contends(one, facts.now)]
    mine = turn(message)
    latest = {one.id: at for one, at in _all_turns([one.message for one in others])}
    found = [
        one
        for one in others
        if latest[one.message.id] < mine and not (one.message.journey_id == message.journey_id and _later(one, message))
    ]
    return sorted(found, key=lambda one: latest[one.message.id])


def rivals(message: Candidate, waiting: Iterable[Contender], now: datetime, horizon: timedelta) -> list[Contender]:
    """Those of a person's waiting messages, first in turn first, that a message's decision has to look at.

    That are all of its own journey, and of the others the first ``MOST_RIVALS`` that are due by the ``horizon`` and
    contend at all: however many wait for one person, a decision about each takes no longer.
    """
    own, others = list[Contender](), list[Contender]()
    for one in waiting:
        if one.message.id == message.id:
            continue
        if one.message.journey_id == message.journey_id:
            own.append(one)
        elif len(others) < MOST_RIVALS and one.due_at <= now + horizon and _contends(one, now):
            others.append(one)
    return own + others


def earlier_in_journey(facts: Facts) -> list[Contender]:
    """Messages of the same journey that come before this one and are still waiting; what expired holds nothing up."""
    return [
        one for one in facts.contenders if comes_before(one.message, facts.message) and not _expired(one, facts.now)
    ]


def comes_before(one: Candidate, message: Candidate) -> bool:
    """Was this one planned before the message, in the same journey and at another step?

    What its author put off to a digest keeps no order.
    """
    return (
        one.journey_id == message.journey_id
        and one.step != message.step
        and planned(one) < planned(message)
        and not one.digest
    )


def planned(message: Candidate) -> tuple[datetime, int]:
    """When a message was planned; of those planned at one instant, the campaign's order of steps decides."""
    return message.planned_at or _LAST, message.place


def _later(one: Contender, message: Candidate) -> bool:
    return planned(one.message) > planned(message)


def _contends(one: Contender, now: datetime) -> bool:
    return not one.message.digest and not _expired(one, now)


def _expired(one: Contender, now: datetime) -> bool:
    return one.message.expires_at is not None and one.message.expires_at <= now


def _all_turns(messages: Sequence[Candidate]) -> Iterable[tuple[Candidate, Turn]]:
    journeys: dict[str, list[Candidate]] = {}
    for message in messages:
        journeys.setdefault(message.journey_id, []).append(message)
    return [pair for own in journeys.values() for pair in _turns(own)]


def _turns(messages: Sequence[Candidate]) -> Iterable[tuple[Candidate, Turn]]:
    """Messages of one journey in their order, each with the latest turn among itself and those before it."""
    latest: Turn | None = None
    for message in sorted(messages, key=lambda one: (planned(one), turn(one))):
        latest = turn(message) if latest is None else max(latest, turn(message))
        yield message, latest
