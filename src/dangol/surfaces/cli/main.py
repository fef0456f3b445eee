"""The ``dangol`` command: its subcommands, and how errors reach a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import typer
from pydantic import ValidationError
from rich.console import Console

from dangol import __version__
from dangol.errors import DangolError
from dangol.settings import Settings
from dangol.surfaces import logs

_HELP = "Messaging as code for customer journeys. Exit codes: 0 fine, 1 problems, 2 wrong usage, 3 outside failed."
_HERE = "dangol.surfaces.cli"
_COMMANDS = {
    "demo": "demo:demo",
    "simulate": "simulate:simulate",
    "up": "up:up",
    "check": "check:check",
    "schema": "check:schema",
    "map": "map:map",
    "graph": "graph:graph",
    "preview": "seeing:preview",
    "gallery": "seeing:gallery",
    "trigger": "trigger:trigger",
    "reply": "reply:reply",
    "explain": "log:explain",
    "plan": "plan:plan",
    "deploy": "deploy:deploy",
    "rollback": "deploy:rollback",
    "versions": "versions:versions",
    "pause": "steer:pause",
    "resume": "steer:resume",
    "stop": "steer:stop",
    "migrate": "installing:migrate",
    "doctor": "doctor:doctor",
    "web": "serving:web",
    "worker": "working:worker",
    "scheduler": "working:scheduler",
    "write-key": "installing:write_key",
    "webhook-secret": "installing:webhook_secret",
    "test": "test:play",
}
"""Command → its module and function, in the order in which help lists them."""
_GROUPS = {
    "import": "imports",
    "log": "log",
    "policy": "policy",
    "consent": "consent",
    "suppression": "suppression",
    "profile": "profile",
    "requests": "requests",
    "retention": "retention",
    "dev": "dev",
    "carriers": "carriers",
}
"""Command with commands of its own → its module, which has an ``app``."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dangol {__version__}")
        raise typer.Exit


def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Messaging as code for customer journeys."""


def make_app(only: str | None = None) -> typer.Typer:
    """The command line, with all commands or ``only`` one.

    What a command needs is imported with it: a worker that imported what all of them need would hold 40 MB for nothing,
    and every command would start late.
    """
    app = typer.Typer(
        name="dangol",
        help=_HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_main)
    for name, place in _COMMANDS.items():
        if only in {None, name}:
            module, _, function = place.partition(":")
            app.command(name)(getattr(import_module(f"{_HERE}.{module}"), function))
    for name, module in _GROUPS.items():
        if only in {None, name}:
            app.add_typer(import_module(f"{_HERE}.{module}").app)
    return app


def _asked_for(arguments: Sequence[str]) -> str | None:
    """The command that is asked for, if there is one of that name; else all are needed, to say which there are."""
    asked = arguments[0] if arguments else ""
    return asked if asked in _COMMANDS or asked in _GROUPS else None


def run() -> None:
    """Run the command line; known errors become a line on stderr and their exit code."""
    _log()
    try:
        arguments = sys.argv[1:]
        make_app("" if arguments[:1] == ["--version"] else _asked_for(arguments))()
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
