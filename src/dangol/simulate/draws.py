"""Chance that can be repeated: every draw is a hash of what it is about, never of when it was made.

The same person meets the same luck whichever process works on them, in whatever order, and under whichever variant
of the campaigns: two variants then differ by what was changed and by nothing else.
"""

from __future__ import annotations

import hashlib
import math
import struct

_EIGHT = struct.Struct(">8Q")
_SCALE = 2.0**-53


class Draws:
    """Uniform numbers from 0 to below 1, named by a seed and a key."""

    __slots__ = ("_seed",)

    def __init__(self, seed: int) -> None:
        self._seed = hashlib.blake2b(f"dangol:{seed}".encode(), digest_size=32).digest()

    def eight(self, *key: str) -> tuple[float, ...]:
        """Eight independent numbers for this key."""
        named = "\x1f".join(key).encode()
        numbers = _EIGHT.unpack(hashlib.blake2b(named, key=self._seed, digest_size=64).digest())
        return tuple([(number >> 11) * _SCALE for number in numbers])

    def one(self, *key: str) -> float:
        """One number for this key."""
        digest = hashlib.blake2b("\x1f".join(key).encode(), key=self._seed, digest_size=64).digest()
        return (int.from_bytes(digest[:8], "big") >> 11) * _SCALE

    def key(self, *key: str) -> bytes:
        """64 bytes for this key, for a made-up person's own encryption key."""
        return hashlib.blake2b("\x1f".join(key).encode(), key=self._seed, person=b"dangol-key", digest_size=64).digest()


def poisson(mean: float, uniform: float) -> int:
    """How many times something happens that happens ``mean`` times on average; 1,000 at most."""
    probability = cumulated = math.exp(-mean)
    count = 0
    while uniform >= cumulated and count < 1_000:
        count += 1
        probability *= mean / count
        cumulated += probability
        if probability < 1e-15 and count > mean:
            break
    return count


def waiting_time(mean: float, uniform: float) -> float:
    """An exponential delay with this mean, five times as long at most."""
    return min(-mean * math.log1p(-uniform), 5 * mean)
