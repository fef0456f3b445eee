"""``dangol deploy`` and ``dangol rollback``: changing what is in service."""

from __future__ import annotations

import getpass
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dangol.bootstrap import Dangol, open_dangol
from dangol.definitions.versions import Deployment
from dangol.errors import UsageError
from dangol.planner.plan import Plan
from dangol.settings import Settings
from dangol.surfaces.cli.check import telling_problems, workspace_root
from dangol.surfaces.cli.plan import (
    SHORT,
    FromOption,
    KeysArgument,
    WorkspaceOption,
    open_source,
    summary,
    warning_line,
)
from dangol.surfaces.cli.reach import warn_if_unreachable

ByOption = Annotated[
    str,
    typer.Option(
        "--by",
        help="Who does this, for the record; DANGOL_OPERATOR or user@host by default.",
        show_default=False,
    ),
]
MigrateOption = Annotated[
    bool, typer.Option("--migrate", help="Take people under way along, step by step of the same `ref`, or refuse.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask, whatever the plan warns of.")]


def deploy(
    keys: KeysArgument = None,
    workspace: WorkspaceOption = None,
    migrate: MigrateOption = False,
    yes: YesOption = False,
    source: FromOption = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="VERSION", help="Refuse unless this version, or one that begins so, comes into service."),
    ] = None,
    by: ByOption = "",
) -> None:
    """Check the workspace and put it into service, unchanged campaigns excepted; or promote from another database.

    On a terminal the plan's warnings are shown and confirmed first; elsewhere they are printed.
    """
    if source is not None and workspace is not None:
        raise UsageError("--from takes versions as they are there; --workspace does not go with it")
    with open_dangol(Settings()) as dangol:
        if source is not None:
            changes = _promote(dangol, source, keys or (), expect or (), by, migrate, yes)
        else:
            changes = _deploy(dangol, workspace or workspace_root(()), keys or (), expect or (), by, migrate, yes)
    _tell(changes)


def _deploy(
    dangol: Dangol, root: Path, keys: Sequence[str], expect: Sequence[str], by: str, migrate: bool, yes: bool
) -> list[Deployment]:
    with telling_problems(root):
        workspace = dangol.checked(root)
    warn_if_unreachable(workspace.sources, dangol.settings)
    made = dangol.plan(workspace, keys=keys)
    _check_expected(made, expect, "the workspace makes")
    _confirm(made, yes, shows="dangol plan")
    return dangol.deploy(by=by or operator(), root=root, workspace=workspace, keys=keys, migrate=migrate)


def _check_expected(made: Plan, expect: Sequence[str], offers: str) -> None:
    ids = {campaign.key: campaign.version_id for campaign in made.campaigns if campaign.version_id is not None}
    for prefix in expect:
        if not any(id_.startswith(prefix.lower()) for id_ in ids.values()):
            told = ", ".join(f"{key} {id_[:SHORT]}" for key, id_ in ids.items())
            raise UsageError(f"--expect: {offers} no version {prefix!r}; there are {told or 'none'}")


def _confirm(made: Plan, yes: bool, question: str = "Deploy?", *, shows: str = "") -> None:
    """Show the warnings; on a terminal, ask. ``shows`` is the command that tells all of the plan."""
    warnings = made.warnings
    if not warnings:
        return
    console = Console(stderr=True, highlight=False)
    for caution, keys in warnings.items():
        console.print(warning_line(caution, keys), soft_wrap=True)
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    typer.echo(f"{summary(made)}{f'; `{shows}` shows all of it' if shows else ''}.")
    typer.confirm(question, abort=True)


def _promote(
    dangol: Dangol, url: str, keys: Sequence[str], expect: Sequence[str], by: str, migrate: bool, yes: bool
) -> list[Deployment]:
    with closing(open_source(url)) as source:
        made = dangol.plan_promotion(source, keys=keys)
        _check_expected(made, expect, "that database runs")
        _confirm(made, yes, shows="dangol plan --from")
        return dangol.promote(source, by=by or operator(), keys=keys, migrate=migrate)


def rollback(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The campaign.")],
    to: Annotated[
        str, typer.Option(metavar="VERSION", help="The version to go back to; its id's first characters will do.")
    ] = "",
    migrate: MigrateOption = False,
    yes: YesOption = False,
    by: ByOption = "",
) -> None:
    """Put the version that was in service before back into service; people under way finish on theirs.

    On a terminal the plan's warnings are shown and confirmed first; elsewhere they are printed.
    """
    with open_dangol(Settings()) as dangol:
        _confirm(dangol.plan_rollback(key, to=to), yes, "Roll back?")
        change = dangol.rollback(key, to=to, migrate=migrate, by=by or operator())
    typer.echo(f"{key}: back to {(change.version_id or '')[:SHORT]}{_moved(change)}")


def operator() -> str:
    """Who runs this command: ``DANGOL_OPERATOR``, or as the machine knows them."""
    if told := Settings().operator:
        return told
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def describe(change: Deployment) -> str:
    """A change of what is in service, in one line."""
    if change.version_id is None:
        return f"{change.campaign_key}: out of service"
    if change.version_id == change.replaced:
        return f"{change.campaign_key}: {change.version_id[:SHORT]} stays{_moved(change)}"
    what = "new version" if change.replaced else "new"
    return f"{change.campaign_key}: {what} {change.version_id[:SHORT]}{_moved(change)}"


def _moved(change: Deployment) -> str:
    if not change.moved:
        return ""
    return f", {change.moved:,} {'journey' if change.moved == 1 else 'journeys'} taken along"


def _tell(changes: Sequence[Deployment]) -> None:
    for change in changes:
        typer.echo(describe(change))
    if not changes:
        typer.echo("nothing to do: what is in service is the same")
