"""What was measured and what was aimed at: one table for people, one object for machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Aim:
    """``at_least`` or ``at_most`` this figure."""

    figure: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        return value >= self.figure if self.at_least else value <= self.figure

    def told(self, unit: str) -> str:
        return f"{'≥' if self.at_least else '≤'} {_said(self.figure, unit)}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table. ``value`` is None if it was not measured; ``note`` says why, or how."""

    name: str
    value: float | None
    unit: str = ""
    aim: Aim | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None if there is nothing to compare."""
        if self.aim is None or self.value is None:
            return None
        return self.aim.met(self.value)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def at_least(figure: float) -> Aim:
    return Aim(figure)


def at_most(figure: float) -> Aim:
    return Aim(figure, at_least=False)


def machine() -> dict[str, Any]:
    """Where this was measured, and how busy it was: load is of the last minute, 1 for each busy core."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def tell(console: Console, measures: Sequence[Measure], load: float) -> None:
    """Print the table; ``load`` is the machine's before anything was measured."""
    here = machine()
    console.print(f"\n{here['system']}, {here['cores']} cores, Python {here['python']}; load {load} before.")
    table = Table(box=box.SIMPLE_HEAD)
    for place, heading in enumerate(("measure", "found", "aim", "", "")):
        table.add_column(heading, justify="right" if place in {1, 2} else "left")
    for one in measures:
        found = "–" if one.value is None else _said(one.value, one.unit)
        aim = one.aim.told(one.unit) if one.aim is not None else ""
        met = {True: "met", False: "[bold]missed[/bold]", None: ""}[one.met]
        table.add_row(one.name, found, aim, met, one.note)
    console.print(table)


def _said(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.0%}"
    if unit in {"×", "share"}:
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{value:,.0f}{f' {unit}' if unit else ''}"
