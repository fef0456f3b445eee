"""A blast over HTTP: planned by ``prepare`` in a process of its own, then sent by dangol's real processes.

``python -m bench.sending prepare '{…}'`` fills a database and plans every message of the blast.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy import text

from bench import population
from bench.installation import Installation, Shape, an_hour_before, installed, occasion, until
from bench.measure import Sample, Stopwatch, answer
from bench.stores import Store
from bench.urgent import Lags, Triggers, measure
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import OPEN_STATES, MessageState
from dangol.settings import Settings
from dangol.store.database import Database

_STEADY = 0.05, 0.95
_LONGEST = 900.0
_CARRIERS = "carriers"
_LOOK = 0.2
_OF_BEFORE = MessageState.ACCEPTED.value
"""The state of messages that an older log tells of; no carrier of this run had them."""
_UNDECIDED = ", ".join(f"'{state}'" for state in (*OPEN_STATES, MessageState.SENDING.value))


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a blast.

    ``steady`` is messages a second between the first and the last twentieth of them, by the carriers' record;
    ``whole`` is all of them until every outcome and every webhook was worked off. ``cpu`` is µs a message by process
    over about the same span as ``steady``, without what processes do once, and ``memory`` the most megabytes of each.
    ``urgent`` is how soon receipts were handed over meanwhile.
    """

    shape: str
    latency_ms: float
    recipients: int
    accepted: int
    kept_back: int
    steady: float
    whole: float
    seconds: float
    webhooks: int
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    urgent: Lags | None = None

    @property
    def cpu_us(self) -> float:
        """CPU µs a message, of dangol's processes, the database's and the broker's."""
        return self.all_cpu_us - self.cpu.get(_CARRIERS, 0.0)

    @property
    def all_cpu_us(self) -> float:
        """The same with the carriers, who in life work elsewhere."""
        return sum(self.cpu.values())

    def as_json(self) -> dict[str, Any]:
        """All figures, the derived ones too."""
        urgent = self.urgent.as_json() if self.urgent is not None else None
        return {**asdict(self), "urgent": urgent, "cpu_us": self.cpu_us, "all_cpu_us": self.all_cpu_us}


@dataclass
class _Progress:
    """CPU seconds by process as the number of accepted messages grew."""

    installation: Installation
    points: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def note(self) -> int:
        """Look now; how many messages were accepted."""
        accepted = int(self.installation.sim.counts()["accepted"])
        self.points.append((accepted, self.installation.cpu()))
        return accepted

    def cpu_us(self) -> dict[str, float]:
        """µs a message by process, between the points that are next to the ends of the steady part."""
        every = self.points[-1][0]
        first, last = (min(self.points, key=lambda point: abs(point[0] - every * part)) for part in _STEADY)
        messages = max(1, last[0] - first[0])
        return {name: (spent - first[1].get(name, 0.0)) / messages * 1e6 for name, spent in last[1].items()}


def prepare(
    url: str, workspace: str, recipients: int, at: str, old_log_rows: int = 0, *, planned: bool = True
) -> Sample:
    """Fill a database, deploy, and take the audience in: every message planned, none delivered. That is timed.

    Unless ``planned``, the schedule's hour is over when it is deployed, and nothing is planned.
    """
    told = occasion(datetime.fromisoformat(at))
    clock = VirtualClock(an_hour_before(told.at))
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            _env_file=None,
            home=Path(home),
            workspace=Path(workspace),
            database_url=url,
            broker_url="",
            secret_key=SecretStr(population.SECRET),
        )
        with Dangol(settings, clock=clock, entropy=SeededEntropy("bench")) as dangol:
            population.fill(dangol.database, recipients=recipients, old_log_rows=old_log_rows, occasion=told)
            if not planned:
                clock.move_to(told.at + timedelta(seconds=1))
            dangol.deploy(by="bench")
            clock.move_to(max(told.at, clock.now()))
            watch = Stopwatch(url)
            for run_id in dangol.sweeper.sweep().runs:
                while dangol.pipeline.fan_out(run_id):
                    pass
            sample = watch.stop(recipients)
            population.settle(dangol.database)
    return sample


