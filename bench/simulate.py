"""``python -m bench.simulate``: how many profile-days a second `dangol simulate` gets through, in how much memory."""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
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
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--grain", type=int, default=30, help="minutes (30)")
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON object")
    options = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = measure(options.people, options.days, options.processes, timedelta(minutes=options.grain))
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):32} {value:>12,}")


if __name__ == "__main__":
    main()
