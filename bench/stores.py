"""Databases for one measurement: made once, copied for each run, dropped at the end."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql


@dataclass(frozen=True, slots=True)
class Store:
    """One database. ``server`` is the URL of a PostgreSQL database to administer from; empty means SQLite."""

    folder: Path
    name: str
    server: str = ""

    @property
    def url(self) -> str:
        return f"{self.server.rsplit('/', 1)[0]}/{self.name}" if self.server else f"sqlite:///{self._file}"

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.sqlite3"

    def create(self) -> Store:
        """Make it, empty; on SQLite the first connection does."""
        if self.server:
            self._administer("CREATE DATABASE {}", self.name)
        return self

    def copy(self) -> Store:
        """A database with the same content; nobody may be connected to this one."""
        copied = Store(self.folder, f"{self.name}_{uuid.uuid4().hex[:6]}", self.server)
        if self.server:
            self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", copied.name, self.name)
        else:
            shutil.copy(self._file, copied._file)
        return copied

    def drop(self) -> None:
        if self.server:
            self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)
            return
        for path in self.folder.glob(f"{self.name}.sqlite3*"):
            path.unlink()

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def new_store(folder: Path, server: str) -> Store:
    return Store(folder, f"dangol_bench_{uuid.uuid4().hex[:8]}", server)
