"""Identifiers: sortable by time, and a function of what they name (G9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.ids import SeededEntropy, SystemEntropy, derive, opaque

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))
keys = st.lists(st.text(), max_size=4).map(tuple)


def millis(found: str) -> int:
    number = 0
    for character in found:
        number = number * 32 + ALPHABET.index(character)
    return number >> 80


@given(instants, keys)
def test_an_id_is_26_characters_of_crockfords_alphabet(at: datetime, key: tuple[str, ...]) -> None:
    found = derive(at, *key)
    assert len(found) == 26
    assert set(found) <= set(ALPHABET)


@given(instants, keys)
def test_the_same_thing_found_twice_gets_the_same_id(at: datetime, key: tuple[str, ...]) -> None:
    assert derive(at, *key) == derive(at.astimezone(timezone(timedelta(hours=9))), *key)


@given(instants, keys, keys)
def test_different_things_get_different_ids(at: datetime, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (derive(at, *one) == derive(at, *other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"), [(("a\x1fb",), ("a", "b")), (("a", ""), ("a",)), (("ab", "c"), ("a", "bc")), ((), ("",))]
)
def test_where_one_part_of_a_key_ends_is_part_of_the_key(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert derive(AT, *one) != derive(AT, *other)


@given(instants)
def test_an_id_carries_its_whole_milliseconds(at: datetime) -> None:
    assert millis(derive(at, "x")) == (at - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize("year", [1970, 2004, 2026, 2038, 2039, 2106, 9999])
def test_milliseconds_are_exact_in_every_year(year: int) -> None:
    second = datetime(year, 1, 25, 3, 14, 8, tzinfo=UTC)
    start = (second - EPOCH) // timedelta(milliseconds=1)
    found = [millis(derive(second + timedelta(milliseconds=each), "x")) - start for each in range(1000)]
    assert found == list(range(1000))


@given(instants, instants, keys, keys)
def test_ids_sort_by_time(one: datetime, other: datetime, first: tuple[str, ...], second: tuple[str, ...]) -> None:
    early, late = sorted((one, other))
    if late - early >= timedelta(milliseconds=1):
        assert derive(early, *first) < derive(late, *second)


def test_a_hundred_thousand_things_of_one_instant_get_as_many_ids() -> None:
    assert len({derive(AT, "message", str(number)) for number in range(100_000)}) == 100_000


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        derive(datetime(2026, 3, 2), "x")


def test_seeded_entropy_repeats_and_seeds_differ() -> None:
    assert SeededEntropy("a").bytes(64) == SeededEntropy("a").bytes(64)
    assert SeededEntropy("a").bytes(64) != SeededEntropy("b").bytes(64)


def test_opaque_ids_are_sortable_and_never_the_same() -> None:
    entropy = SeededEntropy(1)
    found = [opaque(AT + timedelta(milliseconds=number), entropy) for number in range(100)]
    assert found == sorted(set(found))
    assert opaque(AT, SystemEntropy()) != opaque(AT, SystemEntropy())
