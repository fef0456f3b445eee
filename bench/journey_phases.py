"""What ``bench.journeys`` measures, run in a child process: ``python -m bench.journey_phases PHASE '{"…": …}'``."""

from __future__ import annotations

import json
import logging
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import SecretStr
from sqlalchemy import event, func, select

from bench.measure import Sample, Stopwatch, answer
from bench.population import SECRET
from bench.rivals.row_at_a_time import Listener
from bench.waiting import CAMPAIGN, NOW, RIGHT_CARTS, SPREAD, Crowd, fill, profile_id, stands, write_carts
from dangol import ids
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.people import IncomingEvent
from dangol.release import Release
from dangol.settings import Settings
from dangol.store import journeys as journey_rows
from dangol.store.bulk import insert_many
from dangol.store.database import Database
from dangol.store.tables import events, journeys, messages

BATCH = 500
_RESTS = timedelta(days=1)
_LIST = re.compile(r"'\{[^}']*\}'")
"""The ids of a batch, as PostgreSQL repeats them in a plan."""
_T = TypeVar("_T")


@contextmanager
def _opened(url: str) -> Iterator[tuple[Dangol, VirtualClock]]:
    clock = VirtualClock(NOW)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            _env_file=None,
            home=Path(home),
            workspace=write_carts(Path(home)),
            database_url=url,
            broker_url="",
            secret_key=SecretStr(SECRET),
        )
        with Dangol(settings, clock=clock, entropy=SeededEntropy("bench"), providers={}) as dangol:
            yield dangol, clock


def prepare(url: str, waiting: int, bystanders: int) -> Sample:
    """Deploy the campaign and fill a database with people in the middle of it."""
    with _opened(url) as (dangol, _):
        dangol.deploy(by="bench")
        watch = Stopwatch(url)
        fill(dangol.database, Crowd(waiting, bystanders), _release(dangol))
        return watch.stop(waiting)


