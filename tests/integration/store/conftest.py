"""Databases of earlier releases: empty ones, brought to any revision of the schema."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command

from dangol.store.database import Database
from dangol.store.schema import migration_config
from tests.conftest import POSTGRES, service_missing


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table; on PostgreSQL one of its own."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
        yield database
        database.close()
        return
    name = f"dangol_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    except psycopg.OperationalError as error:
        service_missing("PostgreSQL (DANGOL_TEST_POSTGRES_URL)", error)
    database = Database(POSTGRES.rsplit("/", 1)[0] + f"/{name}")
    yield database
    database.close()
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def bring_to(database: Database, revision: str) -> None:
    """Give the database the schema of this revision, and no later one."""
    config = migration_config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
