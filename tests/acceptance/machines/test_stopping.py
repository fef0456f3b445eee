"""SIGTERM to processes in the middle of something: nothing is lost, nothing is unknown, nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from dangol.queue.scheduler import LEASE
from dangol.store.database import Database
from dangol.store.tables import leases, messages
from tests.acceptance.machines.fleet import BATCH, Fleet
from tests.acceptance.machines.servers import Gate, OwnRedis, gated
from tests.acceptance.test_up import PATIENCE, until
from tests.contract.providers.smtp_server import SmtpServer

pytestmark = pytest.mark.postgres
PEOPLE = [f"p{number}" for number in range(3 * BATCH)]


@pytest.fixture
def gate() -> Iterator[tuple[SmtpServer, Gate]]:
    server, gate = gated()
    with server:
        yield server, gate
        gate.open.set()


@pytest.fixture
def fleet(postgres_database: Database, gate: tuple[SmtpServer, Gate], tmp_path: Path) -> Iterator[Fleet]:
    redis = OwnRedis(tmp_path)
    redis.start()
    url = postgres_database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    made = Fleet(tmp_path, url, redis.url, gate[0].port)
    yield made
    gate[1].open.set()
    made.end()
    redis.kill()


def told_to_stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert any(line.startswith("stopping:") for line in process.stderr)


def states(database: Database) -> Counter[str]:
    with database.read() as tx:
        return Counter(tx.execute(select(messages.c.state)).scalars())


def children(process: subprocess.Popen[str]) -> list[int]:
    asked = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
    )
    return [pid for pid in map(int, asked.stdout.split()) if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_told_to_stop_in_mid_batch_finishes_it_and_leaves_the_rest_to_others(
    fleet: Fleet, gate: tuple[SmtpServer, Gate], postgres_database: Database
) -> None:
    server, held = gate
    fleet.open_shop(*PEOPLE)
    worker = fleet.start("worker")
    fleet.orders(PEOPLE)
    assert held.reached.wait(PATIENCE)
    told_to_stop(worker)
    held.open.set()
    assert worker.wait(PATIENCE) == 0
    finished = states(postgres_database)
    assert finished["accepted"] == len(server.received) == BATCH
    assert finished.keys() <= {"accepted", "due", "planned"}
    fleet.start("worker")
    fleet.start("scheduler")
    until("the rest", lambda: states(postgres_database)["accepted"] == len(PEOPLE))
    assert Counter(mail.recipient for mail in server.received) == Counter(f"{one}@example.com" for one in PEOPLE)


def test_a_worker_that_cannot_finish_ends_within_its_bound_and_the_rest_is_not_begun(
    fleet: Fleet, gate: tuple[SmtpServer, Gate], postgres_database: Database
) -> None:
    fleet.given["STOP_WITHIN"] = "PT1S"
    fleet.open_shop(*PEOPLE)
    worker = fleet.start("worker")
    fleet.orders(PEOPLE)
    assert gate[1].reached.wait(PATIENCE)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert states(postgres_database)["sending"] == BATCH
    assert states(postgres_database)["unknown"] == 0


def test_a_scheduler_told_to_stop_gives_its_lease_back(fleet: Fleet, postgres_database: Database) -> None:
    def holders() -> list[str]:
        with postgres_database.read() as tx:
            return list(tx.execute(select(leases.c.holder).where(leases.c.name == LEASE)).scalars())

    scheduler = fleet.start("scheduler")
    until("the lease", holders)
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(PATIENCE) == 0
    assert holders() == []


def test_a_killed_child_is_started_again_and_all_end_with_their_parent(fleet: Fleet) -> None:
    worker = fleet.start("worker", "--processes", "2")
    first = until("two children", lambda: children(worker) if len(children(worker)) == 2 else None)
    os.kill(first[0], signal.SIGKILL)
    until("its successor", lambda: len(set(children(worker)) - {first[0]}) == 2)
    later = children(worker)
    assert first[1] in later
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert not [pid for pid in later if alive(pid)]


def test_children_end_when_their_parent_is_killed(fleet: Fleet) -> None:
    worker = fleet.start("worker", "--processes", "2")
    left = until("two children", lambda: children(worker) if len(children(worker)) == 2 else None)
    worker.kill()
    until("their end", lambda: not [pid for pid in left if alive(pid)])
