"""dangol's own processes as an operator starts them, and what they cost.

``python -m bench.processes COMMAND…`` is the command line, with a sampling profiler if ``DANGOL_BENCH_SAMPLES`` names a
file to write to.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from bench.measure import process_cpu, process_memory
from dangol.surfaces.cli.main import run

SAMPLES = "DANGOL_BENCH_SAMPLES"
_EVERY = 0.005
_DEEPEST = 40
_PATIENCE = 60.0
_ROOT = Path(__file__).parents[1]


class DidNotRun(RuntimeError):
    """A process ended by itself or was not ready in time; says what it wrote."""


@dataclass
class Started:
    """One process of an installation; its output goes to ``log``."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DidNotRun if it has ended."""
        if self.process.poll() is not None:
            raise DidNotRun(f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")

    def says(self, words: str) -> None:
        """Wait until it has written these words."""
        until = time.monotonic() + _PATIENCE
        while words not in self.log.read_text():
            self.check()
            if time.monotonic() > until:
                raise DidNotRun(f"{self.name} did not say {words!r}:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)


@dataclass
class Crew:
    """The processes of one installation, stopped together at the end of ``at_work``."""

    environment: Mapping[str, str]
    folder: Path
    started: list[Started] = field(default_factory=list)

    def start(self, name: str, *command: str, ready: str = "") -> Started:
        """Start a dangol command; wait until it says that it is ready."""
        return self.start_other(name, [sys.executable, "-m", "bench.processes", *command], ready=ready)

    def start_other(self, name: str, command: Sequence[str], *, ready: str = "") -> Started:
        log = self.folder / f"{name}.log"
        samples = os.environ.get(SAMPLES)
        extra = {SAMPLES: f"{samples}.{self.folder.name}.{name}"} if samples else {}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=_ROOT,
                env={**os.environ, **self.environment, **extra},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        one = Started(name, process, log)
        self.started.append(one)
        if ready:
            one.says(ready)
        return one

    def check(self) -> None:
        for one in self.started:
            one.check()

    def cpu(self) -> dict[str, float]:
        """CPU seconds by process until now."""
        return {one.name: process_cpu(one.process.pid) for one in self.started}

    def cpu_by_process(self) -> dict[int, float]:
        """The same by process id."""
        return {one.process.pid: process_cpu(one.process.pid) for one in self.started}

    def memory(self) -> dict[str, float]:
        """The most megabytes that each process has held."""
        return {one.name: process_memory("VmHWM", one.process.pid) for one in self.started}

    def stop(self) -> None:
        for one in reversed(self.started):
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
        for one in self.started:
            try:
                one.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()


@contextmanager
def at_work(environment: Mapping[str, str], folder: Path) -> Iterator[Crew]:
    """A crew whose processes end with the block."""
    crew = Crew(environment, folder)
    try:
        yield crew
    finally:
        crew.stop()


def free_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, int]]:
    """A Redis of one's own, in memory only; its URL and process id. Raises DidNotRun if there is none to start."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    try:
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise DidNotRun("redis-server is not installed; the benchmark starts one of its own") from None
    try:
        _wait_for(port, server)
        yield f"redis://127.0.0.1:{port}/0", server.pid
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise DidNotRun(f"redis-server did not listen on port {port}")


class _Sampler(threading.Thread):
    """Notes every few milliseconds where each thread is, weighed by the CPU time that it has used since the last look.

    A thread, because the main one waits in C until it is told to stop, and handles no signal meanwhile.
    """

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self._over = threading.Event()
        self._spent: dict[int, int] = {}
        self._stacks: Counter[str] = Counter()

    def run(self) -> None:
        sys.setswitchinterval(_EVERY / 10)  # or it would look only when another thread lets go by itself
        while not self._over.wait(_EVERY):
            frames = sys._current_frames()
            for thread in threading.enumerate():
                frame = frames.get(thread.ident or 0)
                if frame is not None and thread is not self:
                    self._stacks[_stack(frame)] += self._since(thread.native_id or 0)

    def _since(self, native: int) -> int:
        """Nanoseconds of CPU that this thread has used since it was last asked about."""
        try:
            now = int(Path(f"/proc/self/task/{native}/schedstat").read_text().split()[0])
        except OSError:
            return 0
        before = self._spent.get(native, now)
        self._spent[native] = now
        return now - before

    def write(self, file: Path) -> None:
        """The stacks, each with its microseconds of CPU, the dearest first."""
        self._over.set()
        self.join()
        file.write_text("".join(f"{stack} {spent // 1000}\n" for stack, spent in self._stacks.most_common()))


def _sampled(file: Path) -> None:
    sampler = _Sampler()
    sampler.start()
    try:
        run()
    finally:
        sampler.write(file)


def _stack(frame: FrameType | None) -> str:
    places: list[str] = []
    while frame is not None and len(places) < _DEEPEST:
        code = frame.f_code
        places.append(f"{Path(code.co_filename).stem}:{code.co_name}")
        frame = frame.f_back
    return ";".join(reversed(places))


def main() -> None:
    """Run the command line."""
    file = os.environ.pop(SAMPLES, "")
    if file:
        _sampled(Path(file))
    else:
        run()


if __name__ == "__main__":
    main()
