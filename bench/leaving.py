"""``python -m bench.leaving``: how soon nothing more is handed over to people who leave in the middle of a blast."""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import queue
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import structlog
import uvicorn
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from bench.crowd import row_id, write_workspace
from bench.leavers import (
    PUBLIC_URL,
    Blast,
    Carrier,
    Left,
    Load,
    Workers,
    breaches,
    how_many,
    lags,
    read_record,
    work,
)
from bench.report import machine
from bench.stores import new_store
from dangol.bootstrap import Dangol
from dangol.consent.links import Leave
from dangol.errors import StoreUnavailable
from dangol.model.vocabulary import OPEN_STATES, Channel, MessageState, Purpose
from dangol.store.tables import messages, versions
from dangol.surfaces.web import create_app

_POSTGRES = "postgresql://root@127.0.0.1:5432/test"
_POLICIES = {"quiet_hours": [{"from": "21:00", "to": "08:00"}]}
_CLIENTS = 4
_FROM, _TO = 0.05, 0.9
"""Between which parts of the blast people leave."""
_TICK = 0.2
"""Seconds between two looks at what is due, and between two at whether it is somebody's turn to leave."""
_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who works: ``processes`` of ``threads`` each, or as many threads of this process if that is 0."""

    processes: int
    threads: int
    batch: int


@dataclass
class Findings:
    """What came of a blast. ``kept_back`` counts the messages that were due to leavers and not handed over."""

    sizes: dict[str, Any]
    seconds: float
    handed_over: int = 0
    kept_back: int = 0
    late: int = 0
    breaches: int = 0
    posts: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    sent_to_last: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, let people leave, print; exit code 1 if somebody was written to who had left."""
    parser = argparse.ArgumentParser(prog="python -m bench.leaving", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="of the blast (100000)")
    parser.add_argument("--leavers", type=int, default=500, help="people who leave (500)")
    parser.add_argument("--each", type=int, default=40, help="messages to each of them (40)")
    parser.add_argument("--seconds", type=float, default=90.0, help="over which the messages come due (90)")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--processes", type=int, default=2, help="of workers; 0: threads of this one (2)")
    parser.add_argument("--threads", type=int, default=4, help="of each process (4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    parser.add_argument("--quick", action="store_true", help="few messages, no processes; says little")
    given = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    blast = Blast(given.messages, given.leavers, given.each, given.seconds)
    how = Workforce(given.processes, given.threads, batch=500)
    if given.quick:
        blast, how = Blast(800, 20, 20, seconds=4.0), Workforce(processes=0, threads=2, batch=20)
    server = os.environ.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES) if given.database == "postgresql" else ""
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("a blast"):
        store = new_store(Path(folder), server).create()
        try:
            found = _run(store.url, Path(folder), blast, how)
        finally:
            store.drop()
    _tell(Console(), given.database, found)
    if given.json:
        given.json.write_text(json.dumps({"database": given.database, **_as_json(found)}) + "\n")
    if found.breaches:
        sys.exit(1)


def _run(url: str, home: Path, blast: Blast, how: Workforce) -> Findings:
    write_workspace(home / "workspace", ["email"], _POLICIES)
    load = Load(url, home, time.monotonic_ns(), how.threads, how.batch)
    with load.opened(Carrier(load.record)) as dangol:
        dangol.deploy(by="bench")
        with dangol.database.read() as tx:
            version = tx.execute(select(versions.c.id)).scalar_one()
        blast.fill(dangol, version)
    load = replace(load, began=time.monotonic_ns())
    with load.opened(Carrier(load.record)) as dangol, _served(dangol) as port:
        with _at_work(load, how.processes) as told, _scheduled(dangol, told, how.batch):
            left = _leave(dangol, port, blast, load.record)
            while _open(dangol):
                time.sleep(_TICK)
        found = Findings(asdict(blast) | asdict(how), (time.monotonic_ns() - load.began) / 1e9)
        return _judged(dangol, load.record, blast, left, found)


