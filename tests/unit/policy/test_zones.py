"""Where a person lives, as far as their profile tells."""

from __future__ import annotations

import pytest

from dangol.policy.zones import plausible_zones, zone
from tests.unit.policy.builders import nowhere, person

FALLBACK = ("Asia/Seoul", "Europe/London")


def names(**profile: object) -> set[str]:
    return {found.key for found in plausible_zones(nowhere(**profile), FALLBACK)}


def test_a_persons_own_zone_is_taken_alone() -> None:
    assert {found.key for found in plausible_zones(person(timezone="America/Denver"), FALLBACK)} == {"America/Denver"}


@pytest.mark.parametrize(
    "unknown",
    [None, "", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "America", "a\0b", "KST+9", "\ud800", "x" * 5000],
)
def test_a_zone_that_does_not_exist_falls_to_all_zones_of_the_country(unknown: str | None) -> None:
    assert names(timezone=unknown, country="PT") == {"Europe/Lisbon", "Atlantic/Azores", "Atlantic/Madeira"}


def test_the_zones_of_country_and_phone_are_all_plausible_those_of_the_country_first() -> None:
    both = plausible_zones(nowhere(country="KR", phone="+12125550123"), FALLBACK)
    assert [found.key for found in both] == ["Asia/Seoul", "America/New_York"]


def test_a_zone_that_the_profile_names_holds_alone_whatever_the_phone_says() -> None:
    here = nowhere(timezone="Asia/Seoul", country="KR", phone="+12125550123")
    assert [found.key for found in plausible_zones(here, FALLBACK)] == ["Asia/Seoul"]


def test_without_a_country_the_phones_region_tells() -> None:
    assert names(phone="+821012345678") == {"Asia/Seoul"}
    assert names(phone="+12125550123") == {"America/New_York"}


@pytest.mark.parametrize("phone", [None, "", "12", "not a number", "+882345", "+447700900123"])
def test_a_phone_that_tells_no_region_falls_to_the_workspaces_list(phone: str | None) -> None:
    assert names(phone=phone) == set(FALLBACK)


def test_an_unknown_country_falls_through_to_the_phone() -> None:
    assert names(country="QQ", phone="+821012345678") == {"Asia/Seoul"}


def test_nothing_known_and_no_list_is_no_zone() -> None:
    assert plausible_zones(nowhere(), ()) == ()


def test_a_zone_of_the_list_that_does_not_exist_is_left_out() -> None:
    assert [found.key for found in plausible_zones(nowhere(), ("Mars/Olympus", "Asia/Seoul"))] == ["Asia/Seoul"]


def test_every_zone_of_a_wide_country_is_plausible() -> None:
    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"} <= names(country="US")


def test_a_zone_is_found_by_its_exact_name_alone() -> None:
    assert zone("Asia/Seoul") is not None
    assert zone("Nowhere") is None
