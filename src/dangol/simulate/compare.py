"""Two variants, the same people: whose messages change, how and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Literal

from dangol.simulate.tally import Outcome

Kind = Literal["gained", "lost", "other_time", "other_channel", "other_reason"]
KINDS: tuple[Kind, ...] = ("gained", "lost", "other_time", "other_channel", "other_reason")


@dataclass(frozen=True, slots=True)
class Change:
    """One message of one person that is not what it was.

    ``before`` and ``after`` are None where that variant has no such message at all; ``why`` then says what the log of
    that variant holds about the person and the campaign.
    """

    kind: Kind
    campaign: str
    step: str
    before: Outcome | None
    after: Outcome | None
    why: str = ""


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
    """What differs for one person. Messages of one step are paired by journey, those that are left in order of time."""
    mine, theirs = _by_step(before), _by_step(after)
    found: list[Change] = []
    for campaign, step in sorted(mine.keys() | theirs.keys()):
        for old, new in _pairs(mine.get((campaign, step), []), theirs.get((campaign, step), [])):
            kind = _kind(old, new)
            if kind is not None:
                found.append(Change(kind, campaign, step, old, new))
    return tuple(sorted(found, key=_when))


def _pairs(before: list[Outcome], after: list[Outcome]) -> list[tuple[Outcome | None, Outcome | None]]:
    pairs: list[tuple[Outcome | None, Outcome | None]] = []
    left = list(after)
    alone = []
    for old in before:
        same = next((new for new in left if old.journey and new.journey == old.journey), None)
        if same is None:
            alone.append(old)
        else:
            left.remove(same)
            pairs.append((old, same))
    return [*pairs, *zip_longest(alone, left)]


def _by_step(outcomes: Sequence[Outcome]) -> Mapping[tuple[str, str], list[Outcome]]:
    grouped: dict[tuple[str, str], list[Outcome]] = {}
    # A message on each of several channels is several messages of one step: the channel keeps the pairs together.
    for one in sorted(outcomes, key=lambda outcome: (outcome.at, outcome.channel)):
        grouped.setdefault((one.campaign, one.step), []).append(one)
    return grouped


def _kind(old: Outcome | None, new: Outcome | None) -> Kind | None:
    """How a message changed; None if it did not. A message that is refused in the one and missing in the other is
    nothing that the person notices, but the reason is another."""
    was, is_ = old is not None and old.sent, new is not None and new.sent
    if was and not is_:
        return "lost"
    if is_ and not was:
        return "gained"
    if old is None or new is None:
        return "other_reason"
    if not was:
        return "other_reason" if (old.state, old.reason) != (new.state, new.reason) else None
    if old.channel != new.channel:
        return "other_channel"
    return "other_time" if old.at != new.at else None


def _when(change: Change) -> tuple[datetime, str, str]:
    outcome = change.after or change.before
    assert outcome is not None
    return outcome.at, change.campaign, change.step
