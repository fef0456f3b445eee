"""Figures that are looked up when somebody asks for them: how much is due, who leads, which carriers fail, which
connections are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from sqlalchemy.pool import QueuePool

from dangol.bootstrap import Dangol
from dangol.delivery.standing import FAILING
from dangol.surfaces.pages.health import examine

_FRESH_SECONDS = 5.0
Values = dict[tuple[str, ...], float]


class Looking:
    """Asks the database at most every few seconds, however many ask for figures."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._one = threading.Lock()
        self._seen: dict[str, Values] = {}
        self._seen_at = -_FRESH_SECONDS

    def look_up(self) -> Mapping[str, Values]:
        """Gauge → values of its labels → value. A database that is away is a figure, not an error."""
        with self._one:
            if time.monotonic() - self._seen_at >= _FRESH_SECONDS:
                self._seen = self._asked()
                self._seen_at = time.monotonic()
            return {**self._seen, "database_connections": self._connections()}

    def _asked(self) -> dict[str, Values]:
        _, told = examine(self._dangol)
        if not told["database"]["ok"]:
            return {"database_up": {(): 0}}
        overdue = told["duties"]["overdue"]
        return {
            "database_up": {(): 1},
            "due_messages": {(): told["due_messages"]["count"]},
            "oldest_due_seconds": {(): told["due_messages"]["oldest"]},
            "circuit_open": self._circuits(told["carriers"]),
            "scheduler_leads": {(): 1 if told["scheduler"]["ok"] else 0},
            "duties_overdue": {(): overdue} if overdue is not None else {},
        }

    def _circuits(self, away: Mapping[str, Mapping[str, object]]) -> Values:
        chosen = {provider.name for providers in self._dangol.providers.values() for provider in providers}
        failing = {name for name, told in away.items() if told["why"] == FAILING}
        return {(name,): float(name in failing) for name in sorted(chosen)}

    def _connections(self) -> Values:
        pool = self._dangol.database.engine.pool
        limit = self._dangol.database.most_connections
        if limit is None or not isinstance(pool, QueuePool):
            return {}
        return {("in use",): pool.checkedout(), ("idle",): pool.checkedin(), ("limit",): limit}
