"""Files that a command writes besides what it prints: asked for before long work begins, written when it is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dangol.errors import DangolError, UsageError


def check_writable(option: str, path: Path | None) -> None:
    """Raise UsageError if this file certainly cannot be written, so that nobody waits for answers that are lost."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{option}: {path} is a folder; name a file")
    there = next(one for one in (path, *path.absolute().parents) if one.exists())
    if there != path and not there.is_dir():
        raise UsageError(f"{option}: {path} cannot be written: {there} is not a folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{option}: {path} cannot be written: no permission for {there}")


@contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """Make the folders that the file lies in. Raises DangolError if they, or what is written within, fail."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DangolError(f"{option}: {path} cannot be written: {error.strerror}") from error


def write_file(option: str, path: Path, text: str) -> None:
    """Write a text. Raises DangolError if that fails."""
    with writing(option, path):
        path.write_text(text, encoding="utf-8")
