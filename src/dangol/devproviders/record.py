"""What was truly accepted: kept as JSON lines in memory and, if asked, in a file before the answer goes out."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import orjson


class Record:
    """Accepted messages in order, and counters. Lines are made once and served and written as they are."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._unwritten: list[bytes] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything; the file keeps what it has."""
        self._lines: list[bytes] = []
        self._seen: set[str] = set()
        self._accepted: dict[str, int] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def accept(self, provider: str, message_id: str, address: str, reference: str, answer: str) -> None:
        """A message was accepted; ``answer`` is what the caller gets to hear, such as ``202`` or ``hang``."""
        lines = self._lines
        again = message_id in self._seen
        if message_id:
            self._seen.add(message_id)
        line = orjson.dumps(
            {
                "n": len(lines) + 1,
                "at": time.time(),
                "provider": provider,
                "message_id": message_id,
                "to": address,
                "reference": reference,
                "outcome": "accepted",
                "answer": answer,
                "again": again,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        lines.append(line)
        if self._file is not None:
            self._unwritten.append(line)
        self._accepted[provider] = self._accepted.get(provider, 0) + 1
        if again:
            self._counts[provider, "again"] += 1

    def refuse(self, provider: str, why: str) -> None:
        """A request was not accepted: an HTTP status, or how the connection broke."""
        self._counts[provider, why] += 1

    def write(self) -> None:
        """Hand to the system what was not written yet. Raises OSError if the file cannot take it."""
        if self._unwritten:
            data = memoryview(b"".join(self._unwritten))
            self._unwritten.clear()
            assert self._file is not None
            while data:
                data = data[os.write(self._file, data) :]

    def close(self) -> None:
        if self._file is not None:
            self.write()
            os.close(self._file)
            self._file = None

    def after(self, number: int, limit: int) -> bytes:
        """JSON lines of the entries after this number."""
        return b"".join(self._lines[number : number + limit])

    def __len__(self) -> int:
        return len(self._lines)

    def told(self) -> dict[str, dict[str, int]]:
        """Counters by provider."""
        told = {provider: {"accepted": count} for provider, count in sorted(self._accepted.items())}
        for (provider, what), count in sorted(self._counts.items()):
            told.setdefault(provider, {"accepted": 0})[what] = count
        return told
