"""Another state of the workspace's files: a git revision, read without a checkout, or a deployed version."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sqlalchemy import select

from dangol.checking import check_texts
from dangol.definitions.sources import PACKS, TEXT_FILES, Sources
from dangol.definitions.workspace import parse_workspace
from dangol.errors import DangolError, ProblemsFound, UsageError
from dangol.simulate.crowd import reading
from dangol.store.tables import blobs, versions

_VERSION = re.compile(r"[0-9a-f]{8,64}")
_PATIENCE = 60
"""Seconds that git may take."""


def checked(sources: Sources, *, state: str = "") -> Sources:
    """``sources``, if they can be run. Raises ProblemsFound with everything that is wrong in them.

    ``state`` names another state than that on disk; places in it are told as git tells them, ``state:path``.
    """
    workspace, problems = parse_workspace(sources)
    found = problems if workspace is None else check_texts(workspace)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors or workspace is None:
        raise ProblemsFound([replace(one, path=f"{state}:{one.path}") if state else one for one in errors or problems])
    return sources


def at_revision(root: Path, revision: str) -> Sources:
    """The workspace's files as they were at a git revision: those that dangol would read from disk.

    Raises UsageError if there is no git, no repository, no such revision, or no workspace in it.
    """
    if revision.startswith("-"):
        raise UsageError(f"--diff: expected a git revision or a version; found {revision!r}")
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        _refuse_without_repository(root)
        raise UsageError(f"--diff: there is no revision {revision!r} in the git repository of {root}")
    listed = _git(root, "ls-tree", "-r", "-z", "--name-only", commit.strip(), "--", "campaigns", "templates") or ""
    paths = [path for path in listed.split("\0") if path and _is_source(PurePosixPath(path))]
    if not paths:
        raise UsageError(f"--diff: revision {revision!r} holds no campaigns in {root}")
    return {path: _show(root, commit.strip(), path) for path in paths}


_DEFINED = (PurePosixPath("campaigns"), PurePosixPath(PACKS))


def _is_source(path: PurePosixPath) -> bool:
    if any(part.startswith(".") for part in path.parts):
        return False
    if path.parts[0] == "campaigns":
        return path.parent in _DEFINED and path.suffix in {".yaml", ".yml"}
    return path.suffix in TEXT_FILES


def _show(root: Path, commit: str, path: str) -> str:
    text = _git(root, "show", f"{commit}:./{path}")
    if text is None:
        raise UsageError(f"--diff: git cannot show {path} at {commit}")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _refuse_without_repository(root: Path) -> None:
    if _git(root, "rev-parse", "--git-dir") is None:
        raise UsageError(f"--diff: {root} is in no git repository, so there are no revisions to compare with")


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None if it refuses."""
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, and options end before what the user gave
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("--diff: git is not installed; name a deployed version instead of a revision") from None
    except subprocess.TimeoutExpired:
        raise DangolError("git did not answer in time") from None
    if answer.returncode:
        return None
    try:
        return answer.stdout.decode()
    except UnicodeDecodeError:
        raise UsageError(f"--diff: a file of that revision is not UTF-8: git {' '.join(arguments)}") from None


def deployed(url: str, name: str) -> Sources | None:
    """The files of the version whose id begins with ``name``; None if the database holds none.

    Raises UsageError if several do.
    """
    if not _VERSION.fullmatch(name):
        return None
    with reading(url) as tx:
        found = tx.execute(select(versions.c.id, versions.c.manifest).where(versions.c.id.startswith(name))).all()
        if not found:
            return None
        if len(found) > 1:
            raise UsageError(f"--diff: {len(found)} versions begin with {name!r}; write more of it")
        texts = select(blobs.c.hash, blobs.c.content).where(blobs.c.hash.in_(set(found[0].manifest.values())))
        contents = {row.hash: row.content for row in tx.execute(texts)}
    return {path: contents[hash_] for path, hash_ in found[0].manifest.items()}


def with_version(sources: Sources, version: Sources) -> Sources:
    """The workspace, with one campaign as it was deployed: its file, its messages, and the files all share."""
    return {**sources, **version}
