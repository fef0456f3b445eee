"""Running dangol: everything in one process, or each process of its own, and what an operator does before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated

import typer

from dangol.bootstrap import Dangol, open_dangol
from dangol.definitions.versions import Deployment
from dangol.errors import UsageError
from dangol.queue.worker import Workers
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.housekeeping import forget_wakeups
from dangol.surfaces import logs
from dangol.surfaces.cli.check import telling_problems
from dangol.surfaces.cli.children import ending_with_parent, supervise
from dangol.surfaces.cli.processes import Stop, bind, in_thread, only_one, serving, tell
from dangol.surfaces.watching.server import watched
from dangol.surfaces.watching.telemetry import traced
from dangol.surfaces.web import LOOPBACK_NAMES, create_app

HostOption = Annotated[str, typer.Option(help="The address to listen on; others can reach 0.0.0.0.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]
_FAREWELL = timedelta(seconds=5)
"""What a child may take beyond its own patience, to let go of connections."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def up(host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Run everything in one process: web pages and API, workers and scheduler. Ctrl-C stops it."""
    settings, stop = Settings(), Stop()
    logs.configure(settings, process="up")
    with ExitStack() as running:
        running.enter_context(stop.on_signals())
        dangol = running.enter_context(Dangol(settings, workers=True))
        running.enter_context(only_one(dangol, stop))
        listener = running.enter_context(bind(host, port))
        with telling_problems(settings.workspace):
            changes = dangol.deploy(by="dangol up")
        if not settings.broker_url:
            with dangol.database.write() as tx:
                forget_wakeups(tx, dangol.clock.now())
        app = create_app(dangol, hosts=_names(host), workspace=settings.workspace)
        running.enter_context(traced(settings, "up"))
        figures = running.enter_context(watched(dangol, needs_broker=True))
        _start_workers(running, dangol, settings.worker_threads)
        _start_scheduler(running, dangol, stop)
        running.enter_context(serving(app, listener, stop, settings.stop_within))
        _introduce(dangol, changes, _url(host, port), figures)
        _warn_if_open(host)
        stop.wait()
    typer.echo("Stopped.")


def web(host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Run the web pages and the API only; workers and a scheduler run elsewhere."""
    settings, stop = Settings(), Stop()
    logs.configure(settings, process="web")
    with ExitStack() as running:
        running.enter_context(stop.on_signals())
        dangol = running.enter_context(Dangol(settings, workers=bool(settings.broker_url)))
        listener = running.enter_context(bind(host, port))
        running.enter_context(traced(settings, "web"))
        figures = running.enter_context(watched(dangol, needs_broker=False))
        app = create_app(dangol, hosts=_names(host))
        running.enter_context(serving(app, listener, stop, settings.stop_within))
        _say(f"Web on {_url(host, port)}", figures)
        _warn_if_open(host)
        stop.wait()


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
        dangol = running.enter_context(Dangol(settings, workers=True))
        running.enter_context(traced(settings, "worker"))
        figures = running.enter_context(watched(dangol, needs_broker=True))
        _start_workers(running, dangol, count)
        _say(f"Worker with {_threads(settings, count)}, on {dangol.database.label}", figures)
        stop.wait()


def scheduler() -> None:
    """Run the scheduler only; of several, one leads and the others wait."""
    settings, stop = _with_broker("scheduler"), Stop()
    logs.configure(settings, process="scheduler")
    with ExitStack() as running:
        running.enter_context(stop.on_signals())
        dangol = running.enter_context(Dangol(settings, workers=True))
        running.enter_context(traced(settings, "scheduler"))
        figures = running.enter_context(watched(dangol, needs_broker=True))
        _start_scheduler(running, dangol, stop)
        _say(f"Scheduler on {dangol.database.label}", figures)
        stop.wait()


def migrate() -> None:
    """Bring the database's schema up to this release; safe to repeat."""
    database = Database(Settings().database)
    try:
        database.migrate()
    finally:
        database.close()
    typer.echo(f"{database.label} has the schema of this release")


def write_key() -> None:
    """Print the key that back ends present to the API."""
    with open_dangol(Settings()) as dangol:
        typer.echo(dangol.write_key)


def webhook_secret() -> None:
    """Print the secret that calls of `webhook` steps are signed with; their receivers need it."""
    with open_dangol(Settings()) as dangol:
        typer.echo(dangol.webhook_secret)


def _start_workers(running: ExitStack, dangol: Dangol, threads: int) -> None:
    assert dangol.broker is not None
    settings = dangol.settings
    workers = Workers(
        dangol.broker, threads=threads, first_threads=settings.first_threads, patience=settings.stop_within
    )
    running.enter_context(workers)


def _threads(settings: Settings, count: int) -> str:
    """What a worker's start line says of its threads: all that it has."""
    first = settings.first_threads
    return f"{count} threads, {first} more for transactional messages and {first} for events of the broker"


def _start_scheduler(running: ExitStack, dangol: Dangol, stop: Stop) -> None:
    scheduler = dangol.scheduler()
    running.enter_context(in_thread("scheduler", scheduler.run, scheduler.stop, stop, dangol.settings.stop_within))


def _with_broker(process: str) -> Settings:
    settings = Settings()
    if not settings.broker_url:
        raise UsageError(
            f"a {process} of its own needs a broker that other processes reach: set DANGOL_BROKER_URL to redis://… or "
            "amqp://…, or run everything in one process with `dangol up`"
        )
    return settings


def _introduce(dangol: Dangol, changes: Sequence[Deployment], url: str, figures: str) -> None:
    with dangol.database.read() as tx:
        in_service = [release.campaign.key for release in dangol.releases.active(tx)]
    campaigns = f"{len(in_service)} campaign{'' if len(in_service) == 1 else 's'}"
    typer.echo(f"dangol is up, with {campaigns} in service. Ctrl-C stops it.")
    tell(
        {
            "Changed": _changed(changes),
            "Map": f"{url}/map",
            "Campaigns": f"{url}/campaigns",
            "Messages": f"{url}/messages",
            "Calendar": f"{url}/calendar",
            "Mail": f"{url}/mailbox",
            "Log": f"{url}/log",
            "API": f"{url}/docs",
            **({"Figures": figures} if figures else {}),
            "Database": dangol.database.label,
            "Mailbox": str(dangol.settings.mailbox),
            "Write key": "DANGOL_WRITE_KEY" if dangol.settings.write_key else "in the database; `dangol write-key`",
        }
    )


def _say(what: str, figures: str) -> None:
    typer.echo(f"{what}; figures on {figures}" if figures else what)


def _changed(changes: Sequence[Deployment]) -> str:
    """What the start changed in service, in numbers."""
    counts = {
        "new": sum(change.version_id is not None and change.replaced is None for change in changes),
        "in a new version": sum(None not in (change.version_id, change.replaced) for change in changes),
        "out of service": sum(change.version_id is None for change in changes),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{', '.join(told)}; `dangol versions` lists them" if told else "nothing since the last time"


def _warn_if_open(host: str) -> None:
    if host not in _LOOPBACK:
        typer.echo(
            f"warning: the pages show personal data and ask for no password; on {host} put a proxy that does in front",
            err=True,
        )


def _names(host: str) -> Sequence[str]:
    """The names under which requests may come in."""
    return LOOPBACK_NAMES if host in _LOOPBACK else ("*",)


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
