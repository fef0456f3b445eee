"""The body of a request, read once and within bounds, and who may send it."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import zlib
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from dangol.errors import DangolError
from dangol.profiles.shape import kind

MAX_BODY = 500 * 1024
_GZIP = zlib.MAX_WBITS | 16


class Refused(DangolError):
    """A request that is answered with an error: HTTP status, code, message, and what else belongs in the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        super().__init__(message)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as an object. Raises Refused: 413 over 500 KB, packed or unpacked; 415; 400 if it is no JSON object."""
    packed = _is_gzip(request)
    _check_type(request)
    data = await _read(request)
    try:
        value = json.loads((_unpacked(data) if packed else data).decode())
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_json", f"expected a JSON object in UTF-8; found something else: {error}") from None
    if not isinstance(value, dict):
        raise Refused(400, "not_an_object", f"expected a JSON object; found {kind(value)}")
    return value


def _is_gzip(request: Request) -> bool:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"gzip", "identity", ""}:
        raise Refused(415, "unsupported_encoding", f"Content-Encoding: expected gzip or none; found {coding[:80]!r}")
    return coding == "gzip"


def _check_type(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "application/json").lower().partition(";")
    charset = parameters.partition("charset=")[2].strip(' "')
    if media_type.strip() != "application/json" or charset not in {"", "utf-8", "utf8"}:
        found = request.headers["content-type"][:80]
        raise Refused(415, "unsupported_media_type", f"Content-Type: expected application/json; found {found!r}")


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY:
        raise _too_large()
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise _too_large()
    return bytes(data)


def _unpacked(data: bytes) -> bytes:
    """``data`` unpacked, never by more than the limit: a few packed kilobytes can hold gigabytes."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(data, MAX_BODY + 1)
    except zlib.error as error:
        raise Refused(400, "invalid_gzip", f"the body is not in gzip format: {error}") from None
    if len(plain) > MAX_BODY:
        raise _too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(400, "invalid_gzip", "the body is not one whole gzip stream")
    return plain


def _too_large() -> Refused:
    return Refused(413, "too_large", f"expected a body of at most {MAX_BODY:,} bytes, also when unpacked")


def header_key(request: Request) -> str | None:
    """The write key of ``Authorization: Basic base64(writeKey:)``; None without that header.

    Raises Refused, 401, for a header of another kind.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, credentials = header.partition(" ")
    try:
        user, colon, _ = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        user, colon = "", ""
    if scheme.lower() != "basic" or not colon:
        raise unauthorized("Authorization: expected Basic and base64 of `writeKey:`")
    return user


def check_key(presented: object, expected: str) -> None:
    """Raises Refused, 401, unless ``presented`` is the write key; takes the same time however much of it is right."""
    if presented is None:
        raise unauthorized("expected the write key, in Authorization (Basic, base64 of `writeKey:`) or as writeKey")
    said = presented if isinstance(presented, str) else ""
    if not hmac.compare_digest(said.encode(errors="replace"), expected.encode()):
        raise unauthorized("the write key is wrong")


def unauthorized(message: str) -> Refused:
    return Refused(401, "unauthorized", message, headers={"WWW-Authenticate": 'Basic realm="dangol"'})
