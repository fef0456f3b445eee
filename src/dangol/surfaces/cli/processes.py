"""The parts that long-running commands are put together from: each starts on ``with`` and stops at its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from queue import SimpleQueue

import structlog
import typer
from sqlalchemy import select

from dangol.bootstrap import Dangol
from dangol.errors import AlreadyRunning, DangolError, StoreUnavailable
from dangol.store.housekeeping import UP_LEASE, drop_lease, shared_now, take_lease
from dangol.store.tables import leases

_LASTS = timedelta(seconds=15)
_RENEW_EVERY = timedelta(seconds=4)
_log = structlog.get_logger(__name__)


class Stop:
    """Asks a process to end: on Ctrl-C or SIGTERM, or because a part of it failed."""

    def __init__(self) -> None:
        # An Event's lock may be held by the very thread that a signal interrupts; this queue is made for that.
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._signalled = False
        self._failure: DangolError | None = None

    def ask(self, failure: DangolError | None = None) -> None:
        self._failure = self._failure or failure
        self._asked.put(None)

    def wait(self) -> None:
        """Wait until the process is to end. Raises what made it."""
        self._asked.get()
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def on_signals(self, at_once: Callable[[], None] = lambda: None) -> Iterator[None]:
        """The first SIGINT or SIGTERM asks; another ends the process at once, without waiting for anything.

        ``at_once`` is called before such an end, for what would outlive the process.
        """

        def handle(_signal: int, _frame: object) -> None:
            if self._signalled:
                os.write(sys.stderr.fileno(), b"stopped at once; a hand-over in hand will be logged as unknown\n")
                at_once()
                os._exit(130)
            self._signalled = True  # before it is told, for the next may come at any moment
            os.write(sys.stderr.fileno(), b"stopping: what is in hand is finished; Ctrl-C again stops at once\n")
            self._asked.put(None)

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def in_thread(
    name: str, run: Callable[[], None], halt: Callable[[], None], stop: Stop, patience: timedelta
) -> Iterator[None]:
    """``run`` in a thread until the end, when ``halt`` asks it to return; if it ends by itself, so does the process."""
    halted = threading.Event()

    def guarded() -> None:
        try:
            run()
        except BaseException:
            _log.exception("a part of the process failed", part=name)
        if not halted.is_set():
            stop.ask(DangolError(f"the {name} stopped by itself; the log above says why"))

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        halted.set()
        halt()
        thread.join(patience.total_seconds())


@contextmanager
def only_one(dangol: Dangol, stop: Stop) -> Iterator[None]:
    """Hold this database against a second ``dangol up``; the hold runs out by itself soon after a crash.

    Raises AlreadyRunning with who holds it and what to do.
    """
    if not _hold(dangol):
        raise AlreadyRunning(_who_holds(dangol))
    resting = threading.Event()

    def renew() -> None:
        while not resting.wait(_RENEW_EVERY.total_seconds()):
            try:
                if not _hold(dangol):
                    stop.ask(AlreadyRunning(f"this process lost the database: {_who_holds(dangol)}"))
                    return
            except Exception as error:
                # Whatever it is, the next round tries again; a thread that ended would lose the hold unnoticed.
                _log.warning("the hold on the database could not be renewed", error=type(error).__name__)

    thread = threading.Thread(target=renew, name="hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        resting.set()
        thread.join(_LASTS.total_seconds())
        _let_go(dangol)


def _hold(dangol: Dangol) -> bool:
    with dangol.database.write() as tx:
        now = shared_now(tx, dangol.clock)
        return take_lease(tx, UP_LEASE, dangol.name, now, _LASTS) == dangol.name


def _let_go(dangol: Dangol) -> None:
    try:
        with dangol.database.write() as tx:
            drop_lease(tx, UP_LEASE, dangol.name)
    except StoreUnavailable as error:
        _log.warning("the hold on the database could not be given back; it runs out by itself", error=str(error))


def _who_holds(dangol: Dangol) -> str:
    with dangol.database.read() as tx:
        row = tx.execute(select(leases).where(leases.c.name == UP_LEASE)).one_or_none()
        now = shared_now(tx, dangol.clock)
    if row is None:
        return f"{dangol.database.label} was held by another `dangol up`, which has just stopped; start again"
    host, _, process = row.holder.rpartition(":")
    left = max(1, round((row.expires_at - now).total_seconds()))
    return (
        f"{dangol.database.label} is in use by another `dangol up`: process {process} on {host}, "
        f"last seen {row.expires_at - _LASTS:%Y-%m-%d %H:%M:%S} UTC.\n"
        f"Stop that one, or give this one another DANGOL_HOME or DANGOL_DATABASE_URL. "
        f"If it has crashed, the database is free again in {left} s."
    )


def tell(rows: dict[str, str]) -> None:
    """Aligned lines of name and value."""
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"  {name:<{width}}  {value}")


def say(what: str, figures: str) -> None:
    """What is up now, and where its figures are."""
    typer.echo(f"{what}; figures on {figures}" if figures else what)
