"""How many events of a carrier a web process verifies and stores: ``python -m bench.hooks [--events N]``.

Each request holds a thousand events, signed with ECDSA as SendGrid signs them, and is checked, read, hashed and
committed by the code that the web process runs. Printed are events a second and the CPU time of one event, of this
process alone. One row in ten of what comes was reported before, as it is in life.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import Request
from sqlalchemy import func, select

from bench.stores import Store, new_store
from dangol import ids
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.settings import Settings
from dangol.store.tables import feedback
from dangol.surfaces.hooks.router import Hooks
from dangol.surfaces.hooks.tally import Tally

_NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
_IN_A_REQUEST = 1_000
_AGO = 505
"""How many events before this one the event was that is told again."""
_POSTGRES = os.environ.get("DANGOL_TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
_KINDS = ("processed", "delivered", "delivered", "open", "click", "bounce")


@dataclass(frozen=True, slots=True)
class Result:
    """What one database did: ``events`` in ``seconds``, of which this process worked ``cpu``; ``stored`` are new."""

    name: str
    events: int
    stored: int
    seconds: float
    cpu: float

    def __str__(self) -> str:
        rate, cost = self.events / self.seconds, self.cpu / self.events * 1e6
        return f"{self.name:<12} {self.events:>9,} {self.stored:>9,} {rate:>12,.0f} {cost:>10.1f}"


def bodies(number: int) -> Iterator[bytes]:
    """Requests of a thousand events each, a tenth of them told again."""
    draw = random.Random("hooks")  # the same events in every run
    for start in range(0, number, _IN_A_REQUEST):
        places = [start + place - (_AGO if place % 10 == 0 else 0) for place in range(_IN_A_REQUEST)]
        told = [_event(each, draw) for each in places]
        yield orjson.dumps(told) + b"\r\n"


def _event(number: int, draw: random.Random) -> dict[str, object]:
    kind = _KINDS[number % len(_KINDS)]
    return {
        "email": f"person-{number % 50_000}@example.com",
        "timestamp": int(_NOW.timestamp()) - number % 3_600,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "category": ["letter"],
        "sg_event_id": f"ZGVsaXZlcmVkLTAtMTIz{number:012d}",
        "sg_message_id": f"14c5d75ce93.filter0001.16648.{number:08d}.0",
        "dangol_message_id": ids.derive(_NOW, "bench", str(number // len(_KINDS))),
        "useragent": f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/{draw.randrange(600)}",
        "url": f"https://shop.example/records/{number % 500}?utm_source=letter",
        "type": "bounce",
        "status": "5.1.1",
        "response": "250 OK",
    }


def measure(store: Store, number: int) -> Result:
    """Take in so many events on this database."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            _env_file=None,
            home=Path(home),
            database_url=store.url,
            sendgrid_webhook_key=b64encode(der).decode(),
        )
        with Dangol(settings, clock=VirtualClock(_NOW)) as dangol:
            hooks = Hooks(dangol, Tally())
            timestamp = str(int(_NOW.timestamp()))
            signed = [
                (body, _request(b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))), timestamp))
                for body in bodies(number)
            ]
            wall, cpu = time.perf_counter(), time.process_time()
            for body, request in signed:
                hooks.sendgrid(body, request)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            with dangol.database.read() as tx:
                stored = tx.execute(select(func.count()).select_from(feedback)).scalar_one()
    name = "PostgreSQL" if store.server else "SQLite"
    return Result(name, len(signed) * _IN_A_REQUEST, stored, wall, cpu)


def _request(signature: bytes, timestamp: str) -> Request:
    headers = [
        (b"x-twilio-email-event-webhook-signature", signature),
        (b"x-twilio-email-event-webhook-timestamp", timestamp.encode()),
    ]
    return Request({"type": "http", "method": "POST", "path": "/hooks/sendgrid", "headers": headers})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="how many events to take in")
    asked = parser.parse_args()
    print(f"{'database':<12} {'events':>9} {'new':>9} {'events/s':>12} {'CPU µs':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for server in ("", _POSTGRES):
            store = new_store(Path(folder), server).create()
            try:
                print(measure(store, asked.events))
            finally:
                store.drop()


if __name__ == "__main__":
    main()
