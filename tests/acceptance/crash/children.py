"""What runs in the processes that are killed. Each tells its parent over a pipe how far it has come."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy import func, select

from dangol.bootstrap import Dangol
from dangol.delivery.providers.mailbox import Mailbox
from dangol.model.message import Envelope, Outcome
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import OPEN_STATES, Channel, JourneyStatus, MessageState
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.tables import journeys, messages, schedule_runs
from dangol.sweeper import Sweeper

BATCH = 8
WORKERS = 3
PER_SWEEP = 5 * BATCH
PATIENCE = 60.0
LEASE = timedelta(seconds=1)
UNDER_WAY = [*OPEN_STATES, MessageState.SENDING]

Pause = tuple[str, int] | None
"""Where to stop and wait to be killed: ``called`` or ``handed over``, and at which call."""


def settings(url: str, home: Path) -> Settings:
    return Settings(
        _env_file=None,
        home=home,
        database_url=url,
        batch_size=BATCH,
        worker_threads=WORKERS,
        queue_lease=LEASE,
        send_lease=1.5 * LEASE,
        secret_key=SecretStr("s"),
        write_key=SecretStr("k"),
    )


class Pipe:
    """Tells the parent; threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def tell(self, what: str, about: object = None) -> None:
        with self._lock:
            self._connection.send((what, about))


class Watched:
    """The mailbox, which tells when it is called and when it has the messages, and may stop at either point."""

    name = "mailbox"
    channels = frozenset(Channel)

    def __init__(self, mailbox: Mailbox, pipe: Pipe, pause: Pause) -> None:
        self._mailbox = mailbox
        self._pipe = pipe
        self._pause = pause
        self._calls = count(1)

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        call, ids = next(self._calls), [envelope.message_id for envelope in batch]
        self._reach("called", call, ids)
        outcomes = self._mailbox.send_many(batch)
        self._reach("handed over", call, ids)
        return outcomes

    def _reach(self, point: str, call: int, ids: list[str]) -> None:
        self._pipe.tell(point, ids)
        if self._pause == (point, call):
            self._pipe.tell("paused", ids)
            threading.Event().wait(PATIENCE)

    def close(self) -> None:
        self._mailbox.close()


def blast(connection: Connection, url: str, home: Path, pause: Pause) -> None:
    """Sweep and deliver with several threads until nothing is under way any more."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    pipe = Pipe(connection)
    opened = settings(url, home)
    mailbox = Mailbox(opened.mailbox, _Clock())
    with (
        Dangol(opened, providers=dict.fromkeys(Channel, Watched(mailbox, pipe, pause))) as dangol,
        ThreadPoolExecutor(WORKERS) as threads,
    ):
        sweeper = Sweeper(
            database=dangol.database,
            clock=dangol.clock,
            releases=dangol.releases,
            timing=dangol.timing,
            limit=PER_SWEEP,
        )
        working: set[Future[None]] = set()
        while True:
            due = sweeper.sweep()
            working |= {threads.submit(_fan_out, dangol, pipe, run) for run in due.runs}
            working |= {threads.submit(_plan, dangol, pipe, batch) for batch in _batches(due.journeys)}
            working |= {threads.submit(_deliver, dangol, pipe, batch) for batch in _batches(due.messages)}
            done, working = wait(working, timeout=0.02)
            for future in done:
                future.result()
            if not due and not working and nothing_is_under_way(dangol.database):
                break
            if not due:
                threading.Event().wait(0.05)
    pipe.tell("done")


def _fan_out(dangol: Dangol, pipe: Pipe, run: str) -> None:
    while dangol.pipeline.fan_out(run):
        pipe.tell("fanned out")


def _plan(dangol: Dangol, pipe: Pipe, batch: Sequence[str]) -> None:
    dangol.pipeline.plan(batch)
    pipe.tell("planned")


def _deliver(dangol: Dangol, pipe: Pipe, batch: Sequence[str]) -> None:
    dangol.pipeline.deliver(batch)
    pipe.tell("settled", list(batch))


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def nothing_is_under_way(database: Database) -> bool:
    questions = (
        select(func.count()).select_from(messages).where(messages.c.state.in_(UNDER_WAY)),
        select(func.count()).select_from(journeys).where(journeys.c.status == JourneyStatus.WAITING),
        select(func.count()).select_from(schedule_runs).where(schedule_runs.c.finished_at.is_(None)),
    )
    with database.read() as tx:
        return not any(tx.execute(question).scalar_one() for question in questions)


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def report(connection: Connection, url: str, home: Path, first: int, people: int) -> None:
    """Ingest batches of orders, from number ``first`` on, and acknowledge each when it is accepted."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    pipe = Pipe(connection)
    with Dangol(settings(url, home)) as dangol:
        for number in count(first):
            pipe.tell("sending", number)
            dangol.pipeline.ingest(orders(number, people))
            pipe.tell("accepted", number)


def orders(number: int, people: int) -> list[IncomingEvent]:
    """The orders of one batch: the same whenever it is reported, and always of a few new people."""
    at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=number)
    names = [f"p{(number * 3 + place) % people}" for place in range(BATCH)] + [f"new{number}"]
    return [IncomingEvent(f"{number}:{who}", who, "Order Completed", _NO_PROPERTIES, at, "tests") for who in names]


_NO_PROPERTIES: dict[str, Any] = {}
