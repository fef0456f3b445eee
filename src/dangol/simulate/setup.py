"""From what somebody asked for to a plan: read the files they brought, and say everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dangol.consent import ledger
from dangol.definitions.document import nearest
from dangol.definitions.workspace import build_workspace
from dangol.errors import InvalidEvent, ProblemsFound, UsageError
from dangol.jurisdictions import known_places, packs_with
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.problem import Problem
from dangol.profiles import people
from dangol.profiles.files import ENDINGS, Rejected, RowFile
from dangol.profiles.importer import Accepted, read_consents, read_profiles
from dangol.simulate.answers import Origin
from dangol.simulate.behaviour import Behaviour
from dangol.simulate.crowd import (
    CHUNK,
    Crowd,
    MadeUp,
    Named,
    Setting,
    Stored,
    admit,
    assumed_consents,
    chunks,
    reading,
    with_device,
)
from dangol.simulate.draws import Draws
from dangol.simulate.gaps import Answers, told
from dangol.simulate.never import Rule
from dangol.simulate.part import Plan, Variant
from dangol.simulate.reported import Brought, collect, counts_of, names_of, shift, write_names
from dangol.store.database import Database

SOURCE = "simulation"
_MAX_PROBLEMS = 50
_LONG_AFTER = timedelta(days=36_500)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for; see ``dangol simulate --help``. ``start`` is the first instant of the first day."""

    variants: tuple[Variant, ...]
    behaviour: Behaviour
    start: datetime
    days: int
    campaigns: tuple[str, ...] = ()
    people: int = 10_000
    audience: Path | None = None
    consents: Path | None = None
    database_url: str | None = None
    database_secret: str | None = None
    events: Path | None = None
    shift_events: bool = False
    seed: int = 0
    grain: timedelta = timedelta(minutes=30)
    limit: int = 50
    listing: bool = False
    never: tuple[Rule, ...] = ()


def prepare(wanted: Wanted, folder: Path) -> tuple[Plan, Origin]:
    """The plan, with the files that were brought read into ``folder``.

    Raises UsageError for what does not go together, and ProblemsFound with every bad line of the files.
    """
    _check_campaigns(wanted)
    _check_together(wanted)
    for option, file in (("--audience", wanted.audience), ("--consents", wanted.consents), ("--events", wanted.events)):
        _check_file(option, file)
    brought, problems = _collect_events(wanted, folder)
    crowd, audience = _crowd(wanted, folder, brought, problems)
    if problems:
        raise ProblemsFound(problems)
    parts = crowd.parts(1_000_000)
    if not parts:
        raise UsageError("there is nobody to simulate: the audience is empty")
    listing = folder / _LISTING if wanted.listing else None
    if listing is not None:
        listing.mkdir()
    plan = Plan(
        variants=wanted.variants,
        crowd=crowd,
        behaviour=wanted.behaviour,
        start=wanted.start,
        days=wanted.days,
        seed=wanted.seed,
        grain=wanted.grain,
        campaigns=wanted.campaigns or None,
        events=folder / _EVENTS if brought is not None else None,
        limit=wanted.limit,
        listing=listing,
        never=tuple(rule for rule in wanted.never if not wanted.campaigns or rule.campaign in wanted.campaigns),
    )
    about, notes = _about_events(wanted, brought)
    return plan, Origin(audience, about, (*notes, *_unused(wanted, plan)))


_EVENTS = "events.sqlite3"
_NAMES = "names.txt"
_LISTING = "changed"
_AUDIENCE = "audience.sqlite3"


def _check_campaigns(wanted: Wanted) -> None:
    for variant in wanted.variants:
        known = build_workspace(variant.sources).campaigns
        unknown = [key for key in wanted.campaigns if key not in known]
        if unknown and variant is wanted.variants[-1]:
            near = nearest(unknown[0], set(known))
            hint = f"; did you mean {near!r}?" if near else f"; there are {', '.join(sorted(known))}"
            raise UsageError(f"there is no campaign {unknown[0]!r} in the workspace{hint}")


def _check_together(wanted: Wanted) -> None:
    if wanted.audience is not None and wanted.database_url is not None:
        raise UsageError("--audience and --from-database exclude one another")
    if wanted.consents is not None and wanted.audience is None:
        raise UsageError("--consents goes with --audience; databases have their own, made-up people have assumed ones")
    if wanted.shift_events and wanted.events is None:
        raise UsageError("--shift-events goes with --events: made-up events happen in the window anyway")
    if wanted.database_url is not None and not _names_database(wanted.database_url):
        raise UsageError("--from-database: expected the URL of a database, sqlite:///… or postgresql://…")


def _names_database(url: str) -> bool:
    try:
        return make_url(url).get_backend_name() in {"sqlite", "postgresql"}
    except (ArgumentError, ValueError):
        return False


def _check_file(option: str, file: Path | None) -> None:
    """Options of ``dangol import`` that would help are none of ``dangol simulate``'s, so what is wrong is told here."""
    if file is None:
        return
    if file.is_dir():
        raise UsageError(f"{option}: {file} is a folder; name a file")
    if file.suffix.lower() not in ENDINGS:
        raise UsageError(f"{option}: {file}: expected a name that ends in {', '.join(ENDINGS)}, which tells the format")


