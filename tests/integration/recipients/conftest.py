"""The pages for recipients over a shop on SQLite, reached by the name that recipients know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel
from dangol.store.database import Database
from dangol.surfaces.web import create_app
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

URL = "https://letters.dangol.example"
TOPICS = {
    "records": {
        "name": {"ko": "새로 들어온 음반", "en": "New records"},
        "about": {"ko": "매주 금요일", "en": "On Fridays"},
    },
    "evenings": {"name": {"ko": "음악 감상회", "en": "Listening evenings"}},
}


@pytest.fixture
def dangol(sqlite_database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path) -> Iterator[Dangol]:
    url = sqlite_database.url.render_as_string(hide_password=False)
    chosen = settings(url, tmp_path).model_copy(update={"public_url": URL})
    with Dangol(chosen, clock=clock, entropy=entropy, providers=dict.fromkeys(Channel, FakeProvider())) as opened:
        yield opened


@pytest.fixture
def house(dangol: Dangol, clock: VirtualClock, tmp_path: Path) -> House:
    house = House(dangol, clock, FakeProvider(), tmp_path)
    house.opens_with(campaign("letters", note("email")), policies={"topics": TOPICS}).knows("alice")
    clock.advance(timedelta(days=1))
    return house


@pytest.fixture
def client(dangol: Dangol) -> Iterator[TestClient]:
    with TestClient(create_app(dangol), base_url=URL, follow_redirects=False) as opened:
        yield opened
