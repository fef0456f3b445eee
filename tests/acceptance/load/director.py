"""Drives a load: makes messages, steps the clock over edges, withdraws consents, kills processes, and has it judged."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from dangol.bootstrap import Dangol
from dangol.model.people import ConsentChange, IncomingEvent, ProfileChange
from dangol.model.vocabulary import OPEN_STATES, Channel, ConsentAction, Purpose
from dangol.store.tables import log, messages, profiles
from dangol.testing import FakeProvider
from tests.acceptance.load.judge import Rule, against_their_will, at_night, doubled, over
from tests.acceptance.load.shared import SharedClock, Taken, read_record
from tests.acceptance.load.workers import LEASE, Workers, settings, work
from tests.workspaces import NIGHT, campaign, cap, note, write_workspace

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.acceptance.load.workers"])
BEGINS = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Ten in the morning in Seoul, a Monday."""
RULES = (
    Rule("weekly", 8, timedelta(days=7)),
    Rule("daily", 2),
    Rule("sms", 1, timedelta(days=2), "sms"),
)
POLICIES: dict[str, Any] = {
    "quiet_hours": NIGHT,
    "caps": [
        cap(8, key="weekly"),
        cap(2, "calendar day", key="daily"),
        cap(1, "rolling 2 days", key="sms", applies_to='message.channel == "sms" and message.purpose == "marketing"'),
    ],
}
CAMPAIGNS = (
    ("Order Completed", ["email"], "defer"),
    ("Checkout Started", ["sms"], "defer"),
    ("Checkout Resumed", ["push", "email"], "reroute"),
    ("Gift Requested", ["email"], "drop"),
)
"""What opens each campaign, its channels, and what becomes of the capped; each is worth more than the one before."""
EDGE = timedelta(milliseconds=400)
FOREVER = 2**63


@dataclass(frozen=True, slots=True)
class Size:
    """How large a load is: ``processes`` of ``threads`` workers; 0 processes: threads of this one."""

    people: int
    orders: int
    processes: int
    threads: int
    seconds: float
    slow: float = 0.0
    """Seconds that workers take at most between deciding and writing."""
    attempts: int = 0
    """Go on until so many decisions were made, too; 0: the time alone counts."""


@dataclass
class Findings:
    """What came of a load; the lists are breaches and have to be empty."""

    taken: list[Taken] = field(default_factory=list)
    attempts: int = 0
    messages: int = 0
    kills: int = 0
    steps: int = 0
    withdrawals: int = 0
    states: dict[str, int] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    at_night: list[Taken] = field(default_factory=list)
    over: list[tuple[str, str, list[datetime]]] = field(default_factory=list)
    against_their_will: list[Taken] = field(default_factory=list)

    @property
    def breaches(self) -> int:
        return len(self.doubled) + len(self.at_night) + len(self.over) + len(self.against_their_will)


def open_shop(dangol: Dangol, home: Path, names: Sequence[str]) -> None:
    """A shop with four campaigns and three caps, and these people in Seoul, who agreed to everything."""
    workspace = write_workspace(
        home / "workspace",
        *(
            campaign(
                f"on_{place}",
                note(*channels, expires_after="5 days", on_capped=capped),
                event=event,
                priority=20 + 20 * place,
            )
            for place, (event, channels, capped) in enumerate(CAMPAIGNS)
        ),
        policies=POLICIES,
    )
    dangol.deploy(by="load", root=workspace)
    dangol.pipeline.identify(
        [
            ProfileChange(
                name,
                email=f"{name}@example.com",
                phone=f"+8210{51000000 + number}",
                locale="en",
                timezone="Asia/Seoul",
                country="KR",
                device_token=f"device-{name}",
                device_platform="ios",
            )
            for number, name in enumerate(names)
        ]
    )
    agree(dangol, names, Channel, ConsentAction.GRANTED)


