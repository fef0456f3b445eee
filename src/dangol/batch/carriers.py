"""What all processes know of how carriers stand, and which messages therefore wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import structlog
from sqlalchemy import Connection

from dangol.batch.facts import Claimed
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.standing import FAILING, Away
from dangol.model.vocabulary import Channel
from dangol.store import carriers as carrier_rows

_LOOK_AGAIN = 1.0
"""Seconds for which a process goes by what it read last."""
_SPREAD = timedelta(seconds=30)
TRIAL = 5
"""So many messages try a carrier: enough to tell, and few to lose sight of if it takes them without an answer."""
_log = structlog.get_logger(__name__)


class Trial:
    """The ``carriers`` that one batch tries, with a few messages each; ``tries`` is message → carrier.

    ``open`` are those that may be given more. Nobody else tries any of them before ``until``, or before the answer is
    written: whoever dies in a trial holds nobody up for longer.
    """

    def __init__(self, until: datetime, carriers: Collection[str] = ()) -> None:
        self._until = until
        self.carriers = self.open = frozenset(carriers)
        self.tries: dict[str, str] = {}

    def take(self, message_id: str, carrier: str) -> None:
        """This message tries this carrier."""
        self.tries[message_id] = carrier
        if list(self.tries.values()).count(carrier) == TRIAL:
            self.open -= {carrier}

    def write(self, tx: Connection, under_way: Collection[str]) -> None:
        """These messages leave the house. Whom none of them tries, others may try."""
        if self.carriers:
            self.tries = {message: carrier for message, carrier in self.tries.items() if message in under_way}
            self._end(tx, self.carriers.difference(self.tries.values()))
            self.carriers = frozenset(self.tries.values())

    def end(self, tx: Connection) -> None:
        """What came of it is written."""
        self._end(tx, self.carriers)

    def _end(self, tx: Connection, carriers: Collection[str]) -> None:
        if carriers:
            carrier_rows.end_trials(tx, carriers, self._until)


class Carriers:
    """Keeps a process's dispatcher and the database at the same knowledge."""

    def __init__(self, dispatcher: Dispatcher, *, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._dispatcher = dispatcher
        self._stopwatch = stopwatch
        self._read_at = -_LOOK_AGAIN

    def hear(self, tx: Connection) -> None:
        """Read what others learned, if that was not done just now."""
        if self._stopwatch() - self._read_at < _LOOK_AGAIN:
            return
        self._read_at = self._stopwatch()
        rows = carrier_rows.standing(tx)
        self._dispatcher.standing.told(
            {row.name: Away(row.away_until, row.why, row.failures, row.tried_until) for row in rows}
        )

    def trial(self, tx: Connection, claimed: Sequence[Claimed], now: datetime, until: datetime) -> Trial:
        """The carriers that this batch is to try: their pause is over, and nobody else is at it.

        While all carriers are well nothing is asked. What is begun here holds nobody up once the transaction is undone.
        """
        if not self._dispatcher.standing.to_be_tried(now):
            return Trial(until)
        channels = {channel for item in claimed for channel in item.candidate.channels}
        names = self._dispatcher.to_be_tried(channels, now)
        return Trial(until, carrier_rows.begin_trials(tx, names, FAILING, now, until) if names else ())

    def away(self, item: Claimed, channel: Channel, now: datetime, trial: Trial) -> datetime | None:
        """Until when this message waits because nobody may be given it now; None if somebody may.

        Those who wait for the same carrier do not all come at the same instant; none waits past its own end.
        """
        away = self._dispatcher.away(channel, now)
        if away is None or (trial.open and self._dispatcher.first(channel, now, trial.open) is not None):
            return None
        share = int.from_bytes(blake2b(item.row.id.encode(), digest_size=4).digest()) / 2**32
        until = away.until + share * _SPREAD
        return min(until, item.row.expires_at) if item.row.expires_at is not None else until

    def takes_part(self, item: Claimed, channel: Channel, now: datetime, trial: Trial) -> None:
        """This message goes: if somebody is tried on its channel who has not enough messages yet, with it."""
        provider = self._dispatcher.first(channel, now, trial.open) if trial.open else None
        if provider is not None and provider.name in trial.open:
            trial.take(item.row.id, provider.name)

    def learned(self, trial: Trial) -> Mapping[str, Away | None]:
        """What this process learned and nobody else knows yet, with what came of this trial."""
        return self._dispatcher.standing.news(trial.carriers)

    def tell(self, tx: Connection, learned: Mapping[str, Away | None], trial: Trial, now: datetime) -> None:
        """Write it down for all, and say it to whoever looks; with that the trial is over."""
        for name, away in sorted(learned.items()):
            if away is None:
                carrier_rows.is_well(tx, name)
                _log.info("carrier_is_well", provider=name)
            else:
                carrier_rows.leave_alone(tx, name, away.until, away.why, away.failures, now=now)
                _log.warning("carrier_left_alone", provider=name, why=away.why, until=away.until.isoformat())
        trial.end(tx)
