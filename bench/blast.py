"""``python -m bench.blast``: a newsletter to many readers, measured against two yardsticks in the same run."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.measure import Sample, in_child, middle
from bench.report import Findings, Round, tell
from bench.stores import Store, new_store

_POSTGRES = "postgresql://root@127.0.0.1:5432/test"
_OLD_ROWS_A_READER = 25


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: how many readers, how often, with which thread counts to choose from."""

    recipients: int
    server: str
    repeats: int = 3
    threads: tuple[int, ...] = (1, 2, 4, 8)

    @property
    def database(self) -> str:
        return "PostgreSQL" if self.server else "SQLite"

    @property
    def rival_recipients(self) -> int:
        """Its cost does not depend on the number, and it is slow."""
        return min(self.recipients, 4_000)

    @property
    def sizes(self) -> tuple[int, ...]:
        """A quarter of the readers, all of them, and two and a half times as many: 5,000, 20,000 and 50,000."""
        return max(1, self.recipients // 4), self.recipients, self.recipients * 5 // 2


def measure(plan: Plan, folder: Path, say: Console, *, profile: bool) -> Findings:
    """Measure everything in the plan; each phase in a process of its own, on a database of its own."""
    main, audience = _prepared(plan, folder, plan.recipients)
    try:
        with say.status("choosing the pipeline's threads"):
            threads = _best_threads(main, plan)
        rounds = []
        for number in range(plan.repeats):
            with say.status(f"round {number + 1} of {plan.repeats}"):
                rounds.append(_round(main, plan, folder, threads))
        stations = _stations(main, plan) if profile else None
        own = {plan.recipients: middle([one.pipeline for one in rounds])}
        with say.status("growing the audience"):
            recipients = {size: own.get(size) or _grown(plan, folder, size, 0, threads) for size in plan.sizes}
        old_rows = plan.recipients * _OLD_ROWS_A_READER
        with say.status("growing the log"):
            grown = _grown(plan, folder, plan.recipients, old_rows, threads)
    finally:
        main.drop()
    return Findings(
        plan.database, tuple(rounds), audience, recipients, {0: own[plan.recipients], old_rows: grown}, stations
    )


def _prepared(plan: Plan, folder: Path, recipients: int, old_log_rows: int = 0) -> tuple[Store, Sample]:
    store = new_store(folder, plan.server).create()
    try:
        return store, in_child("prepare", url=store.url, recipients=recipients, old_log_rows=old_log_rows)
    except BaseException:
        store.drop()
        raise


@contextmanager
def _copied(store: Store) -> Iterator[Store]:
    copied = store.copy()
    try:
        yield copied
    finally:
        copied.drop()


def _best_threads(store: Store, plan: Plan) -> int:
    """The pipeline's thread count is chosen as the rival's is."""
    speeds = {}
    if not plan.server:
        return 1  # SQLite has one writer at a time
    for threads in plan.threads[:3]:
        with _copied(store) as copied:
            speeds[threads] = in_child("pipeline", url=copied.url, recipients=plan.recipients, threads=threads).wall
    return min(speeds, key=speeds.__getitem__)


def _round(store: Store, plan: Plan, folder: Path, threads: int) -> Round:
    with ExitStack() as stores:
        copied = stores.enter_context(_copied(store))
        rivals = new_store(folder, plan.server).create()
        stores.callback(rivals.drop)
        return Round(
            in_child("jinja", recipients=plan.recipients),
            in_child("rival", url=rivals.url, recipients=plan.rival_recipients, threads=list(plan.threads)),
            in_child("pipeline", url=copied.url, recipients=plan.recipients, threads=threads),
        )


def _stations(store: Store, plan: Plan) -> Sample:
    with _copied(store) as copied:
        return in_child("stations", url=copied.url, recipients=plan.recipients)


def _grown(plan: Plan, folder: Path, recipients: int, old_log_rows: int, threads: int) -> Sample:
    store, _ = _prepared(plan, folder, recipients, old_log_rows)
    samples = []
    try:
        for _ in range(plan.repeats):
            with _copied(store) as copied:
                samples.append(in_child("pipeline", url=copied.url, recipients=recipients, threads=threads))
    finally:
        store.drop()
    return middle(samples)


def _plan(options: argparse.Namespace, environment: Mapping[str, str]) -> Plan:
    server = {"sqlite": "", "postgresql": environment.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES)}.get(
        options.database, options.database
    )
    if options.quick:
        return Plan(options.recipients, server, repeats=1, threads=(1,))
    return Plan(options.recipients, server)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.blast", description=__doc__)
    parser.add_argument("--recipients", type=int, default=20_000, help="readers of the newsletter (20000)")
    parser.add_argument(
        "--database", default="sqlite", help="sqlite, postgresql, or the URL of a PostgreSQL that may create databases"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    parser.add_argument("--quick", action="store_true", help="one run of everything, one thread; says little")
    parser.add_argument("--profile", action="store_true", help="also show where the time goes, station by station")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(_plan(options, os.environ), Path(folder), Console(stderr=True), profile=options.profile)
    tell(Console(), found)
    if options.json:
        options.json.write_text(json.dumps(found.as_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
