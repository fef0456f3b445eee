"""The proof in its long form: ``python -m tests.acceptance.load``, or ``make proof``; see docs/proof.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.stores import new_store
from dangol.store.database import Database
from tests.acceptance.load.director import Director, Findings, Size

_POSTGRES = os.environ.get("DANGOL_TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")


def main() -> None:
    """Run one load and print what came of it; exit code 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.load", description=__doc__)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--attempts", type=int, default=100_000, help="decisions about messages (100000)")
    parser.add_argument("--seconds", type=float, default=0.0, help="at least so long")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--orders", type=int, default=4, help="orders of everybody in a round")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=4, help="of each process; of this one on SQLite")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds between decision and commit, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lawless", action="store_true", help="lock nobody: the judge has to find it")
    given = parser.parse_args()
    processes = given.processes if given.database == "postgresql" else 0
    size = Size(given.people, given.orders, processes, given.threads, given.seconds, given.slow, given.attempts)
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder), _POSTGRES if processes else "").create()
        began = time.monotonic()
        try:
            database = Database(store.url)
            database.migrate()
            database.close()
            found = Director(store.url, Path(folder), size, seed=given.seed, lawless=given.lawless).run()
        finally:
            store.drop()
    sys.stdout.write(told(found, size, time.monotonic() - began))
    sys.exit(1 if found.breaches else 0)


def told(found: Findings, size: Size, seconds: float) -> str:
    workers = f"{size.processes} processes × {size.threads}" if size.processes else f"1 process × {size.threads}"
    rows = {
        "workers": workers,
        "people": f"{size.people:,}",
        "messages planned": f"{found.messages:,}",
        "attempts: decisions about messages": f"{found.attempts:,}",
        "taken by the carrier": f"{len(found.taken):,}",
        "processes killed": f"{found.kills:,}",
        "steps of the clock": f"{found.steps:,}",
        "withdrawals in the middle of it": f"{found.withdrawals:,}",
        "caps exceeded": f"{len(found.over):,}",
        "sent against a withdrawal": f"{len(found.against_their_will):,}",
        "sent at night": f"{len(found.at_night):,}",
        "sent twice": f"{len(found.doubled):,}",
        "seconds": f"{seconds:,.0f}",
    }
    states = ", ".join(f"{state} {count:,}" for state, count in sorted(found.states.items()))
    return "".join(f"{name:36} {value}\n" for name, value in rows.items()) + f"{'messages by state':36} {states}\n"


if __name__ == "__main__":
    main()
