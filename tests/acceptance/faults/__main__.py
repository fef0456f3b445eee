"""The long form: ``python -m tests.acceptance.faults``, or ``make soak``; see docs/faults.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.acceptance.faults.director import Size, Told, town


def main() -> None:
    """Run, and print what came of it; exit code 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=500, help="how many things fall over (500)")
    parser.add_argument("--events", type=int, default=200_000, help="events accepted at least (200000)")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.0, help="at least so long")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    size = Size(given.people, given.faults, given.seconds, given.events)
    with tempfile.TemporaryDirectory() as folder, town(Path(folder), size, given.seed) as made:
        told = made.run()
    sys.stdout.write(table(told))
    sys.exit(1 if told.verdict.breaches else 0)


def table(told: Told) -> str:
    found = told.verdict
    rows: dict[str, object] = {
        "seconds": f"{told.seconds:,.0f}",
        **{kind: f"{count:,}" for kind, count in sorted(told.faults.items())},
        "events accepted": f"{told.accepted:,}",
        "tries of the back end that failed": f"{told.refused:,}",
        "messages taken by the carrier": f"{found.taken:,}",
        "events lost": len(found.lost_events),
        "messages never decided": len(found.undecided),
        "taken twice": len(found.doubled),
        "said to be taken, and were not": len(found.believed),
        "taken, and not in the log": len(found.forgotten),
        "taken, and not settled by a report": len(found.unsettled),
        "people over the cap": len(found.over_cap),
        "against somebody's will": len(found.against_their_will),
    }
    states = ", ".join(f"{state} {count:,}" for state, count in sorted(found.states.items()))
    return "".join(f"{name:36} {value}\n" for name, value in rows.items()) + f"{'messages by state':36} {states}\n"


if __name__ == "__main__":
    main()
