"""Identifiers: sortable by time, and a function of what they name.

An id is 26 characters of Crockford base 32: 48 bits of milliseconds, then 80 bits taken from a hash of
the thing's natural key. The same thing found twice therefore gets the same id (G9), and ids made close
together in time lie close together in an index.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from datetime import datetime
from typing import Protocol

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def _base32(number: int) -> str:
    return "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))


def derive(at: datetime, *natural_key: str) -> str:
    """The id of the thing that ``natural_key`` names and that came to be at ``at``."""
    digest = hashlib.blake2b("\x1f".join(natural_key).encode(), digest_size=10).digest()
    millis = int(at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    return _base32((millis << 80) | int.from_bytes(digest, "big"))


class Entropy(Protocol):
    """Where keys and profile ids come from."""

    def bytes(self, size: int) -> bytes: ...


class SystemEntropy:
    """The operating system's randomness: the only right choice for real people."""

    def bytes(self, size: int) -> bytes:
        return secrets.token_bytes(size)


class SeededEntropy:
    """Repeatable bytes for demos, simulations and tests, so that two runs agree to the byte (G9)."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, never for real people

    def bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)


def opaque(at: datetime, entropy: Entropy) -> str:
    """An id that says nothing about what it names; profiles get these, so a log entry alone names nobody."""
    millis = int(at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    return _base32((millis << 80) | int.from_bytes(entropy.bytes(10), "big"))
