"""Runs dangol's own processes against the simulated carriers, and lets one thing after the other fall over."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from dangol.bootstrap import Dangol
from dangol.devproviders.options import Options
from dangol.devproviders.running import Sim, running
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from tests.acceptance.faults.judge import Verdict, judge
from tests.acceptance.machines.fleet import RECEIPT, Fleet
from tests.acceptance.machines.servers import OwnPostgres, OwnRedis
from tests.acceptance.test_up import free_port, until
from tests.workspaces import campaign, cap, note, write_workspace

TROUBLE = {
    "error_rate": "6%",
    "hang_rate": "1%",
    "reset_before_rate": "5%",
    "reset_after_body_rate": "5%",
    "timeout_after_accept_rate": "1%",
    "error_after_accept_rate": "5%",
    "junk_rate": "5%",
    "cut_rate": "5%",
    "bounce_rate": "5%",
    "webhook_duplicates": "20%",
    "webhook_shuffle": True,
}
STORM = {"error_rate": "60%", "error_status": 429}
SLOW = {"latency": "300ms", "jitter": "200ms"}
WEEKLY = 2
_SETTINGS = {
    "EMAIL_PROVIDER": "sendgrid",
    "SMS_PROVIDER": "none",
    "PUSH_PROVIDER": "none",
    "SEND_LEASE": "PT6S",
    "RETRY_AFTER": "PT1S",
    "MAX_ATTEMPTS": "100",
    "CARRIER_PAUSE": "PT0.5S",
    "CARRIER_READ_TIMEOUT": "PT1S",
    "CARRIER_TIMEOUT": "PT2S",
    "STOP_WITHIN": "PT5S",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is: so many people, so many faults, and messages for at least so long, in seconds."""

    people: int = 12
    faults: int = 6
    seconds: float = 8.0
    messages: int = 0


@dataclass
class Told:
    """What happened in a run."""

    verdict: Verdict
    faults: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0


