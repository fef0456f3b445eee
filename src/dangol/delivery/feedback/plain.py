"""Values out of a carrier's hands, made fit to be stored: short, whole, and telling nobody more than they should."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from dangol.errors import DangolError

MOST_REFERENCE = 200
_MOST_DETAIL = 64
_MOST_URL = 500
_OUR_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)
_CODE = re.compile(r"[^A-Za-z0-9_.\- ]+")
_TOKEN = re.compile(r"(?=[^/]*\d)(?![a-z0-9]*(?:-[a-z0-9]+)+$)[^/]{20,}")


class Unreadable(DangolError):
    """The body is not what this carrier sends."""

    exit_code = 1


def read_json(body: bytes) -> Any:
    """The body's JSON. Raises Unreadable; its message quotes nothing of the body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("expected JSON in UTF-8") from None


def text(value: object, most: int) -> str:
    """The text, cut, without what PostgreSQL cannot keep; empty for anything else."""
    if not isinstance(value, str):
        return ""
    return value[:most].replace("\0", "\ufffd")


def our_id(value: object) -> str:
    """The id of a message, if it is spelt like one of ours; else empty."""
    return value if isinstance(value, str) and _OUR_ID.fullmatch(value) else ""


def code(value: object) -> str:
    """A code such as ``5.1.1`` or ``30006``; what is not part of one is left out, so that no address gets in."""
    return _CODE.sub("", text(str(value) if isinstance(value, int) else value, 200))[:_MOST_DETAIL]


def instant(value: object) -> datetime | None:
    """Seconds since 1970 as an instant; None if that is no time."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


@lru_cache(maxsize=8192)
def plain_url(url: str) -> str:
    """The link without its query, its fragment and whatever in its path looks like a token; empty if it is none.

    Those often name a person, and let whoever reads them act as one.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or host is None:
        return ""
    where = f"{host}:{port}" if port is not None else host
    path = "/".join("*" if _TOKEN.fullmatch(segment) else segment for segment in parts.path.split("/"))
    return text(f"{parts.scheme}://{where}{path}", _MOST_URL)


def fingerprint(body: bytes) -> str:
    """An id for a report that has none of its own: the same bytes, the same report."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
