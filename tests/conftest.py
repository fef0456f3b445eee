"""Fixtures: every test that asks for ``database`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import structlog

from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.store.database import Database

POSTGRES = os.environ.get("DANGOL_TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")


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


def _administer(*statements: str) -> None:
    with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def _postgres_url(name: str) -> str:
    return POSTGRES.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    name = f"dangol_template_{uuid.uuid4().hex[:10]}"
    try:
        _administer(f"CREATE DATABASE {name}")
    except psycopg.OperationalError as error:
        service_missing("PostgreSQL (DANGOL_TEST_POSTGRES_URL)", error)
    database = Database(_postgres_url(name))
    database.migrate()
    database.close()
    yield name
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "dangol.sqlite3"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgres_database(postgres_template: str) -> Iterator[Database]:
    name = f"dangol_{uuid.uuid4().hex[:12]}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    database = Database(_postgres_url(name))
    yield database
    database.close()
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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
