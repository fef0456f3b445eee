"""How long other systems ask us to wait."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def asked(retry_after: str, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for: seconds, or a date. None if it cannot be read; whoever retries bounds it."""
    if re.fullmatch(r"\s*\d{1,9}\s*", retry_after):
        return timedelta(seconds=int(retry_after))
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta())


def asked_until(reset: str, now: datetime) -> timedelta | None:
    """What ``X-RateLimit-Reset`` asks for, which is the instant in seconds since 1970. None if it cannot be read."""
    if not re.fullmatch(r"\s*\d{1,11}\s*", reset):
        return None
    return max(datetime.fromtimestamp(int(reset), UTC) - now, timedelta())