def agree(dangol: Dangol, names: Sequence[str], channels: Iterable[Channel], action: ConsentAction) -> None:
    """These people say yes or no to marketing on these channels."""
    now = dangol.clock.now()
    dangol.pipeline.record_consents(
        [
            ConsentChange(name, channel, Purpose.MARKETING, action, now, "form:load", wording="Yes, write to me.")
            for name in names
            for channel in channels
        ]
    )


def owners_of(dangol: Dangol) -> dict[str, str]:
    """Address → whose it is."""
    with dangol.database.read() as tx:
        return {
            address: row.external_id
            for row in tx.execute(select(profiles))
            for address in (row.email, row.phone, f"device-{row.external_id}")
        }


class Director:
    """One load on one database, in one folder."""

    def __init__(self, url: str, home: Path, size: Size, *, seed: int = 1, lawless: bool = False) -> None:
        self._url, self._home, self._size, self._lawless = url, home, size, lawless
        self._dice = random.Random(seed)
        self._clock = SharedClock(home / "clock")
        self._clock.step_to(BEGINS)
        for file in ("record", "failures"):
            (home / file).touch()
        self._names = [f"p{number}" for number in range(size.people)]
        self._told = 0
        self._without: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        self._found = Findings()
        self._processes: list[Any] = []
        self._workers: list[Workers] = []

    def run(self) -> Findings:
        """Everything, from the first message to the judgement."""
        providers = dict.fromkeys(Channel, FakeProvider())
        with Dangol(settings(self._url, self._home, 2), clock=self._clock, providers=providers) as self._dangol:
            self._open()
            try:
                for _ in range(self._size.processes or 1):
                    self._start()
                until = time.monotonic() + self._size.seconds
                while time.monotonic() < until or self._attempts() < self._size.attempts:
                    self._round()
                self._settle()
            finally:
                self._stop()
            return self._judged()

    # People and messages.

    def _open(self) -> None:
        open_shop(self._dangol, self._home, self._names)

    def _order(self) -> None:
        """Everybody does so many things, one after the other, while workers are at what came before: what is worth more
        comes when what is worth less is being decided."""
        for _ in range(self._size.orders):
            now, done = self._clock.now(), []
            for name in self._names:
                self._told += 1
                event = self._dice.choice(CAMPAIGNS)[0]
                done.append(IncomingEvent(f"e{self._told}", name, event, {}, now, "load"))
            self._dangol.pipeline.ingest(done)

    def _change_their_minds(self) -> None:
        """Some withdraw in the middle of it; those who had are asked again, and agree."""
        for who, channel in [key for key, spans in self._without.items() if spans[-1][1] == FOREVER]:
            self._clock.step_to(self._clock.now() + timedelta(milliseconds=1))
            since, _ = self._without[who, channel].pop()
            self._without[who, channel].append((since, time.monotonic_ns()))
            agree(self._dangol, [who], [Channel(channel)], ConsentAction.GRANTED)
        for who in self._dice.sample(self._names, max(1, len(self._names) // 4)):
            channel = self._dice.choice(list(Channel))
            self._clock.step_to(self._clock.now() + timedelta(milliseconds=1))
            agree(self._dangol, [who], [channel], ConsentAction.WITHDRAWN)
            self._without[who, channel.value].append((time.monotonic_ns(), FOREVER))
            self._found.withdrawals += 1

    # Time.

    def _round(self) -> None:
        """Messages for everybody in the middle of a day, all of which are decided; then some that an edge overtakes."""
        self._step(self._next_noon())
        self._order()
        if not self._found.withdrawals or self._dice.random() < 0.5:
            self._change_their_minds()
        self._drain(3.0)
        edge = self._next_edge()
        self._step(edge - EDGE)
        self._order()
        self._wait_for_some()
        self._step(edge)
        if not self._found.kills or self._dice.random() < 0.3:
            self._kill()
        self._wait_for_some()
        self._step(edge + self._dice.choice([timedelta(), EDGE, LEASE]))
        self._drain(1.0)

    def _next_noon(self) -> datetime:
        """Noon in Seoul, or if that is over the same hour of the next day."""
        noon = self._clock.now().replace(hour=3, minute=0, second=0, microsecond=0)
        return noon if noon > self._clock.now() else noon + timedelta(days=1)

    def _next_edge(self) -> datetime:
        """The next hour of the day at which something opens or shuts, or the instant at which a cap frees up."""
        now = self._clock.now()
        hours = [
            datetime(now.year, now.month, now.day, hour, tzinfo=UTC) for hour in (12, 15, 23)
        ]  # 21, 24, 8 in Seoul
        edges = [hour + day for hour in hours for day in (timedelta(), timedelta(days=1)) if hour + day > now + LEASE]
        with self._dangol.database.read() as tx:
            due = tx.execute(
                select(func.min(messages.c.due_at)).where(
                    messages.c.state.in_(OPEN_STATES), messages.c.due_at > now + LEASE
                )
            ).scalar_one()
        return min([*edges, *([due] if due is not None and self._dice.random() < 0.5 else [])])

    def _step(self, instant: datetime) -> None:
        if instant > self._clock.now():
            self._clock.step_to(instant)
            self._found.steps += 1

    def _wait_for_some(self) -> None:
        """Until the carrier has some of what is under way, within bounds."""
        record = self._home / "record"
        before, until = record.stat().st_size, time.monotonic() + 0.5
        while time.monotonic() < until and record.stat().st_size == before:
            time.sleep(0.005)

    def _drain(self, seconds: float) -> None:
        """Until nothing is due, within bounds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._due():
            time.sleep(0.02)

    def _due(self) -> bool:
        due = select(messages.c.id).where(messages.c.state.in_(OPEN_STATES), messages.c.due_at <= self._clock.now())
        with self._dangol.database.read() as tx:
            return tx.execute(due.limit(1)).first() is not None

    def _settle(self) -> None:
        """Let what was left by the killed be given up, and the rest be decided."""
        self._step(self._clock.now() + 2 * LEASE)
        time.sleep(0.3)
        self._drain(10.0)

    # Processes.

    def _start(self) -> None:
        seed = self._dice.randrange(2**31)
        if not self._size.processes:
            self._workers.append(Workers(self._url, self._home, self._size.threads, seed))
            return
        arguments = (self._url, self._home, self._size.threads, seed)
        how = {"lawless": self._lawless, "slow": self._size.slow}
        process = _CONTEXT.Process(target=work, args=arguments, kwargs=how, daemon=True)
        process.start()
        self._processes.append(process)

    def _kill(self) -> None:
        """Kill one wherever it is, and start another."""
        if self._processes:
            victim = self._processes.pop(self._dice.randrange(len(self._processes)))
            assert victim.is_alive(), "a process of workers ended by itself"
            victim.kill()
            victim.join()
            self._found.kills += 1
            self._start()

    def _stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()
        for workers in self._workers:
            workers.stop()

    # Judgement.

    def _attempts(self) -> int:
        decided = select(func.count()).select_from(log).where(log.c.message_id.is_not(None))
        with self._dangol.database.read() as tx:
            return int(tx.execute(decided.where(log.c.decision != "message_planned")).scalar_one())

    def _judged(self) -> Findings:
        found, taken, owners = self._found, read_record(self._home / "record"), owners_of(self._dangol)
        with self._dangol.database.read() as tx:
            counted = select(messages.c.state, func.count()).group_by(messages.c.state)
            found.states = {row[0]: row[1] for row in tx.execute(counted)}
        assert (self._home / "failures").read_text() == "", "a worker gave up"
        found.taken, found.attempts, found.messages = taken, self._attempts(), sum(found.states.values())
        found.doubled, found.at_night = doubled(taken), at_night(taken)
        found.over = over(taken, owners, RULES, late=LEASE)
        found.against_their_will = against_their_will(taken, owners, self._without)
        return found
