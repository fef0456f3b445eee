"""Identifiers: sortable by time, and a function of what they name.

An id is 26 characters of Crockford base 32: 48 bits of milliseconds, then 80 bits taken from a hash of
the thing's natural key. The same thing found twice therefore gets the same id (G9), and ids made close
together in time lie close together in an index.
"""

from __future__ import annotations

import hashlib
import random
import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=1024)
def _first_ten(at: datetime) -> str:
    """The time's characters; a batch makes all of its ids at one instant."""
    millis = (at - _EPOCH) // _MILLISECOND & 0xFFFF_FFFF_FFFF  # whole numbers: a float would be off in some years
    return "".join(_PAIRS[(millis >> shift) & 1023] for shift in range(40, -1, -10))


def _identifier(at: datetime, last_80_bits: bytes) -> str:
    number, pairs = int.from_bytes(last_80_bits, "big"), _PAIRS
    # Written out, because every message and log entry needs one: a loop takes four times as long.
    return (
        f"{_first_ten(at)}{pairs[number >> 70]}{pairs[number >> 60 & 1023]}{pairs[number >> 50 & 1023]}"
        f"{pairs[number >> 40 & 1023]}{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}"
        f"{pairs[number >> 10 & 1023]}{pairs[number & 1023]}"
    )


def first_of(at: datetime) -> str:
    """The smallest id of what came to be at ``at`` or later: ids that sort before it belong to earlier milliseconds."""
    return _first_ten(at) + "0" * 16


def derive(at: datetime, *natural_key: str) -> str:
    """The id of the thing that ``natural_key`` names and that came to be at ``at``, an aware datetime."""
    return derive_spelt(at, spell(*natural_key))


def spell(*natural_key: str) -> str:
    """A natural key as one text, or a part of one, to be joined with the others; no two keys read alike."""
    return "".join([f"{len(part)}:{part}" for part in natural_key])


def derive_spelt(at: datetime, natural_key: str) -> str:
    """As ``derive``, of a key that is spelt already: for many things whose keys begin alike."""
    return _identifier(at, hashlib.blake2b(natural_key.encode(), digest_size=10).digest())


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
    return _identifier(at, entropy.bytes(10))
