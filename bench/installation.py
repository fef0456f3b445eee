"""An installation to measure: a filled database, the simulated carriers, and dangol's processes in front of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench import population
from bench.letter import write_workspace
from bench.measure import process_cpu, server_cpu
from bench.population import Occasion
from bench.processes import Crew, Started, at_work, free_port, redis_server
from bench.stores import Store
from dangol.devproviders import Options, running
from dangol.devproviders.options import Behaviour
from dangol.devproviders.running import Sim

SMS_ONE_IN = 10
"""One reader in ten gets an SMS; the others get the letter."""
WRITE_KEY = "bench"
_PUBLIC_URL = "https://bench.example"
_WORKSPACE = Path(__file__).parent / "blast_workspace"
_DAY = range(9, 17)
_ZONES = (
    "Pacific/Honolulu",
    "America/Los_Angeles",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Dhaka",
    "Asia/Singapore",
    "Asia/Seoul",
    "Australia/Sydney",
    "Pacific/Auckland",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which processes work: ``workers`` of ``threads`` each behind a broker, or everything in one if that is 0."""

    workers: int
    threads: int

    @property
    def name(self) -> str:
        return f"PostgreSQL and Redis, {self.workers} workers" if self.workers else "embedded: one process, SQLite"


EMBEDDED = Shape(workers=0, threads=4)
WORKERS = Shape(workers=2, threads=4)


def occasion(now: datetime) -> Occasion:
    """This minute, and zones where it is day for hours to come: quiet hours are asked about and hold nobody back."""
    zones = [name for name in _ZONES if now.astimezone(ZoneInfo(name)).hour in _DAY]
    return Occasion(now.astimezone(UTC).replace(second=0, microsecond=0), tuple(zones), SMS_ONE_IN)


def write_blast_workspace(folder: Path, when: datetime) -> Path:
    """The letter and the note, both of which go out at ``when``, and the receipt, which goes out upon an order."""
    write_workspace(folder)
    shutil.copytree(_WORKSPACE, folder, dirs_exist_ok=True)
    for name in ("letter", "note"):
        file = folder / "campaigns" / f"{name}.yaml"
        told = file.read_text(encoding="utf-8")
        told = told.replace('"0 11 * * *"', f'"{when.minute} {when.hour} * * *"').replace("Asia/Seoul", "UTC")
        file.write_text(told, encoding="utf-8")
    return folder


@dataclass
class Installation:
    """One that is set up, with carriers that answer; ``start`` puts it to work."""

    shape: Shape
    database_url: str
    sim: Sim
    crew: Crew
    port: int
    redis_pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start all processes; those that tell others what is due come last."""
        self.start_idle()
        self.tell_what_is_due()

    def start_idle(self) -> None:
        """Start those that work when they are told to; of the ``up`` shape that is everything."""
        port = ("--port", str(self.port))
        if not self.shape.workers:
            self.crew.start("up", "up", *port, ready="Ctrl-C")
            return
        self.crew.start("web", "web", *port, ready="Web on")
        workers: Sequence[Started] = [
            self.crew.start(f"worker{number + 1}", "worker", "--threads", str(self.shape.threads))
            for number in range(self.shape.workers)
        ]
        for one in workers:
            one.says("Worker with")

    def tell_what_is_due(self) -> None:
        """Start the process that tells the others, if there is one."""
        if self.shape.workers:
            self.crew.start("scheduler", "scheduler", ready="Scheduler on")

    def cpu(self) -> dict[str, float]:
        """CPU seconds until now of dangol's processes, the database's and the broker's; the carriers' beside them."""
        return {
            **self.crew.cpu(),
            "PostgreSQL": sum(server_cpu(self.database_url).values()),
            "Redis": process_cpu(self.redis_pid) if self.redis_pid else 0.0,
            "carriers": process_cpu(self.sim.pid),
        }


@contextmanager
def installed(
    shape: Shape, store: Store, workspace: Path, folder: Path, *, latency: float = 0.0, webhooks: bool = True
) -> Iterator[Installation]:
    """An installation on this database; carriers take ``latency`` seconds to answer, and report back if asked to."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    options = Options(
        webhooks_to=f"http://127.0.0.1:{port}" if webhooks else None,
        public_url=_PUBLIC_URL,
        record=folder / "record.jsonl",
        behaviour=Behaviour(latency=latency),
    )
    with running(options) as sim, _broker(shape, folder) as (broker, redis_pid):
        environment = {
            "DANGOL_WORKSPACE": str(workspace),
            "DANGOL_HOME": str(folder),
            "DANGOL_DATABASE_URL": store.url,
            "DANGOL_BROKER_URL": broker,
            "DANGOL_WORKER_THREADS": str(shape.threads),
            "DANGOL_SECRET_KEY": population.SECRET,
            "DANGOL_WRITE_KEY": WRITE_KEY,
            "DANGOL_PUBLIC_URL": _PUBLIC_URL,
            **_carriers(sim),
        }
        with at_work(environment, folder) as crew:
            yield Installation(shape, store.url, sim, crew, port, redis_pid)


@contextmanager
def _broker(shape: Shape, folder: Path) -> Iterator[tuple[str, int]]:
    if not shape.workers:
        yield "", 0
        return
    with redis_server(folder) as server:
        yield server


def _carriers(sim: Sim) -> dict[str, str]:
    known: dict[str, Any] = sim.credentials()
    return {
        "DANGOL_EMAIL_PROVIDER": "sendgrid",
        "DANGOL_SENDGRID_URL": sim.url,
        "DANGOL_SENDGRID_API_KEY": known["sendgrid"]["api_key"],
        "DANGOL_SENDGRID_WEBHOOK_KEY": known["sendgrid"]["webhook_public_key"],
        "DANGOL_SMS_PROVIDER": "twilio",
        "DANGOL_TWILIO_URL": sim.url,
        "DANGOL_TWILIO_ACCOUNT_SID": known["twilio"]["account_sid"],
        "DANGOL_TWILIO_AUTH_TOKEN": known["twilio"]["auth_token"],
        "DANGOL_TWILIO_FROM": known["twilio"]["from"],
    }


def until(what: str, reached: Any, installation: Installation, *, seconds: float, every: float = 0.05) -> None:
    """Wait until ``reached()`` holds. Raises RuntimeError if that takes longer, or if a process ends."""
    end = time.monotonic() + seconds
    while not reached():
        installation.crew.check()
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds:g} s")
        time.sleep(every)


def an_hour_before(when: datetime) -> datetime:
    return when - timedelta(hours=1)
