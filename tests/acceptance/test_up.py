"""``dangol up`` as a newcomer runs it: a process of its own, stopped with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.workspaces import campaign, write_workspace

PATIENCE = 60.0
PAGES = ("/map", "/campaigns", "/calendar", "/mailbox", "/log", "/docs")
RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}
DANGOL = [sys.executable, "-c", "from dangol.surfaces.cli.main import run; run()"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, found: Callable[[], Any]) -> Any:
    """Ask again until there is an answer, within bounds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {PATIENCE:.0f} s")


@dataclass
class Machine:
    """A home, a workspace and a port, and the commands that run on them."""

    home: Path
    workspace: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DANGOL_")}
        told = {"DANGOL_HOME": str(self.home), "DANGOL_WORKSPACE": str(self.workspace), "DANGOL_TICK": "PT0.2S"}
        return {**kept, **told, "COLUMNS": "100"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*DANGOL, *arguments],
            env=self.environment,
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def up(self) -> subprocess.Popen[str]:
        return self.start("up", "--port", str(self.port))

    def is_well(self) -> bool:
        return self.get("/healthz")[0] == 200


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    workspace = write_workspace(tmp_path / "workspace", campaign("shop", RECEIPT, purpose="transactional"))
    home = tmp_path / "home"
    home.mkdir()
    return Machine(home, workspace, free_port())


@pytest.fixture
def running(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    process = machine.up()
    try:
        until("dangol up", lambda: machine.is_well() or process.poll() is not None)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def stopped(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def has_mail(machine: Machine, text: str) -> bool:
    status, page = machine.get("/mailbox")
    return status == 200 and text in page


def test_an_event_becomes_a_message_in_the_mailbox(machine: Machine, running: subprocess.Popen[str]) -> None:
    profiles = machine.home / "profiles.csv"
    profiles.write_text("profile_id,email,locale\nalice,alice@example.com,en\n", encoding="utf-8")
    imported = machine.run("import", "profiles", str(profiles))
    assert imported.returncode == 0, imported.stdout + imported.stderr
    key = machine.run("write-key").stdout.strip()
    body = {
        "type": "track",
        "userId": "alice",
        "event": "Order Completed",
        "properties": {"order_id": "A-1", "value": 3},
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{machine.port}/v1/track",
        json.dumps({**body, "writeKey": key}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200
    until("the message", lambda: has_mail(machine, "Your order A-1"))
    explained = machine.run("explain", "--profile", "alice")
    assert "Sent by email." in explained.stdout
    machine.run("trigger", "Order Completed", "--profile", "alice", "--prop", "order_id=A-2", "--prop", "value=4")
    until("the message triggered by hand", lambda: has_mail(machine, "Your order A-2"))
    code, out, err = stopped(running)
    assert code == 0, err
    assert "1 campaign in service" in out
    assert [page for page in PAGES if f"http://127.0.0.1:{machine.port}{page}\n" not in out] == []
    assert "1 new; `dangol versions`" in out
    assert max(map(len, out.splitlines())) <= 160
    assert key not in out + err
    assert "Traceback" not in out + err


def test_a_second_one_on_the_same_database_is_refused(machine: Machine, running: subprocess.Popen[str]) -> None:
    other = Machine(machine.home, machine.workspace, free_port())
    refused = other.run("up", "--port", str(other.port))
    assert refused.returncode == 3
    assert f"process {running.pid} on" in refused.stderr
    assert "last seen" in refused.stderr
    assert "DANGOL_HOME" in refused.stderr
    assert stopped(running, signal.SIGTERM)[0] == 0
    process = other.up()
    try:
        until("the next one", lambda: other.is_well() or process.poll() is not None)
        assert process.poll() is None
        assert stopped(process)[0] == 0
    finally:
        process.kill()


def test_a_port_that_is_taken_is_told_in_words(machine: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", machine.port))
        taken.listen()
        refused = machine.run("up", "--port", str(machine.port))
    assert refused.returncode == 3
    assert f"cannot listen on 127.0.0.1:{machine.port}" in refused.stderr
    assert "choose another with --port" in refused.stderr


def test_a_broken_workspace_is_told_and_nothing_starts(machine: Machine) -> None:
    (machine.workspace / "campaigns" / "shop.yaml").write_text("key: shop\nkey: shop\n", encoding="utf-8")
    refused = machine.run("up", "--port", str(machine.port))
    assert refused.returncode == 1
    assert "campaigns/shop.yaml:2" in refused.stderr
    assert "  2 | key: shop" in refused.stderr


def test_what_a_killed_one_left_is_taken_over(machine: Machine, running: subprocess.Popen[str]) -> None:
    running.kill()
    running.wait(PATIENCE)

    def starts() -> subprocess.Popen[str] | None:
        process = machine.up()
        until("start or refusal", lambda: machine.is_well() or process.poll() is not None)
        if process.poll() is None:
            return process
        process.communicate()
        return None

    process = until("the database to be free again", starts)
    assert stopped(process)[0] == 0


@pytest.mark.parametrize("process", ["worker", "scheduler"])
def test_processes_of_their_own_ask_for_a_broker(machine: Machine, process: str) -> None:
    refused = machine.run(process)
    assert refused.returncode == 2
    assert "DANGOL_BROKER_URL" in refused.stderr


def test_migrate_and_deploy_can_be_repeated(machine: Machine) -> None:
    for _ in range(2):
        assert machine.run("migrate").returncode == 0
    assert "shop: new " in machine.run("deploy").stdout
    assert "nothing to do" in machine.run("deploy").stdout


def test_a_second_ctrl_c_stops_at_once() -> None:
    script = (
        "import time\n"
        "from dangol.surfaces.cli.processes import Stop\n"
        "stop = Stop()\n"
        "with stop.on_signals():\n"
        "    print('ready', flush=True)\n"
        "    stop.wait()\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("stopping:")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    process.communicate()
