"""Checks of shape that every reported thing passes: bounded, storable JSON, texts, instants."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from dangol.errors import InvalidEvent

MAX_BYTES = 32 * 1024
MAX_DEPTH = 10
MAX_ID = 200
MAX_AHEAD = timedelta(hours=24)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_EMAIL = re.compile(r"[^\s@:/]+@[^\s@]+\.[^\s@]{2,}")
_PHONE = re.compile(
    r"\+\d(?:[ ().-]{0,2}\d){7,14}(?!\d)"  # as +82 10 1234 5678
    r"|(?<![a-zA-Z0-9_.:+-])\(?0(?!80)\d{1,3}\)?[ .-]?\d{3,4}[ .-]?\d{4}(?![a-zA-Z0-9_-])"  # as 010-1234-5678
    r"|(?<![a-zA-Z0-9_.:+-])\(?[2-9]\d\d\)?[ .-]\d{3}[ .-]\d{4}(?![a-zA-Z0-9_-])"  # as (212) 555-0123
)
_MAX_INTEGER_BITS = 1024  # beyond this a number has no floating-point neighbour to be compared with


def check_object(raw: object) -> Mapping[str, Any]:
    """``raw`` as an object that both databases can store.

    Raises InvalidEvent: not_an_object, too_deep (> 10 levels), too_large (> 32 KB as JSON), invalid_text
    (NUL and lone surrogates, which PostgreSQL cannot store), invalid_number (NaN, Infinity), invalid_value.
    """
    if not isinstance(raw, Mapping):
        raise InvalidEvent("not_an_object", f"expected a JSON object; found {kind(raw)}")
    _check_values(raw)
    size = len(json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_BYTES:
        raise InvalidEvent("too_large", f"expected at most {MAX_BYTES:,} bytes of JSON; found {size:,}")
    return raw


def _check_values(raw: Mapping[str, Any]) -> None:
    """Walk level by level, so that nesting is refused before anything recurses into it."""
    level: list[Any] = [raw]
    depth = 0
    while level:
        depth += 1
        below: list[Any] = []
        for container in level:
            if isinstance(container, Mapping):
                for key in container:
                    _check_text(key)
                below.extend(container.values())
            else:
                below.extend(container)
        level = [value for value in below if not _is_scalar(value)]
        if level and depth >= MAX_DEPTH:
            raise InvalidEvent("too_deep", f"expected at most {MAX_DEPTH} levels of nesting")


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        _check_text(value)
        return True
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidEvent("invalid_number", f"expected a finite number; found {value}")
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        raise InvalidEvent("invalid_number", "expected a number below 10^308; found a longer one")
    if value is None or isinstance(value, (int, float)):
        return True
    if isinstance(value, (Mapping, list, tuple)):
        return False
    raise InvalidEvent("invalid_value", f"expected JSON values; found {kind(value)}")


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise InvalidEvent("invalid_value", f"expected texts as names; found {kind(text)}")
    if "\0" in text:
        raise InvalidEvent("invalid_text", f"expected text without NUL characters; found {shown(text)}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidEvent("invalid_text", f"expected valid Unicode; found {shown(text)}") from None


def sub_object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under ``name``; absent and null mean empty. Raises InvalidEvent, code ``invalid_<name>``."""
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidEvent(f"invalid_{name}", f"{name}: expected an object; found {kind(value)}")
    return value


def text(raw: Mapping[str, Any], name: str, *, limit: int, code: str) -> str | None:
    """The text under ``name`` without surrounding space; None if absent, null or blank.

    Raises InvalidEvent with ``code`` when it is no text or longer than ``limit`` characters.
    """
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidEvent(code, f"{name}: expected text; found {kind(value)}")
    value = value.strip()
    if len(value) > limit:
        raise InvalidEvent(code, f"{name}: expected at most {limit} characters; found {len(value)}")
    return value or None


def impersonal(said: str, name: str) -> str:
    """Free text for rows that outlive an erasure. Raises InvalidEvent, code ``personal_data``, for what looks like an
    email address or a phone number; the free 080 numbers of companies are not people's."""
    if _EMAIL.search(said) or _PHONE.search(said):
        raise InvalidEvent(
            "personal_data",
            f"{name}: expected no email address or phone number, because this stays when the person is erased;"
            " found what looks like one. Name the case, form or recording by its number instead",
        )
    return said


def impersonal_text(raw: Mapping[str, Any], name: str, *, limit: int, code: str) -> str | None:
    """``text`` that is ``impersonal``."""
    found = text(raw, name, limit=limit, code=code)
    return impersonal(found, name) if found is not None else None


def required_text(raw: Mapping[str, Any], name: str, *, limit: int, code: str) -> str:
    """Like ``text``; a missing or blank value raises InvalidEvent too."""
    value = text(raw, name, limit=limit, code=code)
    if value is None:
        raise InvalidEvent(code, f"{name}: expected 1 to {limit} characters; found nothing")
    return value


def parse_external_id(raw: Mapping[str, Any]) -> str:
    """``userId``, or else ``anonymous:`` and ``anonymousId``.

    Raises InvalidEvent: missing_user, invalid_user.
    """
    for name, prefix in (("userId", ""), ("anonymousId", "anonymous:")):
        value = raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # many back ends number their customers
        found = text({name: value}, name, limit=MAX_ID - len(prefix), code="invalid_user")
        if found is not None:
            return prefix + found
    raise InvalidEvent("missing_user", "expected userId or anonymousId; found neither")


def parse_instant(value: object, name: str = "timestamp") -> datetime:
    """An ISO 8601 date-time as an aware UTC datetime; without an offset it means UTC.

    Raises InvalidEvent, code ``invalid_timestamp``, also before 1970.
    """
    try:
        instant = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        instant = instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEvent(
            "invalid_timestamp",
            f"{name}: expected an ISO 8601 time such as 2026-03-02T10:00:00+09:00; found {shown(value)}",
        ) from None
    if instant < EARLIEST:
        raise InvalidEvent("invalid_timestamp", f"{name}: expected a time from 1970 on; found {shown(value)}")
    return instant


def not_ahead(instant: datetime, now: datetime) -> datetime:
    """``instant``, or ``now`` if it is up to a day ahead: clocks differ, yet nothing can have happened tomorrow."""
    if instant > now + MAX_AHEAD:
        raise InvalidEvent(
            "timestamp_in_future",
            f"timestamp: expected at most 24 hours ahead of {now.isoformat()}; found {instant.isoformat()}",
        )
    return min(instant, now)


def kind(value: object) -> str:
    """What ``value`` is in JSON's words, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", tuple: "a list"}
    return names.get(type(value)) or ("an object" if isinstance(value, Mapping) else type(value).__name__)


def shown(value: object) -> str:
    """``value`` for messages, cut where it gets long."""
    said = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return said if len(said) <= 80 else said[:77] + "…"


def did_you_mean(value: object, known: Collection[str]) -> str:
    """What to add to a message: the known word that is nearest to ``value``; empty if none is near."""
    lower = {one.lower(): one for one in known}
    near = get_close_matches(str(value).strip().lower(), sorted(lower), n=1)
    return f" (did you mean {lower[near[0]]!r}?)" if near else ""
