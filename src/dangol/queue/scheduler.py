"""The scheduler: every tick it sweeps, and tells workers. One process leads at a time, by a lease in the database."""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog

from dangol import meters
from dangol.duties import Duties
from dangol.errors import BrokerUnavailable, StoreUnavailable
from dangol.lookups import Lookups
from dangol.queue.actors import Actors
from dangol.retention.rounds import Retention
from dangol.store.housekeeping import drop_lease, shared_now, take_lease
from dangol.sweeper import Sweeper

LEASE = "scheduler"
_LAST_ROUND = timedelta(seconds=5)
"""How long a scheduler that stops waits for a provider that it asked."""
_log = structlog.get_logger(__name__)


class Scheduler:
    """Runs until it is stopped; survives a database or broker that is away for a while."""

    def __init__(
        self,
        sweeper: Sweeper,
        actors: Actors,
        duties: Duties,
        retention: Retention,
        lookups: Lookups,
        *,
        holder: str,
        tick: timedelta,
    ) -> None:
        self._sweeper = sweeper
        self._duties = duties
        self._retention = retention
        self._lookups = lookups
        self._actors = actors
        self._holder = holder
        self._tick = tick
        self._stopped = threading.Event()

    def run(self) -> None:
        """Tick until ``stop``."""
        while not self._stopped.is_set():
            try:
                self.tick()
            except (StoreUnavailable, BrokerUnavailable) as error:
                meters.count("sweeps", result="waits")
                _log.warning("the scheduler waits", error=str(error))
            except Exception:
                meters.count("sweeps", result="failed")
                _log.exception("a tick failed; the next one tries again")
            self._stopped.wait(self._tick.total_seconds())
        self._lookups.wait(_LAST_ROUND)
        self._step_down()

    def tick(self) -> bool:
        """Sweep once if this process leads, then look after duties, retention and look-ups; True if so."""
        if not self._leads():
            return False
        self._actors.tell(self._sweeper.sweep())
        self._duties.turn()
        self._retention.turn()
        self._lookups.turn()
        meters.count("sweeps", result="done")
        return True

    def stop(self) -> None:
        self._stopped.set()

    def _leads(self) -> bool:
        with self._sweeper.database.write() as tx:
            now = shared_now(tx, self._sweeper.clock)
            return take_lease(tx, LEASE, self._holder, now, lasts=self._tick * 5 + timedelta(seconds=5)) == self._holder

    def _step_down(self) -> None:
        try:
            with self._sweeper.database.write() as tx:
                drop_lease(tx, LEASE, self._holder)
        except StoreUnavailable:
            _log.warning("the lease could not be given back; it runs out by itself")
