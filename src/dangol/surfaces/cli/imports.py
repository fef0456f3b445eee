"""``dangol import profiles|consents|suppressions|events FILE``. docs/importing.md says what the files look like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy import Connection

from dangol.bootstrap import Dangol, open_dangol
from dangol.definitions import versions
from dangol.definitions.document import nearest
from dangol.model.people import ConsentChange, IncomingEvent
from dangol.model.vocabulary import NIGHT
from dangol.profiles.files import LineFile, Rejected, RowFile
from dangol.profiles.importer import Accepted, read_consents, read_events, read_profiles
from dangol.profiles.unwanted import read_080, read_unwanted
from dangol.settings import Settings
from dangol.surfaces import inquiry
from dangol.surfaces.cli.import_run import (
    RejectFile,
    Stored,
    Tally,
    run_import,
    store_consents,
    store_events,
    store_profiles,
    store_unwanted,
)

app = typer.Typer(
    name="import",
    help=(
        "Bring in profiles, consents, suppressions and events from CSV or JSON Lines."
        " Importing a file again changes nothing."
    ),
    no_args_is_help=True,
)
T = TypeVar("T")


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class SuppressionFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    CALLS = "080"


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .jsonl or .ndjson file.")]
FormatOption = Annotated[Format | None, typer.Option("--format", help="By the file's ending unless given.")]
SuppressionFormatOption = Annotated[
    SuppressionFormat | None,
    typer.Option("--format", help="By the file's ending unless given; 080 is the opt-out list of a Korean number."),
]
EncodingOption = Annotated[str, typer.Option("--encoding", help="The text encoding, such as utf-8 or cp949.")]
RejectOption = Annotated[
    Path | None, typer.Option("--reject-file", help="Where rejected rows go; <FILE>.rejected.jsonl by default.")
]
SourceOption = Annotated[str, typer.Option("--source", help="Where the rows come from; kept with each of them.")]
WhenceOption = Annotated[
    str, typer.Option("--source", help="Where the rows come from; kept with each. The file's name by default.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]


@app.command()
def profiles(
    file: FileArgument,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    reject_file: RejectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create or update people. Exit code 1 if some rows were rejected."""
    with RowFile(file, format=format, encoding=encoding) as rows, open_dangol(Settings()) as dangol:
        store = _stored(dangol, store_profiles)
        _import("profiles", rows, read_profiles(rows, places=dangol.known_places()), store, reject_file, as_json)