class Town:
    """Servers, carriers and processes of one run, in one folder."""

    def __init__(self, folder: Path, size: Size, seed: int, held: ExitStack) -> None:
        self._folder, self._size, self._dice = folder, size, random.Random(seed)
        self.record = folder / "taken.jsonl"
        self.record.touch()
        self.redis, self.postgres = OwnRedis(folder), OwnPostgres()
        held.callback(self.postgres.remove)
        held.callback(self.redis.kill)
        self.redis.start()
        self.postgres.start()
        port = free_port()
        options = Options(record=self.record, webhooks_to=f"http://127.0.0.1:{port}", seed=str(seed))
        self.sim: Sim = held.enter_context(running(options))
        self.fleet = Fleet(folder, self.postgres.url, self.redis.url, 1, given=self._given(), port=port)
        held.callback(self.fleet.end)
        self.names = [f"p{number}" for number in range(size.people)]
        self.unwilling = {f"{name}@example.com" for name in self.names[::4]}
        self._open()
        self.up: dict[str, subprocess.Popen[str]] = {}
        self.accepted: set[str] = set()
        self.refused = 0
        self.faults: Counter[str] = Counter()
        self._over = threading.Event()

    def _given(self) -> dict[str, str]:
        known = self.sim.credentials()["sendgrid"]
        return {
            **_SETTINGS,
            "SENDGRID_URL": self.sim.url,
            "SENDGRID_API_KEY": known["api_key"],
            "SENDGRID_WEBHOOK_KEY": known["webhook_public_key"],
        }

    def _open(self) -> None:
        """Receipts for orders, and notes of which nobody gets more than two; a quarter of the people want none."""
        workspace = write_workspace(
            self._folder / "workspace",
            campaign("shop", RECEIPT, purpose="transactional"),
            campaign("notes", note("email", on_capped="drop"), event="Gift Requested"),
            policies={"caps": [cap(WEEKLY)]},
        )
        with self.fleet.opened() as dangol:
            dangol.deploy(by="tests", root=workspace)
            people = [ProfileChange(one, email=f"{one}@example.com", locale="en") for one in self.names]
            dangol.pipeline.identify(people)
            _agree(dangol, self.names, ConsentAction.GRANTED)
            _agree(dangol, self.names[::4], ConsentAction.WITHDRAWN)

    # Processes.

    def start(self, role: str) -> None:
        self.up[role] = self.fleet.web() if role == "web" else self.fleet.start(role.rstrip("12"))

    def kill(self, role: str) -> None:
        """Kill it wherever it is, and start another."""
        process = self.up.pop(role)
        assert process.poll() is None, f"{role} ended by itself: {process.communicate()[1][-2000:]}"
        process.kill()
        process.wait()
        self.start(role)

    # Load: a back end that reports events until they are accepted, as the documentation asks of it.

    def report(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            name = random.Random(number).choice(self.names)
            event = "Order Completed" if number % 2 else "Gift Requested"
            while not self._tracked(f"e{number}", name, event):
                self.refused += 1
                time.sleep(0.2)
            self.accepted.add(f"e{number}")

    def _tracked(self, id_: str, who: str, event: str) -> bool:
        properties = {"order_id": id_, "value": 3} if event == "Order Completed" else {"gift": "a cup"}
        told = {"type": "track", "messageId": id_, "userId": who, "event": event, "properties": properties}
        body = json.dumps({**told, "writeKey": "k"}).encode()
        address = f"http://127.0.0.1:{self.fleet.port}/v1/track"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    # Faults.

    def fault(self) -> None:
        """One of them, whichever the dice say."""
        kinds: dict[str, Callable[[], object]] = {
            "worker killed": lambda: self.kill(self._dice.choice(["worker1", "worker2"])),
            "scheduler killed": lambda: self.kill("scheduler1"),
            "web killed": lambda: self.kill("web"),
            "second scheduler": self._second_scheduler,
            "broker emptied and restarted": self._lose_broker,
            "database restarted": self._restart_database,
            "database connections cut": self._cut,
            "storm of 429": lambda: self._behave(STORM),
            "slow carrier": lambda: self._behave(SLOW),
        }
        kind = self._dice.choice(sorted(kinds))
        kinds[kind]()
        self.faults[kind] += 1

    def _second_scheduler(self) -> None:
        self.start("scheduler2")
        time.sleep(0.5)
        self.up.pop("scheduler2").kill()

    def _lose_broker(self) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
        self.redis.kill()
        self.redis.start()

    def _restart_database(self) -> None:
        self.postgres.stop()
        self.postgres.start()

    def _cut(self) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    def _behave(self, how: dict[str, object]) -> None:
        self.sim.behave("sendgrid", **how)
        time.sleep(1)
        self.sim.behave("sendgrid", **TROUBLE)

    # The run.

    def run(self) -> Told:
        began = time.monotonic()
        self.sim.behave("sendgrid", **TROUBLE)
        for role in ("web", "worker1", "worker2", "scheduler1"):
            self.start(role)
        reporter = threading.Thread(target=self.report, daemon=True)
        reporter.start()
        until_then = began + self._size.seconds
        while (
            sum(self.faults.values()) < self._size.faults
            or time.monotonic() < until_then
            or len(self.accepted) < self._size.messages
        ):
            if sum(self.faults.values()) < self._size.faults:
                self.fault()
            time.sleep(self._dice.uniform(0.1, 0.8))
        self._over.set()
        reporter.join(60)
        self._settle()
        verdict = judge(self.postgres.url, self.record, accepted=self.accepted, unwilling=self.unwilling, cap=WEEKLY)
        return Told(verdict, self.faults, len(self.accepted), self.refused, time.monotonic() - began)

    def _settle(self) -> None:
        """Let the carrier be well, everything be decided, and every report of the carrier be worked off."""
        self.sim.behave("sendgrid", **{name: 0 for name in TROUBLE if name != "webhook_shuffle"})
        until("decisions", lambda: self._count(_UNDECIDED) == 0)
        self.sim.settle(60)
        until("reports", lambda: self._count(_UNREAD) == 0)

    def _count(self, statement: str) -> int:
        with psycopg.connect(self.postgres.url) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
        assert row is not None
        return int(row[0])


_UNDECIDED = "SELECT count(*) FROM messages WHERE state IN ('planned', 'due', 'sending', 'held')"
_UNREAD = "SELECT count(*) FROM feedback WHERE processed_at IS NULL"


@contextmanager
def town(folder: Path, size: Size, seed: int) -> Iterator[Town]:
    with ExitStack() as held:
        yield Town(folder, size, seed, held)


def _agree(dangol: Dangol, names: list[str], action: ConsentAction) -> None:
    now = dangol.clock.now()
    dangol.pipeline.record_consents(
        [ConsentChange(name, Channel.EMAIL, Purpose.MARKETING, action, now, "form:tests") for name in names]
    )
