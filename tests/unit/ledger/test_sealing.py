"""What is personal in the log opens with that person's key alone, and comes back as it was (G7, G8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.ledger.sealing import KEY_BYTES, DamagedEntry, PersonKey

ALICE, BOB = PersonKey(bytes(range(KEY_BYTES))), PersonKey(bytes(range(1, KEY_BYTES + 1)))
ENTRY = "01HENTRY"

names = st.one_of(st.sampled_from(["$datetime", "$date", "$$datetime", "$", "$other", "name"]), st.text(max_size=5))
zones = st.sampled_from([None, UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=3, minutes=30))])
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(timezones=zones),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
contexts = st.dictionaries(names, values, max_size=5)


def kinds(value: Any) -> Any:
    """The types in a value, which ``==`` is blind to: 1 is True, and a date in UTC equals one in Seoul."""
    if isinstance(value, dict):
        return {name: kinds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [kinds(inner) for inner in value]
    return (type(value), value.utcoffset()) if isinstance(value, datetime) else type(value)


@given(contexts)
def test_what_was_sealed_opens_as_it_was(context: dict[str, Any]) -> None:
    opened = ALICE.open(ENTRY, ALICE.seal(ENTRY, context))
    assert opened == context
    assert kinds(opened) == kinds(context)


@pytest.mark.parametrize(
    "value",
    [
        {"$datetime": "2026-03-02"},
        {"$datetime": "not a date"},
        {"$date": None},
        {"$$datetime": {"$date": 1}},
        {"$datetime": datetime(2026, 3, 2, tzinfo=UTC)},
        {"$datetime": {"$datetime": "x"}},
        {"$datetime": "x", "more": 1},
        [{"$date": "2026-03-02"}],
    ],
)
def test_data_that_looks_like_a_sealed_date_is_still_data(value: Any) -> None:
    for context in ({"event": value}, value if isinstance(value, dict) else {"list": value}):
        assert ALICE.open(ENTRY, ALICE.seal(ENTRY, context)) == context


@given(contexts)
def test_the_same_context_sealed_twice_is_the_same_bytes_in_whatever_order_it_was_written(
    context: dict[str, Any],
) -> None:
    backwards = dict(reversed(context.items()))
    assert ALICE.seal(ENTRY, context) == ALICE.seal(ENTRY, backwards)


@given(contexts)
def test_sealing_leaves_the_context_alone(context: dict[str, Any]) -> None:
    before = repr(context)
    ALICE.seal(ENTRY, context)
    assert repr(context) == before


def test_another_entrys_id_does_not_open_it() -> None:
    with pytest.raises(DamagedEntry):
        ALICE.open("01HOTHER", ALICE.seal(ENTRY, {"to": "a@example.com"}))


def test_another_persons_key_does_not_open_it() -> None:
    with pytest.raises(DamagedEntry):
        BOB.open(ENTRY, ALICE.seal(ENTRY, {"to": "a@example.com"}))


def test_no_altered_byte_goes_unnoticed() -> None:
    sealed = ALICE.seal(ENTRY, {"to": "a@example.com"})
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(DamagedEntry):
            ALICE.open(ENTRY, altered)


def test_no_missing_or_added_byte_goes_unnoticed() -> None:
    sealed = ALICE.seal(ENTRY, {"to": "a@example.com"})
    for damaged in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(DamagedEntry):
            ALICE.open(ENTRY, damaged)


def test_nothing_personal_can_be_read_in_the_sealed_bytes() -> None:
    sealed = ALICE.seal(ENTRY, {"to": "a@example.com", "context": {"profile": {"name": "지윤"}}})
    assert b"example" not in sealed
    assert "지윤".encode() not in sealed


@pytest.mark.parametrize("value", [object(), Decimal(1), {1, 2}, b"bytes", timedelta(1)])
def test_what_cannot_be_kept_is_refused_by_its_kind(value: object) -> None:
    with pytest.raises(TypeError, match=f"{type(value).__name__} cannot be kept in the log"):
        ALICE.seal(ENTRY, {"event": {"deep": [value]}})


def test_a_datetime_is_not_taken_for_a_date() -> None:
    context = {"day": date(2026, 3, 2), "instant": datetime(2026, 3, 2, tzinfo=UTC)}
    opened = ALICE.open(ENTRY, ALICE.seal(ENTRY, context))
    assert [type(value) for value in opened.values()] == [date, datetime]


def test_a_content_hash_says_nothing_without_the_persons_key() -> None:
    assert ALICE.content_hash(b"hello") == ALICE.content_hash(b"hello")
    assert ALICE.content_hash(b"hello") != BOB.content_hash(b"hello")
    assert len(ALICE.content_hash(b"")) == 64


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        PersonKey(bytes(size))
