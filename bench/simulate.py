"""``python -m bench.simulate``: how many profile-days a second `dangol simulate` gets through, in how much memory.

Each number of people is simulated by a process of its own, so that its peak of memory is its own too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from dangol.bootstrap import shipped_workspace
from dangol.definitions.workspace import read_sources
from dangol.simulate.behaviour import shipped_behaviour
from dangol.simulate.crowd import MadeUp
from dangol.simulate.engine import run, scratch
from dangol.simulate.part import Plan, Variant

_START = datetime(2026, 11, 1, 15, tzinfo=UTC)
"""Midnight in Seoul."""
_PEOPLE = (1_000, 5_000, 25_000, 100_000)


def measure(people: int, days: int, processes: int, grain: timedelta) -> dict[str, Any]:
    """Simulate the shipped campaigns with made-up people; seconds are of the wall clock and of all CPUs."""
    variant = Variant("now", read_sources(shipped_workspace()))
    plan = Plan((variant,), MadeUp(people), shipped_behaviour(), _START, days, grain=grain)
    began, cpu = time.perf_counter(), _cpu()
    with scratch() as folder:
        found = run(plan, processes=processes, folder=Path(folder))
    seconds, busy = time.perf_counter() - began, _cpu() - cpu
    (tally,) = found.tallies
    return {
        "people": people,
        "days": days,
        "processes": processes,
        "cores": os.cpu_count(),
        "grain_minutes": grain // timedelta(minutes=1),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(busy, 1),
        "profile_days_per_second": round(people * days / seconds),
        "profile_days_per_cpu_second": round(people * days / busy),
        "messages": tally.sent.total(),
        "events": tally.events.total(),
        "peak_memory_of_a_process_mb": _peak(),
    }


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> int:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usage.ru_maxrss for usage in usages) // 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulate", description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=list(_PEOPLE), help="how many, several in turn")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--grain", type=int, default=30, help="minutes (30)")
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON object")
    options = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    grain = timedelta(minutes=options.grain)
    if len(options.people) == 1:
        measured = [measure(options.people[0], options.days, options.processes, grain)]
    else:
        measured = [_alone(people, options) for people in options.people]
    if options.json:
        print(json.dumps(measured[0] if len(measured) == 1 else measured))
        return
    for name in measured[0]:
        print(f"{name.replace('_', ' '):32}" + "".join(f"{found[name]:>12,}" for found in measured))


def _alone(people: int, options: argparse.Namespace) -> dict[str, Any]:
    """What a process of its own measures."""
    words = ["--people", people, "--days", options.days, "--processes", options.processes, "--grain", options.grain]
    command = [sys.executable, "-m", "bench.simulate", *map(str, words), "--json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


if __name__ == "__main__":
    main()
