"""Fixtures: every test that asks for ``database`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import structlog

from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.store.database import Database
from tests.servers import Shelf


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Give back how logs are configured: what runs in this process, like a benchmark, may mute all that follow."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def service_missing(what: str, error: Exception) -> None:
    """Skip with the reason; where services are promised (CI), fail."""
    reason = f"{what} is not reachable: {str(error).splitlines()[0]}"
    if os.environ.get("DANGOL_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_shelf() -> Iterator[Shelf]:
    try:
        shelf = Shelf()
    except psycopg.OperationalError as error:
        service_missing("PostgreSQL (DANGOL_TEST_POSTGRES_URL)", error)
    yield shelf
    shelf.close()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "dangol.sqlite3"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgres_database(postgres_shelf: Shelf) -> Iterator[Database]:
    with postgres_shelf.database() as database:
        yield database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated, empty database; on PostgreSQL a database of its own."""
    return request.getfixturevalue(f"{request.param}_database")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))


@pytest.fixture
def entropy() -> SeededEntropy:
    return SeededEntropy("tests")
