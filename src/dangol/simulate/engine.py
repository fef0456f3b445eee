"""Run a simulation over processes: each part of the people is one job, and the results are sums."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from dangol.errors import DangolError
from dangol.simulate.crowd import Part
from dangol.simulate.part import Found, Plan, nothing_found, simulate_part
from dangol.store.database import Database

_LOOK = 0.2
"""Seconds between looks at how far the others are."""
_done: Any = None


def run(plan: Plan, *, processes: int, folder: Path, progress: Callable[[float], None] = lambda _: None) -> Found:
    """Simulate the plan; ``progress`` is told person-days as they are done, over all variants.

    The result is the same for any number of ``processes``. What is written is below ``folder``. Raises DangolError
    for what goes wrong in a process.
    """
    parts = plan.parts()
    template = folder / "empty.sqlite3"
    database = Database(f"sqlite:///{template}", durable=False)
    database.migrate()
    database.close()
    if processes == 1 or len(parts) == 1:
        results = {part.number: _simulate(plan, part, template, folder, progress) for part in parts}
    else:
        results = _spread(plan, parts, template, folder, min(processes, len(parts)), progress)
    found = nothing_found(plan)
    for _, one in sorted(results.items()):
        found.add(one, plan)
    return found


def _simulate(plan: Plan, part: Part, template: Path, folder: Path, progress: Callable[[float], None]) -> Found:
    """One part, in a folder that is gone afterwards."""
    with TemporaryDirectory(dir=folder, prefix=f"part{part.number}-") as own:
        return simulate_part(plan, part, template, Path(own), progress)


def _spread(
    plan: Plan, parts: list[Part], template: Path, folder: Path, processes: int, progress: Callable[[float], None]
) -> dict[int, Found]:
    context = multiprocessing.get_context("spawn")
    done = context.Value("d", 0.0)
    results: dict[int, Found] = {}
    told = 0.0
    with ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(done,)) as pool:
        running: dict[Future[Found], int] = {
            pool.submit(_in_child, plan, part, template, folder): part.number for part in parts
        }
        try:
            while running:
                finished, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                reached = done.value
                progress(reached - told)
                told = reached
                for future in finished:
                    results[running.pop(future)] = future.result()
        except BrokenProcessPool:
            raise DangolError(
                "a process of the simulation ended unexpectedly; if memory was short, use fewer --processes"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return results


def _begin(done: Any) -> None:
    """Set a child up: where it says how far it is, and that only errors are told."""
    global _done
    _done = done
    gc.set_threshold(50_000, 20, 20)  # batches make many values that are gone a moment later
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _in_child(plan: Plan, part: Part, template: Path, folder: Path) -> Found:
    try:
        return _simulate(plan, part, template, folder, _tell)
    except DangolError as error:
        # Errors with arguments of their own do not travel between processes; their words do.
        raise DangolError(str(error)) from None


def _tell(person_days: float) -> None:
    with _done.get_lock():
        _done.value += person_days


def scratch() -> TemporaryDirectory[str]:
    """A folder for a simulation's data, readable by this user alone, gone afterwards."""
    return TemporaryDirectory(prefix="dangol-simulation-", ignore_cleanup_errors=True)
