"""A workspace's files as text: found, limited in size and number, and read before anything else happens."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

from dangol.definitions.document import locate
from dangol.definitions.yaml import MAX_BYTES
from dangol.errors import ProblemsFound, UsageError
from dangol.model.problem import Problem

Sources = Mapping[str, str]
"""Path from the workspace's root, with ``/``, → the file's text."""

MAX_FILES = 5_000
MAX_TOTAL_BYTES = 50_000_000
PACKS = "campaigns/jurisdictions/"
"""Where a workspace keeps packs of its own: what laws ask that dangol knows of none."""
TEXT_FILES = frozenset({".j2", ".yaml", ".md", ".txt", ".html", ".mjml", ".css", ".json"})


def find_root(start: Path) -> Path:
    """The workspace that ``start`` lies in: the nearest folder upward with a ``campaigns`` folder.

    Raises UsageError if there is none, or nothing at ``start``.
    """
    if not start.exists():
        raise UsageError(f"{start} does not exist")
    resolved = start.resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / "campaigns").is_dir():
            return folder
    raise UsageError(_NO_WORKSPACE.format(start))


_NO_WORKSPACE = "no campaigns folder in {} or above; run in a workspace or set DANGOL_WORKSPACE"


def read_sources(root: Path) -> Sources:
    """Read ``campaigns/*.yaml``, ``campaigns/jurisdictions/*.yaml`` and the text files below ``templates/``.

    Line ends become ``\\n``.

    Raises UsageError if ``root`` is no workspace, and ProblemsFound with every file that cannot be taken.
    """
    sources, problems = survey(root)
    if problems:
        raise ProblemsFound(problems)
    return sources


def survey(root: Path) -> tuple[Sources, list[Problem]]:
    """Like ``read_sources``, but returns what could be read together with the problems of the rest."""
    if not (root / "campaigns").is_dir():
        raise UsageError(_NO_WORKSPACE.format(root))
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    room = MAX_TOTAL_BYTES
    for number, file in enumerate([*_campaign_files(root), *_pack_files(root), *_template_files(root)], 1):
        path = file.relative_to(root).as_posix()
        if number > MAX_FILES or room <= 0:
            what = f"{MAX_FILES:,} files" if number > MAX_FILES else f"{MAX_TOTAL_BYTES:,} bytes of files"
            problems.append(Problem(path, 1, 1, "too-large", f"the workspace has more than {what}"))
            break
        read = _read(root, file, path)
        if isinstance(read, Problem):
            problems.append(read)
        else:
            sources[path] = read
            room -= len(read)
    return sources, problems


def state_of(root: Path) -> str:
    """A word that changes when a file of the workspace does. It goes by names, sizes and times and reads no file.

    Raises UsageError if ``root`` is no workspace.
    """
    if not (root / "campaigns").is_dir():
        raise UsageError(_NO_WORKSPACE.format(root))
    seen = hashlib.sha256()
    for file in islice(chain(_campaign_files(root), _pack_files(root), _template_files(root)), MAX_FILES):
        try:
            status = file.stat()
        except OSError:  # it went away, or leads nowhere; that it is named tells enough
            seen.update(f"{file}\0".encode(errors="surrogateescape"))
            continue
        seen.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return seen.hexdigest()[:32]


def scenario_sources(root: Path) -> tuple[Sources, list[Problem]]:
    """``campaigns/tests/*.yaml`` as far as it can be read, and the problems of the rest; nothing if there is none."""
    folder = root / "campaigns" / "tests"
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for file in _yaml_files(folder) if folder.is_dir() else ():
        path = file.relative_to(root).as_posix()
        read = _read(root, file, path)
        if isinstance(read, Problem):
            problems.append(read)
        else:
            sources[path] = read
    return sources, problems


def _campaign_files(root: Path) -> list[Path]:
    return _yaml_files(root / "campaigns")


def _pack_files(root: Path) -> list[Path]:
    folder = root / PACKS
    return _yaml_files(folder) if folder.is_dir() else []


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"} and _shown(file))


def _template_files(root: Path) -> Iterator[Path]:
    """Text files below templates/, and linked folders, which are refused when read."""
    for folder, folders, files in os.walk(root / "templates"):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(folder)
        yield from (here / name for name in folders if (here / name).is_symlink())
        yield from (here / name for name in sorted(files) if Path(name).suffix in TEXT_FILES and _shown(here / name))


def _shown(file: Path) -> bool:
    return not file.name.startswith(".")


def _read(root: Path, file: Path, path: str) -> str | Problem:
    """The file's text, or the reason why it is not read. The size is looked at first."""
    if file.suffix == ".yml":
        return Problem(path, 1, 1, "file-name", "definitions end in `.yaml`", "rename it")
    try:
        # os.path.realpath, for Path.resolve raises RuntimeError for a loop of links.
        if not Path(os.path.realpath(file, strict=True)).is_relative_to(root.resolve()):
            return Problem(
                path, 1, 1, "outside-workspace", "a link that leads out of the workspace", "copy the file here"
            )
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return Problem(path, 1, 1, "not-a-file", "expected a file; found a linked folder or a device")
        if status.st_size > MAX_BYTES:
            message = f"the file has {status.st_size:,} bytes; expected at most {MAX_BYTES:,}"
            return Problem(path, 1, 1, "too-large", message, "split it; one campaign goes into one file")
        with file.open("rb") as stream:
            return decode(path, stream.read(MAX_BYTES + 1))
    except OSError as error:
        return Problem(path, 1, 1, "unreadable", f"cannot be read: {error.strerror}")


def decode(path: str, data: bytes) -> str | Problem:
    """UTF-8 bytes as text with ``\\n`` line ends, a leading byte-order mark taken off."""
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = locate(
            data[: error.start].decode("utf-8", "replace"), len(data[: error.start].decode("utf-8", "replace"))
        )
        message = f"the file is not UTF-8: found the byte 0x{data[error.start]:02X}"
        return Problem(path, line, column, "not-utf-8", message, "save it as UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (index := text.find("\x00")) >= 0:
        return Problem(path, *locate(text, index), "not-text", "found a zero byte; expected text")
    return text
