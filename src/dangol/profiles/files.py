"""CSV and JSON Lines files as a stream of rows: memory stays flat whatever their size.

What is wrong with the file as a whole is a UsageError before the first row; what is wrong with a row is a ``Rejected``
in its place, and reading goes on.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from dangol.errors import UsageError

FORMATS = ("csv", "jsonl")
ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""What a file is, by the end of its name."""
_LONGEST_LINE = 1_000_000
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One record; ``line`` is the line it starts on, counted from 1."""

    line: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was not taken, why, and the record itself as it was read."""

    line: int
    code: str
    message: str
    row: Mapping[str, Any] | str


class RowFile:
    """An open CSV or JSON Lines file; iterate over it once.

    ``header`` is None for JSON Lines; ``size`` and ``position`` are in bytes. Raises UsageError for a missing, empty
    or unreadable file, an unknown format or encoding, and text that is not in that encoding.
    """

    def __init__(self, path: Path, *, format: str | None = None, encoding: str = "utf-8") -> None:
        self.path = path
        self.format = _format(path, format)
        codec = _codec(encoding)
        self._binary = _open(path)
        try:
            self.size = _check_encoding(self._binary, path, codec)
            self._text = io.TextIOWrapper(self._binary, encoding=codec, newline="")
            self._lines = _Lines(self._text)
            self._reader = csv.reader(self._lines, strict=True)
            self.header = self._read_header() if self.format == "csv" else None
        except BaseException:
            self._binary.close()
            raise

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()

    @property
    def position(self) -> int:
        """How far the file has been read, in bytes."""
        return self._binary.tell()

    def __iter__(self) -> Iterator[Row | Rejected]:
        return self._csv_rows() if self.header is not None else self._json_rows()

    def _read_header(self) -> tuple[str, ...]:
        try:
            header = tuple(name.strip() for name in next(self._reader, []))
        except csv.Error as error:
            raise UsageError(f"{self.path}:1: the first line is no CSV header: {error}") from None
        if not any(header):
            raise UsageError(f"{self.path}:1: expected a header with the names of the columns; found an empty line")
        return header

    def _csv_rows(self) -> Iterator[Row | Rejected]:
        assert self.header is not None
        while True:
            line = self._lines.begin_record()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Rejected(line, "malformed_csv", f"not a CSV record: {error}", self._lines.only_first())
                continue
            if len(cells) == len(self.header):
                yield Row(line, dict(zip(self.header, cells, strict=True)))
            elif cells:
                message = f"expected {len(self.header)} columns as in the header; found {len(cells)}"
                yield Rejected(line, "wrong_columns", message, self._lines.only_first())

    def _json_rows(self) -> Iterator[Row | Rejected]:
        while True:
            line = self._lines.begin_record()
            text = next(self._lines, "")
            if not text:
                return
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield Rejected(line, "malformed_json", f"not a JSON object on one line: {error}", text.strip())
                continue
            if isinstance(value, dict):
                yield Row(line, value)
            else:
                yield Rejected(line, "not_an_object", "expected a JSON object on each line", text.strip())


class LineFile:
    """An open file of plain lines; iterate over it once for numbered lines that are not blank.

    ``size`` and ``position`` are in bytes. Raises UsageError as RowFile does.
    """

    def __init__(self, path: Path, *, encoding: str = "utf-8") -> None:
        self.path = path
        codec = _codec(encoding)
        self._binary = _open(path)
        try:
            self.size = _check_encoding(self._binary, path, codec)
            self._text = io.TextIOWrapper(self._binary, encoding=codec)
        except BaseException:
            self._binary.close()
            raise

    def __enter__(self) -> LineFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()

    @property
    def position(self) -> int:
        """How far the file has been read, in bytes."""
        return self._binary.tell()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        number = 0
        while line := self._text.readline(_LONGEST_LINE):
            number += 1
            if line.strip():
                yield number, line.strip()


class _Lines:
    """Lines of a text, counted. Of an absurdly long line only the beginning is kept, which no reader then accepts.

    A CSV record may span lines; a stray quote makes one swallow its neighbours. ``only_first`` gives those back, so
    that a bad record costs one line.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._returned: deque[str] = deque()
        self._record: list[str] = []
        self._count = 0

    def begin_record(self) -> int:
        """The number of the line on which the next record starts."""
        self._record.clear()
        return self._count + 1

    def only_first(self) -> str:
        """End the record at its first line, and return that."""
        first, *rest = self._record
        self._returned.extendleft(reversed(rest))
        self._count -= len(rest)
        return first.rstrip("\r\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._read()
        self._count += 1
        self._record.append(line)
        return line

    def _read(self) -> str:
        line = rest = self._text.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        while len(rest) == _LONGEST_LINE and not rest.endswith("\n"):
            rest = self._text.readline(_LONGEST_LINE)
        return line


def _format(path: Path, format: str | None) -> str:
    if format is None:
        format = ENDINGS.get(path.suffix.lower())
        if format is None:
            raise UsageError(f"{path}: cannot tell the format from the name; say --format csv or --format jsonl")
    if format not in FORMATS:
        raise UsageError(f"--format: expected {' or '.join(FORMATS)}; found {format!r}")
    return format


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except LookupError:
        raise UsageError(f"--encoding: expected a name such as utf-8 or cp949; found {encoding!r}") from None
    return "utf-8-sig" if name == "utf-8" else name  # Excel puts a mark in front, which is no part of the header


def _open(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: expected a file (it is read twice, so a pipe will not do)")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _check_encoding(binary: BinaryIO, path: Path, codec: str) -> int:
    """Decode the file once before anything is written; returns its size."""
    size = binary.seek(0, io.SEEK_END)
    if size == 0:
        raise UsageError(f"{path}: the file is empty")
    plain = codec.removesuffix("-sig")
    fault = _undecodable(binary, plain)
    if fault is not None:
        guess = next((name for name in _guesses(binary) if name != plain and _undecodable(binary, name) is None), None)
        advice = f"it reads as {guess}: try --encoding {guess}" if guess else "name the right one with --encoding"
        raise UsageError(f"{path}: byte {fault:,} is not {plain}; {advice}")
    binary.seek(0)
    return size


def _guesses(binary: BinaryIO) -> tuple[str, ...]:
    binary.seek(0)
    return ("utf-16",) if binary.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ("utf-8", "cp949")


def _undecodable(binary: BinaryIO, codec: str) -> int | None:
    """Offset of the first byte, counted from 0, that ``codec`` cannot read."""
    decoder = codecs.getincrementaldecoder(codec)()
    binary.seek(0)
    offset = 0
    while True:
        block = binary.read(_BLOCK)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            return offset - pending + error.start
        if not block:
            return None
        offset += len(block)
