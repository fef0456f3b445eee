"""New senders that are made known slowly: what a batch counts, so that all workers together keep to a day's number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dangol.batch.facts import Claimed
from dangol.model.facts import Defer, Suppress
from dangol.model.vocabulary import Channel, Purpose
from dangol.policy.warm_up import Place, running, until_tomorrow
from dangol.store import warm_ups as warm_up_rows

Slice = tuple[float, float]
"""From where to where of a day's number somebody may go: (0, 1) is all of it."""
WHOLE: Slice = (0.0, 1.0)


@dataclass(slots=True)
class WarmingUp:
    """The places of one batch. Their rows are locked until its transaction ends, so nobody takes the same one."""

    now: datetime
    taken: dict[Place, int] = field(default_factory=dict)
    slice: Slice = WHOLE
    _more: Counter[Place] = field(default_factory=Counter)

    @classmethod
    def of(cls, tx: Connection, claimed: Sequence[Claimed], now: datetime, part: Slice = WHOLE) -> WarmingUp:
        """Lock what these messages may be counted under; the caller has locked their people."""
        places = {
            place for item in claimed for channel in item.candidate.channels for place, _ in _of(item, channel, now)
        }
        found = warm_up_rows.lock(tx, [_key(place) for place in places]) if places else {}
        return cls(now, {place: found[_key(place)] for place in places}, part)

    def waits(self, item: Claimed, channel: Channel) -> Defer | Suppress | None:
        """What becomes of the message if today has no place for it; None if it may go.

        What is transactional always may: somebody waits for it. It takes a place all the same.
        """
        if item.candidate.purpose is Purpose.TRANSACTIONAL:
            return None
        verdicts = [
            until_tomorrow(item.candidate, place, self.taken[place], limit, _zone(item))
            for place, limit in ((place, self._own(limit)) for place, limit in _of(item, channel, self.now))
            if self.taken[place] >= limit
        ]
        return verdicts[0] if verdicts else None

    def take(self, item: Claimed, channel: Channel) -> tuple[Place, ...]:
        """Count a message that is about to be handed over; the places that it took."""
        places = tuple(place for place, _ in _of(item, channel, self.now))
        for place in places:
            self.taken[place] += 1
            self._more[place] += 1
        return places

    def write(self, tx: Connection) -> None:
        """Write down what was taken."""
        warm_up_rows.count(tx, {_key(place): more for place, more in self._more.items()})

    def _own(self, limit: int) -> int:
        first, last = self.slice
        return int(limit * last) - int(limit * first)


def give_back(tx: Connection, places: Iterable[Place]) -> None:
    """These messages were certainly not taken: others may have their places, as long as it is the same day."""
    warm_up_rows.count(tx, {_key(place): -less for place, less in Counter(places).items()})


def _of(item: Claimed, channel: Channel, now: datetime) -> list[tuple[Place, int]]:
    plans = item.release.policies.warm_up
    if not plans:
        return []
    return list(running(plans, channel, item.release.messages.from_address(channel), now, _zone(item)))


def _zone(item: Claimed) -> ZoneInfo:
    return ZoneInfo(item.release.policies.timezone)


def _key(place: Place) -> warm_up_rows.Key:
    return place.channel.value, place.sender, place.day
