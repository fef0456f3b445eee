"""How many requests came in, and what was done with them, in this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from dangol import meters


class Came(StrEnum):
    """``accepted``, ``repeated`` and ``unreadable`` count reports, ``replies`` text messages, all others requests."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    UNREADABLE = "unreadable"
    REPLIES = "replies"
    UNSIGNED = "unsigned"
    FORGED = "forged"
    STALE = "stale"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_SET_UP = "not_set_up"
    STORE_AWAY = "store_away"


class Tally:
    """Counts since the process began, by the hook (``sendgrid``, ``twilio``, ``push``) and what came; thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Came]] = Counter()
        self._lock = threading.Lock()

    def count(self, hook: str, came: Came, number: int = 1) -> None:
        if number:
            meters.count("webhooks", number, hook=hook, result=came.value)
            with self._lock:
                self._counts[hook, came] += number

    def counts(self) -> Mapping[tuple[str, Came], int]:
        """A copy of what was counted so far."""
        with self._lock:
            return dict(self._counts)
