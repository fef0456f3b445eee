"""``dangol worker`` and ``dangol scheduler``: what works behind a broker. They load nothing that serves pages."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated

import typer

from dangol.bootstrap import Dangol
from dangol.errors import UsageError
from dangol.queue.worker import Workers
from dangol.settings import Settings
from dangol.surfaces import logs
from dangol.surfaces.cli.children import ending_with_parent, supervise
from dangol.surfaces.cli.processes import Stop, in_thread, say
from dangol.surfaces.watching.server import watched
from dangol.surfaces.watching.telemetry import traced

_FAREWELL = timedelta(seconds=5)
"""What a child may take beyond its own patience, to let go of connections."""


def worker(
    threads: Annotated[int | None, typer.Option(min=1, max=64, help="DANGOL_WORKER_THREADS by default.")] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="So many processes; each that ends is started again.")
    ] = 1,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Run worker threads only; they are told about work over the broker."""
    settings, stop = _with_broker("worker"), Stop()
    logs.configure(settings, process="worker")
    count = threads or settings.worker_threads
    if processes > 1:
        command = ("worker", "--threads", str(count), "--supervised")
        label = f"{processes} workers, each with {_threads(settings, count)}"
        supervise(processes, command, stop, settings.stop_within + _FAREWELL, lambda: typer.echo(label))
        return
    settings = settings.model_copy(update={"worker_threads": count})
    with ExitStack() as running:
        running.enter_context(stop.on_signals())
        if supervised:
            running.enter_context(ending_with_parent(stop))
        dangol, figures = _opened(running, settings, "worker")
        start_workers(running, dangol, count)
        say(f"Worker with {_threads(settings, count)}, on {dangol.database.label}", figures)
        stop.wait()


def scheduler() -> None:
    """Run the scheduler only; of several, one leads and the others wait."""
    settings, stop = _with_broker("scheduler"), Stop()
    logs.configure(settings, process="scheduler")
    with ExitStack() as running:
        running.enter_context(stop.on_signals())
        dangol, figures = _opened(running, settings, "scheduler")
        start_scheduler(running, dangol, stop)
        say(f"Scheduler on {dangol.database.label}", figures)
        stop.wait()


def _opened(running: ExitStack, settings: Settings, process: str) -> tuple[Dangol, str]:
    """An installation whose work is traced and watched until the end, and where its figures are."""
    dangol = running.enter_context(Dangol(settings, workers=True))
    running.enter_context(traced(settings, process))
    return dangol, running.enter_context(watched(dangol, needs_broker=True))


def start_workers(running: ExitStack, dangol: Dangol, threads: int) -> None:
    assert dangol.broker is not None
    settings = dangol.settings
    workers = Workers(
        dangol.broker, threads=threads, first_threads=settings.first_threads, patience=settings.stop_within
    )
    running.enter_context(workers)


def start_scheduler(running: ExitStack, dangol: Dangol, stop: Stop) -> None:
    scheduler = dangol.scheduler()
    running.enter_context(in_thread("scheduler", scheduler.run, scheduler.stop, stop, dangol.settings.stop_within))


def _threads(settings: Settings, count: int) -> str:
    """What a worker's start line says of its threads: all that it has."""
    first = settings.first_threads
    return f"{count} threads, {first} more for transactional messages and {first} for events of the broker"


def _with_broker(process: str) -> Settings:
    """The settings. Raises UsageError if no broker is named."""
    settings = Settings()
    if not settings.broker_url:
        raise UsageError(
            f"a {process} of its own needs a broker that other processes reach: set DANGOL_BROKER_URL to redis://… or "
            "amqp://…, or run everything in one process with `dangol up`"
        )
    return settings
