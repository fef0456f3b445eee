"""``python -m bench.deliver_cpu``: what delivering a message costs in CPU time, ours and the database server's."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measure import Sample, in_child
from bench.stores import Store, new_store

_POSTGRES = "postgresql://root@127.0.0.1:5432/test"


def measure(server: str, recipients: int, *, repeats: int, old_log_rows: int, profile: Path | None) -> list[Sample]:
    """Deliver the same letters ``repeats`` times in one thread, each time on a fresh copy of one database."""
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder), server).create()
        try:
            in_child("prepare", url=store.url, recipients=recipients, old_log_rows=old_log_rows)
            samples = [_delivered(store, recipients) for _ in range(repeats)]
            if profile is not None:
                _delivered(store, recipients, str(profile))
        finally:
            store.drop()
    return samples


def _delivered(store: Store, recipients: int, profile: str = "") -> Sample:
    copied = store.copy()
    try:
        return in_child("deliver", url=copied.url, recipients=recipients, profile=profile)
    finally:
        copied.drop()


def tell(console: Console, title: str, samples: Sequence[Sample]) -> None:
    """Print the cheapest run, by which changes are compared, and all of them."""
    table = Table(title=title)
    for heading in ("CPU µs a message", "cheapest", "all runs"):
        table.add_column(heading, justify="left" if heading.startswith("CPU") else "right")
    figures = {
        "dangol": [one.cpu / one.messages * 1e6 for one in samples],
        "database server": [one.server_cpu / one.messages * 1e6 for one in samples],
        "both": [one.cpu_us for one in samples],
        "wall": [one.wall_us for one in samples],
    }
    for name, runs in figures.items():
        table.add_row(name, f"{min(runs):.0f}", " ".join(f"{run:.0f}" for run in runs))
    console.print(table)
    console.print(f"memory at most {max(one.peak_mb for one in samples):.0f} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.deliver_cpu", description=__doc__)
    parser.add_argument("--recipients", type=int, default=10_000, help="readers of the letter (10000)")
    parser.add_argument("--repeats", type=int, default=3, help="how often, each on a fresh copy (3)")
    parser.add_argument("--old-log-rows", type=int, default=0, help="rows that the log has before (0)")
    parser.add_argument(
        "--database", default="sqlite", help="sqlite, postgresql, or the URL of a PostgreSQL that may create databases"
    )
    parser.add_argument("--profile", type=Path, metavar="FILE", help="run once more and write cProfile's figures there")
    options = parser.parse_args(arguments)
    server = {"sqlite": "", "postgresql": os.environ.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES)}.get(
        options.database, options.database
    )
    samples = measure(
        server,
        options.recipients,
        repeats=options.repeats,
        old_log_rows=options.old_log_rows,
        profile=options.profile,
    )
    tell(Console(), f"{options.recipients:,} letters, {'PostgreSQL' if server else 'SQLite'}", samples)


if __name__ == "__main__":
    main()
