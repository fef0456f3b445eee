"""Two variants, the same people: whose messages change, how and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dangol.simulate.tally import Outcome

Kind = Literal[
    "gained", "into_window", "lost", "after_window", "other_time", "other_channel", "other_text", "other_reason"
]
How = Literal["", "put_off", "not_put_off", "rerouted", "not_rerouted"]


@dataclass(frozen=True, slots=True)
class Change:
    """One message of one person that is not what it was.

    ``before`` and ``after`` are None where that variant has no such message at all. ``why`` is a reason of the log or
    one of ``outcomes``; ``how`` says what it did, where that is not plain: the message is put off for this reason now,
    or no longer.
    """

    kind: Kind
    campaign: str
    step: str
    before: Outcome | None
    after: Outcome | None
    why: str = ""
    how: How = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A person for whom something changes."""

    external_id: str
    changes: tuple[Change, ...]


@dataclass(slots=True)
class Comparison:
    """Who changes: counts over everybody, and the first people by id."""

    people: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Campaign and kind of change → people."""
    listed: list[Changed] = field(default_factory=list)

    def note(self, changed: Changed, limit: int) -> None:
        """Add one person; only ``limit`` of them are kept."""
        self.people += 1
        self.kinds.update({(change.campaign, change.kind) for change in changed.changes})
        self.listed.append(changed)
        if len(self.listed) > 2 * limit + 100:
            self._trim(limit)

    def add(self, other: Comparison, limit: int) -> None:
        """Add other people."""
        self.people += other.people
        self.kinds.update(other.kinds)
        self.listed += other.listed
        self._trim(limit)

    def _trim(self, limit: int) -> None:
        self.listed = sorted(self.listed, key=lambda one: one.external_id)[:limit]


def changes(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[Change, ...]:
    """What differs for one person.

    Messages of one step and journey belong together; of those that are left, a journey's messages of the same text,
    which now stand at another place; of the rest those of one step, in order of time.
    """
    found: list[Change] = []
    mine, theirs, pairs = list(before), list(after), _Pairs()
    pairs.match(mine, theirs, lambda one: one.journey and (one.campaign, one.step, one.journey))
    pairs.match(mine, theirs, lambda one: one.journey and one.message and (one.campaign, one.message, one.journey))
    pairs.match(mine, theirs, lambda one: (one.campaign, one.step))
    for old, new in (*pairs, *((old, None) for old in mine), *((None, new) for new in theirs)):
        shown = new or old
        assert shown is not None
        found += [Change(kind, shown.campaign, shown.step, old, new) for kind in _kinds(old, new)]
    return tuple(sorted(found, key=_when))


class _Pairs(list[tuple[Outcome, Outcome]]):
    """Messages before and after that belong together."""

    def match(self, before: list[Outcome], after: list[Outcome], key: Callable[[Outcome], object]) -> None:
        """Take pairs with the same key out of both lists, in order of time; without a key there is no pair."""
        waiting: dict[object, list[Outcome]] = {}
        for one in sorted(after, key=_in_order):
            waiting.setdefault(key(one), []).append(one)
        for old in sorted(before, key=_in_order):
            named = key(old)
            if named and waiting.get(named):
                new = waiting[named].pop(0)
                before.remove(old)
                after.remove(new)
                self.append((old, new))


def _in_order(outcome: Outcome) -> tuple[datetime, str]:
    # A message on each of several channels is several messages of one step: the channel keeps the pairs together.
    return outcome.at, outcome.channel


def _kinds(old: Outcome | None, new: Outcome | None) -> Iterator[Kind]:
    """How a message changed; nothing if it did not. A message that is refused in the one and missing in the other is
    nothing that the person notices, but the reason is another."""
    was, is_ = old is not None and old.sent, new is not None and new.sent
    if was and not is_:
        yield "lost"
    elif is_ and not was:
        yield "gained"
    elif old is None or new is None:
        yield "other_reason"
    elif not was:
        if (old.state, old.reason) != (new.state, new.reason):
            yield "other_reason"
    elif old.channel != new.channel:
        yield "other_channel"  # where the text is another, too
    else:
        if old.at != new.at:
            yield "other_time"
        if old.content != new.content:
            yield "other_text"


def _when(change: Change) -> tuple[datetime, str, str]:
    outcome = change.after or change.before
    assert outcome is not None
    return outcome.at, change.campaign, change.step
