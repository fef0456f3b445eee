"""How far the texts of one campaign tell the same facts, as a number that is kept with each deployment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """Cells of the fact tables: a cell is one fact in one channel and locale that the message has a text for.

    ``told`` cells say the fact, ``differing`` ones say something else, ``missing`` ones say nothing of it.
    """

    told: int = 0
    differing: int = 0
    missing: int = 0

    @property
    def index(self) -> int:
        """``differing + missing``: 0 if every channel and locale tells the same."""
        return self.differing + self.missing

    @property
    def cells(self) -> int:
        return self.told + self.index


def together(parts: Iterable[Fragmentation]) -> Fragmentation:
    """The sum over the messages of a campaign."""
    told = differing = missing = 0
    for part in parts:
        told, differing, missing = told + part.told, differing + part.differing, missing + part.missing
    return Fragmentation(told, differing, missing)
