"""The web application over a shop on SQLite whose messages end in the mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.store.database import Database
from dangol.surfaces.web import create_app
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}


@pytest.fixture
def dangol(sqlite_database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path) -> Iterator[Dangol]:
    url = sqlite_database.url.render_as_string(hide_password=False)
    with Dangol(settings(url, tmp_path), clock=clock, entropy=entropy) as opened:
        yield opened


@pytest.fixture
def house(dangol: Dangol, clock: VirtualClock, tmp_path: Path) -> House:
    return House(dangol, clock, FakeProvider(), tmp_path)


@pytest.fixture
def client(dangol: Dangol) -> Iterator[TestClient]:
    with TestClient(create_app(dangol), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def shop(house: House) -> House:
    """A receipt by email, a note by SMS and one by push to Alice; a refusal for Bob, who agreed to nothing."""
    texts = {"note/sms.ko.txt.j2": "잘 지내시나요?\n"}
    campaigns = (
        campaign("receipts", RECEIPT, purpose="transactional"),
        campaign("texts", note("sms", ref="text")),
        campaign("pushes", note("push", ref="push")),
    )
    house.opens_with(*campaigns, texts=texts).knows("alice").knows("bob", agreeing_to=())
    house.orders("alice", "bob", order_id="A-1", value=30)
    house.work()
    return house
