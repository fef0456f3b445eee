"""What the processes of a load share: a clock that steps for all of them at once, and the carrier's own record."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import random
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dangol.model.message import Accepted, Envelope, Outcome, Refused
from dangol.model.vocabulary import Channel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SharedClock:
    """A clock in a file that every process maps. It stands still until somebody steps it.

    A step waits for hand-overs that have begun: what a carrier is being told at an instant, it is told at that instant.
    Between claim and hand-over it may step at any time, as clocks do while a worker waits for its turn.
    """

    def __init__(self, path: Path) -> None:
        self._turnstile, self._gate = path.with_suffix(".turn"), path.with_suffix(".gate")
        for file in (self._turnstile, self._gate):
            file.touch()
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._shown = mmap.mmap(file.fileno(), 8)

    def now(self) -> datetime:
        return _EPOCH + struct.unpack("<q", self._shown[:8])[0] * _MICROSECOND

    def step_to(self, instant: datetime) -> None:
        with _locked(self._turnstile, fcntl.LOCK_EX), _locked(self._gate, fcntl.LOCK_EX):
            self._shown[:8] = struct.pack("<q", (instant - _EPOCH) // _MICROSECOND)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """While this lasts nobody steps the clock."""
        with _locked(self._turnstile, fcntl.LOCK_EX):
            gate = _open(self._gate)
            fcntl.flock(gate, fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(gate)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as the carrier has it: ``at`` by the shared clock; ``claim_began`` by the machine's, in nanoseconds,
    before the worker began the transaction that claimed it."""

    message_id: str
    channel: str
    to: str
    at: datetime
    claim_began: int


class Carrier:
    """Takes, refuses, fails and dawdles as the dice fall, and writes down what it took before it answers."""

    name = "carrier"
    channels = frozenset(Channel)

    def __init__(self, clock: SharedClock, record: Path, seed: int, *, reliable: bool = False) -> None:
        self._clock = clock
        self._dice = random.Random(seed)
        self._reliable = reliable
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.claims = threading.local()

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        if self._dice.random() < 0.05:
            time.sleep(self._dice.uniform(0.005, 0.05))
        answers: list[Outcome] = []
        for envelope in batch:
            chance = 0.5 if self._reliable else self._dice.random()
            if chance < 0.05:
                answers.append(Refused(permanent=True, detail="no such number"))
            elif chance < 0.20:
                answers.append(Refused(permanent=False, detail="busy"))
            else:
                self._take(envelope)
                answers.append(Accepted(envelope.message_id))
            if chance > 0.98:
                raise ConnectionError("the line went dead")  # what was taken so far stays taken; nobody can tell
        return answers

    def _take(self, envelope: Envelope) -> None:
        """One line, appended in one piece; a process that is killed right after it has still handed over."""
        line = [
            envelope.message_id,
            envelope.channel.value,
            envelope.to,
            self._clock.now().isoformat(),
            self.claims.began,
        ]
        os.write(self._record, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """The record stays open: threads may still be in a hand-over."""


def read_record(path: Path) -> list[Taken]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [Taken(id_, channel, to, datetime.fromisoformat(at), began) for id_, channel, to, at, began in lines]
