"""Wall time, CPU time and memory of one phase, taken in a process of its own so that phases cannot disturb it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Sample:
    """One phase. Seconds are of the wall clock, of this process's CPU and of the database server's CPU.

    ``peak_mb`` is the most memory that the process held, ``before_mb`` what it held before the phase began.
    """

    messages: int
    wall: float
    cpu: float
    server_cpu: float
    peak_mb: float
    before_mb: float
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def wall_us(self) -> float:
        """Microseconds a message took."""
        return self.wall / self.messages * 1e6

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU a message cost, the database server's included."""
        return (self.cpu + self.server_cpu) / self.messages * 1e6


class Stopwatch:
    """Times a phase in this process; ``database_url`` of a PostgreSQL server on this machine adds its CPU."""

    def __init__(self, database_url: str = "") -> None:
        self._url = database_url if database_url.startswith("postgresql") else ""
        self._before_mb = process_memory("VmRSS")
        self._server = self._server_cpu()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, messages: int, **notes: Any) -> Sample:
        """The sample; connections that did the work must still be open."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Sample(
            messages,
            wall,
            cpu,
            self._server_cpu() - self._server,
            process_memory("VmHWM"),
            self._before_mb,
            dict(notes),
        )

    def _server_cpu(self) -> float:
        return sum(server_cpu(self._url).values())


def server_cpu(url: str) -> dict[int, float]:
    """CPU seconds of each of PostgreSQL's processes that serve this database now, by process; none for SQLite."""
    if not url.startswith("postgresql"):
        return {}
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return {pid: process_cpu(pid) for (pid,) in rows}


def process_cpu(pid: int) -> float:
    """CPU seconds that a process has used, in steps of the kernel's clock; 0 where there is no ``/proc``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # the server is elsewhere, or this is no Linux: then only our own CPU is counted
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_memory(line: str, pid: int | str = "self") -> float:
    """Megabytes from ``/proc``; 0 where there is none. ``getrusage`` is no use: it remembers the parent process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    said = status.partition(f"{line}:")[2].split()
    return int(said[0]) / 1024 if said else 0.0  # one that has ended holds none


def in_child(phase: str, *, of: str = "bench.phases", **arguments: Any) -> Sample:
    """Run a phase of that module in a new process; raises RuntimeError with what it said if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", of, phase, json.dumps(arguments)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"phase {phase} failed:\n{done.stdout}{done.stderr}")
    return Sample(**json.loads(done.stdout.splitlines()[-1]))


def answer(sample: Sample) -> None:
    """What a child says to its parent."""
    print(json.dumps(asdict(sample)))


def middle(samples: Sequence[Sample]) -> Sample:
    """Of several runs, the median of each figure."""
    first = samples[0]
    figures = ("wall", "cpu", "server_cpu", "peak_mb", "before_mb")
    medians = {name: median(getattr(sample, name) for sample in samples) for name in figures}
    return Sample(messages=first.messages, notes=first.notes, **medians)
