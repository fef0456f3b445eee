"""What was truly accepted: kept as JSON lines in memory and, if asked, in a file before the answer goes out."""

from __future__ import annotations

import os
import time
from array import array
from collections import Counter
from pathlib import Path

import orjson


class Record:
    """Accepted messages in order, and counters. Lines are made once and served and written as they are.

    They stand one after the other in one piece of memory: a million small objects would cost more than their text.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._begin()

    def reset(self) -> None:
        """Forget everything; the file keeps what it has. Raises OSError like `write`."""
        self.write()
        self._begin()

    def _begin(self) -> None:
        self._data = bytearray()
        self._starts = array("Q")
        self._written = 0
        self._seen: set[str] = set()
        self._accepted: dict[str, int] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def accept(self, provider: str, message_id: str, address: str, reference: str, answer: str) -> None:
        """A message was accepted; ``answer`` is what the caller gets to hear, such as ``202`` or ``hang``."""
        again = message_id in self._seen
        if message_id:
            self._seen.add(message_id)
        line = orjson.dumps(
            {
                "n": len(self._starts) + 1,
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
        self._starts.append(len(self._data))
        self._data += line
        self._accepted[provider] = self._accepted.get(provider, 0) + 1
        if again:
            self._counts[provider, "again"] += 1

    def refuse(self, provider: str, why: str) -> None:
        """A request was not accepted: an HTTP status, or how the connection broke."""
        self._counts[provider, why] += 1

    def write(self) -> None:
        """Hand to the system what was not written yet. Raises OSError if the file cannot take it."""
        if self._file is None:
            return
        while self._written < len(self._data):
            with memoryview(self._data) as data, data[self._written :] as unwritten:
                self._written += os.write(self._file, unwritten)

    def close(self) -> None:
        """Write what is left. Raises OSError like `write`."""
        if self._file is not None:
            try:
                self.write()
            finally:
                os.close(self._file)
                self._file = None

    def after(self, number: int, limit: int) -> bytes:
        """JSON lines of the entries after this number."""
        starts, end = self._starts, number + limit
        if number >= len(starts):
            return b""
        return bytes(self._data[starts[number] : starts[end] if end < len(starts) else len(self._data)])

    def __len__(self) -> int:
        return len(self._starts)

    def told(self) -> dict[str, dict[str, int]]:
        """Counters by provider."""
        told = {provider: {"accepted": count} for provider, count in sorted(self._accepted.items())}
        for (provider, what), count in sorted(self._counts.items()):
            told.setdefault(provider, {"accepted": 0})[what] = count
        return told
