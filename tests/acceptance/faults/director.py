"""Runs dangol's own processes against the simulated carriers, and lets one thing after the other fall over."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import redis

from dangol.devproviders.options import Options
from dangol.devproviders.running import Sim, running
from tests.acceptance.faults.crew import ROLES, Crew, Mother
from tests.acceptance.faults.judge import Verdict, judge, read
from tests.acceptance.faults.people import BackEnd, People
from tests.acceptance.machines.fleet import Fleet
from tests.acceptance.machines.servers import OwnPostgres, OwnRabbit, OwnRedis
from tests.acceptance.test_up import free_port, until

TROUBLE: dict[str, Any] = {
    "error_rate": "6%",
    "hang_rate": "1%",
    "reset_before_rate": "5%",
    "reset_after_body_rate": "5%",
    "timeout_after_accept_rate": "1%",
    "error_after_accept_rate": "5%",
    "junk_rate": "5%",
    "cut_rate": "5%",
    "bounce_rate": "1%",
    "blocked_rate": "3%",
    "deferred_rate": "3%",
    "undelivered_rate": "5%",
    "stop_rate": "1%",
    "webhook_duplicates": "20%",
    "webhook_shuffle": True,
}
WELL: dict[str, Any] = {name: 0 for name in TROUBLE if name != "webhook_shuffle"}
STORM: dict[str, Any] = {"error_rate": "60%", "error_status": 429}
CALM: dict[str, Any] = {"latency": 0, "jitter": 0, "error_status": 500, "outage": False}
SLOW: dict[str, Any] = {"latency": "300ms", "jitter": "200ms"}
_LEASE, _TIMEOUT, _SLACK = timedelta(seconds=6), timedelta(seconds=2), timedelta(seconds=2)
LATE = _LEASE + _TIMEOUT + _SLACK
"""How long after its claim a message reaches a carrier at the latest: the lease, a request, and a busy machine."""
_LISTED = "1000000"
"""The longest list that it gives."""
_SETTINGS = {
    "PUBLIC_URL": "https://dangol.example",
    "EMAIL_PROVIDER": "sendgrid",
    "SMS_PROVIDER": "twilio",
    "PUSH_PROVIDER": "mailbox",
    "SEND_LEASE": "PT6S",
    "RETRY_AFTER": "PT1S",
    "MAX_ATTEMPTS": "100",
    "CARRIER_FAILURES": "20",
    "CARRIER_PAUSE": "PT0.5S",
    "CARRIER_READ_TIMEOUT": "PT1S",
    "CARRIER_TIMEOUT": "PT2S",
    "STOP_WITHIN": "PT5S",
    "LOG_LEVEL": "warning",
}


QUICK = (
    ("BATCH_SIZE", "10"),
    ("WORKER_THREADS", "2"),
    ("SEND_LEASE", "PT4S"),
    ("QUEUE_LEASE", "PT2S"),
    ("RETRY_AFTER", "PT0.4S"),
)
"""Small batches, and little patience with what was left behind."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is. It goes on until there were so many faults, kills and accepted events.

    ``rate`` are events a second at most, ``batch`` to a request; ``pace`` are seconds between faults, and ``spell`` how
    long those last that pass by themselves; ``skew`` is by how much clocks are wrong; advertising ``expires`` after
    that long. Nothing more is reported while ``backlog`` messages wait.
    """

    people: int = 60
    faults: int = 17
    kills: int = 0
    messages: int = 0
    rate: float = 40.0
    batch: int = 5
    pace: float = 0.3
    spell: float = 0.6
    skew: timedelta = timedelta(seconds=6)
    expires: timedelta = timedelta(seconds=8)
    backlog: int = 1_000
    settings: tuple[tuple[str, str], ...] = QUICK


@dataclass
class Told:
    """What happened in a run; ``died`` are processes that ended by themselves."""

    verdict: Verdict
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    accepted: int = 0
    refused: int = 0
    withdrawals: int = 0
    seconds: float = 0.0
    died: list[str] = field(default_factory=list)

    @property
    def breaches(self) -> dict[str, list[str]]:
        return self.verdict.breaches | ({"died": self.died} if self.died else {})


class Town:
    """Servers, carriers and processes of one run, in one folder."""

    def __init__(self, folder: Path, size: Size, seed: int, held: ExitStack) -> None:
        self._folder, self._size, self._dice = folder, size, random.Random(seed)
        self.record = folder / "taken.jsonl"
        self.record.touch()
        mother = Mother()
        held.callback(mother.end)
        self._redis, self.postgres, self._rabbit = OwnRedis(folder), OwnPostgres(), OwnRabbit()
        held.callback(self.postgres.remove)
        held.callback(self._redis.kill)
        held.callback(self._rabbit.remove)
        self._rabbit.start()
        self._redis.start()
        self.postgres.start()
        port = free_port()
        hooks = {"webhooks_to": f"http://127.0.0.1:{port}", "public_url": _SETTINGS["PUBLIC_URL"]}
        self.sim: Sim = held.enter_context(running(Options(record=self.record, seed=str(seed), **hooks)))
        self.fleet = Fleet(folder, self.postgres.url, self._redis.url, 1, given=self._given(), port=port)
        self.crew = Crew(self.fleet, folder, mother)
        held.callback(self.crew.end)
        self.people = People(size.people, size.expires, datetime.now(UTC))
        self.story = self.people.story
        self.story.late, self.story.skew = LATE, size.skew
        with self.fleet.opened() as dangol:
            dangol.deploy(by="tests", root=self.people.workspace(folder / "workspace"))
            self.people.move_in(dangol)
        self.back_end = BackEnd(self.people, port, rate=size.rate, batch=size.batch, threads=2)
        self.faults: Counter[str] = Counter()

    def _given(self) -> dict[str, str]:
        known = self.sim.credentials()
        return {
            **_SETTINGS,
            **dict(self._size.settings),
            "SENDGRID_URL": self.sim.url,
            "SENDGRID_API_KEY": known["sendgrid"]["api_key"],
            "SENDGRID_WEBHOOK_KEY": known["sendgrid"]["webhook_public_key"],
            "TWILIO_URL": self.sim.url,
            "TWILIO_ACCOUNT_SID": known["twilio"]["account_sid"],
            "TWILIO_AUTH_TOKEN": known["twilio"]["auth_token"],
            "TWILIO_FROM": known["twilio"]["from"],
        }

    # Faults.

    def _deck(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Every fault in turn, in an order that the dice decide; brokers change in the middle and at the end.

        That makes 18. Kills come more often than others if there are to be many of them.
        """
        kills: list[tuple[str, Callable[[], None]]] = [
            ("worker killed", lambda: self.crew.kill(self._dice.choice(["worker1", "worker2"]))),
            ("scheduler killed", lambda: self.crew.kill("scheduler1")),
            ("web killed", lambda: self.crew.kill("web")),
            ("all processes killed at once", lambda: self.crew.kill(*ROLES)),
        ]
        others: list[tuple[str, Callable[[], None]]] = [
            ("second scheduler", self._second_scheduler),
            ("database restarted", self._restart_database),
            ("database connections cut", self._cut),
            ("disk of the database full", self._fill_database),
            ("disk of a worker full", self._fill_worker),
            ("clock of a worker wrong", lambda: self._put_wrong(self._dice.choice(["worker1", "worker2"]))),
            ("clock of the scheduler wrong", lambda: self._put_wrong("scheduler1")),
            ("storm of 429", lambda: self._behave(STORM)),
            ("slow carriers", lambda: self._behave(SLOW)),
            ("carriers out of order", lambda: self._behave({"outage": True})),
        ]
        while True:
            dealt = kills * (3 if self._size.kills else 1) + others
            self._dice.shuffle(dealt)
            half = len(dealt) // 2
            for part in (dealt[:half], dealt[half:]):
                part.insert(self._dice.randrange(len(part)), ("broker lost", self._lose_broker))
                yield from part
                yield "moved to another broker", self._change_broker

    def _second_scheduler(self) -> None:
        self.crew.start("scheduler2")
        self.crew.wait_for("scheduler2")
        time.sleep(self._size.spell)
        self.crew.stop("scheduler2")

    @property
    def _on_redis(self) -> bool:
        return self.fleet.broker_url == self._redis.url

    def _lose_broker(self) -> None:
        if self._on_redis:
            with redis.Redis.from_url(self._redis.url) as client:
                client.flushall()
            self._redis.kill()
            self._redis.start()
        else:
            self._rabbit.kill()
            self._rabbit.start()

    def _change_broker(self) -> None:
        """Whatever the one knew, the other does not."""
        until("RabbitMQ", lambda: self._rabbit.ready)
        self.fleet.broker_url = self._rabbit.url if self._on_redis else self._redis.url
        self.crew.kill(*ROLES)

    def _restart_database(self) -> None:
        self.postgres.stop()
        self.postgres.start()

    def _cut(self) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    def _fill_database(self) -> None:
        self.postgres.fill_disk()
        time.sleep(self._size.spell)
        self.postgres.free_disk()

    def _fill_worker(self) -> None:
        """Its mailbox and its own log take nothing any more."""
        role = self._dice.choice(["worker1", "worker2"])
        self.crew.let_files_grow_to("0", role)
        time.sleep(self._size.spell)
        self.crew.let_files_grow_to("unlimited", role)

    def _put_wrong(self, role: str) -> None:
        """It jumps ahead or back, and after a while it is right again."""
        since = datetime.now(UTC)
        off = self._size.skew.total_seconds() * self._dice.choice([-1, 1]) * self._dice.uniform(0.5, 1)
        self.crew.put_clock(role, off)
        time.sleep(self._size.spell)
        self.crew.put_clock(role, 0)
        self.story.skewed.append((since, datetime.now(UTC)))

    def _behave(self, how: dict[str, Any]) -> None:
        self.sim.behave("all", **how)
        time.sleep(self._size.spell)
        self.sim.behave("all", **CALM, **TROUBLE)

    # The run.

    def run(self, tell: Callable[[str], None] = lambda _line: None) -> Told:
        """Everything, from the first start to the judgement; ``tell`` hears once a minute how far it is."""
        began = told = time.monotonic()
        self.sim.behave("all", **TROUBLE)
        for role in ROLES:
            self.crew.start(role)
        self.crew.wait_for(*ROLES)
        self.back_end.start()
        until("the first message", lambda: self.record.stat().st_size)
        deck = self._deck()
        while not self._enough():
            kind, happens = next(deck)
            happens()
            self.faults[kind] += 1
            self._rest()
            if time.monotonic() - told >= 60:
                told = time.monotonic()
                tell(self._so_far(told - began))
        self.back_end.stop()
        self._settle()
        seen = read(self.postgres.url, self.record, self._mailbox, self.story, self._listed())
        verdict = judge(seen, self.story)
        return Told(
            verdict,
            self.faults,
            self.crew.kills,
            len(self.story.accepted),
            self.back_end.refused,
            self.back_end.withdrawals,
            time.monotonic() - began,
            self.crew.died,
        )

    @property
    def _mailbox(self) -> Path:
        return self._folder / "mailbox.sqlite3"

    def _enough(self) -> bool:
        size = self._size
        return (
            self.faults.total() >= size.faults
            and self.crew.kills >= size.kills
            and len(self.story.accepted) >= size.messages
        )

    def _rest(self) -> None:
        """A while in which nothing new falls over, but what fell over is started."""
        until_then = time.monotonic() + self._size.pace * self._dice.uniform(0.5, 1.5)
        with suppress(psycopg.OperationalError):
            (self.back_end.waits.set if self._waiting() > self._size.backlog else self.back_end.waits.clear)()
        while time.monotonic() < until_then:
            self.crew.look_after()
            time.sleep(0.1)

    def _so_far(self, seconds: float) -> str:
        accepted = len(self.story.accepted)
        return (
            f"{seconds / 60:3.0f} min: {self.faults.total():,} faults, {self.crew.kills:,} kills, "
            f"{accepted:,} events accepted ({accepted / seconds:.0f}/s), {self._waiting():,} messages wait"
        )

    def _settle(self) -> None:
        """Let everything be well, be decided, and every report of the carriers be worked off."""
        self.sim.behave("all", **CALM, **WELL)
        self.crew.wait_for(*ROLES)
        self._until("decisions", _UNDECIDED)
        self.sim.settle(60)
        self._until("reports", _UNREAD)

    def _until(self, what: str, statement: str) -> None:
        """Until this counts nothing, within bounds: what was put off by a wrong clock comes later by as much."""
        bound = 60 + 2 * self._size.skew.total_seconds()
        deadline = time.monotonic() + bound
        while left := self._count(statement):
            assert time.monotonic() < deadline, f"{what}: {left:,} are missing after {bound:.0f} s"
            self.crew.look_after()
            time.sleep(0.1)

    def _waiting(self) -> int:
        return self._count(_UNDECIDED)

    def _count(self, statement: str) -> int:
        with psycopg.connect(self.postgres.url) as connection:
            row = connection.execute(statement).fetchone()
        assert row is not None
        return int(row[0])

    def _listed(self) -> set[str]:
        """The messages of which `dangol log unknown` says that nobody can tell."""
        told = self.crew.ask("log", "unknown", "--json", "--limit", _LISTED)
        return {json.loads(line)["id"] for line in told.splitlines()}


_UNDECIDED = "SELECT count(*) FROM messages WHERE state IN ('planned', 'due', 'sending', 'held')"
_UNREAD = "SELECT count(*) FROM feedback WHERE processed_at IS NULL"


@contextmanager
def town(folder: Path, size: Size, seed: int) -> Iterator[Town]:
    with ExitStack() as held:
        yield Town(folder, size, seed, held)
