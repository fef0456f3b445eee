"""The event API over an installation of its own, on each database."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import SecretStr
from sqlalchemy import Table, select

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.surfaces.api.router import make_router

WRITE_KEY = "wk-단골-1"
Post = Callable[..., Response]


def basic(write_key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()}


def installation(database: Database, home: Path, clock: VirtualClock, **changed: Any) -> Dangol:
    settings = Settings(
        _env_file=None,
        home=home,
        database_url=database.url.render_as_string(hide_password=False),
        write_key=SecretStr(WRITE_KEY),
        secret_key=SecretStr("s"),
        **changed,
    )
    return Dangol(settings, clock=clock, entropy=SeededEntropy("api"))


@pytest.fixture
def dangol(database: Database, clock: VirtualClock, tmp_path: Path) -> Iterator[Dangol]:
    with installation(database, tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def client(dangol: Dangol) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(make_router(dangol))
    with TestClient(app) as opened:
        yield opened


@pytest.fixture
def post(client: TestClient) -> Post:
    """Post JSON with the write key."""

    def send(path: str, body: Any, **request: Any) -> Response:
        return client.post(path, json=body, headers=basic(WRITE_KEY) | request.pop("headers", {}), **request)

    return send


def rows(dangol: Dangol, table: Table) -> list[Any]:
    with dangol.database.read() as tx:
        return list(tx.execute(select(table).order_by(*table.primary_key.columns)))
