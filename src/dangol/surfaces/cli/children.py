"""Several worker processes under one: each that ends is started again, so that none stops the service quietly."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import structlog

from dangol.errors import UsageError
from dangol.surfaces.cli.processes import Stop

_RUN = "from dangol.surfaces.cli.main import run; run()"
_LOOK = 0.2
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_SETTLED = 60.0
"""A child that ran so long was well; its next start is not put off."""
_WRONG_USAGE = 2
_log = structlog.get_logger(__name__)


class Child:
    """One process and its successors. ``command`` are the words after ``dangol``."""

    def __init__(self, number: int, command: Sequence[str]) -> None:
        self.number = number
        self._command = [sys.executable, "-c", _RUN, *command]
        self._pause = 0.0
        self._not_before = 0.0
        self._began = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C in a terminal reaches the parent alone, which passes it on once.

        Its standard input ends when the parent does, however that ends; by this it notices.
        """
        self._began = time.monotonic()
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - ourselves

    def look(self) -> None:
        """Start it again if it ended, after a pause that doubles while it keeps ending at once. Raises UsageError."""
        now = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            if code == _WRONG_USAGE:
                raise UsageError("a worker was called wrongly, or with settings that cannot be used; see above")
            self._let_go()
            settled = now - self._began >= _SETTLED
            self._pause = _FIRST_PAUSE if settled or not self._pause else min(2 * self._pause, _LONGEST_PAUSE)
            self._not_before = now + self._pause
            _log.error("a worker ended and is started again", worker=self.number, code=code, pause=self._pause)
        elif now >= self._not_before:
            self.start()

    def ask(self) -> None:
        """Tell it to finish what it has in hand and end."""
        if self.process is not None:
            self.process.terminate()

    def end(self, until: float) -> None:
        """Wait until ``until`` on the monotonic clock for it to end, then make it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("a worker did not end in time; its hand-overs will be logged as unknown", worker=self.number)
            self.process.kill()
            self.process.wait()
        self._let_go()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def _let_go(self) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process = None


class Children:
    """``count`` processes, watched until ``stop``."""

    def __init__(self, count: int, command: Sequence[str]) -> None:
        self._children = [Child(number, command) for number in range(1, count + 1)]
        self._stopped = threading.Event()

    def run(self) -> None:
        """Start them, and start each again that ends, until ``stop``. Raises UsageError if they cannot run at all."""
        while not self._stopped.wait(_LOOK):
            for child in self._children:
                child.look()

    def stop(self) -> None:
        self._stopped.set()

    def end(self, patience: timedelta) -> None:
        """Have them all finish, for ``patience`` at most."""
        for child in self._children:
            child.ask()
        until = time.monotonic() + patience.total_seconds()
        for child in self._children:
            child.end(until)

    def kill(self) -> None:
        """End them at once."""
        for child in self._children:
            child.kill()


@contextmanager
def ending_with_parent(stop: Stop) -> Iterator[None]:
    """Ask this process to end when its parent has: then nobody would start it again or pass signals on."""

    def watch() -> None:
        sys.stdin.buffer.read()
        stop.ask()

    threading.Thread(target=watch, name="parent", daemon=True).start()
    yield


def supervise(count: int, command: Sequence[str], stop: Stop, patience: timedelta, tell: Callable[[], None]) -> None:
    """Run ``dangol`` with these words ``count`` times until the process is to stop."""
    children = Children(count, command)

    def run() -> None:
        try:
            children.run()
        except UsageError as error:
            stop.ask(error)

    thread = threading.Thread(target=run, name="children", daemon=True)
    with stop.on_signals(at_once=children.kill):
        thread.start()
        tell()
        try:
            stop.wait()
        finally:
            children.stop()
            thread.join()
            children.end(patience)
