"""Under load, caps, consents and quiet hours hold, and nothing is sent twice (G2–G5): the carrier's record is judged.

Workers in threads and processes all write to the same few people, the carrier fails at random, processes are killed,
the clock steps over the edges of quiet hours, days and caps while messages are under way, and consents are withdrawn
in the middle of it. `make proof` does the same for an hour's worth of messages (docs/proof.md).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from dangol.batch.handover import Handover
from dangol.bootstrap import Dangol
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Channel
from dangol.profiles import people
from dangol.store.database import Database
from dangol.store.tables import messages
from tests.acceptance.load.director import BEGINS, CAMPAIGNS, RULES, Director, Findings, Size, open_shop, owners_of
from tests.acceptance.load.judge import over
from tests.acceptance.load.shared import Carrier, SharedClock, read_record
from tests.acceptance.load.workers import LEASE, settings, threads_are_processes


def kept(found: Findings) -> None:
    assert found.doubled == []
    assert found.at_night == []
    assert found.over == []
    assert found.against_their_will == []


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


@pytest.mark.postgres
def test_sixteen_workers_in_processes_that_are_killed_keep_every_promise(
    postgres_database: Database, tmp_path: Path
) -> None:
    size = Size(people=5, orders=4, processes=4, threads=4, seconds=15)
    found = Director(url_of(postgres_database), tmp_path, size).run()
    kept(found)
    assert found.kills > 0
    assert len(found.taken) >= size.people
    assert found.attempts > 10 * size.people


def test_several_threads_on_sqlite_keep_every_promise(sqlite_database: Database, tmp_path: Path) -> None:
    size = Size(people=4, orders=2, processes=0, threads=4, seconds=8)
    found = Director(url_of(sqlite_database), tmp_path, size).run()
    kept(found)
    assert len(found.taken) >= size.people


@pytest.mark.postgres
@pytest.mark.parametrize("locking", [True, False], ids=["people are locked", "nobody is locked"])
def test_it_is_the_lock_on_people_that_keeps_caps(
    postgres_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locking: bool
) -> None:
    """Workers that decide at the same time about messages, each worth more than the one before: without the lock every
    one of them finds the cap unused, and the judge of the load sees it."""
    if not locking:
        monkeypatch.setattr(people, "lock", lambda _connection, _ids: None)
    write = Handover.write

    def slowly(handover: Handover, connection: Connection) -> None:
        time.sleep(0.5)
        write(handover, connection)

    monkeypatch.setattr(Handover, "write", slowly)
    clock = SharedClock(tmp_path / "clock")
    clock.step_to(BEGINS)
    carrier = Carrier(clock, tmp_path / "record", seed=1, reliable=True)
    with Dangol(
        settings(url_of(postgres_database), tmp_path, 8), clock=clock, providers=dict.fromkeys(Channel, carrier)
    ) as dangol:
        threads_are_processes(dangol, len(CAMPAIGNS))
        open_shop(dangol, tmp_path, ["p0"])
        with ThreadPoolExecutor(len(CAMPAIGNS)) as workers:
            for event, _, _ in CAMPAIGNS:
                dangol.pipeline.ingest([IncomingEvent(event, "p0", event, {}, clock.now(), "load")])
                with dangol.database.read() as tx:
                    due = tx.execute(select(messages.c.id).where(messages.c.state == "planned")).scalars().all()
                workers.submit(_deliver, dangol, carrier, due[-1:])
        breaches = over(read_record(tmp_path / "record"), owners_of(dangol), RULES, late=LEASE)
    assert {rule for rule, _, _ in breaches} == (set() if locking else {"daily"})


def _deliver(dangol: Dangol, carrier: Carrier, message_ids: Sequence[str]) -> None:
    carrier.claims.began = time.monotonic_ns()
    dangol.pipeline.deliver(message_ids)
