"""The hooks over a shop, reached by the name that carriers know; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel
from dangol.store.database import Database
from dangol.surfaces.web import create_app
from dangol.testing import FakeProvider
from tests.carriers import SendGrid
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

URL = "https://letters.dangol.example"
TOKEN = "0123456789abcdef0123456789abcdef"
SHARED = "a-shared-key"


@pytest.fixture(scope="session")
def sendgrid() -> SendGrid:
    return SendGrid()


@pytest.fixture
def dangol(
    database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path, sendgrid: SendGrid
) -> Iterator[Dangol]:
    chosen = settings(database.url.render_as_string(hide_password=False), tmp_path).model_copy(
        update={
            "public_url": URL,
            "sendgrid_webhook_key": sendgrid.public_key,
            "twilio_auth_token": SecretStr(TOKEN),
            "twilio_shared_keys": SecretStr(f"old-key {SHARED}"),
        }
    )
    with Dangol(chosen, clock=clock, entropy=entropy, providers=dict.fromkeys(Channel, FakeProvider())) as opened:
        yield opened


@pytest.fixture
def house(dangol: Dangol, clock: VirtualClock, tmp_path: Path) -> House:
    """Kim got a letter, a text and a push."""
    house = House(dangol, clock, FakeProvider(), tmp_path)
    texts = campaign("texts", note("sms"), event="Checkout Started")
    pushes = campaign("pushes", note("push"), event="Checkout Resumed")
    house.opens_with(campaign("letters"), texts, pushes).knows("kim", phone="+821051234567")
    for event in ("Order Completed", "Checkout Started", "Checkout Resumed"):
        house.happens(event, "kim")
    house.work()
    return house


@pytest.fixture
def client(dangol: Dangol) -> Iterator[TestClient]:
    with TestClient(create_app(dangol), base_url=URL) as opened:
        yield opened
