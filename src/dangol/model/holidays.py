"""Which days are public holidays, by country or part of one: ``KR``, ``US-FL``."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays


def is_holiday(place: str, day: date) -> bool:
    """Is this day a public holiday there? Raises ValueError for a place whose holidays nobody knows."""
    return day in _of_year(place, day.year)


@lru_cache(maxsize=256)
def _of_year(place: str, year: int) -> frozenset[date]:
    country, _, part = place.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError as error:
        raise ValueError(f"expected a country whose holidays are known, such as KR or US-FL; found {place}") from error


def known_place(place: str) -> str:
    """The place, if its holidays are known. Raises ValueError."""
    _of_year(place, 2026)
    return place