def _collect_events(wanted: Wanted, folder: Path) -> tuple[Brought | None, list[Problem]]:
    if wanted.events is None:
        return None, []
    brought, problems = collect(wanted.events, folder / _EVENTS)
    if brought is None and not problems:
        raise UsageError(f"--events: {wanted.events} holds no events")
    if brought is not None and wanted.shift_events:
        shift(folder / _EVENTS, brought.first, wanted.start)
    return brought, problems


def _about_events(wanted: Wanted, brought: Brought | None) -> tuple[Answers, tuple[Answers, ...]]:
    if brought is None:
        return told("events_made_up"), ()
    file = str(wanted.events)
    code = "events_file_moved" if wanted.shift_events else "events_file"
    about = told(code, events=brought.events, people=brought.people, file=file)
    end = wanted.start + timedelta(days=wanted.days)
    if wanted.shift_events or (brought.last >= wanted.start and brought.first < end):
        return about, ()
    first, last = (at.date().isoformat() for at in (brought.first, brought.last))
    return about, (told("note_outside", file=file, first=first, last=last),)


def _unused(wanted: Wanted, plan: Plan) -> list[Answers]:
    """What of a file of events nobody will notice: events of people who are not simulated, and of unknown names."""
    if plan.events is None:
        return []
    notes = []
    if isinstance(plan.crowd, Stored):
        strangers = _strangers(plan.events, plan.crowd)
        if strangers:
            events, people = sum(strangers.values()), len(strangers)
            notes.append(told("note_strangers", file=str(wanted.events), events=events, people=people))
    planned = build_workspace(wanted.variants[-1].sources).tracking_plan.events
    requested = {one.entry.api for one in build_workspace(wanted.variants[-1].sources).campaigns.values()}
    unknown = sorted(set(names_of(plan.events)) - planned.keys() - requested)
    if unknown:
        notes.append(told("note_unplanned", file=str(wanted.events), names=", ".join(unknown)))
    return notes


def _strangers(events: Path, crowd: Stored) -> dict[str, int]:
    """External id → events of people whom the crowd does not hold."""
    found: dict[str, int] = {}
    with reading(crowd.url) as tx:
        for some in chunks(counts_of(events), CHUNK):
            known = people.find(tx, [name for name, _ in some])
            found.update((name, count) for name, count in some if name not in known)
    return found


def _crowd(wanted: Wanted, folder: Path, brought: Brought | None, problems: list[Problem]) -> tuple[Crowd, Answers]:
    if wanted.database_url is not None:
        crowd = Stored(wanted.database_url, wanted.database_secret, wanted.campaigns or None)
        return crowd, told("audience_database")
    if wanted.audience is not None:
        url = f"sqlite:///{folder / _AUDIENCE}"
        _stage(wanted, url, problems)
        code = "audience_file" if wanted.consents is None else "audience_file_consents"
        return Stored(url, "none is kept"), told(code, file=str(wanted.audience))
    if brought is not None:
        write_names(folder / _EVENTS, folder / _NAMES)
        return Named(folder / _NAMES), told("audience_events")
    return MadeUp(wanted.people), told("audience_made_up")


def _stage(wanted: Wanted, url: str, problems: list[Problem]) -> None:
    """Read the files of people and consents into a database of their own."""
    sources = wanted.variants[-1].sources
    tracking_plan, places = build_workspace(sources).tracking_plan, known_places(packs_with(sources))
    setting = Setting(wanted.start, wanted.behaviour, tracking_plan, wanted.seed)
    draws, at = Draws(wanted.seed), wanted.start - timedelta(days=1)
    database = Database(url, durable=False)
    try:
        database.migrate()
        assert wanted.audience is not None
        with RowFile(wanted.audience) as file:
            for changes in chunks(_good(file.path, read_profiles(file, places=places), problems), CHUNK):
                _move_in(database, changes, setting, draws, at, assume=wanted.consents is None)
        if wanted.consents is not None:
            with RowFile(wanted.consents) as file:
                latest = wanted.start + _LONG_AFTER
                rows = read_consents(file, source=SOURCE, now=latest, places=places, assumed=True)
                _agree(database, _good(file.path, rows, problems), wanted, problems)
    finally:
        database.close()


def _move_in(
    database: Database,
    changes: list[ProfileChange],
    setting: Setting,
    draws: Draws,
    at: datetime,
    *,
    assume: bool,
) -> None:
    changes = [with_device(change, setting, draws) for change in changes]
    with database.write() as tx:
        owners = admit(tx, changes, at=at, draws=draws)
        if assume:
            ledger.record(tx, assumed_consents(changes, setting, draws, at), owners, now=at)


def _agree(database: Database, consents: Iterable[ConsentChange], wanted: Wanted, problems: list[Problem]) -> None:
    """Record what is said about people of the audience; nothing is known about others."""
    for some in chunks(consents, CHUNK):
        with database.write() as tx:
            owners = people.find(tx, sorted({change.external_id for change in some}))
            of_ours = [change for change in some if change.external_id in owners and change.occurred_at <= wanted.start]
            try:
                ledger.record(tx, of_ours, owners, now=wanted.start)
            except InvalidEvent as error:
                problems.append(Problem(str(wanted.consents), 1, 1, error.code, str(error)))


def _good(path: Path, rows: Iterable[Accepted[T] | Rejected], problems: list[Problem]) -> Iterable[T]:
    """The values of rows that could be read; the others become problems, up to a bearable number."""
    for row in rows:
        if isinstance(row, Rejected):
            problems.append(Problem(str(path), row.line, 1, row.code, row.message))
            if len(problems) >= _MAX_PROBLEMS:
                return
        else:
            yield row.value
