"""A shop with the pipeline behind it, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House


@pytest.fixture
def carrier() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def dangol(
    database: Database, clock: VirtualClock, entropy: SeededEntropy, carrier: FakeProvider, tmp_path: Path
) -> Iterator[Dangol]:
    with Dangol(
        settings(database.url.render_as_string(hide_password=False), tmp_path),
        clock=clock,
        entropy=entropy,
        providers=dict.fromkeys(Channel, carrier),
    ) as opened:
        # Threads stand for processes here: each may decide while others do.
        opened.pipeline._deciding = threading.Semaphore(opened.settings.worker_threads)
        yield opened


@pytest.fixture
def house(dangol: Dangol, clock: VirtualClock, carrier: FakeProvider, tmp_path: Path) -> House:
    return House(dangol, clock, carrier, tmp_path)


def settings(url: str, home: Path) -> Settings:
    return Settings(
        _env_file=None,
        home=home,
        database_url=url,
        batch_size=10,
        worker_threads=8,
        secret_key=SecretStr("s"),
        write_key=SecretStr("k"),
    )
