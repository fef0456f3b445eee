"""``dangol up``: everything in one process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import typer

from dangol.bootstrap import Dangol
from dangol.definitions.versions import Deployment
from dangol.settings import Settings
from dangol.store.housekeeping import forget_wakeups
from dangol.surfaces import logs
from dangol.surfaces.cli.check import telling_problems
from dangol.surfaces.cli.processes import Stop, only_one, tell
from dangol.surfaces.cli.serving import HostOption, PortOption, bind, names, serving, url, warn_if_open
from dangol.surfaces.cli.working import start_scheduler, start_workers
from dangol.surfaces.watching.server import watched
from dangol.surfaces.watching.telemetry import traced
from dangol.surfaces.web import create_app


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
        app = create_app(dangol, hosts=names(host), workspace=settings.workspace)
        running.enter_context(traced(settings, "up"))
        figures = running.enter_context(watched(dangol, needs_broker=True))
        start_workers(running, dangol, settings.worker_threads)
        start_scheduler(running, dangol, stop)
        running.enter_context(serving(app, listener, stop, settings.stop_within))
        _introduce(dangol, changes, url(host, port), figures)
        warn_if_open(host)
        stop.wait()
    typer.echo("Stopped.")


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


def _changed(changes: Sequence[Deployment]) -> str:
    """What the start changed in service, in numbers."""
    counts = {
        "new": sum(change.version_id is not None and change.replaced is None for change in changes),
        "in a new version": sum(None not in (change.version_id, change.replaced) for change in changes),
        "out of service": sum(change.version_id is None for change in changes),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{', '.join(told)}; `dangol versions` lists them" if told else "nothing since the last time"
