"""Which key is for what. Links may change theirs; hashes of addresses keep the one they were first made with.

A suppressed address is known by its keyed hash alone. With another key nobody would be known any more, and all of them
would be written to again; so an installation remembers a fingerprint of the key, and does not start with another.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace

from dangol.errors import UsageError

FINGERPRINT = "address_hash_key"
"""Under which name an installation remembers it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """``links`` sign links, the newest first; ``hashes`` is the key of address hashes. None is empty."""

    links: tuple[str, ...]
    hashes: str

    @classmethod
    def of(cls, newest: str, older: str = "", hashes: str = "") -> Keys:
        """Keys as settings have them: ``older`` are separated by commas, the newest first.

        Unless it is named, the key of the hashes is the oldest: the one that was there first.
        """
        links = tuple(dict.fromkeys(key for key in (newest, *(one.strip() for one in older.split(","))) if key))
        if not links:
            raise UsageError("DANGOL_SECRET_KEY is empty; expected a long random text, or no such setting at all")
        return cls(links, hashes or links[-1])

    def settled(self, known: str, *, told: bool) -> Keys:
        """With the key of the hashes that has the fingerprint ``known``.

        ``told``: the settings name it, so that no other is looked for. Raises UsageError if there is none.
        """
        candidates = (self.hashes,) if told else (self.hashes, *self.links)
        found = next((key for key in candidates if hmac.compare_digest(fingerprint(key), known)), None)
        if found is None:
            raise UsageError(
                "suppressed addresses of this database were hashed with another key than DANGOL_HASH_KEY, "
                "DANGOL_SECRET_KEY and DANGOL_SECRET_KEYS_OLD name, so none would be known; "
                "put the key that was DANGOL_SECRET_KEY before into DANGOL_SECRET_KEYS_OLD or DANGOL_HASH_KEY"
            )
        return replace(self, hashes=found)


def fingerprint(key: str) -> str:
    """What tells whether a key is the same as before, and does not tell the key."""
    return hmac.digest(key.encode(), b"dangol.address-hashes", hashlib.sha256).hex()
