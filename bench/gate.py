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
from typing import Any

import structlog
from pydantic import SecretStr
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

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
_CAMPAIGN = {
    "key": "notes",
    "name": "Notes",
    "purpose": "marketing",
    "entry": {"event": "Order Completed", "again": "always"},
    "stages": [{"stage": "loyalty", "steps": [{"send": "note", "channels": ["email", "sms"]}]}],
}
_POLICIES = {
    "timezone": "Asia/Seoul",
    "locale": "en",
    "quiet_hours": [{"from": "21:00", "to": "08:00"}],
    "caps": [
        {"key": "weekly", "limit": 3, "window": "rolling 7 days"},
        {"key": "monthly", "limit": 8, "window": "calendar month"},
        {"key": "daily", "limit": 1, "window": "calendar day"},
    ],
}
_TEXTS = {
    "note/email.en.md.j2": "---\nsubject: A note\npreheader: P\ntitle: T\n---\nHow are you?\n",
    "note/sms.en.txt.j2": "How are you?\n",
}
_SHIPPED = Path(__file__).parents[1]

# Filled by the database itself, so that millions of rows take minutes. `i` numbers them; `{time}` is spread over the
# 400 days before, as consents and hand-overs are; a person's rows are next to no other's.
_FILLS = (
    "INSERT INTO profiles "
    "(id, external_id, email, phone, locale, timezone, country, attributes, created_at, updated_at) "
    "SELECT {id}, 'p' || i, 'p' || i || '@example.com', '+8210' || (10000000 + i), 'en', 'Asia/Seoul', 'KR', '{{}}', "
    "{time}, {time} FROM {people}",
    "INSERT INTO profile_keys (profile_id, key) SELECT {id}, {key} FROM {people}",
    "INSERT INTO consents (id, profile_id, channel, purpose, action, basis, source, wording, occurred_at, recorded_at) "
    "SELECT {row}, {owner}, CASE i / {crowd} WHEN 0 THEN 'email' ELSE 'sms' END, 'marketing', 'granted', 'consent', "
    "'form:bench', 'Yes', {time}, {time} FROM {consents}",
    "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at, since, confirmed_at) "
    "SELECT {owner}, CASE i / {crowd} WHEN 0 THEN 'email' ELSE 'sms' END, 'marketing', {true}, {row}, {time}, {time}, "
    "{time} FROM {consents}",
    "INSERT INTO slots (message_id, profile_id, campaign_key, stage, channel, purpose, tags, priority, reserved_at) "
    "SELECT {row}, {owner}, 'old', 'loyalty', 'email', 'marketing', '[]', 50, {time} FROM {slots}",
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
        workspace=_workspace(home / "workspace"),
        database_url=store.url,
        broker_url="",
        secret_key=SecretStr("bench"),
    )
    providers = dict.fromkeys(Channel, FakeProvider())
    with Dangol(settings, clock=VirtualClock(_NOON), entropy=SeededEntropy("bench"), providers=providers) as dangol:
        with dangol.database.write() as tx:
            _fill(tx, consents, postgresql=dangol.database.is_postgresql)
        settle(dangol.database)
        dangol.deploy(by="bench")
        crowd = consents // _CONSENTS_A_PERSON
        chosen = range(0, crowd, max(1, crowd // count))
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
        waiting = message_rows.waiting_for(tx, owners)
        claimed = [Claimed.of(row, releases[row.version_id]) for row in rows]
        rivals = [Claimed.of(row, releases[row.version_id]) for row in waiting]
        briefing = brief(tx, claimed, _NOON, hasher=pipeline.hasher, providers=frozenset(Channel), waiting=rivals)
        rulings = [decide(briefing.facts(item), item.release.rulebook) for item in claimed]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    allowed = sum(type(ruling.verdict).__name__ == "Allow" for ruling in rulings)
    return wall / len(rows) * 1e6, cpu / len(rows) * 1e6, allowed


def _fill(tx: Connection, consents: int, *, postgresql: bool) -> None:
    crowd = consents // _CONSENTS_A_PERSON
    padded = "lpad(({})::text, 26, '0')" if postgresql else "printf('%026d', {})"
    spread = "(i % 400 * 7919 % 400)"
    words: dict[str, Any] = {
        "id": padded.format("i"),
        "row": padded.format("i"),
        "owner": padded.format(f"i % {crowd}"),
        "crowd": crowd,
        "true": "true",
        "key": "decode(repeat(md5(i::text), 4), 'hex')" if postgresql else "randomblob(64)",
        "time": f"timestamptz '2026-03-01 03:00+00' - {spread} * interval '1 day'"
        if postgresql
        else f"strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', '2026-03-01 03:00:00', '-' || {spread} || ' days')",
        "people": _numbers(crowd, postgresql=postgresql),
        "consents": _numbers(consents, postgresql=postgresql),
        "slots": _numbers(consents * _SLOTS_A_CONSENT, postgresql=postgresql),
    }
    for statement in _FILLS:
        tx.exec_driver_sql(statement.format(**words).replace("%", "%%") if postgresql else statement.format(**words))


def _numbers(count: int, *, postgresql: bool) -> str:
    if postgresql:
        return f"generate_series(0, {count - 1}) AS numbered(i)"
    return (
        f"(WITH RECURSIVE numbered(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbered WHERE i < {count - 1}) "
        "SELECT i FROM numbered)"
    )


def _workspace(root: Path) -> Path:
    """One campaign and three caps, with the brand and the map that ship."""
    shared = ("campaigns/journey-map.yaml", "campaigns/tracking-plan.yaml", "templates/brand/voice.yaml")
    brand = ("templates/brand/email.mjml.j2", "templates/brand/macros.j2")
    files = {
        **{name: (_SHIPPED / name).read_text(encoding="utf-8") for name in (*shared, *brand)},
        "campaigns/policies.yaml": json.dumps(_POLICIES),
        "campaigns/notes.yaml": json.dumps(_CAMPAIGN),
        **{f"templates/{name}": said for name, said in _TEXTS.items()},
    }
    for name, said in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(said, encoding="utf-8")
    return root


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
