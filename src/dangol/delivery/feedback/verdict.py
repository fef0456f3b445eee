"""What checking a signature comes to."""

from __future__ import annotations

from enum import StrEnum


class Check(StrEnum):
    """``stale``: signed by the right one, but too long ago, or by a clock that runs far ahead."""

    GOOD = "good"
    MISSING = "missing"
    FORGED = "forged"
    STALE = "stale"
