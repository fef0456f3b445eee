"""The figures and probes that a process serves: on loopback, each process its own, and never at the work's expense."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from dangol.bootstrap import Dangol
from dangol.queue.scheduler import LEASE
from dangol.store.carriers import leave_alone
from dangol.store.database import Database
from dangol.store.housekeeping import take_lease
from dangol.surfaces.watching.server import watched
from dangol.surfaces.web import create_app
from tests.integration.pipeline.conftest import settings

NOBODY = "redis://127.0.0.1:1"


@contextmanager
def opened(database: Database, home: Path, **changed: object) -> Iterator[Dangol]:
    given = settings(database.url.render_as_string(hide_password=False), home)
    with Dangol(given.model_copy(update=changed)) as dangol:
        yield dangol


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def beside(figures: str, path: str) -> str:
    return figures.removesuffix("/metrics") + path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_figures_are_served_on_loopback_by_default(sqlite_database: Database, tmp_path: Path) -> None:
    with opened(sqlite_database, tmp_path) as dangol, watched(dangol, needs_broker=False) as url:
        assert url.startswith("http://127.0.0.1:")
        status, page = get(url)
    assert status == 200
    assert "dangol_database_up 1.0" in page
    assert "dangol_scheduler_leads 0.0" in page
    assert "process_resident_memory_bytes" in page


def test_several_processes_of_one_machine_take_one_port_each(sqlite_database: Database, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with opened(sqlite_database, tmp_path, metrics_address=address) as dangol, ExitStack() as stack:
        urls = {stack.enter_context(watched(dangol, needs_broker=False)) for _ in range(3)}
        assert len(urls) == 3
        assert {get(url)[0] for url in urls} == {200}


@pytest.mark.parametrize("address", ["", "no-such-host.invalid:9191", "127.0.0.1:0"])
def test_without_a_usable_address_the_work_goes_on(sqlite_database: Database, tmp_path: Path, address: str) -> None:
    with opened(sqlite_database, tmp_path, metrics_address=address) as dangol, ExitStack() as stack:
        url = stack.enter_context(watched(dangol, needs_broker=False))
        assert (url == "") is (address != "127.0.0.1:0")


def test_the_figures_tell_what_is_due_who_leads_and_who_fails(database: Database, tmp_path: Path) -> None:
    with opened(database, tmp_path) as dangol:
        now = dangol.clock.now()
        with database.write() as tx:
            take_lease(tx, LEASE, "somebody", now, timedelta(minutes=1))
            leave_alone(tx, "mailbox", now, "failing", 3, now=now)
        with watched(dangol, needs_broker=False) as url:
            page = get(url)[1]
    assert "dangol_scheduler_leads 1.0" in page
    assert "dangol_due_messages 0.0" in page
    assert 'dangol_circuit_open{provider="mailbox"} 1.0' in page
    if database.is_postgresql:
        limit = 2 * dangol.settings.pool_size
        assert f'dangol_database_connections{{state="limit"}} {float(limit)}' in page


@pytest.mark.postgres
def test_a_database_that_went_away_is_a_figure(postgres_database: Database, tmp_path: Path) -> None:
    with opened(postgres_database, tmp_path) as dangol:
        dangol.database.close()
        dangol.database = Database("postgresql://nobody@127.0.0.1:1/nothing")
        with watched(dangol, needs_broker=False) as url:
            status, page = get(url)
            assert status == 200
            assert "dangol_database_up 0.0" in page
            assert "dangol_due_messages " not in page
            assert get(beside(url, "/readyz"))[0] == 503
            assert get(beside(url, "/livez"))[0] == 200


def test_a_worker_is_not_ready_without_its_broker_but_a_web_process_is(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with opened(sqlite_database, tmp_path, broker_url=NOBODY) as dangol:
        with watched(dangol, needs_broker=True) as url:
            status, told = get(beside(url, "/readyz"))
        assert status == 503
        assert "cannot be reached" in json.loads(told)["broker"]["problem"]
        with TestClient(create_app(dangol)) as client:
            response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["broker"]["ok"] is False


def test_an_older_schema_is_not_ready_and_a_newer_one_is(database: Database, tmp_path: Path) -> None:
    with opened(database, tmp_path) as dangol, TestClient(create_app(dangol)) as client:
        for revision, status, schema in (("0001", 503, "behind"), ("9999", 200, "ahead")):
            with database.write() as tx:
                tx.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
            response = client.get("/readyz")
            assert (response.status_code, response.json()["database"]["schema"]) == (status, schema)


def test_whatever_is_away_a_process_that_answers_lives(sqlite_database: Database, tmp_path: Path) -> None:
    with opened(sqlite_database, tmp_path, broker_url=NOBODY) as dangol, TestClient(create_app(dangol)) as client:
        assert client.get("/livez").json() == {"status": "alive"}


def test_other_paths_are_told_what_there_is(sqlite_database: Database, tmp_path: Path) -> None:
    with opened(sqlite_database, tmp_path) as dangol, watched(dangol, needs_broker=False) as url:
        assert get(beside(url, "/"))[0] == 404
