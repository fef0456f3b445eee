"""How long it takes from a trigger over HTTP until the carrier has the message: receipts for orders just made."""

from __future__ import annotations

import asyncio
import json
import random
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any

from bench.installation import SMS_ONE_IN, WRITE_KEY, Installation, until
from bench.population import SUPPRESSED, Occasion
from dangol.devproviders.running import Sim

_CONNECTIONS = 32
_LONGEST = 120.0


@dataclass(frozen=True, slots=True)
class Lags:
    """Seconds from the moment a trigger was sent until the carrier took its message; ``answers`` until it was answered.

    ``rate`` is triggers a second as they were sent.
    """

    rate: float
    lags: list[float] = field(repr=False)
    answers: list[float] = field(repr=False)

    def percentile(self, part: int) -> float:
        """Milliseconds within which so many of a hundred were handed over."""
        return quantiles(self.lags, n=100, method="inclusive")[part - 1] * 1000

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: value for name, value in asdict(self).items() if name == "rate"},
            "triggers": len(self.lags),
            **{f"p{part}_ms": self.percentile(part) for part in (50, 90, 99)},
            "answer_p50_ms": quantiles(self.answers, n=100)[49] * 1000,
            "answer_p99_ms": quantiles(self.answers, n=100)[98] * 1000,
        }


class Triggers:
    """Orders of readers who have an email address, each reader once, from the last one down."""

    def __init__(self, recipients: int) -> None:
        self._numbers = self._reachable(recipients)
        self.sent: dict[str, float] = {}
        self.answers: list[float] = []

    def anew(self) -> Triggers:
        """The readers who have not ordered yet, with nothing on record."""
        rest = Triggers(0)
        rest._numbers = self._numbers
        return rest

    @staticmethod
    def _reachable(recipients: int) -> Iterator[int]:
        everybody = Occasion(sms=SMS_ONE_IN)
        for number in reversed(range(recipients)):
            suppressed = random.Random(f"lot {number}").random() > 1 - SUPPRESSED
            if not suppressed and not everybody.by_phone(number):
                yield number

    def next(self) -> int:
        """A reader. Raises RuntimeError when all have ordered."""
        for number in self._numbers:
            return number
        raise RuntimeError("more triggers than readers")

    def lags(self, sim: Sim, rate: float) -> Lags:
        """What the carriers' record says. Raises RuntimeError if a message is missing or came twice."""
        reached = _reached(sim, self.sent)
        took = [reached[address] - at for address, at in self.sent.items()]
        return Lags(rate, took, self.answers)


def measure(installation: Installation, triggers: Triggers, *, rate: float, seconds: float) -> Lags:
    """Send triggers at this pace; give the lags when all messages have arrived."""
    began = time.monotonic()
    asyncio.run(_send(installation.port, triggers, rate, int(rate * seconds)))
    sent = len(triggers.sent) / (time.monotonic() - began)
    sim = installation.sim
    until("receipts", lambda: _arrived(sim, triggers.sent), installation, seconds=_LONGEST, every=0.5)
    return triggers.lags(sim, sent)


def _arrived(sim: Sim, sent: Mapping[str, float]) -> bool:
    try:
        return bool(_reached(sim, sent))
    except RuntimeError:
        return False


def _reached(sim: Sim, sent: Mapping[str, float]) -> dict[str, float]:
    """When each of these was accepted after the trigger; a reader may have had the letter before."""
    reached: dict[str, float] = {}
    for entry in sim.record():
        if entry["at"] >= sent.get(entry["to"], float("inf")):
            reached.setdefault(entry["to"], entry["at"])
    if len(reached) != len(sent):
        raise RuntimeError(f"{len(sent)} orders, and {len(reached)} receipts")
    return reached


async def _send(port: int, triggers: Triggers, rate: float, count: int) -> None:
    """An open loop: a trigger goes out at its time, whether or not those before it were answered."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    loop = asyncio.get_running_loop()
    began = loop.time()
    tasks: list[asyncio.Task[None]] = []
    for place in range(count):
        pause = began + place / rate - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(_trigger(free, triggers)))
    await asyncio.gather(*tasks)
    while not free.empty():
        free.get_nowait()[1].close()


async def _trigger(free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]], triggers: Triggers) -> None:
    number = triggers.next()
    request = _request(number)
    at = time.time()
    reader, writer = await free.get()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"a trigger was answered with {head[:200]!r}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    free.put_nowait((reader, writer))
    triggers.answers.append(time.time() - at)
    triggers.sent[f"r{number:07d}@example.com"] = at


def _request(number: int) -> bytes:
    event = {
        "userId": f"r{number:07d}",
        "event": "Order Completed",
        "messageId": f"order-{number}",
        "properties": {"order_id": f"A-{number}", "value": 29_000, "quantity": 1},
    }
    body = json.dumps(event).encode()
    key = b64encode(f"{WRITE_KEY}:".encode()).decode()
    head = (
        "POST /v1/track HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def readers_needed(parts: Sequence[tuple[float, float]]) -> int:
    """How many readers there must be for triggers of these rates and seconds."""
    wanted = sum(rate * seconds for rate, seconds in parts)
    return int(wanted * SMS_ONE_IN / (SMS_ONE_IN - 1) * 1.02) + 100
