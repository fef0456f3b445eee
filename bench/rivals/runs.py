"""Runs the rival with one actor a message as its authors would: Redis, PostgreSQL, two worker processes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measure import process_cpu, server_cpu
from bench.processes import Crew, at_work, redis_server
from bench.rivals import over_http
from bench.stores import new_store
from dangol.devproviders import Options, running
from dangol.devproviders.options import Behaviour
from dangol.devproviders.running import Sim

_PROCESSES = 2
_THREADS, _THREADS_IF_SLOW = 8, 32
_STEADY = 0.05, 0.95
_LONGEST = 300.0
_SETTLED = 2.0
"""Seconds without a new message after which a rival counts as done."""


@dataclass(frozen=True, slots=True)
class Rival:
    """``rate`` is messages a second between the first and the last twentieth, by the carriers' record."""

    messages: int
    rate: float
    cpu_us: float
    memory_mb: float
    """The most that one process held; of django-post-office, of the one that starts the others."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def per_actor(server: str, folder: Path, recipients: int, latency: float) -> Rival:
    """Send one letter each to so many readers, from a queue that is full when the workers begin."""
    store = new_store(folder, server).create()
    try:
        over_http.prepare(store.url, recipients)
        with carriers(latency) as sim, redis_server(folder) as (broker, redis), at_work({}, folder) as crew:
            over_http.enqueue(broker, recipients)
            key = sim.credentials()["sendgrid"]["api_key"]
            order = over_http.Order(store.url, broker, sim.url, key, _THREADS_IF_SLOW if latency else _THREADS)
            for number in range(_PROCESSES):
                crew.start_other(f"rival{number + 1}", command(order))
            return watched(crew, sim, lambda: {**server_cpu(store.url), redis: process_cpu(redis)})
    finally:
        store.drop()


def command(order: over_http.Order) -> list[str]:
    return [sys.executable, "-m", "bench.rivals.over_http", "work", json.dumps(asdict(order))]


def carriers(latency: float) -> AbstractContextManager[Sim]:
    """The simulated carriers, without webhooks: rivals have nowhere to take them in."""
    return running(Options(behaviour=Behaviour(latency=latency)))


def watched(crew: Crew, sim: Sim, others: Callable[[], dict[int, float]]) -> Rival:
    """Look on until no more messages come.

    ``others`` gives the CPU seconds of servers that work for the rival, and of processes that it has started itself, by
    process: what those used that have ended since still counts.
    """
    spent: dict[int, float] = {}
    points: list[tuple[int, float]] = []
    memory = 0.0
    until, changed = time.monotonic() + _LONGEST, time.monotonic()
    while not (points and points[-1][0]) or time.monotonic() - changed < _SETTLED:
        for process, used in (*crew.cpu_by_process().items(), *others().items()):
            spent[process] = max(used, spent.get(process, 0.0))
        points.append((int(sim.counts()["accepted"]), sum(spent.values())))
        memory = max(memory, *crew.memory().values())
        if len(points) > 1 and points[-1][0] > points[-2][0]:
            changed = time.monotonic()
        if time.monotonic() > until:
            raise RuntimeError(f"after {_LONGEST:g} s a rival had sent {points[-1][0]} messages")
        time.sleep(0.1)
    at = sorted(entry["at"] for entry in sim.record())
    first, last = (int(len(at) * part) for part in _STEADY)
    begin, end = (min(points, key=lambda point: abs(point[0] - len(at) * part)) for part in _STEADY)
    cpu = (end[1] - begin[1]) / max(1, end[0] - begin[0])
    rate = (last - first) / (at[last] - at[first])
    return Rival(len(at), rate, cpu * 1e6, memory)
