"""A blast in which some people leave: who gets what and when, the workers that deliver it, and who judges."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from bench.crowd import CONSENTS, PEOPLE, fill, moment, padding
from bench.population import settle
from dangol.batch.handover import Handover
from dangol.bootstrap import Dangol
from dangol.errors import StoreUnavailable
from dangol.ids import SeededEntropy
from dangol.model.message import Accepted, Envelope, Outcome
from dangol.model.vocabulary import Channel
from dangol.pipeline import Pipeline
from dangol.settings import Settings

BEGINS = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""Noon in Seoul."""
PUBLIC_URL = "https://letters.dangol.example"
_TAKEN = struct.Struct("<qqq")
_JOURNEYS = (
    "INSERT INTO journeys "
    "(id, campaign_key, version_id, profile_id, entry_key, status, position, entered_at, ended_at, end_reason) "
    "SELECT {id}, 'notes', '{version}', {whose}, 'blast ' || i, 'ended', '', {begins}, {begins}, 'completed' "
    "FROM {messages}"
)
_MESSAGES = (
    "INSERT INTO messages (id, journey_id, campaign_key, version_id, profile_id, stage, step, template, channels, "
    "purpose, priority, state, due_at, attempt, planned_at, updated_at) "
    "SELECT {id}, {id}, 'notes', '{version}', {whose}, 'loyalty', '0.0', 'note', 'email', 'marketing', 50, 'planned', "
    "{due}, 1, {begins}, {begins} FROM {messages}"
)


@dataclass(frozen=True, slots=True)
class Blast:
    """So many messages in all; ``leavers`` people get ``each`` of them, everybody else gets one.

    They come due evenly over ``seconds``: those of one leaver one after the other, all of them among everybody else's.
    """

    messages: int
    leavers: int
    each: int
    seconds: float

    @property
    def people(self) -> int:
        """The leavers are the first of them."""
        return self.messages - self.leavers * (self.each - 1)

    def fill(self, dangol: Dangol, version: str) -> None:
        """Write the people, their consents, and what they are to get."""
        postgresql = dangol.database.is_postgresql
        theirs, others, seconds = self.leavers * self.each, self.people - self.leavers, self.seconds
        whose = f"CASE WHEN i < {theirs} THEN i % {self.leavers} ELSE i - {theirs - self.leavers} END"
        place = f"CASE WHEN i < {theirs} THEN i * {seconds} / {theirs} ELSE (i - {theirs}) * {seconds} / {others} END"
        base = f"{BEGINS:%Y-%m-%d %H:%M:%S}"
        words = {
            "version": version,
            "whose": padding(postgresql=postgresql).format(whose),
            "begins": moment(base, "0", postgresql=postgresql),
            "due": moment(base, place, postgresql=postgresql),
        }
        counts = {"people": self.people, "consents": self.people, "messages": self.messages}
        with dangol.database.write() as tx:
            fill(tx, (*PEOPLE, *CONSENTS, _JOURNEYS, _MESSAGES), counts, postgresql=postgresql, **words)
        settle(dangol.database)


class RunningClock:
    """Goes on from ``BEGINS`` as the machine's clock does, for all processes alike."""

    def __init__(self, began: int) -> None:
        self._began = began

    def now(self) -> datetime:
        return BEGINS + timedelta(microseconds=(time.monotonic_ns() - self._began) // 1_000)


@dataclass(frozen=True, slots=True)
class Taken:
    """A hand-over as the carrier has it; nanoseconds of the machine's clock, the claim's before its transaction."""

    person: int
    claim_began: int
    at: int


class Carrier:
    """Takes every message, and appends who got it, and when, to a record that all processes share."""

    name = "carrier"
    channels = frozenset({Channel.EMAIL})

    def __init__(self, record: Path) -> None:
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.claims = threading.local()

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        began = self.claims.began
        people = [int(envelope.to.partition("@")[0][1:]) for envelope in batch]
        os.write(self._record, b"".join(_TAKEN.pack(person, began, time.monotonic_ns()) for person in people))
        return [Accepted(envelope.message_id) for envelope in batch]

    def close(self) -> None:
        os.close(self._record)


def how_many(record: Path) -> int:
    """How many messages the carrier has so far."""
    return record.stat().st_size // _TAKEN.size


def read_record(record: Path) -> list[Taken]:
    return [Taken(*fields) for fields in _TAKEN.iter_unpack(record.read_bytes())]


@dataclass(frozen=True, slots=True)
class Left:
    """When somebody asked to be left alone and when that was answered, by the machine's clock."""

    person: int
    asked: int
    answered: int


def breaches(taken: Sequence[Taken], left: Sequence[Left]) -> list[Taken]:
    """What was handed over although its claim began after its person had been told that they left."""
    answered = {one.person: one.answered for one in left}
    return [one for one in taken if one.claim_began > answered.get(one.person, one.claim_began)]


def lags(taken: Sequence[Taken], left: Sequence[Left]) -> list[float]:
    """Milliseconds from each answer to the last hand-over to its person; below 0 if that came first."""
    last: dict[int, int] = {}
    for one in taken:
        last[one.person] = max(one.at, last.get(one.person, one.at))
    return [(last[one.person] - one.answered) / 1e6 for one in left if one.person in last]


@dataclass(frozen=True, slots=True)
class Load:
    """What every process of a load is told: where it works, when the clock began, and how it shares the work."""

    url: str
    home: Path
    began: int
    threads: int
    batch: int

    @property
    def record(self) -> Path:
        return self.home / "record"

    def opened(self, carrier: Carrier) -> Dangol:
        """The installation."""
        settings = Settings(
            _env_file=None,
            home=self.home,
            workspace=self.home / "workspace",
            database_url=self.url,
            broker_url="",
            public_url=PUBLIC_URL,
            batch_size=self.batch,
            worker_threads=self.threads,
            secret_key=SecretStr("bench"),
        )
        entropy, providers = SeededEntropy(f"leaving {os.getpid()}"), {Channel.EMAIL: carrier}
        return Dangol(settings, clock=RunningClock(self.began), entropy=entropy, providers=providers)


class Workers:
    """Threads that deliver the batches they are told about, as worker processes do, each until it is told None."""

    def __init__(self, load: Load, told: Any) -> None:
        self._carrier = Carrier(load.record)
        self._dangol = load.opened(self._carrier)
        self._told = told
        _note_claims(self._dangol.pipeline, self._carrier)
        self._threads = [threading.Thread(target=self._deliver, daemon=True) for _ in range(load.threads)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._dangol.close()

    def _deliver(self) -> None:
        while (batch := self._told.get()) is not None:
            with suppress(StoreUnavailable):  # SQLite was busy for longer than a worker waits; the sweeper tells again
                self._dangol.pipeline.deliver(batch)


def _note_claims(pipeline: Pipeline, carrier: Carrier) -> None:
    """Have the carrier know when the claim began of what it is given: before its transaction."""
    begin = pipeline._begin_hand_over

    def noting(message_ids: Sequence[str]) -> Handover:
        carrier.claims.began = time.monotonic_ns()
        return begin(message_ids)

    pipeline._begin_hand_over = noting  # type: ignore[method-assign]


def work(load: Load, told: Any) -> None:
    """A process of workers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    Workers(load, told).join()
