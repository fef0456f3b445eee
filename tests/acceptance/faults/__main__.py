"""The long form: ``python -m tests.acceptance.faults``, or ``make soak``; see docs/faults.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from tests.acceptance.faults.director import Size, Told, town

_SETTINGS = (("BATCH_SIZE", "100"), ("WORKER_THREADS", "4"))


def main() -> None:
    """Run, and print what came of it; exit code 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="processes killed at least (500)")
    parser.add_argument("--messages", type=int, default=200_000, help="messages asked for at least (200000)")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=120.0, help="messages asked for a second at most (120)")
    parser.add_argument("--pace", type=float, default=3.0, help="seconds between one fault and the next (3)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    size = Size(
        people=given.people,
        kills=given.kills,
        messages=given.messages,
        rate=given.rate,
        batch=50,
        faults=0,
        pace=given.pace,
        spell=2.0,
        skew=timedelta(seconds=120),
        expires=timedelta(seconds=90),
        backlog=5_000,
        settings=_SETTINGS,
    )
    with tempfile.TemporaryDirectory() as folder, town(Path(folder), size, given.seed) as made:
        told = made.run(_say)
    sys.stdout.write(table(told))
    sys.exit(1 if told.breaches else 0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def table(told: Told) -> str:
    """What fell over, what came through, and what should not have been: the last have to be 0."""
    found = told.verdict
    rows: dict[str, object] = {
        "seconds": f"{told.seconds:,.0f}",
        **{kind: f"{count:,}" for kind, count in sorted(told.faults.items())},
        "processes killed by all that": f"{told.kills:,}",
        "events accepted": f"{told.accepted:,}",
        "tries of the back end that failed": f"{told.refused:,}",
        "withdrawals in the middle of it": f"{told.withdrawals:,}",
        **{f"{channel} taken by a carrier": f"{count:,}" for channel, count in sorted(found.taken.items())},
        **{f"messages that are {state}": f"{count:,}" for state, count in sorted(found.states.items())},
        "events lost": len(found.lost_events),
        "messages never decided": len(found.undecided),
        "taken twice": len(found.doubled),
        "said to be taken, and were not": len(found.believed),
        "taken, and not in the log": len(found.forgotten),
        "taken, and the log says otherwise": len(found.unsettled),
        "unknown, and not on the list": len(found.unlisted),
        "caps exceeded": len(found.over_cap),
        "sent while it was quiet": len(found.at_night),
        "sent against a withdrawal": len(found.against_their_will),
        "processes that ended by themselves": len(told.died),
    }
    shown = "".join(f"{name:36} {value}\n" for name, value in rows.items())
    examples = (f"{name}: {', '.join(some[:5])}\n" for name, some in told.breaches.items())
    return shown + "".join(examples)


if __name__ == "__main__":
    main()
