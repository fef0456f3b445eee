"""How many messages a second the simulated carriers take: they must not be what a benchmark measures.

    python -m bench.ceiling

One process plays the carriers; another sends email of 10 KB to it over connections that are kept, as fast as it is
answered. Prints requests a second and the CPU that the simulator spent on each; one core's ceiling follows from that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from bench.measure import process_cpu
from dangol.devproviders import Options, running

_ROOT = Path(__file__).parents[1]
_BODY_BYTES = 10_000
_NUMBER = b"0" * 26


@dataclass(frozen=True, slots=True)
class Ceiling:
    """``rate`` is requests a second by the wall clock, the sender on another core; ``cpu_us`` is of the simulator."""

    requests: int
    connections: int
    rate: float
    cpu_us: float

    @property
    def per_core(self) -> float:
        """Requests a second that one core can take."""
        return 1e6 / self.cpu_us if self.cpu_us else 0.0


def measure(requests: int, *, connections: int = 64, recorded: bool = True) -> Ceiling:
    """Send so many requests to a simulator of its own. Raises RuntimeError if not all of them were accepted."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.jsonl" if recorded else None
        with running(Options(record=record)) as sim:
            key = sim.credentials()["sendgrid"]["api_key"]
            _send(sim.url, key, requests // 10, connections)
            sim.reset()
            before = process_cpu(sim.pid)
            took = _send(sim.url, key, requests, connections)
            cpu = process_cpu(sim.pid) - before
            accepted = sim.counts()["accepted"]
        if accepted != requests:
            raise RuntimeError(f"{requests} requests were answered with 202, and {accepted} were accepted")
    return Ceiling(requests, connections, requests / took, cpu / requests * 1e6)


def _send(url: str, key: str, requests: int, connections: int) -> float:
    """Send from a process of its own; gives the seconds from the first request to the last answer."""
    asked = json.dumps({"url": url, "key": key, "requests": requests, "connections": connections})
    done = subprocess.run(
        [sys.executable, "-m", "bench.ceiling", "--sender", asked],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the sender failed:\n{done.stdout}{done.stderr}")
    return float(done.stdout)


def _request(host: str, key: str) -> bytes:
    html = "<p>안녕하세요, 단골님. Your order is on its way. <a href='https://example.com/'>See it</a></p>"
    number = _NUMBER.decode()
    mail: dict[str, Any] = {
        "personalizations": [
            {"to": [{"email": f"person{number}@example.com"}], "custom_args": {"dangol_message_id": number}}
        ],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "subject": "Your order is on its way",
        "content": [{"type": "text/plain", "value": "Your order is on its way."}, {"type": "text/html", "value": ""}],
    }
    room = _BODY_BYTES - len(json.dumps(mail, ensure_ascii=False).encode())
    mail["content"][1]["value"] = html * (room // len(html.encode()) + 1)
    body = json.dumps(mail, ensure_ascii=False).encode()
    head = (
        f"POST /v3/mail/send HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nUser-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Sender(asyncio.Protocol):
    """Sends the next request when the last one is answered."""

    def __init__(self, work: _Work) -> None:
        self._work = work

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 202") or not data.endswith(b"\r\n\r\n"):
            self._work.fail(RuntimeError(f"found another answer: {data[:300]!r}"))
            return
        self._work.answered()
        self._go_on()

    def connection_lost(self, _error: Exception | None) -> None:
        self._work.fail(RuntimeError("a connection was lost"))

    def _go_on(self) -> None:
        request = self._work.next()
        if request is not None:
            self._transport.write(request)


class _Work:
    """What is still to be sent and answered. A request is one template with its own number put in twice."""

    def __init__(self, host: str, key: str, requests: int, over: asyncio.Future[None]) -> None:
        self._parts = _request(host, key).split(_NUMBER)
        self._sent, self._answered, self._requests, self._over = 0, 0, requests, over

    def next(self) -> bytes | None:
        if self._sent == self._requests:
            return None
        self._sent += 1
        return (b"%026d" % self._sent).join(self._parts)

    def answered(self) -> None:
        self._answered += 1
        if self._answered == self._requests and not self._over.done():
            self._over.set_result(None)

    def fail(self, why: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(why)


async def _run(url: str, key: str, requests: int, connections: int) -> float:
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    over: asyncio.Future[None] = loop.create_future()
    work = _Work(address.netloc, key, requests, over)
    began = time.perf_counter()
    for _ in range(min(connections, requests)):
        await loop.create_connection(lambda: _Sender(work), address.hostname or "", address.port or 80)
    await over
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--no-record", action="store_true", help="do not write the record to a file")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--sender", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sender:
        print(uvloop.run(_run(**json.loads(arguments.sender))))
        return
    found = measure(arguments.requests, connections=arguments.connections, recorded=not arguments.no_record)
    print(f"{found.rate:,.0f} requests/s over {found.connections} connections, {found.cpu_us:.1f} µs of CPU a request")
    print(f"one core's ceiling: {found.per_core:,.0f} requests/s")
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(found) | {"per_core": found.per_core}, indent=2))


if __name__ == "__main__":
    main()
