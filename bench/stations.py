"""A stopwatch at every station of a delivery, put on from outside: the product knows nothing of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

_STATIONS = (
    ("sweep", "dangol.sweeper.Sweeper.sweep"),
    ("lock people", "dangol.profiles.people.lock"),
    ("claim", "dangol.store.messages.claim_due"),
    ("facts: people", "dangol.profiles.people.load"),
    ("facts: keys", "dangol.batch.facts.load_keys"),
    ("facts: consents", "dangol.consent.ledger.states"),
    ("facts: suppressions", "dangol.batch.facts.suppressed_of"),
    ("facts: journeys", "dangol.store.journeys.load_journeys"),
    ("facts: events", "dangol.profiles.events.history"),
    ("facts: slots", "dangol.store.messages.load_slots"),
    ("gate", "dangol.pipeline.decide"),
    ("context", "dangol.batch.facts.Briefing.context"),
    ("render (Jinja)", "dangol.content.messages.Messages.render"),
    ("log: entry ids", "dangol.ledger.entries.Journal.add"),
    ("log: hash and seal", "dangol.ledger.entries.Journal.attach"),
    ("write: states", "dangol.store.messages.change"),
    ("write: states", "dangol.store.messages.change_each"),
    ("write: slots", "dangol.store.messages.reserve"),
    ("write: log", "dangol.ledger.entries.Journal.write"),
    ("provider", "dangol.delivery.dispatch.Dispatcher.send"),
    ("commit", "sqlalchemy.engine.base.Transaction.commit"),
)


@contextmanager
def timed(*, cpu: bool) -> Iterator[dict[str, float]]:
    """Station → seconds spent in it, without those of stations within it; filled while the block runs."""
    seconds: dict[str, float] = defaultdict(float)
    within = [0.0]
    now: Callable[[], float] = time.process_time if cpu else time.perf_counter

    def stopwatch(station: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def watched(*args: Any, **kwargs: Any) -> Any:
            within.append(0.0)
            began = now()
            try:
                return work(*args, **kwargs)
            finally:
                took = now() - began
                seconds[station] += took - within.pop()
                within[-1] += took

        return watched

    with ExitStack() as patches:
        for station, target in _STATIONS:
            patcher = patch(target)
            original, _ = patcher.get_original()
            patches.enter_context(patch(target, stopwatch(station, original)))
        yield seconds
