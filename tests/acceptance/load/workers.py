"""The workers of a load: threads of one process that deliver whatever is due, all of them at the same few people."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog
from pydantic import SecretStr
from sqlalchemy import Connection, select

from dangol.batch.handover import Handover
from dangol.bootstrap import Dangol
from dangol.delivery.dispatch import Handed, Room
from dangol.errors import StoreUnavailable
from dangol.model.message import Envelope
from dangol.model.vocabulary import OPEN_STATES, Channel
from dangol.profiles import people
from dangol.settings import Settings
from dangol.store.tables import messages
from tests.acceptance.load.shared import Carrier, SharedClock

BATCH = 2
LEASE = timedelta(seconds=20)
"""How long a worker may take from claim to answer, by the shared clock; so long may a record be late, too."""


def settings(url: str, home: Path, threads: int) -> Settings:
    return Settings(
        _env_file=None,
        home=home,
        database_url=url,
        batch_size=BATCH,
        worker_threads=threads,
        queue_lease=LEASE,
        send_lease=LEASE,
        secret_key=SecretStr("s"),
        write_key=SecretStr("k"),
    )


def threads_are_processes(dangol: Dangol, threads: int) -> None:
    """Let so many threads decide at one time, as several processes would."""
    dangol.pipeline._deciding = threading.Semaphore(threads)


class Workers:
    """Threads that deliver until they are told to stop; one more sweeps, as a scheduler does."""

    def __init__(self, url: str, home: Path, threads: int, seed: int) -> None:
        self.clock = SharedClock(home / "clock")
        self.carrier = Carrier(self.clock, home / "record", seed)
        self.dangol = Dangol(
            settings(url, home, threads), clock=self.clock, providers=dict.fromkeys(Channel, self.carrier)
        )
        threads_are_processes(self.dangol, threads)
        self._hand_over_steadily()
        self._over = threading.Event()
        self._failures = home / "failures"
        work = [self._deliver] * threads + [self._sweep]
        self._threads = [
            threading.Thread(target=self._until_over, args=(one, seed + number), daemon=True)
            for number, one in enumerate(work)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.dangol.close()

    def wait(self) -> None:
        self._over.wait()

    def _hand_over_steadily(self) -> None:
        """The dispatcher looks at the clock and hands over: nobody steps it in between."""
        send = self.dangol.dispatcher.send

        def steadily(
            envelopes: Sequence[Envelope], room: Room | None = None, trying: Mapping[str, str] | None = None
        ) -> list[Handed]:
            with self.clock.steady():
                return send(envelopes, room, trying)

        self.dangol.dispatcher.send = steadily  # type: ignore[method-assign]

    def _until_over(self, work: object, seed: int) -> None:
        dice = random.Random(seed)
        while not self._over.is_set():
            try:
                with suppress(StoreUnavailable):  # SQLite is busy for longer than a worker waits
                    work(dice)  # type: ignore[operator]
            except BaseException:
                with self._failures.open("a") as file:
                    file.write(traceback.format_exc())
                raise

    def _deliver(self, dice: random.Random) -> None:
        """Any due messages, whoever else may be at them as well."""
        due = select(messages.c.id).where(messages.c.state.in_(OPEN_STATES), messages.c.due_at <= self.clock.now())
        with self.dangol.database.read() as tx:
            ids = list(tx.execute(due.limit(200)).scalars())
        if not ids:
            time.sleep(dice.uniform(0.03, 0.1))
            return
        self.carrier.claims.began = time.monotonic_ns()
        self.dangol.pipeline.deliver(dice.sample(ids, min(BATCH, len(ids))))

    def _sweep(self, _dice: random.Random) -> None:
        due = self.dangol.sweeper.sweep()
        if due.journeys:
            self.dangol.pipeline.plan(due.journeys)
        time.sleep(0.3)


def write_slowly(seconds: float) -> None:
    """Let so much time pass between what is decided and its being written, as a database under load does."""
    write = Handover.write

    def slowly(handover: Handover, connection: Connection) -> None:
        time.sleep(random.uniform(0, seconds))
        write(handover, connection)

    Handover.write = slowly  # type: ignore[method-assign]


def work(url: str, home: Path, threads: int, seed: int, *, lawless: bool = False, slow: float = 0.0) -> None:
    """A process of workers, which runs until it is killed. ``lawless`` ones lock nobody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    if lawless:
        people.lock = lambda _connection, _ids: None
    if slow:
        write_slowly(slow)
    Workers(url, home, threads, seed).wait()
