"""What carriers carry, count and charge, as data: ``data/carriers.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any

from dangol.model.durations import parse_duration

_DATA: Mapping[str, Any] = tomllib.loads(
    files("dangol.content").joinpath("data", "carriers.toml").read_text(encoding="utf-8")
)
SMS_PARTS: int = _DATA["gsm"]["most_parts"]
SHORT_BYTES: int = _DATA["euckr"]["short_bytes"]
LONG_BYTES: int = _DATA["euckr"]["long_bytes"]
PRICES: Mapping[str, Mapping[str, str]] = _DATA["prices"]
"""Encoding, then country or ``KR/long``, to an amount and a currency."""
PUSH_BYTES: int = _DATA["push"]["payload_bytes"]
TITLE_COLUMNS: int = _DATA["push"]["title_columns"]
TEXT_COLUMNS: int = _DATA["push"]["text_columns"]
COLLAPSE_KEY_BYTES: int = _DATA["push"]["collapse_key_bytes"]
LONGEST_TTL: timedelta = parse_duration(_DATA["push"]["longest_ttl"])
