"""Keys change for links and stay for address hashes."""

from __future__ import annotations

import pytest

from dangol.consent.keys import Keys, fingerprint
from dangol.errors import UsageError


def test_one_key_does_everything() -> None:
    assert Keys.of("a") == Keys(("a",), "a")


def test_the_newest_signs_and_the_oldest_hashes() -> None:
    assert Keys.of("c", " b , a ") == Keys(("c", "b", "a"), "a")


def test_after_a_change_the_key_that_addresses_were_hashed_with_is_found_among_all() -> None:
    assert Keys.of("new", "middle,other").settled(fingerprint("middle"), told=False).hashes == "middle"


def test_a_key_dropped_from_the_links_can_be_named() -> None:
    assert Keys.of("new", "", "first").settled(fingerprint("first"), told=True) == Keys(("new",), "first")


@pytest.mark.parametrize("hashes", ["", "wrong"])
def test_another_key_is_refused_because_nobody_suppressed_would_be_known(hashes: str) -> None:
    with pytest.raises(UsageError, match="DANGOL_SECRET_KEYS_OLD"):
        Keys.of("new", "", hashes).settled(fingerprint("first"), told=bool(hashes))


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        Keys.of("", " , ")


def test_a_fingerprint_does_not_tell_the_key() -> None:
    assert "secret" not in fingerprint("secret")
