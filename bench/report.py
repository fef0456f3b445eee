"""What the benchmark says: tables for people, one JSON object for machines."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.measure import Sample, middle

AIM_RIVAL, AIM_JINJA, AIM_FLAT = 10.0, 0.25, 0.15


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the comparison; its parts ran one after the other, so that noise falls on all of them alike."""

    jinja: Sample
    rival: Sample
    pipeline: Sample


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything measured in one run; the growth tables map a size to its sample."""

    database: str
    rounds: tuple[Round, ...]
    audience: Sample
    recipients: Mapping[int, Sample]
    old_rows: Mapping[int, Sample]
    stations: Sample | None = None

    @property
    def jinja(self) -> Sample:
        return middle([one.jinja for one in self.rounds])

    @property
    def rival(self) -> Sample:
        return middle([one.rival for one in self.rounds])

    @property
    def pipeline(self) -> Sample:
        return middle([one.pipeline for one in self.rounds])

    def ratio(self, yardstick: str, figure: str) -> float:
        """How many times as fast as the yardstick the pipeline is, in ``wall_us`` or ``cpu_us``; median of rounds."""
        ratios = [getattr(getattr(one, yardstick), figure) / getattr(one.pipeline, figure) for one in self.rounds]
        return float(median(ratios))

    def drift(self, growth: Mapping[int, Sample]) -> float:
        """By how much the dearest message costs more than the cheapest, in CPU time."""
        costs = [sample.cpu_us for sample in growth.values()]
        return max(costs) / min(costs) - 1

    @property
    def memory(self) -> float:
        """By how much the largest audience needs more memory than the smallest."""
        peaks = [sample.peak_mb for sample in self.recipients.values()]
        return peaks[-1] / peaks[0] - 1 if peaks[0] else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "database": self.database,
            "ratios": {
                name: {"wall": self.ratio(name, "wall_us"), "cpu": self.ratio(name, "cpu_us")}
                for name in ("rival", "jinja")
            },
            "jinja": asdict(self.jinja),
            "rival": asdict(self.rival),
            "pipeline": asdict(self.pipeline),
            "audience": asdict(self.audience),
            "recipients": {str(size): asdict(sample) for size, sample in self.recipients.items()},
            "old_rows": {str(size): asdict(sample) for size, sample in self.old_rows.items()},
            "drift": {
                "recipients": self.drift(self.recipients),
                "old_rows": self.drift(self.old_rows),
                "memory": self.memory,
            },
            "stations": self.stations.notes["stations"] if self.stations else None,
        }


def machine() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def tell(console: Console, found: Findings) -> None:
    """Print everything."""
    size = found.pipeline.notes["html_bytes"]
    console.print(
        f"\n{machine()}, {found.database}; the letter's HTML has {size:,} bytes. Medians of {len(found.rounds)}."
    )
    console.print(_speed(found))
    console.print(_aims(found))
    console.print(_growth("Cost as the audience grows", "recipients", found.recipients))
    console.print(_growth("Cost as the log grows", "old log rows", found.old_rows))
    if found.stations is not None:
        console.print(_stations(found.stations))


def _speed(found: Findings) -> Table:
    table = _table("Speed", "", "messages/s", "µs/message", "CPU µs/message", "peak MB", "threads")
    samples = {
        "Jinja2 alone": found.jinja,
        "one actor a message": found.rival,
        "the pipeline": found.pipeline,
        "taking the audience in": found.audience,
    }
    for name, sample in samples.items():
        threads = str(sample.notes.get("threads", 1))
        speed, wall, cpu = f"{sample.messages / sample.wall:,.0f}", f"{sample.wall_us:,.0f}", f"{sample.cpu_us:,.0f}"
        table.add_row(name, speed, wall, cpu, f"{sample.peak_mb:,.0f}", threads)
    return table


def _aims(found: Findings) -> Table:
    table = _table("Against the yardsticks", "", "wall", "CPU", "aim", "met")
    for name, label, aim in (("rival", "× one actor a message", AIM_RIVAL), ("jinja", "× Jinja2 alone", AIM_JINJA)):
        wall, cpu = found.ratio(name, "wall_us"), found.ratio(name, "cpu_us")
        table.add_row(label, f"{wall:.2f}", f"{cpu:.2f}", f"≥ {aim:g}", _met(cpu >= aim))
    for label, growth in (("drift with recipients", found.recipients), ("drift with old log rows", found.old_rows)):
        drift = found.drift(growth)
        table.add_row(label, "", f"{drift:.0%}", f"≤ {AIM_FLAT:.0%}", _met(drift <= AIM_FLAT))
    table.add_row(
        "memory with recipients", "", f"{found.memory:.0%}", f"≤ {AIM_FLAT:.0%}", _met(found.memory <= AIM_FLAT)
    )
    return table


def _met(reached: bool) -> str:
    return "yes" if reached else "no"


def _growth(title: str, what: str, growth: Mapping[int, Sample]) -> Table:
    table = _table(title, what, "µs/message", "CPU µs/message", "peak MB", "MB before")
    for size, sample in growth.items():
        memory = f"{sample.peak_mb:,.0f}", f"{sample.before_mb:,.0f}"
        table.add_row(f"{size:,}", f"{sample.wall_us:,.0f}", f"{sample.cpu_us:,.0f}", *memory)
    return table


def _stations(sample: Sample) -> Table:
    table = _table("Where the time goes, one thread", "station", "µs/message", "share")
    seconds = sample.notes["stations"]
    whole = sample.cpu if sample.server_cpu == 0 else sample.wall
    rows = {**seconds, "everything else": max(0.0, whole - sum(seconds.values()))}
    for station, spent in sorted(rows.items(), key=lambda row: -row[1]):
        table.add_row(station, f"{spent / sample.messages * 1e6:,.1f}", f"{spent / whole:.0%}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table
