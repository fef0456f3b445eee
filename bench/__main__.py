"""``python -m bench``: everything that docs/performance.md says about sending, in one run on one machine.

Messages go over HTTP to the carriers that ship with dangol, in a process of their own whose ceiling is measured in
the same run. Wall-clock figures need a machine on which nothing else runs; CPU times say something on others too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from bench.suite import Suite
from bench.table import Measure, machine, tell
from dangol.devproviders.running import SimulatorFailed

_WIDTH = 150
_POSTGRES = "postgresql://root@127.0.0.1:5432/test"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. Cost may not grow from one ``grown`` to the other, nor from 0 to ``old_rows`` log rows."""

    recipients: int = 50_000
    ceiling: int = 50_000
    rival: int = 3_000
    trigger_rate: float = 200.0
    trigger_seconds: float = 30.0
    events: int = 200_000
    grown: tuple[int, int] = (10_000, 50_000)
    old_rows: int = 300_000


QUICK = Sizes(2_000, 5_000, 300, 50.0, 3.0, 10_000, (500, 2_000), 3_000)
LONG = Sizes(grown=(10_000, 1_000_000), old_rows=20_000_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print; exit code 3 if a part could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="little of everything; says little")
    how.add_argument(
        "--long", action="store_true", help="up to 1,000,000 recipients and 20,000,000 log rows; takes hours"
    )
    parser.add_argument("--only", nargs="+", metavar="PART", default=list(Suite.PARTS), choices=Suite.PARTS)
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else LONG if options.long else Sizes()
    server = os.environ.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="dangol-bench-") as folder:
        suite = Suite(sizes, server, Path(folder), Console(stderr=True))
        found, failed = _measured(suite, options.only, before, options.json)
    console = Console()
    console.width = max(console.width, _WIDTH)  # lines are read side by side, in a file too
    tell(console, found, before["load"])
    if failed:
        sys.exit(3)


def _measured(
    suite: Suite, parts: Sequence[str], where: dict[str, Any], file: Path | None
) -> tuple[list[Measure], bool]:
    """The lines of these parts, and whether one failed: the others are measured, and written down, all the same."""
    found: list[Measure] = []
    failed = False
    for part in [one for one in Suite.PARTS if one in parts]:
        try:
            found += suite.run(part)
        except (RuntimeError, SimulatorFailed, psycopg.Error) as error:
            failed = True
            print(f"error: {part}: {error}", file=sys.stderr)
        if file is not None:
            told = {"machine": where, "measures": [one.as_json() for one in found], "figures": suite.figures}
            file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found, failed


if __name__ == "__main__":
    main()
