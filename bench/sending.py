"""A blast over HTTP: planned by ``prepare`` in a process of its own, then sent by dangol's real processes.

``python -m bench.sending prepare '{…}'`` fills a database and plans every message of the blast.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy import text

from bench import population
from bench.installation import Installation, Shape, an_hour_before, installed, occasion, until
from bench.measure import Sample, Stopwatch, answer
from bench.stores import Store
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import OPEN_STATES, MessageState
from dangol.settings import Settings
from dangol.store.database import Database

_STEADY = 0.05, 0.95
_LONGEST = 900.0
_OURS_NOT = "carriers"
_UNDECIDED = ", ".join(f"'{state}'" for state in (*OPEN_STATES, MessageState.SENDING.value))


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a blast.

    ``steady`` is messages a second between the first and the last twentieth of them, by the carriers' record;
    ``whole`` is all of them until every outcome and every webhook was worked off. ``cpu`` is seconds by process over
    the whole, ``memory`` the most megabytes of a process.
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

    @property
    def cpu_us(self) -> float:
        """CPU µs a message, of dangol's processes, the database's and the broker's."""
        return sum(spent for name, spent in self.cpu.items() if name != _OURS_NOT) / self.recipients * 1e6

    @property
    def all_cpu_us(self) -> float:
        """The same with the carriers, who in life work elsewhere."""
        return sum(self.cpu.values()) / self.recipients * 1e6

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "cpu_us": self.cpu_us, "all_cpu_us": self.all_cpu_us}


def prepare(url: str, workspace: str, recipients: int, at: str, old_log_rows: int = 0) -> Sample:
    """Fill a database, deploy, and take the audience in: every message planned, none delivered. That is timed."""
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
            dangol.deploy(by="bench")
            clock.move_to(told.at)
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
) -> Sent:
    """Send what is planned in this database. Raises RuntimeError if it was not all decided."""
    with installed(shape, store, workspace, folder, latency=latency, webhooks=webhooks) as installation:
        installation.start()
        database = Database(store.url)
        try:
            return _sent(installation, database, recipients, latency, webhooks=webhooks)
        finally:
            database.close()


def _sent(
    installation: Installation, database: Database, recipients: int, latency: float, *, webhooks: bool
) -> Sent:
    until("a first message", lambda: installation.sim.counts()["accepted"], installation, seconds=60)
    began, before = time.time(), installation.cpu()
    until("every outcome", lambda: not _undecided(database), installation, seconds=_LONGEST, every=0.5)
    reports = _worked_off(installation, database) if webhooks else 0
    seconds, after = time.time() - began, installation.cpu()
    memory = installation.crew.memory()
    record = installation.sim.record()
    at = sorted(entry["at"] for entry in record)
    states = _states(database)
    if sum(states.values()) != recipients or states.get("sent", 0) != len({entry["message_id"] for entry in record}):
        raise RuntimeError(f"expected {recipients} messages decided; found {states}, handed over {len(at)}")
    first, last = (int(len(at) * part) for part in _STEADY)
    return Sent(
        installation.shape.name,
        latency * 1000,
        recipients,
        len(at),
        recipients - len(at),
        steady=(last - first) / (at[last] - at[first]),
        whole=len(at) / seconds,
        seconds=seconds,
        webhooks=reports,
        cpu={name: after[name] - before.get(name, 0.0) for name in after},
        memory=memory,
    )


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