def send(
    shape: Shape,
    store: Store,
    workspace: Path,
    folder: Path,
    recipients: int,
    *,
    latency: float = 0.0,
    webhooks: bool = True,
    orders: tuple[float, float] | None = None,
) -> Sent:
    """Send what is planned in this database; ``orders`` come meanwhile, so many a second for so many seconds.

    Raises RuntimeError if it was not all decided.
    """
    with installed(shape, store, workspace, folder, latency=latency, webhooks=webhooks) as installation:
        installation.start()
        database = Database(store.url)
        try:
            return _sent(installation, database, recipients, latency, webhooks=webhooks, orders=orders)
        finally:
            database.close()


def _sent(
    installation: Installation,
    database: Database,
    recipients: int,
    latency: float,
    *,
    webhooks: bool,
    orders: tuple[float, float] | None,
) -> Sent:
    progress, of_before = _Progress(installation), _states(database).get(_OF_BEFORE, 0)
    until("a first message", progress.note, installation, seconds=60)
    began = time.time()
    with _ordering(installation, recipients, orders) as lags:
        until(
            "every outcome",
            lambda: progress.note() and not _undecided(database),
            installation,
            seconds=_LONGEST,
            every=_LOOK,
        )
    urgent = lags()
    reports = _worked_off(installation, database) if webhooks else 0
    seconds, memory = time.time() - began, installation.crew.memory()
    expected = recipients + (len(urgent.lags) if urgent is not None else 0)
    at, kept_back = _judged(installation, database, expected, of_before)
    first, last = (int(len(at) * part) for part in _STEADY)
    return Sent(
        installation.shape.name,
        latency * 1000,
        recipients,
        len(at),
        kept_back,
        steady=(last - first) / (at[last] - at[first]),
        whole=len(at) / seconds,
        seconds=seconds,
        webhooks=reports,
        cpu=progress.cpu_us(),
        memory=memory,
        urgent=urgent,
    )


@contextmanager
def _ordering(
    installation: Installation, recipients: int, orders: tuple[float, float] | None
) -> Iterator[Callable[[], Lags | None]]:
    """Triggers go out while the block runs; what it gives tells the lags after its end."""
    if orders is None:
        yield lambda: None
        return
    rate, seconds = orders
    with ThreadPoolExecutor(1) as thread:
        lags = thread.submit(measure, installation, Triggers(recipients), rate=rate, seconds=seconds)
        yield lags.result


def _judged(installation: Installation, database: Database, expected: int, of_before: int) -> tuple[list[float], int]:
    """When each message was accepted, in order, and how many were kept back; those ``of_before`` are left out.

    Raises RuntimeError unless database and carriers agree about all.
    """
    record, states = installation.sim.record(), _states(database)
    if of_before:
        states[_OF_BEFORE] -= of_before
    handed_over = {entry["message_id"] for entry in record}
    if sum(states.values()) != expected or states.get("sent", 0) != len(handed_over) or len(record) != len(handed_over):
        raise RuntimeError(
            f"expected {expected} messages decided, each handed over once; found {states}, "
            f"and {len(record)} accepted of {len(handed_over)} messages"
        )
    return sorted(entry["at"] for entry in record), sum(states.values()) - states.get("sent", 0)


def _undecided(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(text(f"SELECT count(*) FROM messages WHERE state IN ({_UNDECIDED})")).scalar_one())


def _states(database: Database) -> dict[str, int]:
    """How many messages of the blast are in which state; those that a carrier has are ``sent``."""
    said = "SELECT CASE WHEN provider IS NULL THEN state ELSE 'sent' END, count(*) FROM messages GROUP BY 1"
    with database.read() as tx:
        return {str(state): int(count) for state, count in tx.execute(text(said)).all()}


def _worked_off(installation: Installation, database: Database) -> int:
    """Wait until the carriers have reported everything and it was worked off; how many reports there were."""
    until("webhooks told", lambda: not installation.sim.counts()["webhooks"]["pending"], installation, seconds=_LONGEST)
    until("reports worked off", lambda: not _reports(database, "processed_at IS NULL"), installation, seconds=_LONGEST)
    return _reports(database, "true")


def _reports(database: Database, which: str) -> int:
    with database.read() as tx:
        return int(tx.execute(text(f"SELECT count(*) FROM feedback WHERE {which}")).scalar_one())


def main() -> None:
    """Prepare as the command line asks, and print the sample."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    answer({"prepare": prepare}[sys.argv[1]](**json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
