"""Which places reports may name: those whose law a pack knows."""

from __future__ import annotations

from collections.abc import Mapping

from dangol.model.jurisdiction import Pack


def known_places(packs: Mapping[str, Pack]) -> frozenset[str]:
    """Codes of packs, of the countries that they serve, and of their states: ``KR``, ``EU``, ``FR``, ``US-CA``."""
    found = set(packs)
    for pack in packs.values():
        found.update(pack.members)
        found.update(f"{pack.code}-{state}" for state, _ in pack.states)
    return frozenset(found)