@contextmanager
def _served(dangol: Dangol) -> Iterator[int]:
    """The web process's part: recipients' pages over HTTP on the loopback address."""
    server = uvicorn.Server(uvicorn.Config(create_app(dangol), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _at_work(load: Load, processes: int) -> Iterator[Any]:
    """Workers, and the queue by which they are told; at the end they finish what they were told."""
    told: Any = _CONTEXT.Queue() if processes else queue.Queue()
    workers: list[Any] = [_CONTEXT.Process(target=work, args=(load, told), daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    workers = workers or [Workers(load, told)]
    try:
        yield told
    finally:
        for _ in range(load.threads * len(workers)):
            told.put(None)
        for worker in workers:
            worker.join()


@contextmanager
def _scheduled(dangol: Dangol, told: Any, batch: int) -> Iterator[None]:
    """Workers are told about what is due, as the scheduler does it: up to 10,000 messages ahead of them."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(_TICK):
            with suppress(StoreUnavailable):
                due = dangol.sweeper.sweep().messages
                for start in range(0, len(due), batch):
                    told.put(due[start : start + batch])

    scheduler = threading.Thread(target=tell, daemon=True)
    scheduler.start()
    try:
        yield
    finally:
        over.set()
        scheduler.join()


def _open(dangol: Dangol) -> int:
    still = select(func.count()).where(messages.c.state.in_([*OPEN_STATES, MessageState.SENDING.value]))
    with dangol.database.read() as tx:
        return int(tx.execute(still.select_from(messages)).scalar_one())


def _leave(dangol: Dangol, port: int, blast: Blast, record: Path) -> list[Left]:
    """Everybody who leaves does so in their turn, as the blast goes on; by several clients at once."""
    order = list(range(blast.leavers))
    random.Random(1).shuffle(order)
    left: list[Left] = []

    def client(number: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": PUBLIC_URL[8:]}, timeout=60) as web:
            for turn in range(number, blast.leavers, _CLIENTS):
                _wait(dangol, blast, record, _FROM + (_TO - _FROM) * turn / blast.leavers)
                left.append(_post(web, dangol, order[turn]))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(_CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    return left


def _wait(dangol: Dangol, blast: Blast, record: Path, part: float) -> None:
    """Until the carrier has this part of what it will get, or nothing is left that it could."""
    while how_many(record) < part * blast.messages:
        time.sleep(random.uniform(0, 0.02))
        if how_many(record) > 0.8 * part * blast.messages and not _open(dangol):
            return


def _post(web: httpx.Client, dangol: Dangol, person: int) -> Left:
    """One click on a mail program's button; again if the database was away."""
    leave = Leave(row_id(person), Channel.EMAIL, Purpose.MARKETING, row_id(person))
    link = (dangol.links.leave(leave, dangol.clock.now()) or "").removeprefix(PUBLIC_URL)
    asked = time.monotonic_ns()
    while True:
        answer = web.post(link, data={"List-Unsubscribe": "One-Click"})
        answered = time.monotonic_ns()
        if answer.status_code == httpx.codes.OK:
            return Left(person, asked, answered)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            raise RuntimeError(f"leaving was answered with {answer.status_code}: {answer.text[:200]}")


def _judged(dangol: Dangol, record: Path, blast: Blast, left: Sequence[Left], found: Findings) -> Findings:
    taken = read_record(record)
    held = select(func.count()).where(messages.c.state == MessageState.SUPPRESSED.value)
    with dangol.database.read() as tx:
        found.kept_back = tx.execute(held.select_from(messages)).scalar_one()
    found.handed_over = len(taken)
    if found.handed_over + found.kept_back != blast.messages or not found.kept_back:
        raise RuntimeError(
            f"expected {blast.messages} messages handed over or kept back, some of each; "
            f"found {found.handed_over} and {found.kept_back}"
        )
    found.breaches = len(breaches(taken, left))
    found.posts = [(one.answered - one.asked) / 1e6 for one in left]
    found.lags = lags(taken, left)
    found.late = sum(lag > 0 for lag in found.lags)
    found.sent_to_last = lags(taken, [Left(one.person, one.asked, one.asked) for one in left])
    return found


def _as_json(found: Findings) -> dict[str, Any]:
    series = {"post": found.posts, "answer_to_last": found.lags, "post_to_last": found.sent_to_last}
    return {
        "load": found.sizes,
        "seconds": found.seconds,
        "handed_over": found.handed_over,
        "kept_back": found.kept_back,
        "handed_over_after_the_answer": found.late,
        "breaches": found.breaches,
        "ms": {name: _figures(figures) for name, figures in series.items()},
    }


def _figures(found: Sequence[float]) -> dict[str, float]:
    ordered = sorted(found)
    p99 = ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else math.nan
    return {
        "n": len(ordered),
        "median": median(ordered) if ordered else math.nan,
        "p99": p99,
        "max": max(ordered, default=math.nan),
    }


def _tell(console: Console, database: str, found: Findings) -> None:
    sizes = found.sizes
    console.print(f"\n{machine()}, {os.cpu_count()} cores; {database}; leaving over HTTP on loopback.")
    console.print(
        f"{found.handed_over:,} messages handed over by {sizes['processes'] or 1} × {sizes['threads']} worker threads "
        f"in {found.seconds:,.0f} s;\n{found.kept_back:,} kept back from people who had left."
    )
    table = Table(
        title="Leaving in the middle of a blast, ms; below 0: before it", box=box.SIMPLE_HEAD, title_justify="left"
    )
    table.add_column("")
    for name in ("n", "median", "p99", "max"):
        table.add_column(name, justify="right")
    rows = {
        "POST → answer": found.posts,
        "answer → last hand-over": found.lags,
        "POST → last hand-over": found.sent_to_last,
    }
    for name, series in rows.items():
        figures = _figures(series)
        table.add_row(name, f"{figures['n']:,}", *(f"{figures[one]:,.0f}" for one in ("median", "p99", "max")))
    console.print(table)
    console.print(f"people whose last hand-over came after the answer: {found.late:,}")
    console.print(f"hand-overs whose claim began after the answer (must be 0): {found.breaches:,}")


if __name__ == "__main__":
    main()
