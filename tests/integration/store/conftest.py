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
from tests.conftest import service_missing
from tests.servers import administer, drop, url_of


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
        administer(f"CREATE DATABASE {name}")
    except psycopg.OperationalError as error:
        service_missing("PostgreSQL (DANGOL_TEST_POSTGRES_URL)", error)
    database = Database(url_of(name))
    yield database
    database.close()
    drop(name)


def bring_to(database: Database, revision: str) -> None:
    """Give the database the schema of this revision, and no later one."""
    config = migration_config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
