"""dangol's processes as a machine keeps them: started again whenever they end, each with a clock of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.acceptance.faults.child import Order, alive, put_wrong
from tests.acceptance.machines.fleet import Fleet
from tests.acceptance.machines.servers import let_files_grow_to

ROLES = ("web", "worker1", "worker2", "scheduler1")


class Mother:
    """The process that forks the others. It takes a while to load dangol, so it is the first that is begun."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.acceptance.faults.child"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def bears(self, order: Order) -> int:
        """The id of a new process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.line())
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate(timeout=60)


class Crew:
    """The processes in ``ROLES``, and for a while a second scheduler. What they say stands in files beside their
    clocks. ``died`` are those that ended by themselves once they had begun: none should."""

    def __init__(self, fleet: Fleet, folder: Path, mother: Mother) -> None:
        self._fleet, self._folder, self._mother = fleet, folder, mother
        self._up: dict[str, int] = {}
        self._began: set[str] = set()
        self.kills = 0
        self.died: list[str] = []

    def start(self, role: str) -> None:
        """Returns at once. What a process prints once it runs is in its file."""
        self._began.discard(role)
        self._up[role] = self._order(role, self._words(role))

    def ask(self, *words: str, seconds: float = 60.0) -> str:
        """What a command of ``dangol`` prints."""
        pid, until = self._order("asked", list(words)), time.monotonic() + seconds
        while alive(pid):
            assert time.monotonic() < until, f"not within {seconds:.0f} s: {words}"
            time.sleep(0.01)
        return (self._folder / "asked.said").read_text()

    def _order(self, name: str, words: list[str]) -> int:
        clock, said, log = (self._folder / f"{name}.{kind}" for kind in ("clock", "said", "log"))
        if not clock.exists():
            put_wrong(clock, 0)
        said.write_text("")
        order = Order(words, self._fleet.environment, str(self._fleet.home), str(clock), str(said), str(log))
        return self._mother.bears(order)

    def _words(self, role: str) -> list[str]:
        kind = role.rstrip("12")
        return [kind, "--port", str(self._fleet.port)] if kind == "web" else [kind]

    def look_after(self) -> None:
        """Start again what ended by itself, as whoever runs services does."""
        for role, pid in list(self._up.items()):
            if role not in self._began and (self._folder / f"{role}.said").stat().st_size:
                self._began.add(role)
            if not alive(pid):
                if role in self._began:
                    self.died.append(f"{role}: {(self._folder / f'{role}.log').read_text()[-2000:]}")
                self.start(role)

    def runs(self, role: str) -> bool:
        self.look_after()
        return role in self._began

    def wait_for(self, *roles: str, seconds: float = 60.0) -> None:
        """Until they have begun, within bounds."""
        until = time.monotonic() + seconds
        while not all(self.runs(role) for role in roles):
            assert time.monotonic() < until, f"not within {seconds:.0f} s: {roles}"
            time.sleep(0.05)

    def kill(self, *roles: str) -> None:
        """Kill them wherever they are, and start others."""
        self.look_after()
        self._end(roles)
        self.kills += len(roles)
        for role in roles:
            self.start(role)

    def stop(self, *roles: str) -> None:
        """Kill them, and start no others."""
        self._end(roles)
        self.kills += len(roles)

    def end(self) -> None:
        """The end of all of them."""
        self._end(list(self._up))

    def _end(self, roles: Sequence[str]) -> None:
        pids = [self._up.pop(role) for role in roles]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(alive(pid) for pid in pids):
            time.sleep(0.005)

    def put_clock(self, role: str, seconds: float) -> None:
        """From now on it is so many seconds ahead of the time."""
        put_wrong(self._folder / f"{role}.clock", seconds)

    def let_files_grow_to(self, size: str, *roles: str) -> None:
        let_files_grow_to(size, [self._up[role] for role in roles])
