"""The ``dangol`` command: its subcommands, and how errors reach a person."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from dangol import __version__
from dangol.errors import DangolError
from dangol.settings import Settings
from dangol.surfaces import logs
from dangol.surfaces.cli import (
    carriers,
    check,
    consent,
    demo,
    deploy,
    dev,
    doctor,
    duties,
    graph,
    imports,
    log,
    map,
    plan,
    policy,
    profile,
    reply,
    requests,
    retention,
    seeing,
    simulate,
    steer,
    suppression,
    test,
    trigger,
    up,
    versions,
)

app = typer.Typer(
    name="dangol",
    help="Messaging as code for customer journeys. Exit codes: 0 fine, 1 problems, 2 wrong usage, 3 outside failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dangol {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Messaging as code for customer journeys."""


for command in (
    demo.demo,
    simulate.simulate,
    up.up,
    check.check,
    check.schema,
    map.map,
    graph.graph,
    seeing.preview,
    seeing.gallery,
    trigger.trigger,
    reply.reply,
    log.explain,
    plan.plan,
    deploy.deploy,
    deploy.rollback,
    versions.versions,
    steer.pause,
    steer.resume,
    steer.stop,
    up.migrate,
    doctor.doctor,
    up.web,
    up.worker,
    up.scheduler,
    up.write_key,
    up.webhook_secret,
):
    app.command()(command)
app.command("test")(test.play)
app.add_typer(imports.app)
app.add_typer(log.app)
app.add_typer(policy.app)
policy.app.command()(duties.duties)
app.add_typer(consent.app)
app.add_typer(suppression.app)
app.add_typer(profile.app)
app.add_typer(requests.app)
app.add_typer(retention.app)
app.add_typer(retention.app)
app.add_typer(dev.app)
app.add_typer(carriers.app)


def run() -> None:
    """Run the command line; known errors become a line on stderr and their exit code."""
    _log()
    try:
        app()
    except DangolError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except ValidationError as error:
        for detail in error.errors():
            name = "DANGOL_" + "_".join(str(part) for part in detail["loc"]).upper()
            _say(f"setting {name}: {detail['msg'].lower()}; found {detail['input']!r}")
        sys.exit(2)
    except KeyboardInterrupt:
        _say("interrupted; what was committed stays, the rest can be run again")
        sys.exit(130)


def _say(message: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in message.splitlines():
        console.print(f"error: {line}" if line == message.splitlines()[0] else line, markup=False)


def _log() -> None:
    """Log as the settings say; what is wrong with them the command tells."""
    try:
        logs.configure(Settings())
    except ValidationError:
        logs.configure()