def floor(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """Storing the events, and nothing else: COPY on PostgreSQL, ``executemany`` on SQLite, a transaction a batch."""
    crowd = Crowd(waiting, bystanders)
    chosen = crowd.draw(0, count)
    rows = [
        _row(one, crowd.owner(journey)) for one, journey in zip(crowd.resumptions(chosen, "floor"), chosen, strict=True)
    ]
    with _opened(url) as (dangol, _):
        _release(dangol)
        watch = Stopwatch(url)
        for batch in _batches(rows):
            with dangol.database.write() as tx:
                insert_many(tx, events, batch)
        return watch.stop(count)


def rival(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """The same kind of events, one at a time."""
    crowd = Crowd(waiting, bystanders)
    incoming = crowd.resumptions(crowd.draw(1, count), "rival")
    with _opened(url) as (dangol, _):
        *_, rest = stands(_release(dangol))
        listener = Listener(dangol.database, NOW, rest, _RESTS)
        listener.hear(crowd.unheard(0, 1))
        watch = Stopwatch(url)
        moved = sum(listener.hear(batch) for batch in _batches(incoming))
        sample = watch.stop(count, moved=moved)
    _expect("journeys moved", round(count * RIGHT_CARTS), moved)
    return sample


def heard(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """Events for people who wait for one: ``Pipeline.ingest``, 500 at a time; nine in ten move a journey on."""
    crowd = Crowd(waiting, bystanders)
    incoming = crowd.resumptions(crowd.draw(2, count), "heard")
    with _opened(url) as (dangol, _):
        release = _release(dangol)
        dangol.pipeline.ingest(crowd.unheard(0, 1))
        before = _resting(dangol.database, release)
        watch = Stopwatch(url)
        for batch in _batches(incoming):
            dangol.pipeline.ingest(batch)
        sample = watch.stop(count)
        moved = _resting(dangol.database, release) - before
    _expect("journeys moved", round(count * RIGHT_CARTS), moved)
    sample.notes["moved"] = moved
    return sample


def unheard(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """Events of people for whom nobody waits."""
    incoming = Crowd(waiting, bystanders).unheard(1, count)
    with _opened(url) as (dangol, _):
        _release(dangol)
        dangol.pipeline.ingest(Crowd(waiting, bystanders).unheard(0, 1))
        watch = Stopwatch(url)
        for batch in _batches(incoming):
            dangol.pipeline.ingest(batch)
        return watch.stop(count)


def timers(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """Waits that are over: a sweep finds them, a worker moves them on, and each plans a message."""
    crowd = Crowd(waiting, bystanders)
    with _opened(url) as (dangol, clock):
        _release(dangol)
        dangol.sweeper.sweep()
        clock.move_to(crowd.wakes_at(count))
        watch = Stopwatch(url)
        found: list[str] = []
        while due := dangol.sweeper.sweep().journeys:
            found += due
            for batch in _batches(due):
                dangol.pipeline.plan(batch)
        sample = watch.stop(count)
        with dangol.database.read() as tx:
            planned = tx.execute(select(func.count()).select_from(messages)).scalar_one()
            order = journey_rows.load_journeys(tx, found)
    _expect("timers found", count, len(found))
    _expect("messages planned", count, planned)
    _expect("timers in order", found, sorted(found, key=lambda one: (order[one]["entered_at"], one)))
    return sample


def idle(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """Sweeps while nothing is due."""
    with _opened(url) as (dangol, _):
        _release(dangol)
        dangol.sweeper.sweep()
        watch = Stopwatch(url)
        for _ in range(count):
            if dangol.sweeper.sweep():
                raise RuntimeError("expected nothing to be due")
        return watch.stop(count)


def backlog(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """After an outage everybody who slept is due, and no worker is back yet: how long does each sweep take?"""
    with _opened(url) as (dangol, clock):
        _release(dangol)
        dangol.sweeper.sweep()
        clock.move_to(NOW + SPREAD)
        seconds = []
        whole = Stopwatch(url)
        for _ in range(count):
            began = time.perf_counter()
            dangol.sweeper.sweep()
            seconds.append(time.perf_counter() - began)
        return whole.stop(count, sweeps=seconds)


def plans(url: str, waiting: int, bystanders: int, count: int) -> Sample:
    """How the database finds the journeys of a batch of events, and those that are due."""
    crowd = Crowd(waiting, bystanders)
    people = [profile_id(crowd.owner(journey)) for journey in crowd.draw(0, count)]
    due = crowd.wakes_at(count)
    with _opened(url) as (dangol, _):
        watch = Stopwatch(url)
        asked = {
            "the journeys of a batch of events": lambda tx: journey_rows.open_of(tx, people),
            "the journeys that are due": lambda tx: journey_rows.queue_due(tx, due, due + _RESTS, count),
        }
        told = {name: _explained(dangol.database, ask) for name, ask in asked.items()}
        return watch.stop(len(told), plans=told)


def _explained(database: Database, ask: Any) -> list[str]:
    """The plan of the first query that ``ask`` sends, with what it cost where the database tells."""
    asked: list[tuple[str, Any]] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    how = "EXPLAIN (ANALYZE, BUFFERS)" if database.is_postgresql else "EXPLAIN QUERY PLAN"
    with database.engine.connect() as connection, connection.begin() as transaction:
        ask(connection)
        statement, parameters = next(one for one in asked if one[0].startswith("SELECT"))
        transaction.rollback()
    with database.engine.connect() as connection, connection.begin() as transaction:
        rows = connection.exec_driver_sql(f"{how} {statement}", parameters).all()
        transaction.rollback()
    return [_LIST.sub("{…}", str(row[-1])) for row in rows]


def _release(dangol: Dangol) -> Release:
    """What a worker does once: connect, and compile the version."""
    with dangol.database.write() as tx:
        (release,) = dangol.releases.active(tx)
    return release


def _batches(found: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(found), BATCH):
        yield found[start : start + BATCH]


def _row(one: IncomingEvent, owner: int) -> dict[str, Any]:
    return {
        "id": ids.derive(one.occurred_at, "event", one.message_id),
        "message_id": one.message_id,
        "profile_id": profile_id(owner),
        "name": one.name,
        "properties": one.properties,
        "source": one.source,
        "occurred_at": one.occurred_at,
        "received_at": NOW,
        "hops": one.hops,
    }


def _resting(database: Database, release: Release) -> int:
    """How many journeys were heard and rest."""
    *_, rest = stands(release)
    there = select(func.count()).where(journeys.c.campaign_key == CAMPAIGN, journeys.c.position == rest)
    with database.read() as tx:
        return int(tx.execute(there).scalar_one())


def _expect(what: str, expected: Any, found: Any) -> None:
    """A fast run that did not do the work counts for nothing."""
    if expected != found:
        raise RuntimeError(f"{what}: expected {expected}, found {found}"[:500])


PHASES = {one.__name__: one for one in (prepare, floor, rival, heard, unheard, timers, idle, backlog, plans)}


def main() -> None:
    """Run the phase that the command line names and print its sample."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    phase, arguments = sys.argv[1], json.loads(sys.argv[2])
    answer(PHASES[phase](**arguments))


if __name__ == "__main__":
    main()
