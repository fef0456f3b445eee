"""``python -m bench.gate``: what the gate costs a message, and whether that stays so as consents and slots grow."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import structlog
from pydantic import SecretStr
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from bench.crowd import CONSENTS, PEOPLE, fill, write_workspace
from bench.population import settle
from bench.report import machine
from bench.stores import Store, new_store
from dangol.batch.facts import Claimed, brief
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.model.people import IncomingEvent
from dangol.model.vocabulary import Channel
from dangol.policy.gate import decide
from dangol.profiles import people
from dangol.settings import Settings
from dangol.store import messages as message_rows
from dangol.store.tables import messages
from dangol.testing import FakeProvider

_POSTGRES = "postgresql://root@127.0.0.1:5432/test"
_NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
_SLOTS_A_CONSENT = 5
_CONSENTS_A_PERSON = 2
_BATCH = 500
_LEAP = 15_485_863
"""A prime: people who are taken in steps of it come from all over the crowd, and nobody comes twice."""
_POLICIES = {
    "quiet_hours": [{"from": "21:00", "to": "08:00"}],
    "caps": [
        {"key": "weekly", "limit": 3, "window": "rolling 7 days"},
        {"key": "monthly", "limit": 8, "window": "calendar month"},
        {"key": "daily", "limit": 1, "window": "calendar day"},
    ],
}
_SLOTS = (
    "INSERT INTO slots (message_id, profile_id, campaign_key, stage, channel, purpose, tags, priority, reserved_at) "
    "SELECT {id}, {owner}, 'old', 'loyalty', 'email', 'marketing', '[]', 50, {time} FROM {slots}"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure at three sizes, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--consents", type=int, default=1_000_000, help="at the largest; five times as many slots")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--messages", type=int, default=5_000, help="how many are decided at each size")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    parser.add_argument("--quick", action="store_true", help="two sizes, few messages; says little")
    given = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    server = os.environ.get("DANGOL_TEST_POSTGRES_URL", _POSTGRES) if given.database == "postgresql" else ""
    sizes = [given.consents // part for part in ((10, 1) if given.quick else (100, 10, 1))]
    say, found = Console(stderr=True), {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            with say.status(f"{size:,} consents"), _store(Path(folder), server) as store:
                found[size] = _measured(store, Path(folder) / str(size), size, min(given.messages, size // 4))
    _tell(Console(), given.database, found)
    if given.json:
        given.json.write_text(json.dumps({"database": given.database, "sizes": found, "flat": _growth(found)}) + "\n")


@contextmanager
def _store(folder: Path, server: str) -> Iterator[Store]:
    store = new_store(folder, server).create()
    try:
        yield store
    finally:
        store.drop()


def _measured(store: Store, home: Path, consents: int, count: int) -> dict[str, float]:
    """Microseconds a message: of the wall clock and of this process, medians over batches."""
    settings = Settings(
        _env_file=None,
        home=home,
        workspace=write_workspace(home / "workspace", ["email", "sms"], _POLICIES),
        database_url=store.url,
        broker_url="",
        secret_key=SecretStr("bench"),
    )
    providers = dict.fromkeys(Channel, FakeProvider())
    with Dangol(settings, clock=VirtualClock(_NOON), entropy=SeededEntropy("bench"), providers=providers) as dangol:
        crowd = consents // _CONSENTS_A_PERSON
        counts = {"people": crowd, "consents": consents, "slots": consents * _SLOTS_A_CONSENT}
        with dangol.database.write() as tx:
            fill(tx, (*PEOPLE, *CONSENTS, _SLOTS), counts, postgresql=dangol.database.is_postgresql)
        settle(dangol.database)
        dangol.deploy(by="bench")
        chosen = [place * _LEAP % crowd for place in range(min(count, crowd))]
        for start in range(0, len(chosen), _BATCH):
            dangol.pipeline.ingest(
                [
                    IncomingEvent(f"e{number}", f"p{number}", "Order Completed", {}, _NOON, "bench")
                    for number in chosen[start : start + _BATCH]
                ]
            )
        with dangol.database.read() as tx:
            ids = list(tx.execute(select(messages.c.id).order_by(messages.c.id)).scalars())
        batches = [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
        _gate(dangol, batches[0])  # once for what is only done once
        samples = [_gate(dangol, batch) for batch in batches]
    wall, cpu, allowed = zip(*samples, strict=True)
    return {"wall_us": median(wall), "cpu_us": median(cpu), "allowed": sum(allowed), "messages": len(ids)}


def _gate(dangol: Dangol, ids: Sequence[str]) -> tuple[float, float, int]:
    """Facts and decision about these messages, as ``Pipeline.deliver`` asks for them; nothing is written."""
    pipeline = dangol.pipeline
    with dangol.database.write() as tx:
        rows = message_rows.claim_due(tx, ids, _NOON)
        owners = [row.profile_id for row in rows]
        releases = dangol.releases.of(tx, {row.version_id for row in rows})
        wall, cpu = time.perf_counter(), time.process_time()
        people.lock(tx, owners)
        waiting = message_rows.undecided(tx, owners)
        claimed = [Claimed.of(row, releases[row.version_id]) for row in rows]
        rivals = [Claimed.of(row, releases[row.version_id]) for row in waiting]
        briefing = brief(
            tx,
            claimed,
            _NOON,
            hasher=pipeline.hasher,
            providers=frozenset(Channel),
            leeway=pipeline.timing.send_lease,
            waiting=rivals,
        )
        rulings = [decide(briefing.facts(item), item.release.rulebook) for item in claimed]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    allowed = sum(type(ruling.verdict).__name__ == "Allow" for ruling in rulings)
    return wall / len(rows) * 1e6, cpu / len(rows) * 1e6, allowed


def _growth(found: dict[int, dict[str, float]], figure: str = "wall_us") -> float:
    """What a message costs at the largest size, as a multiple of the smallest."""
    sizes = list(found)
    return found[sizes[-1]][figure] / found[sizes[0]][figure]


def _tell(console: Console, database: str, found: dict[int, dict[str, float]]) -> None:
    table = Table(title="The gate, facts and decision", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("consents", "slots", "µs a message", "CPU µs of ours", "allowed of"):
        table.add_column(name, justify="right")
    for size, one in found.items():
        counted = f"{one['allowed']:,.0f} of {one['messages']:,.0f}"
        table.add_row(
            f"{size:,}", f"{size * _SLOTS_A_CONSENT:,}", f"{one['wall_us']:,.0f}", f"{one['cpu_us']:,.0f}", counted
        )
    console.print(f"\n{machine()}, {os.cpu_count()} cores; {database}; medians over batches of {_BATCH}.")
    console.print(table)
    console.print(f"largest against smallest: × {_growth(found):.2f}, CPU × {_growth(found, 'cpu_us'):.2f}")


if __name__ == "__main__":
    main()