@app.command()
def consents(
    file: FileArgument,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    reject_file: RejectOption = None,
    source: WhenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Record consents given and withdrawn. Exit code 1 if some rows were rejected.

    What was granted without wording and without proof is kept as a claim that nobody can show. No import lifts a
    suppression.
    """
    import_consents(file, format, encoding, reject_file, source, as_json)


def import_consents(
    file: Path, format: Format | None, encoding: str, reject_file: Path | None, source: str, as_json: bool
) -> None:
    """``dangol import consents``, which is ``dangol consent import`` too."""
    with RowFile(file, format=format, encoding=encoding) as rows, open_dangol(Settings()) as dangol:
        told_by, now = inquiry.remark("--source", source), dangol.clock.now()
        found = read_consents(rows, source=told_by, now=now, places=dangol.known_places())
        store = partial(_warned, set(), topics(dangol), _stored(dangol, store_consents))
        _import("consents", rows, found, store, reject_file, as_json)


def topics(dangol: Dangol) -> frozenset[str] | None:
    """The topics of the workspace in service; None if nothing is in service."""
    with dangol.database.read() as tx:
        active = versions.active(tx)
        if not active:
            return None
        policies = versions.load(tx, next(iter(active.values()))).workspace.policies
    return frozenset(getattr(policies, "topics", {})) | {NIGHT}


def _warned(
    told: set[str],
    known: frozenset[str] | None,
    store: Callable[[Sequence[Accepted[ConsentChange]]], Stored],
    batch: Sequence[Accepted[ConsentChange]],
) -> Stored:
    """``store``, with a warning for topics that the workspace does not have; each is told once."""
    for topic in sorted({row.value.topic for row in batch if row.value.topic} - told - (known or frozenset())):
        told.add(topic)
        if known is not None:
            warn_of_topic(topic, known)
    return store(batch)


def warn_of_topic(topic: str, known: frozenset[str]) -> None:
    """Say that no message can be of this topic yet; consents for it are kept all the same."""
    near = nearest(topic, known)
    hint = f"; did you mean {near!r}?" if near else ""
    typer.secho(f"warning: policies.yaml has no topic {topic!r}{hint}", err=True, fg=typer.colors.YELLOW)


@app.command()
def suppressions(
    file: FileArgument,
    format: SuppressionFormatOption = None,
    encoding: EncodingOption = "utf-8",
    reject_file: RejectOption = None,
    source: WhenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write to none of these addresses. Exit code 1 if some rows were rejected."""
    import_suppressions(file, format, encoding, reject_file, source, as_json)


def import_suppressions(
    file: Path, format: SuppressionFormat | None, encoding: str, reject_file: Path | None, source: str, as_json: bool
) -> None:
    """``dangol import suppressions``, which is ``dangol suppression import`` too."""
    by_call = format is SuppressionFormat.CALLS
    lines: LineFile | RowFile = (
        LineFile(file, encoding=encoding) if by_call else RowFile(file, format=format, encoding=encoding)
    )
    with lines, open_dangol(Settings()) as dangol:
        now, store = dangol.clock.now(), partial(store_unwanted, hasher=dangol.pipeline.hasher)
        found = (
            read_080(lines, now=now)
            if isinstance(lines, LineFile)
            else read_unwanted(lines, source=inquiry.remark("--source", source), now=now)
        )
        _import("suppressions", lines, found, _stored(dangol, store), reject_file, as_json)


@app.command()
def events(
    file: FileArgument,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    reject_file: RejectOption = None,
    source: SourceOption = "import",
    trigger: Annotated[
        bool, typer.Option("--trigger", help="Let the events begin and end journeys, as if reported now.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Record events as history; with --trigger, run them through the campaigns. Exit code 1 if some were rejected."""
    with RowFile(file, format=format, encoding=encoding) as rows, open_dangol(Settings()) as dangol:
        found = read_events(rows, source=source, now=dangol.clock.now())
        store = partial(_triggered, dangol) if trigger else _stored(dangol, store_events)
        _import("events", rows, found, store, reject_file, as_json)


def _stored(dangol: Dangol, store: Callable[..., Stored]) -> Callable[[Sequence[Accepted[T]]], Stored]:
    """``store`` in a transaction of its own."""

    def in_transaction(batch: Sequence[Accepted[T]]) -> Stored:
        connection: Connection
        with dangol.database.write() as connection:
            return store(connection, batch, now=dangol.clock.now(), entropy=dangol.entropy)

    return in_transaction


def _triggered(dangol: Dangol, batch: Sequence[Accepted[IncomingEvent]]) -> Stored:
    ingested = dangol.pipeline.ingest([row.value for row in batch])
    return Stored(known=ingested.received - ingested.new)


def _import(
    kind: str,
    file: RowFile | LineFile,
    rows: Iterable[Accepted[T] | Rejected],
    store: Callable[[Sequence[Accepted[T]]], Stored],
    reject_path: Path | None,
    as_json: bool,
) -> None:
    """Run the import under a progress bar, tell what became of it, and leave with exit code 1 if rows were rejected."""
    path = reject_path or file.path.with_name(f"{file.path.name}.rejected.jsonl")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with (
        RejectFile(path, file.path) as rejects,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task(f"Importing {kind}", total=file.size)
        tally = run_import(rows, store, rejects, on_batch=lambda: progress.update(bar, completed=file.position))
    typer.echo(_as_json(kind, file.path, path, tally) if as_json else _in_words(kind, file.path, path, tally))
    if tally.rejected:
        raise typer.Exit(1)


def _as_json(kind: str, file: Path, rejects: Path, tally: Tally) -> str:
    return json.dumps(
        {
            "kind": kind,
            "file": str(file),
            "rows": tally.rows,
            "imported": tally.imported,
            "known": tally.known,
            "rejected": tally.rejected,
            "reject_file": str(rejects) if tally.rejected else None,
        },
        ensure_ascii=False,
    )


def _in_words(kind: str, file: Path, rejects: Path, tally: Tally) -> str:
    known = f" ({tally.known:,} known already)" if tally.known else ""
    lines = [f"{file}: {tally.imported:,} of {tally.rows:,} {kind} imported{known}, {tally.rejected:,} rejected"]
    lines += [f"  line {row.line}: {row.code}: {row.message}" for row in tally.first_rejected]
    if tally.rejected > len(tally.first_rejected):
        lines.append(f"  … and {tally.rejected - len(tally.first_rejected):,} more")
    if tally.rejected:
        lines.append(f"Rejected rows, each with its line and reason: {rejects}")
    return "\n".join(lines)
