"""Starting the processes that are to be killed, and killing them at chosen points."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from tests.acceptance.crash.children import PATIENCE

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.acceptance.crash.children"])


class Victim:
    """A running child and what it tells."""

    def __init__(self, process: ForkServerProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    def tells(self) -> Iterator[tuple[str, Any]]:
        """Everything it tells until it ends. Fails if it falls silent."""
        while True:
            assert self._pipe.poll(PATIENCE), "the child has fallen silent"
            try:
                yield self._pipe.recv()
            except EOFError:
                return

    def kill(self) -> list[tuple[str, Any]]:
        """Kill it; what it had told by then and nobody had read yet."""
        self._process.kill()
        self._process.join(PATIENCE)
        assert self._process.exitcode == -signal.SIGKILL
        return list(self.tells())

    def ends_well(self) -> None:
        self._process.join(PATIENCE)
        assert self._process.exitcode == 0


@contextmanager
def running(work: Callable[..., None], *arguments: object) -> Iterator[Victim]:
    """Run ``work(pipe, *arguments)`` in a process of its own; it is gone when the block ends."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = _CONTEXT.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Victim(process, ours)
    finally:
        process.kill()
        process.join(PATIENCE)
        ours.close()
