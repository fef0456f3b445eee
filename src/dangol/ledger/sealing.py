"""Personal data in the log is ciphertext under that person's key; destroying the key erases it (G8).

AES-SIV is used because it is deterministic: the same entry sealed twice is the same bytes (G9), and no nonce can
be reused by accident. The entry's id is authenticated with the ciphertext, so a context cannot be moved to another
entry. Half of the 64-byte key also keys the content hash: without it nobody can guess a short text from its hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from dangol.errors import DangolError
from dangol.store.compact import SORTED, quickly

KEY_BYTES = 64
_CIPHER_BYTES = 32


class DamagedEntry(DangolError):
    """A log entry's sealed part does not open: it was altered, or moved from another entry."""


class PersonKey:
    """One person's key, good for sealing and for keyed content hashes."""

    __slots__ = ("_cipher_key", "_hash_key")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a person's key has {KEY_BYTES} bytes")
        self._cipher_key = key[:_CIPHER_BYTES]
        self._hash_key = key[_CIPHER_BYTES:]

    def seal(self, entry_id: str, context: Mapping[str, Any]) -> bytes:
        """Encrypt a JSON-able context (dates and datetimes keep their type) for the entry with this id."""
        plain = _written(dict(context))
        if b'{"$' in plain:  # no other text can hold a name to be escaped, and few texts hold this
            plain = _written(_escaped(dict(context)))
        return AESSIV(self._cipher_key).encrypt(plain, [entry_id.encode()])

    def open(self, entry_id: str, sealed: bytes) -> dict[str, Any]:
        """The context that was sealed. Raises DamagedEntry if it was altered or belongs to another entry."""
        try:
            plain = AESSIV(self._cipher_key).decrypt(sealed, [entry_id.encode()])
        except InvalidTag:
            raise DamagedEntry from None
        context: dict[str, Any] = json.loads(plain, object_hook=_decode)
        return context

    def content_hash(self, content: bytes) -> str:
        """A keyed hash (HMAC-SHA-256, hex) of a rendered message's bytes."""
        return hmac.digest(self._hash_key, content, hashlib.sha256).hex()


def _escaped(value: Any) -> Any:
    """The value with one more ``$`` on names that reading would take for a mark of type."""
    if isinstance(value, dict):
        if len(value) == 1:
            return {f"${name}" if name.startswith("$") else name: _escaped(inner) for name, inner in value.items()}
        return {name: _escaped(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(inner) for inner in value]
    return value


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be kept in the log")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_encode)


def _written(context: dict[str, Any]) -> bytes:
    written = quickly(context, SORTED, _encode)
    return _ENCODER.encode(context).encode() if written is None else written


def _decode(value: dict[str, Any]) -> Any:
    if len(value) != 1:
        return value
    ((name, inner),) = value.items()
    match name:
        case "$datetime":
            return datetime.fromisoformat(inner)
        case "$date":
            return date.fromisoformat(inner)
        case _ if name.startswith("$$"):
            return {name[1:]: inner}
        case _:
            return value
