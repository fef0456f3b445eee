"""Which time zone a person lives in, or which ones they may live in if nobody knows."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel.core import get_global
from phonenumbers import timezone as phone_zones

from dangol.model.people import Profile


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The zone of this name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def plausible_zones(profile: Profile, fallback: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    """The person's own zone; else all zones of their country and of their phone's region; else ``fallback``.

    A rule that must hold for the person is then made to hold in every one of them (G5): a law that binds because of
    the phone means the clock where that phone is. The zone of a profile is where the person says they live, so it
    holds alone. Those of the country come first.
    """
    if profile.timezone:
        known = zone(profile.timezone)
        if known is not None:
            return (known,)
    return _zones_of_places(profile.country, profile.phone) or _named(fallback)


@lru_cache(maxsize=4096)
def _zones_of_places(country: str | None, phone: str | None) -> tuple[ZoneInfo, ...]:
    return tuple(dict.fromkeys((*_zones_of_country(country), *_zones_of_phone(phone))))


@lru_cache(maxsize=512)
def _zones_of_country(country: str | None) -> tuple[ZoneInfo, ...]:
    return _named(tuple(get_global("territory_zones").get(country or "", ())))


@lru_cache(maxsize=4096)
def _zones_of_phone(phone: str | None) -> tuple[ZoneInfo, ...]:
    if not phone:
        return ()
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ()
    return _named(tuple(phone_zones.time_zones_for_number(number)))


@lru_cache(maxsize=512)
def _named(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    return tuple(found for name in names if (found := zone(name)) is not None)
