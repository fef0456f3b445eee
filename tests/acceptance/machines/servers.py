"""Servers of a test's own, which it may kill: Redis, PostgreSQL and an SMTP server that can be made to wait."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.acceptance.test_up import free_port, until
from tests.conftest import service_missing
from tests.contract.providers.smtp_server import Scripts, SmtpServer

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class OwnRedis:
    """Keeps what it holds on disk at once, as it should in production."""

    def __init__(self, folder: Path) -> None:
        self._binary = _found("redis-server")
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        told = {"--port": str(self._port), "--bind": "127.0.0.1", "--dir": str(self._folder), "--appendonly": "yes"}
        words = [word for pair in told.items() for word in pair]
        self._process = subprocess.Popen([self._binary, *words], stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            until("Redis", lambda: _answers(client.ping, redis.RedisError))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class OwnPostgres:
    """A cluster in a folder that only its user reads; PostgreSQL refuses to run as root."""

    def __init__(self) -> None:
        self._bin = _BINARIES[0] if _BINARIES else Path(_found("postgres")).parent
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="dangol-postgres-"))
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._data = self._folder / "data"
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--username=dangol", "--encoding=UTF8", f"--pgdata={self._data}"
        )
        self._port = free_port()
        self.url = f"postgresql://dangol@127.0.0.1:{self._port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ("-D", str(self._data), "-p", str(self._port), "-c", "listen_addresses=127.0.0.1", "-k", "")
        self._process = self._popen("postgres", *words)
        until("PostgreSQL", lambda: _answers(self._ping, psycopg.OperationalError))

    def stop(self) -> None:
        """At once: transactions in hand are lost and connections cut, as when a machine fails over."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ping(self) -> bool:
        psycopg.connect(self.url, connect_timeout=3).close()
        return True

    def _run(self, program: str, *words: str) -> None:
        process = self._popen(program, *words)
        assert process.wait(120) == 0, f"{program} failed"

    def _popen(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        nothing: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([self._bin / program, *words], user=self._user, cwd=self._folder, **nothing)


class Gate(Scripts):
    """Lets an SMTP server take a message only when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.open = threading.Event(), threading.Event()

    def answer(self, stage: str, usual: str, recipient: str = "") -> str:
        if stage == "dot":
            self.reached.set()
            self.open.wait(60)
        return super().answer(stage, usual, recipient)


def gated() -> tuple[SmtpServer, Gate]:
    server, gate = SmtpServer(), Gate()
    server.scripts = gate
    return server, gate


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        service_missing(program, FileNotFoundError(f"{program} is not installed"))
    assert path is not None
    return path


def _answers(ask: Any, error: type[Exception]) -> bool:
    try:
        return bool(ask())
    except error:
        return False
