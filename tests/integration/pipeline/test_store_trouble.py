"""A database that is locked, read-only or full: words that help, and nothing half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from dangol import pipeline as pipeline_module
from dangol.errors import StoreUnavailable
from dangol.store import database as database_module
from dangol.store.database import Database
from dangol.store.tables import events, profiles
from tests.integration.pipeline.house import House
from tests.workspaces import campaign

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
STEPS: list[Callable[[House, list[str]], Any]] = [
    lambda house, _: house.orders("kim", id="later"),
    lambda house, _: house.sweeper.sweep(),
    lambda house, ids: house.pipeline.deliver(ids),
    lambda house, _: house.withdraws("kim"),
]


@pytest.fixture
def shop(house: House) -> tuple[House, list[str]]:
    """Kim has ordered, and a message to Kim is due."""
    house.opens_with(campaign("a")).knows("kim").orders("kim")
    return house, list(house.sweeper.sweep().messages)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.05)


def everything(house: House) -> tuple[Any, ...]:
    return (house.rows(profiles), house.rows(events), house.journeys, house.messages, house.slots, house.log())


def nothing_works(shop: tuple[House, list[str]], advice: str) -> None:
    house, ids = shop
    for step in STEPS:
        with pytest.raises(StoreUnavailable, match=advice):
            step(house, ids)
    assert house.carrier.calls == []


def then_all_is_well(shop: tuple[House, list[str]]) -> None:
    house, ids = shop
    assert house.pipeline.deliver(ids) == 1
    assert house.orders("kim", id="later").new == 1


@on_sqlite
def test_a_locked_database(impatient: None, database: Database, shop: tuple[House, list[str]]) -> None:
    before = everything(shop[0])
    other = sqlite3.connect(str(database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    nothing_works(shop, "another process holds it; stop that process, or use PostgreSQL")
    other.execute("ROLLBACK")
    other.close()
    assert everything(shop[0]) == before
    then_all_is_well(shop)


@pytest.fixture
def each_connection() -> Iterator[Callable[[Engine, str], None]]:
    """Says something to every connection of an engine when it is taken from the pool."""
    heard: list[tuple[Engine, Any]] = []

    def say(engine: Engine, statement: str) -> None:
        def on_checkout(connection: Any, *_: Any) -> None:
            connection.execute(statement).close()
            connection.commit()

        event.listen(engine, "checkout", on_checkout)
        heard.append((engine, on_checkout))

    yield say
    for engine, listener in heard:
        event.remove(engine, "checkout", listener)


@on_sqlite
def test_a_read_only_database(shop: tuple[House, list[str]], each_connection: Callable[[Engine, str], None]) -> None:
    house, _ = shop
    before = everything(house)
    each_connection(house.database.engine, "PRAGMA query_only=ON")
    nothing_works(shop, "read-only; check the permissions")
    assert everything(house) == before
    each_connection(house.database.engine, "PRAGMA query_only=OFF")
    then_all_is_well(shop)


@on_sqlite
def test_a_full_disk(
    database: Database, shop: tuple[House, list[str]], each_connection: Callable[[Engine, str], None]
) -> None:
    house, _ = shop
    names = [f"new{n}" for n in range(400)]
    before = everything(house)
    with database.read() as tx:
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
    each_connection(house.database.engine, f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreUnavailable, match="the disk is full or failing; free some space"):
        house.orders(*names)
    assert everything(house) == before
    each_connection(house.database.engine, "PRAGMA max_page_count=1000000")
    assert house.orders(*names).new == 400
    then_all_is_well(shop)


@on_postgresql
@pytest.mark.parametrize("table", ["events", "log"])
def test_a_full_disk_of_the_server_in_whichever_language_it_says_so(
    database: Database, shop: tuple[House, list[str]], table: str
) -> None:
    """By INSERT and by COPY alike: what else was written in the transaction is undone."""
    house, _ = shop
    before = everything(house)
    with database.write() as tx:
        tx.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION '장치에 남은 공간이 없음' USING ERRCODE = '53100'; END $$"
            )
        )
        tx.execute(text(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()"))
    with pytest.raises(StoreUnavailable, match="the disk is full; free some space and start again"):
        house.orders(*[f"new{n}" for n in range(20)])
    assert everything(house) == before
    with database.write() as tx:
        tx.execute(text(f"DROP TRIGGER full_disk ON {table}"))
    then_all_is_well(shop)


@on_sqlite
def test_a_disk_that_is_full_when_the_carrier_has_answered_leaves_a_hand_over_on_record(
    database: Database, shop: tuple[House, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ids = shop

    def full(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("full")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline_module, "settle", full)
        with pytest.raises(StoreUnavailable):
            house.pipeline.deliver(ids)
    assert [row.state for row in house.messages] == ["sending"]
    house.sleep(house.dangol.timing.send_lease)
    house.work()
    assert house.states == [("unknown", "lease_lost")]
    assert len(house.carrier.handed_over) == 1


@on_postgresql
def test_a_read_only_server(shop: tuple[House, list[str]], each_connection: Callable[[Engine, str], None]) -> None:
    house, _ = shop
    before = everything(house)
    each_connection(house.database.engine, "SET default_transaction_read_only = on")
    nothing_works(shop, "it is read-only; check its permissions, or that it is not a standby")
    assert everything(house) == before


@on_postgresql
def test_a_connection_that_is_cut(
    database: Database, shop: tuple[House, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, ids = shop
    before = everything(house)

    brief = pipeline_module.brief

    def cut_off(*args: Any, **kwargs: Any) -> Any:
        with database.engine.connect() as other:
            other.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        return brief(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline_module, "brief", cut_off)
        with pytest.raises(StoreUnavailable):
            house.pipeline.deliver(ids)
    assert everything(house) == before
    then_all_is_well(shop)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreUnavailable, match="nothing answers there; is the server running"):
        Database("postgresql://root@127.0.0.1:1/nothing").migrate()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot make the folder"):
        Database(f"sqlite:///{tmp_path}/file/dangol.sqlite3").migrate()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "dangol.sqlite3").write_text("notes, notes, notes" * 100)
    with pytest.raises(StoreUnavailable, match="not a SQLite database"):
        Database(f"sqlite:///{tmp_path}/dangol.sqlite3").migrate()
