"""``python -m bench.journeys``: events and timers into very many waiting journeys, and how the cost grows with them."""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.measure import Sample, in_child, middle
from bench.report import machine
from bench.stores import Store, new_store

_POSTGRES = "postgresql://root@127.0.0.1:5432/test"
_PHASES = "bench.journey_phases"
_TIMED = ("floor", "rival", "heard", "unheard", "timers")
_AIM_PER_DOUBLING = 1.1
"""An index grows by a level each few hundred times; what doubles with the crowd would be at 2."""
Round = Mapping[str, Sample]
"""Phase → sample; its parts ran one after the other, so that noise falls on all of them alike."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: how many journeys wait, what comes in meanwhile, and how often all of it is repeated."""

    journeys: int
    server: str
    repeats: int = 3

    @property
    def database(self) -> str:
        return "PostgreSQL" if self.server else "SQLite"

    @property
    def sizes(self) -> tuple[int, ...]:
        """A hundredth, a tenth, all of them; with one repeat only the last two."""
        return tuple(self.journeys // part for part in (100, 10, 1)[self.repeats == 1 :])

    @property
    def count(self) -> int:
        """Events and timers of a phase: the same at all sizes, so at most what the smallest crowd has for three."""
        return min(4_000, self.sizes[0] // 8)

    @property
    def sweeps(self) -> int:
        return 20 if self.repeats > 1 else 5

    def counted(self, phase: str) -> int:
        return self.sweeps if phase in {"idle", "backlog"} else self.count


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything measured in one run, by how many journeys waited."""

    database: str
    rounds: Mapping[int, Sequence[Round]]
    plans: Mapping[str, Sequence[str]]
    load: float

    def phase(self, size: int, name: str) -> Sample:
        return middle([one[name] for one in self.rounds[size]])

    def ratio(self, size: int, yardstick: str, figure: str) -> float:
        """How many times as fast as the yardstick an event is, in ``wall_us`` or ``cpu_us``; median of rounds."""
        ratios = [getattr(one[yardstick], figure) / getattr(one["heard"], figure) for one in self.rounds[size]]
        return float(median(ratios))

    def per_doubling(self, phase: str, figure: str = "cpu_us") -> float:
        """By what factor the cost grows each time the number of waiting journeys doubles."""
        sizes = list(self.rounds)
        costs = [float(getattr(self.phase(size, phase), figure)) for size in (sizes[0], sizes[-1])]
        return float((costs[1] / costs[0]) ** (1 / math.log2(sizes[-1] / sizes[0])))

    @property
    def memory(self) -> float:
        """By how much a worker needs more memory among all of them than among the fewest."""
        peaks = [self.phase(size, "heard").peak_mb for size in self.rounds]
        return peaks[-1] / peaks[0] - 1 if peaks[0] else 0.0

    def sweeps(self, size: int) -> tuple[float, float]:
        """Milliseconds of the first and the last sweep into a backlog."""
        taken = [one["backlog"].notes["sweeps"] for one in self.rounds[size]]
        return median(one[0] for one in taken) * 1e3, median(one[-1] for one in taken) * 1e3

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "cores": os.cpu_count(),
            "load": self.load,
            "database": self.database,
            "rounds": {
                str(size): [{name: asdict(sample) for name, sample in one.items()} for one in rounds]
                for size, rounds in self.rounds.items()
            },
            "ratios": {
                str(size): {
                    name: {"wall": self.ratio(size, name, "wall_us"), "cpu": self.ratio(size, name, "cpu_us")}
                    for name in ("floor", "rival")
                }
                for size in self.rounds
            },
            "per_doubling": {name: self.per_doubling(name) for name in (*_TIMED, "idle")},
            "memory": self.memory,
            "plans": self.plans,
        }


def measure(plan: Plan, folder: Path, say: Console) -> Findings:
    """Measure everything in the plan; each phase in a process of its own, each round on fresh copies."""
    with ExitStack() as stores:
        crowds = {}
        for size in plan.sizes:
            with say.status(f"letting {size:,} people wait"):
                crowds[size] = stores.enter_context(_filled(plan, folder, size))
        rounds: dict[int, list[Round]] = {size: [] for size in plan.sizes}
        for number in range(plan.repeats):
            for size, store in crowds.items():
                with say.status(f"round {number + 1} of {plan.repeats}, {size:,} waiting"):
                    rounds[size].append(_round(plan, store, size))
        largest = plan.sizes[-1]
        plans = _phase(plan, crowds[largest], largest, "plans").notes["plans"]
    return Findings(plan.database, rounds, plans, os.getloadavg()[1])


def _round(plan: Plan, filled: Store, size: int) -> Round:
    copied = filled.copy()
    try:
        phases = ("idle", *_TIMED, "backlog")
        return {name: _phase(plan, copied, size, name) for name in phases}
    finally:
        copied.drop()


def _phase(plan: Plan, store: Store, size: int, name: str) -> Sample:
    return in_child(
        name, of=_PHASES, url=store.url, waiting=size, bystanders=_bystanders(plan), count=plan.counted(name)
    )


def _bystanders(plan: Plan) -> int:
    return plan.count + 1


@contextmanager
def _filled(plan: Plan, folder: Path, size: int) -> Iterator[Store]:
    store = new_store(folder, plan.server).create()
    try:
        in_child("prepare", of=_PHASES, url=store.url, waiting=size, bystanders=_bystanders(plan))
        yield store
    finally:
        store.drop()


def tell(console: Console, found: Findings) -> None:
    """Print everything."""
    repeats = len(next(iter(found.rounds.values())))
    console.print(
        f"\n{machine()}, {os.cpu_count()} cores, load {found.load:.1f}; {found.database}. Medians of {repeats}. "
        "Half of the journeys listen, half sleep."
    )
    console.print(_speed(found))
    console.print(_yardsticks(found))
    console.print(_growth(found))
    for name, lines in found.plans.items():
        console.print(f"\n[bold]The plan for {name}[/bold], {list(found.rounds)[-1]:,} waiting")
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _speed(found: Findings) -> Table:
    table = _table("Speed, one process", "waiting", "events/s", "unheard/s", "timers/s", "idle sweep ms", "peak MB")
    for size in found.rounds:
        speeds = [found.phase(size, name) for name in ("heard", "unheard", "timers")]
        idle, peak = found.phase(size, "idle").wall_us / 1e3, found.phase(size, "heard").peak_mb
        rates = [f"{sample.messages / sample.wall:,.0f}" for sample in speeds]
        table.add_row(f"{size:,}", *rates, f"{idle:.1f}", f"{peak:,.0f}")
    return table


def _yardsticks(found: Findings) -> Table:
    table = _table("A heard event against the yardsticks", "waiting", "× row at a time", "CPU", "× storing", "CPU")
    for size in found.rounds:
        ratios = [found.ratio(size, name, figure) for name in ("rival", "floor") for figure in ("wall_us", "cpu_us")]
        table.add_row(f"{size:,}", *(f"{ratio:.2f}" for ratio in ratios))
    return table


def _growth(found: Findings) -> Table:
    title = f"CPU µs each, and by what it grows with each doubling: at most × {_AIM_PER_DOUBLING:g} is wanted"
    table = _table(title, "", *(f"{size:,}" for size in found.rounds), "doubling", "met")
    rows = {
        "a heard event": "heard",
        "an event nobody waits for": "unheard",
        "a timer": "timers",
        "an idle sweep": "idle",
        "storing alone": "floor",
        "row at a time": "rival",
    }
    for label, name in rows.items():
        costs = [f"{found.phase(size, name).cpu_us:,.0f}" for size in found.rounds]
        factor = found.per_doubling(name)
        table.add_row(label, *costs, f"{factor:.3f}", "yes" if factor <= _AIM_PER_DOUBLING else "no")
    for label, place in (("1st sweep of a backlog, ms", 0), ("last sweep of it, ms", 1)):
        table.add_row(label, *(f"{found.sweeps(size)[place]:,.0f}" for size in found.rounds), "", "")
    table.add_row("memory, fewest to all", *("" for _ in found.rounds), f"{found.memory:+.0%}", "")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def _plan(options: argparse.Namespace, environment: Mapping[str, str]) -> Plan:
    servers = {"sqlite": "", "postgresql": environment.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES)}
    server = servers.get(options.database, options.database)
    return Plan(options.journeys, server, repeats=1 if options.quick else 3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.journeys", description=__doc__)
    parser.add_argument("--journeys", type=int, default=1_000_000, help="how many wait, at least 800 (1000000)")
    parser.add_argument(
        "--database", default="postgresql", help="sqlite, postgresql, or the URL of a PostgreSQL that may create some"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    parser.add_argument("--quick", action="store_true", help="one run of everything; says little")
    options = parser.parse_args(arguments)
    if options.journeys < 800:
        parser.error("--journeys: expected at least 800, of which a hundredth is divided among the phases")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(_plan(options, os.environ), Path(folder), Console(stderr=True))
    tell(Console(), found)
    if options.json:
        options.json.write_text(json.dumps(found.as_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
