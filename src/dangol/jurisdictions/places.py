"""Which places reports may name: those whose law a pack knows."""

from __future__ import annotations

from functools import cache

from dangol.jurisdictions.packs import packs


@cache
def known_places() -> frozenset[str]:
    """Codes of packs, of the countries that they serve, and of their states: ``KR``, ``EU``, ``FR``, ``US-CA``."""
    found = set(packs())
    for pack in packs().values():
        found.update(pack.members)
        found.update(f"{pack.code}-{state}" for state, _ in pack.states)
    return frozenset(found)
