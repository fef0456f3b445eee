"""What is sealed, hashed or stored is the same JSON whichever writer made it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.store.compact import SORTED, dumps, quickly

PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
IN_ORDER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=-1e-3, max_value=1e-3),
    st.text(),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=20
)


@given(VALUES)
def test_columns_hold_what_json_writes(value: Any) -> None:
    assert dumps(value) == PLAIN.encode(value)


@given(VALUES)
def test_what_is_written_quickly_and_in_order_is_what_json_writes(value: Any) -> None:
    written = quickly(value, SORTED)
    assert written is None or written == IN_ORDER.encode(value).encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, {"a": float("-inf")}]])
def test_a_number_that_json_has_not_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps(value)


@pytest.mark.parametrize("value", [datetime(2026, 11, 2, tzinfo=UTC), {"a": {1, 2}}, b"bytes"])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("value", [1e16, 1e-7, 3.4e-05, 2**64, None, "12e3", {"0.0000": 1}])
def test_what_may_be_written_otherwise_is_left_to_json(value: Any) -> None:
    assert quickly(value) is None
    assert dumps(value) == PLAIN.encode(value)
