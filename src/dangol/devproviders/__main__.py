"""``python -m dangol.devproviders '{"port": 0}'``: serve until standard input ends, so that nobody is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys

from pydantic import ValidationError

from dangol.devproviders.credentials import UnusableKey
from dangol.devproviders.options import Options
from dangol.devproviders.server import CannotStart, Simulator, run


async def _until_input_ends(event: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGTERM, event.set)
    reading = loop.run_in_executor(None, sys.stdin.read)
    reading.add_done_callback(lambda _: event.set())
    await event.wait()


def main() -> int:
    """Tell ``{"url": …}`` or ``{"error": …}`` on standard output. Exit code 2 if it cannot start."""
    try:
        simulator = Simulator(Options.model_validate_json(sys.argv[1] if len(sys.argv) > 1 else "{}"))
        run(simulator, lambda: print(json.dumps({"url": simulator.url}), flush=True), _until_input_ends)  # noqa: T201
    except (ValidationError, CannotStart, UnusableKey) as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
