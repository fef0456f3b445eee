"""JSON as it is stored: the bytes that Python's own ``json`` writes without spaces, made by orjson where it makes them.

What is sealed or hashed must be the same bytes whatever wrote it. orjson writes some numbers in another way, and
``null`` for numbers that JSON has not; what may hold one of these, or what orjson does not take, ``json`` writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import orjson

SORTED = orjson.OPT_SORT_KEYS
_ALWAYS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_EXPONENT = re.compile(rb"e[-+\d]")
_UNLIKE = re.compile(rb"null|\de|0\.0000")
_slow = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def quickly(value: Any, options: int = 0, default: Callable[[Any], Any] | None = None) -> bytes | None:
    """What ``json`` would write, in UTF-8; None if only ``json`` can tell."""
    try:
        written = orjson.dumps(value, default, options | _ALWAYS)
    except TypeError:  # numbers beyond 64 bits, keys that are no texts, half characters
        return None
    # What begins with a letter of its own is found much faster than any of several.
    if b"null" in written or b"0.0000" in written or _EXPONENT.search(written):
        return None if _UNLIKE.search(written) else written
    return written


def dumps(value: Any) -> str:
    """How JSON columns are written. Raises ValueError for numbers that JSON has not, TypeError for what is no JSON."""
    written = quickly(value)
    return _slow(value) if written is None else written.decode()
