"""What all processes know of how carriers stand, and which messages therefore wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b

import structlog
from sqlalchemy import Connection

from dangol import meters
from dangol.batch.facts import Claimed
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.standing import FAILING, Away
from dangol.model.vocabulary import Channel
from dangol.store import carriers as carrier_rows

_LOOK_AGAIN = 1.0
"""Seconds for which a process goes by what it read last."""
_SPREAD = timedelta(seconds=30)
_log = structlog.get_logger(__name__)


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
        self._dispatcher.standing.told({row.name: Away(row.away_until, row.why, row.failures) for row in rows})

    def away(self, item: Claimed, channel: Channel, now: datetime) -> datetime | None:
        """Until when this message waits because nobody may be given it now; None if somebody may.

        Those who wait for the same carrier do not all come at the same instant; none waits past its own end.
        """
        away = self._dispatcher.away(channel, now)
        if away is None:
            return None
        share = int.from_bytes(blake2b(item.row.id.encode(), digest_size=4).digest()) / 2**32
        until = away.until + share * _SPREAD
        return min(until, item.row.expires_at) if item.row.expires_at is not None else until

    def learned(self) -> Mapping[str, Away | None]:
        """What this process learned and nobody else knows yet."""
        return self._dispatcher.standing.news()

    def tell(self, tx: Connection, learned: Mapping[str, Away | None], now: datetime) -> None:
        """Write it down for all, and say it to whoever looks."""
        for name, away in sorted(learned.items()):
            if away is None:
                carrier_rows.is_well(tx, name)
                _log.info("carrier_is_well", provider=name)
            else:
                carrier_rows.leave_alone(tx, name, away.until, away.why, away.failures, now=now)
                _log.warning("carrier_left_alone", provider=name, why=away.why, until=away.until.isoformat())
            meters.set("circuit_open", float(away is not None and away.why == FAILING), provider=name)
