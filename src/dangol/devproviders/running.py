"""For tests and benchmarks: the simulator in a process of its own, and a handle to it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from dangol.devproviders.options import Options

_PATIENCE = 30.0


class SimulatorFailed(Exception):
    """The simulator did not start or refused a command; says why."""


class Sim:
    """A running simulator."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid

    def record(self, after: int = 0) -> list[dict[str, Any]]:
        """All messages that were accepted, or those after this number."""
        entries: list[dict[str, Any]] = []
        while lines := self._ask("GET", f"record?after={after + len(entries)}").splitlines():
            entries += map(json.loads, lines)
        return entries

    def counts(self) -> dict[str, Any]:
        """``accepted``, ``providers`` and ``webhooks``."""
        return self._json("GET", "counts")

    def credentials(self) -> dict[str, Any]:
        """Keys and addresses, by provider."""
        return self._json("GET", "credentials")

    def subscription(self, name: str) -> dict[str, Any]:
        """A browser's subscription whose endpoint is ``/wp/<name>``."""
        return self._json("GET", f"subscription?id={name}")

    def behave(
        self, provider: str = "all", addresses: Mapping[str, str | None] | None = None, **behaviour: Any
    ) -> None:
        """Change how providers behave, or what happens with addresses. Raises SimulatorFailed for what is not known."""
        wanted = {"provider": provider, "behaviour": behaviour, "addresses": dict(addresses or {})}
        self._ask("POST", "behaviour", wanted)

    def inbound(self, sender: str, body: str, *, to: str = "", opt_out_type: str = "") -> str:
        """Somebody writes an SMS; gives its SID."""
        wanted = {"from": sender, "to": to, "body": body, "opt_out_type": opt_out_type}
        return str(self._json("POST", "inbound", wanted)["MessageSid"])

    def reset(self) -> None:
        """Forget messages, counters and behaviour."""
        self._ask("POST", "reset", {})

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until all webhooks are told. Raises SimulatorFailed if that takes longer."""
        until = time.monotonic() + seconds
        while pending := self.counts()["webhooks"]["pending"]:
            if time.monotonic() > until:
                raise SimulatorFailed(f"{pending} webhook events were not told within {seconds:g} s")
            time.sleep(0.02)

    def _json(self, method: str, command: str, body: Any = None) -> dict[str, Any]:
        return dict(json.loads(self._ask(method, command, body)))

    def _ask(self, method: str, command: str, body: Any = None) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_PATIENCE)
        try:
            connection.request(method, f"/_sim/{command}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            told = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise SimulatorFailed(f"{method} /_sim/{command}: {'; '.join(json.loads(told)['errors'])}")
        return told


@contextmanager
def running(options: Options | None = None) -> Iterator[Sim]:
    """A simulator in a process of its own, which ends with the block or with this process.

    Raises SimulatorFailed if it does not start.
    """
    asked = (options or Options()).model_dump_json()
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "dangol.devproviders", asked],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            told = json.loads(said) if said else {"error": "it ended at once; what it said is above"}
            if "error" in told:
                raise SimulatorFailed(f"the simulator did not start: {told['error']}")
            yield Sim(told["url"], process.pid)
        finally:
            process.stdin.close()  # it reads until then
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
