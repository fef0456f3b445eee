"""Days as the calendar of whoever reads the page has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Moments:
    """Writes days as the person's own calendar has them."""

    def __init__(self, timezone: str | None, words: dict[str, Any]) -> None:
        self._words = words
        try:
            self._zone = ZoneInfo(timezone or "Asia/Seoul")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._zone = ZoneInfo("Asia/Seoul")

    def __call__(self, at: datetime | None) -> str:
        return self._words["moment"].format(at.astimezone(self._zone)) if at is not None else ""
