"""Same version, inputs and clock: the same decisions and the same log, to the byte, on every database (G9)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.ledger.reader import digest
from dangol.model.vocabulary import Channel
from dangol.store.database import Database
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.integration.pipeline.scenario import play

Play = Callable[[str, int], str]


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Play]:
    """Plays a scenario on a database and answers with the digest of its log."""
    with ExitStack() as opened:

        def run(url: str, seed: int) -> str:
            home = tmp_path / f"home{len(list(tmp_path.iterdir()))}"
            clock, carrier = VirtualClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC)), FakeProvider()
            dangol = opened.enter_context(
                Dangol(
                    settings(url, home),
                    clock=clock,
                    entropy=SeededEntropy("tests"),
                    providers=dict.fromkeys(Channel, carrier),
                )
            )
            house = play(House(dangol, clock, carrier, home), seed)
            with house.database.read() as tx:
                return digest(tx)

        yield run


@pytest.fixture
def another_sqlite(sqlite_template: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'another.sqlite3')}"


def test_the_same_scenario_gives_the_same_log_twice(
    played: Play, sqlite_database: Database, another_sqlite: str
) -> None:
    assert played(str(sqlite_database.url), 5) == played(another_sqlite, 5)


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(3))
def test_the_same_scenario_gives_the_same_log_on_sqlite_and_postgresql(
    played: Play, sqlite_database: Database, postgres_database: Database, seed: int
) -> None:
    on_postgresql = postgres_database.url.render_as_string(hide_password=False)
    assert played(str(sqlite_database.url), seed) == played(on_postgresql, seed)


def test_another_scenario_gives_another_log(played: Play, sqlite_database: Database, another_sqlite: str) -> None:
    assert played(str(sqlite_database.url), 6) != played(another_sqlite, 7)
