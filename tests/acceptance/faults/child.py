"""``dangol``'s processes, begun quickly, with clocks that a test may put wrong.

``python -m tests.acceptance.faults.child`` has loaded dangol already. For every order, a line of JSON on its standard
input, it forks one process that runs ``dangol`` with these words, and prints its id. It ends with its input.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dangol.clock import SystemClock
from dangol.surfaces.cli.main import run

_SHAPE = "<d"


@dataclass(frozen=True, slots=True)
class Order:
    """``dangol WORDS…`` in a folder, by the ``clock`` of that file; what it ``said`` and its ``log`` go to files."""

    words: list[str]
    environment: dict[str, str]
    folder: str
    clock: str
    said: str
    log: str

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def put_wrong(clock: Path, seconds: float) -> None:
    """From now on the processes with this ``clock`` are so far ahead of the time, or behind it."""
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack(_SHAPE, seconds))


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them, and they do not stay behind
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            _become(order)
        os.write(1, f"{pid}\n".encode())


def _become(order: Order) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    for number, path in ((0, os.devnull), (1, order.said), (2, order.log)):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    sys.argv = ["dangol", *order.words]
    _go_by(Path(order.clock))
    code = 1
    try:
        run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _go_by(clock: Path) -> None:
    """Whatever this process does, it does by this clock."""
    with clock.open("r+b") as file:
        shown = mmap.mmap(file.fileno(), struct.calcsize(_SHAPE))

    def now(_self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack(_SHAPE, shown[:])[0])

    SystemClock.now = now  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    main()
