"""Processes as a machine runs them, on servers of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from dangol.bootstrap import Dangol
from dangol.model.people import IncomingEvent, ProfileChange
from dangol.settings import Settings
from tests.acceptance.test_up import DANGOL, PATIENCE, free_port, until
from tests.workspaces import campaign, write_workspace

RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}
BATCH = 4


@dataclass
class Fleet:
    """``given`` are further settings of the processes, by name."""

    home: Path
    database_url: str
    broker_url: str
    smtp_port: int
    given: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DANGOL_")}
        told = {
            "HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "BROKER_URL": self.broker_url,
            "EMAIL_PROVIDER": "smtp",
            "SMTP_PORT": str(self.smtp_port),
            "BATCH_SIZE": str(BATCH),
            "WORKER_THREADS": "1",
            "FIRST_THREADS": "1",
            "WRITE_KEY": "k",
            "SECRET_KEY": "s",
            "TICK": "PT0.2S",
            "QUEUE_LEASE": "PT3S",
            "METRICS_ADDRESS": "",
            **self.given,
        }
        return {**kept, **{f"DANGOL_{name}": value for name, value in told.items()}}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start ``dangol`` with these words; returns when it says that it runs."""
        process = subprocess.Popen(
            [*DANGOL, *words],
            env=self.environment,
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate(timeout=PATIENCE)[1]
        return process

    def web(self) -> subprocess.Popen[str]:
        process = self.start("web", "--port", str(self.port))
        until("web", lambda: self.get("/livez") == 200)
        return process

    def opened(self, *, workers: bool = False) -> Dangol:
        """The installation as its operator has it."""
        settings = Settings(
            _env_file=None,
            home=self.home,
            database_url=self.database_url,
            broker_url=self.broker_url if workers else "",
            batch_size=BATCH,
            queue_lease=timedelta(seconds=3),
            write_key=SecretStr("k"),
            secret_key=SecretStr("s"),
        )
        return Dangol(settings, workers=workers)

    def open_shop(self, *people: str) -> None:
        """A campaign that thanks for every order, and these customers."""
        workspace = write_workspace(self.home / "workspace", campaign("shop", RECEIPT, purpose="transactional"))
        with self.opened() as dangol:
            dangol.deploy(by="tests", root=workspace)
            dangol.pipeline.identify([ProfileChange(one, email=f"{one}@example.com", locale="en") for one in people])

    def orders(self, people: Sequence[str]) -> None:
        """Everyone orders; workers are told."""
        with self.opened(workers=True) as dangol:
            now = dangol.clock.now()
            told = [_order(one, now) for one in people]
            dangol.pipeline.ingest(told)

    def get(self, path: str) -> int:
        return self._status(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"))[0]

    def track(self, who: str, order: str) -> tuple[int, str]:
        """Report an order over HTTP; status and ``Retry-After``."""
        body = f'{{"type": "track", "messageId": "{order}", "userId": "{who}", "event": "Order Completed", ' + (
            f'"properties": {{"order_id": "{order}", "value": 3}}, "writeKey": "k"}}'
        )
        address = f"http://127.0.0.1:{self.port}/v1/track"
        return self._status(urllib.request.Request(address, body.encode(), {"Content-Type": "application/json"}))

    @staticmethod
    def _status(request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=90) as response:
                return response.status, ""
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Retry-After", "")
        except OSError:
            return 0, ""

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=PATIENCE)


def _order(who: str, now: datetime) -> IncomingEvent:
    properties = {"order_id": f"A-{who}", "value": 3}
    return IncomingEvent(f"o-{who}", who, "Order Completed", properties, now, "tests")
