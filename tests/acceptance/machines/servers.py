"""Servers of a test's own, which it may kill: Redis, RabbitMQ, PostgreSQL and an SMTP server that can be made to
wait."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.acceptance.test_up import free_port, until
from tests.conftest import service_missing
from tests.contract.providers.smtp_server import Scripts, SmtpServer

_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
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


class OwnRabbit:
    """A node of its own, known only to an own directory of names: neither it nor another node ever sees the other."""

    def __init__(self) -> None:
        around = (str(_RABBITMQ), os.environ.get("PATH", ""))
        self._binary = _found("rabbitmq-server", os.pathsep.join(around))
        self._names = _found("epmd")
        self._user, self._folder = _own_folder("rabbitmq")
        self._port, names, own = free_port(), free_port(), free_port()
        (self._folder / "plugins").write_text("[].\n")
        (self._folder / "environment").touch()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))},
            "HOME": str(self._folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
            "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_NODENAME": f"dangol-{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(own),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "environment"),
        }
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}"
        self._directory = self._popen(self._names, "-port", str(names), "-address", "127.0.0.1")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once; it takes seconds until it is `ready`."""
        self._process = self._popen(self._binary)

    @property
    def ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def kill(self) -> None:
        """At once, and all that belongs to it."""
        _kill_group(self._process)

    def remove(self) -> None:
        self.kill()
        _kill_group(self._directory)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _popen(self, *words: str) -> subprocess.Popen[bytes]:
        nothing: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(
            words, user=self._user, env=self._environment, cwd=self._folder, start_new_session=True, **nothing
        )


class OwnPostgres:
    """A cluster in a folder that only its user reads; PostgreSQL refuses to run as root."""

    def __init__(self) -> None:
        self._bin = _BINARIES[0] if _BINARIES else Path(_found("postgres")).parent
        self._user, self._folder = _own_folder("postgres")
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

    def fill_disk(self) -> None:
        """None of its processes can write anything to a file any more, until `free_disk`."""
        self._let_files_grow_to("0")

    def free_disk(self) -> None:
        """Space again. A server that could not write its journal has gone down, and is started again."""
        self._let_files_grow_to("unlimited")
        time.sleep(0.2)
        try:
            self._ping()
        except psycopg.OperationalError:
            self.stop()
            self.start()

    def _let_files_grow_to(self, size: str) -> None:
        assert self._process is not None
        parent = self._process.pid
        told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
        let_files_grow_to(size, [parent, *map(int, told.stdout.split())], self._user)

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


def let_files_grow_to(size: str, pids: Sequence[int], user: str | None = None) -> None:
    """Soft limits on processes of ``user``, in bytes or ``unlimited``: they stand for a disk that is full. What a
    process forks later inherits them."""
    for pid in pids:
        words = [_found("prlimit"), f"--fsize={size}:", "--pid", str(pid)]
        subprocess.run(words, user=user, capture_output=True, check=False)  # it may have ended


def _own_folder(user: str) -> tuple[str | None, Path]:
    """A folder, and who is to run a server there: ``user`` instead of root, else whoever we are."""
    folder = Path(tempfile.mkdtemp(prefix=f"dangol-{user}-"))
    if os.geteuid() != 0:
        return None, folder
    owner = pwd.getpwnam(user)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return user, folder


def _kill_group(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def _found(program: str, path_list: str | None = None) -> str:
    path = shutil.which(program, path=path_list)
    if path is None:
        service_missing(program, FileNotFoundError(f"{program} is not installed"))
    assert path is not None
    return path


def _answers(ask: Any, error: type[Exception]) -> bool:
    try:
        return bool(ask())
    except error:
        return False
