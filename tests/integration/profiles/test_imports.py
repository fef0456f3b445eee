"""Whole files into the database: bad rows stay out, good rows go in, twice is once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from dangol.clock import VirtualClock
from dangol.consent import ledger
from dangol.errors import DangolError, UsageError
from dangol.ids import SeededEntropy
from dangol.jurisdictions import known_places, packs
from dangol.model.people import ConsentState
from dangol.model.vocabulary import Channel, Purpose
from dangol.profiles import people
from dangol.profiles.files import RowFile
from dangol.profiles.importer import Accepted, read_consents, read_events, read_profiles
from dangol.store.database import Database
from dangol.store.tables import consent_states, consents, events, profiles
from dangol.surfaces.cli.import_run import (
    RejectFile,
    Stored,
    Tally,
    run_import,
    store_consents,
    store_events,
    store_profiles,
)

Import = Callable[[str, Path], Tally]


@pytest.fixture
def import_file(database: Database, clock: VirtualClock, entropy: SeededEntropy) -> Import:
    """Imports a file as ``dangol import KIND FILE`` does, without the command around it."""

    def import_file(kind: str, path: Path) -> Tally:
        readers: dict[str, Callable[[RowFile], Any]] = {
            "profiles": partial(read_profiles, places=known_places(packs())),
            "consents": partial(read_consents, source="import", now=clock.now(), places=known_places(packs())),
            "events": partial(read_events, source="import", now=clock.now()),
        }
        writers = {"profiles": store_profiles, "consents": store_consents, "events": store_events}

        def store(batch: Sequence[Accepted[Any]]) -> Stored:
            with database.write() as connection:
                return writers[kind](connection, batch, now=clock.now(), entropy=entropy)

        with RowFile(path) as file, RejectFile(rejected_by(path), path) as rejects:
            return run_import(readers[kind](file), store, rejects)

    return import_file


def rejected_by(path: Path) -> Path:
    return path.with_name(path.name + ".rejected.jsonl")


def contents(database: Database, *tables: Table) -> list[list[Any]]:
    with database.read() as connection:
        return [list(connection.execute(select(table).order_by(*table.primary_key)).all()) for table in tables]


def count(database: Database, table: Table) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_one_bad_row_in_ten_thousand_costs_one_row(database: Database, import_file: Import, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = [f"c-{n % 100},Order Completed,2026-01-01T00:00:00Z,m-{n},{n}" for n in range(10_000)]
    rows[6_543] = "c-1,Order Completed,the day before,m-6543,1"
    path.write_text("profile_id,event,timestamp,message_id,properties.value\n" + "\n".join(rows))
    tally = import_file("events", path)
    assert (tally.rows, tally.imported, tally.rejected, tally.known) == (10_000, 9_999, 1, 0)
    assert count(database, events) == 9_999
    (rejected,) = map(json.loads, rejected_by(path).read_text().splitlines())
    assert (rejected["line"], rejected["code"], rejected["row"]["message_id"]) == (6_545, "invalid_timestamp", "m-6543")
    assert "the day before" in rejected["message"]


def test_importing_again_changes_nothing(
    database: Database, import_file: Import, tmp_path: Path, clock: VirtualClock
) -> None:
    files = {
        "profiles": "profile_id,email,n\nc-1,kim@example.com,1\nc-2,lee@example.com,2\n",
        "consents": "profile_id,channel,purpose,action,occurred_at\nc-1,email,marketing,granted,2026-01-01\n",
        "events": "profile_id,event,timestamp\n"
        + "c-1,Seen,2026-01-01\n" * 2
        + "c-3,Seen,2026-03-02T12:00:00Z\n",  # ahead of the clock, so taken as now: another now each time
    }
    tables = (profiles, events, consents, consent_states)
    for kind, text in files.items():
        (tmp_path / f"{kind}.csv").write_text(text)
        import_file(kind, tmp_path / f"{kind}.csv")
    before = contents(database, *tables)
    assert [len(rows) for rows in before] == [3, 3, 1, 1]
    clock.advance(timedelta(hours=1))
    known = [import_file(kind, tmp_path / f"{kind}.csv").known for kind in files]
    assert known == [0, 0, 3]
    assert contents(database, *tables) == before


def test_imported_consents_hold(database: Database, import_file: Import, tmp_path: Path) -> None:
    path = tmp_path / "consents.jsonl"
    told = {"profile_id": "c-1", "channel": "email", "purpose": "marketing", "occurred_at": "2026-02-01"}
    rows = [told | {"action": "withdrawn"}, told | {"action": "granted", "occurred_at": "2026-01-01"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert import_file("consents", path).imported == 2
    with database.read() as connection:
        (profile_id,) = people.find(connection, ["c-1"]).values()
        state = ledger.states(connection, [profile_id])[profile_id][Channel.EMAIL, Purpose.MARKETING]
    assert isinstance(state, ConsentState)
    assert not state.granted


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("profiles", "profile_id,email\ngone,gone@example.com\nc-2,lee@example.com\n"),
        ("events", "profile_id,event,timestamp\ngone,Seen,2026-01-01\nc-2,Seen,2026-01-01\n"),
        (
            "consents",
            "profile_id,channel,purpose,action,occurred_at\n"
            "gone,email,marketing,granted,2026-01-01\nc-2,email,marketing,granted,2026-01-01\n",
        ),
    ],
)
def test_rows_about_an_erased_person_are_rejected(
    database: Database,
    import_file: Import,
    tmp_path: Path,
    clock: VirtualClock,
    entropy: SeededEntropy,
    kind: str,
    text: str,
) -> None:
    with database.write() as connection:
        people.resolve(connection, ["gone"], now=clock.now(), entropy=entropy)
        connection.execute(profiles.update().values(erased_at=clock.now()))
    path = tmp_path / "rows.csv"
    path.write_text(text)
    tally = import_file(kind, path)
    assert (tally.imported, [(row.line, row.code) for row in tally.first_rejected]) == (1, [(2, "erased")])
    assert count(database, events) + count(database, consents) <= 1


def test_nothing_is_written_when_the_columns_are_wrong(database: Database, import_file: Import, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("customer,email\nc-1,kim@example.com\n")
    with pytest.raises(UsageError, match="missing column 'profile_id'"):
        import_file("profiles", path)
    assert count(database, profiles) == 0


def test_an_earlier_runs_rejects_are_not_mistaken_for_this_ones(import_file: Import, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("profile_id,email\nc-1,nonsense\n")
    assert import_file("profiles", path).rejected == 1
    assert rejected_by(path).exists()
    path.write_text("profile_id,email\nc-1,kim@example.com\n")
    assert import_file("profiles", path).rejected == 0
    assert not rejected_by(path).exists()


def test_the_reject_file_is_never_the_imported_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("profile_id\n")
    with pytest.raises(UsageError, match="name another"):
        RejectFile(tmp_path / "." / "rows.csv", path)
    assert path.exists()


def test_rejects_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DangolError, match="cannot be written"):
        RejectFile(tmp_path, tmp_path / "rows.csv")
