"""Which git commit a workspace is at. A help for people; deploying never depends on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SECONDS = 5
_LONGEST = 64
_DIRTY = "-dirty"


def commit_of(root: Path) -> str | None:
    """The commit that is checked out at ``root``, with ``-dirty`` if files of the workspace differ from it.

    None where there is no repository, no commit, no git, or no answer in time.
    """
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", "campaigns", "templates") if commit else None
    if not commit or changed is None:
        return commit or None
    return f"{commit[: _LONGEST - len(_DIRTY)]}{_DIRTY}" if changed else commit


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; nothing is written, and no program that the repository names is run."""
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - our words
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
