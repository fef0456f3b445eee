"""``python -m bench.fairness``: how long orders take from trigger to hand-off, in quiet and while a blast runs.

PostgreSQL, a Redis of its own, ``dangol web``, two ``dangol worker``s, a scheduler, and carriers over HTTP. Orders come
over HTTP at a steady pace, first while nothing else is to be done and then in the middle of a blast. Each counts from
the moment before its request until the carrier has accepted its receipt, by the carriers' own record.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
from rich.console import Console
from sqlalchemy import text

from bench.installation import WORKERS, Installation, installed, occasion, until, write_blast_workspace
from bench.measure import in_child
from bench.stores import Store, new_store
from bench.table import Measure, at_most, machine, tell
from bench.urgent import Triggers, measure, readers_needed
from dangol.devproviders.running import SimulatorFailed
from dangol.store.database import Database

_POSTGRES = "postgresql://root@127.0.0.1:5432/test"
_AIM_MS = 2_000
_WARM = 2.0
"""Seconds of orders that are not counted: each process compiles the campaigns' texts at its first."""


@dataclass(frozen=True, slots=True)
class Size:
    """``recipients`` get the letter; ``rate`` orders come a second, for ``seconds``, in quiet and in the blast."""

    recipients: int
    rate: float
    seconds: float
    latency: float


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds from trigger to hand-off, and until the trigger was answered; ``blast`` letters a second meanwhile.

    ``late`` orders were left out because the blast was over when they came.
    """

    name: str
    lags: Sequence[float]
    answers: Sequence[float]
    blast: float = 0.0
    late: int = 0

    def measures(self) -> list[Measure]:
        """Lines of the table, in milliseconds."""
        answered = [_part(self.answers, part) for part in (50, 99)]
        said = f"{len(self.lags)} orders; answered p50 {answered[0]:,.0f} ms, p99 {answered[1]:,.0f} ms"
        if self.blast:
            said += f"; {self.blast:,.0f} letters/s meanwhile"
        if self.late:
            said += f"; {self.late} orders came after the blast and are left out"
        return [
            Measure(f"{self.name}: trigger → hand-off, p50", _part(self.lags, 50), "ms", None, said),
            Measure(f"{self.name}: trigger → hand-off, p99", _part(self.lags, 99), "ms", at_most(_AIM_MS)),
            Measure(f"{self.name}: trigger → hand-off, longest", max(self.lags) * 1000, "ms"),
        ]


def waits(
    name: str, sent: Mapping[str, float], answers: Sequence[float], record: Sequence[Mapping[str, Any]], ours: set[str]
) -> Waits:
    """What a carriers' record says of the orders ``sent`` (address → when); ``ours`` are the ids of all receipts.

    What is not a receipt is the blast's; with a blast, orders that came after its last letter are left out. Raises
    RuntimeError if a receipt is missing or came twice.
    """
    of_orders = [entry for entry in record if entry["message_id"] in ours and entry["to"] in sent]
    taken = {entry["to"]: entry["at"] for entry in of_orders}
    if len(of_orders) != len(sent) or len(taken) != len(sent):
        raise RuntimeError(f"{name}: {len(sent)} orders, {len(of_orders)} receipts to {len(taken)} people")
    letters = sorted(entry["at"] for entry in record if entry["message_id"] not in ours)
    began = min(sent.values())
    over = letters[-1] if letters else max(sent.values())
    counted = {address: at for address, at in sent.items() if at <= over}
    if len(counted) < 2:
        raise RuntimeError(f"{name}: the blast was over before the orders came; --recipients wants to be more")
    end = max(counted.values())
    rate = sum(began <= at <= end for at in letters) / (end - began)
    lags = [taken[address] - at for address, at in counted.items()]
    return Waits(name, lags, answers, rate, len(sent) - len(counted))


def run(size: Size, server: str, folder: Path, say: Console) -> list[Waits]:
    """Prepare a blast, measure orders before it and in it; the rest of the blast is not waited for."""
    at = occasion(datetime.now(UTC)).at
    workspace = write_blast_workspace(folder / "workspace", at)
    store = new_store(folder, server).create()
    try:
        with say.status(f"preparing {size.recipients:,} recipients"):
            told = {"url": store.url, "workspace": str(workspace), "recipients": size.recipients, "at": at.isoformat()}
            in_child("prepare", of="bench.sending", **told)
        with installed(WORKERS, store, workspace, folder / "run", latency=size.latency) as installation:
            return _measured(size, store, installation, say)
    finally:
        store.drop()


def _measured(size: Size, store: Store, installation: Installation, say: Console) -> list[Waits]:
    installation.start_idle()
    triggers = Triggers(size.recipients)
    with say.status("orders in quiet"):
        measure(installation, triggers, rate=size.rate / 2, seconds=_WARM)
        found = [_orders(size, store, installation, calm := triggers.anew(), "quiet")]
    installation.tell_what_is_due()
    before = int(installation.sim.counts()["accepted"])
    until("a first letter", lambda: installation.sim.counts()["accepted"] > before, installation, seconds=60)
    with say.status("orders in a blast"):
        measure(installation, warm := calm.anew(), rate=size.rate / 2, seconds=_WARM)
        return [*found, _orders(size, store, installation, warm.anew(), "in a blast")]


def _orders(size: Size, store: Store, installation: Installation, triggers: Triggers, name: str) -> Waits:
    measure(installation, triggers, rate=size.rate, seconds=size.seconds)
    # A reader may get the letter between order and receipt; only the database knows which is which.
    database = Database(store.url)
    try:
        until("receipts", lambda: _receipts_open(database) == 0, installation, seconds=120, every=0.5)
        return waits(name, triggers.sent, triggers.answers, installation.sim.record(), _receipts(database))
    finally:
        database.close()


def _receipts_open(database: Database) -> int:
    said = "SELECT count(*) FROM messages WHERE campaign_key = 'receipt' AND provider IS NULL"
    with database.read() as tx:
        return int(tx.execute(text(said)).scalar_one())


def _receipts(database: Database) -> set[str]:
    with database.read() as tx:
        return set(tx.execute(text("SELECT id FROM messages WHERE campaign_key = 'receipt'")).scalars())


def _part(seconds: Sequence[float], part: int) -> float:
    """Milliseconds within which so many of a hundred were done."""
    return quantiles(seconds, n=100, method="inclusive")[part - 1] * 1000


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print; exit code 1 if the aim is missed, 3 if it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    parser.add_argument("--recipients", type=int, default=20_000, help="readers of the letter (20000)")
    parser.add_argument("--rate", type=float, default=15.0, help="orders a second (15)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long orders come, twice (30)")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="how long carriers take to answer (50)")
    options = parser.parse_args(arguments)
    needed = readers_needed([(options.rate, options.seconds)] * 2 + [(options.rate, _WARM)])
    if options.recipients < needed:
        parser.error(f"--recipients {options.recipients}: so many orders need {needed} readers or more")
    size = Size(options.recipients, options.rate, options.seconds, options.latency_ms / 1000)
    server, before = os.environ.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES), machine()
    try:
        with tempfile.TemporaryDirectory(prefix="dangol-bench-") as folder:
            found = run(size, server, Path(folder), Console(stderr=True))
    except (RuntimeError, SimulatorFailed, psycopg.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(3)
    measures = [line for one in found for line in one.measures()]
    console = Console()
    console.width = max(console.width, 150)
    tell(console, measures, before["load"])
    sys.exit(any(line.met is False for line in measures))


if __name__ == "__main__":
    main()
