"""``dangol simulate``: what campaigns would do to real or made-up people, before anybody is written to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dangol.clock import SystemClock
from dangol.definitions.workspace import Sources, Workspace, build_workspace, read_sources
from dangol.errors import DangolError, UsageError
from dangol.model.durations import parse_duration
from dangol.scenarios.never import rules
from dangol.settings import Settings
from dangol.simulate.answers import answers
from dangol.simulate.behaviour import Behaviour, read_behaviour, shipped_behaviour
from dangol.simulate.engine import run, scratch
from dangol.simulate.gaps import Answers
from dangol.simulate.listing import join_listing
from dangol.simulate.never import Rule
from dangol.simulate.part import Plan, Variant
from dangol.simulate.report import html_report
from dangol.simulate.setup import Wanted, prepare
from dangol.simulate.variants import at_revision, checked, deployed, with_version
from dangol.surfaces.cli.check import telling_problems, workspace_root
from dangol.surfaces.cli.outputs import check_writable, write_file, writing
from dangol.surfaces.cli.simulate_tables import tell

_LONGEST, _MOST_PEOPLE = 366, 5_000_000
_LONGEST_GRAIN = timedelta(hours=6)


def simulate(
    campaigns: Annotated[
        list[str] | None, typer.Argument(metavar="[CAMPAIGN]…", help="Run only these; all campaigns by default.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=_LONGEST, help="How many days to simulate.")] = 30,
    start: Annotated[
        str | None, typer.Option("--start", metavar="DATE", help="The first day, in the workspace's zone; today.")
    ] = None,
    people: Annotated[
        int, typer.Option("--people", min=1, max=_MOST_PEOPLE, help="How many made-up people, if none are given.")
    ] = 10_000,
    audience: Annotated[
        Path | None,
        typer.Option("--audience", metavar="FILE", help="People: a file as `dangol import profiles` takes."),
    ] = None,
    consents: Annotated[
        Path | None,
        typer.Option("--consents", metavar="FILE", help="Their consents: a file as `dangol import consents` takes."),
    ] = None,
    from_database: Annotated[
        str | None,
        typer.Option("--from-database", metavar="URL", help="People of an installation; its database is only read."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events", metavar="FILE", help="What happens: a file as `dangol import events` takes, or calls."
        ),
    ] = None,
    shift_events: Annotated[
        bool, typer.Option("--shift-events", help="Move the events by whole days, so that the first is on day one.")
    ] = False,
    behaviour: Annotated[
        Path | None, typer.Option("--behaviour", metavar="FILE", help="What is assumed about people.")
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar="REV", help="Compare with a git revision, or a deployed version's id."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many changed people --diff shows.")] = 50,
    listing: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Write everybody whom --diff finds to a CSV file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as one JSON object.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a report that needs no other file.")
    ] = None,
    locale: Annotated[
        str | None, typer.Option("--locale", help="The report's language, ko or en; the workspace's by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another number is another run of chance.")] = 0,
    grain: Annotated[
        str, typer.Option("--grain", help="The step of time; a shorter one is more exact and slower.")
    ] = "30 minutes",
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=256, help="Processes; one a core by default.")
    ] = None,
) -> None:
    """Run the campaigns on a virtual clock, with real or made-up people; nothing is sent, and nothing is kept.

    Exit code 1 if somebody got what the `never` rules of the scenario files forbid.
    """
    if locale not in (None, "ko", "en"):
        raise UsageError(f"--locale: expected ko or en; found {locale!r}")
    if listing is not None and diff is None:
        raise UsageError("--list goes with --diff: it lists who changes")
    check_writable("--html", html)
    check_writable("--list", listing)
    root = workspace_root(())
    variants = _variants(root, diff)
    workspace = build_workspace(variants[-1].sources)
    policies = workspace.policies
    wanted = Wanted(
        variants=variants,
        behaviour=_behaviour(behaviour, workspace),
        start=_start(start, ZoneInfo(policies.timezone)),
        days=days,
        campaigns=tuple(dict.fromkeys(campaigns or ())),
        people=people,
        audience=audience,
        consents=consents,
        database_url=from_database,
        database_secret=_secret(from_database),
        events=events,
        shift_events=shift_events,
        seed=seed,
        grain=_grain(grain),
        limit=limit,
        listing=listing is not None,
        never=_never(root, workspace),
    )
    found = _simulated(wanted, processes or os.cpu_count() or 1, listing)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        tell(Console(), found, html=html, listing=listing)
    if html is not None:
        chosen = locale or policies.locale.partition("-")[0]
        write_file("--html", html, html_report(found, "ko" if chosen == "ko" else "en"))
    if any(rule["times"] for rule in found["variants"][-1]["never"]):
        raise typer.Exit(1)


def _never(root: Path, workspace: Workspace) -> tuple[Rule, ...]:
    """What the scenario files say may never happen to anybody."""
    with telling_problems(root):
        return rules(root, workspace)


def _simulated(wanted: Wanted, processes: int, listing: Path | None) -> Answers:
    with scratch() as folder:
        plan, origin = prepare(wanted, Path(folder))
        with _progress(plan) as progress:
            found = run(plan, processes=processes, folder=Path(folder), progress=progress)
        if plan.listing is not None and listing is not None:
            with writing("--list", listing):
                join_listing(plan.listing, listing)
        return answers(plan, found, origin)


@contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[float], None]]:
    """A bar on stderr that counts person-days; nothing where nobody looks."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    people = sum(part.people for part in plan.parts())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{people:,} people × {plan.days} days", total=people * plan.days * len(plan.variants))
        yield lambda person_days: bar.update(task, advance=person_days)


def _variants(root: Path, diff: str | None) -> tuple[Variant, ...]:
    now = Variant("now", checked(read_sources(root)))
    return (now,) if diff is None else (Variant(diff, checked(_other(root, diff, now.sources), state=diff)), now)


def _other(root: Path, diff: str, now: Sources) -> Sources:
    settings = Settings()
    away: DangolError | None = None
    # An installation's database is looked into if there is one; none is made.
    if settings.database_url or (settings.home / "dangol.sqlite3").is_file():
        try:
            version = deployed(settings.database, diff)
        except UsageError:
            raise
        except DangolError as error:
            away, version = error, None  # it may be a revision, for which no database is needed
        if version is not None:
            return with_version(now, version)
    try:
        return at_revision(root, diff)
    except UsageError as error:
        if away is None:
            raise
        raise DangolError(f"{error}; and whether it is a deployed version cannot be told: {away}") from error


def _behaviour(path: Path | None, workspace: Workspace) -> Behaviour:
    return shipped_behaviour() if path is None else read_behaviour(path, workspace)


def _secret(url: str | None) -> str | None:
    """The secret that keys suppressed addresses: the settings' one if there is one, else what the database keeps."""
    key = Settings().secret_key
    return key.get_secret_value() if url is not None and key is not None else None


def _start(text: str | None, zone: ZoneInfo) -> datetime:
    if text is None:
        day = SystemClock().now().astimezone(zone).date()
    else:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise UsageError(f"--start: expected a day such as 2026-12-01; found {text!r}") from None
        if not 1980 <= day.year <= 2200:
            raise UsageError(f"--start: expected a day between 1980 and 2200; found {text!r}")
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _grain(text: str) -> timedelta:
    try:
        grain = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--grain: {error}") from None
    if not timedelta(minutes=1) <= grain <= _LONGEST_GRAIN or timedelta(days=1) % grain:
        raise UsageError(f"--grain: expected a part of a day from 1 minute to 6 hours; found {text!r}")
    return grain
