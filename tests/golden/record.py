"""Record journeys of the shipped campaigns: ``python -m tests.golden.record [CAMPAIGN…]``; all of them by default.

Record anew when an answer is meant to change, and look at the diff: it is what people under way would notice.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from tests.golden.histories import FOLDER, Recorded, definition, dump, journey, release, workspace
from tests.golden.personas import personas

HEAD = "# Recorded by `python -m tests.golden.record {key}`; not written by hand.\n"


def recording(key: str) -> Recorded:
    """Everything that is kept about one campaign."""
    flow = release(key).flow
    return {
        "campaign": key,
        "definition": definition(key),
        "journeys": [journey(flow, persona) for persona in personas(release(key))],
    }


def record(keys: Collection[str], folder: Path = FOLDER) -> list[Path]:
    """Write the files of these campaigns, and take out those of campaigns that are gone; returns what was changed."""
    changed = []
    folder.mkdir(exist_ok=True)
    for key in sorted(keys):
        path, text = folder / f"{key}.yaml", HEAD.format(key=key) + dump(recording(key))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    for path in sorted(folder.glob("*.yaml")):
        if path.stem not in workspace().campaigns:
            path.unlink()
            changed.append(path)
    return changed


def main() -> None:
    shipped = sorted(workspace().campaigns)
    parser = argparse.ArgumentParser(prog="python -m tests.golden.record", description=__doc__.splitlines()[0])
    parser.add_argument("campaign", nargs="*", help="the campaigns to record; all unless given")
    chosen = parser.parse_args().campaign or shipped
    if unknown := sorted(set(chosen) - set(shipped)):
        parser.error(f"there is no campaign {', '.join(unknown)}; there are {', '.join(shipped)}")
    for path in record(chosen):
        sys.stdout.write(f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n")


if __name__ == "__main__":
    main()
