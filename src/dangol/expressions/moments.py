"""Dates and datetimes in JSON: one strict shape each, read alike by Python, PostgreSQL and SQLite.

A date is ``YYYY-MM-DD``. A datetime is ``YYYY-MM-DDTHH:MM:SS``, a fraction of up to six digits if wanted, then
``Z`` or an offset such as ``+09:00`` (14 hours at most). Years run from 1000 to 9999. Anything else, a datetime
without an offset too, counts as missing.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

DATE = (
    r"(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
)
"""A regular expression, for Python and PostgreSQL, of the days that exist; 02-29 only in leap years."""
DATETIME = (
    DATE
    + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[-+](?:0[0-9]|1[0-3]):[0-5][0-9]|[-+]14:00)"
)
DAY = 86_400_000_000
"""Microseconds."""

_DATE = re.compile(DATE)
_DATETIME = re.compile(DATETIME)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


def read_date(value: object) -> str | None:
    """The date as ISO text; None if ``value`` is not one."""
    return value if isinstance(value, str) and _DATE.fullmatch(value) else None


def read_datetime(value: object) -> int | None:
    """Microseconds since 1970 of a datetime, or of JSON text that tells one; None for anything else."""
    if isinstance(value, datetime):
        return microseconds(value)
    if isinstance(value, str) and _DATETIME.fullmatch(value):
        return microseconds(datetime.fromisoformat(value))
    return None


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (instant - _EPOCH) // _MICROSECOND


def midnight(day: str) -> int:
    """Microseconds since 1970 of a date's midnight in UTC; ``day`` came from ``read_date``."""
    return (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * DAY
