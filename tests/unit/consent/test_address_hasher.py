"""An address has one hash, whatever its spelling, and none without the secret."""

from __future__ import annotations

import unicodedata

import pytest

from dangol.consent.suppressions import AddressHasher
from dangol.model.vocabulary import Channel

hasher = AddressHasher(b"secret")


def test_spellings_of_one_email_address_share_a_hash() -> None:
    assert hasher.hash(Channel.EMAIL, " Kim@Example.COM") == hasher.hash(Channel.EMAIL, "kim@example.com")
    accented = "josé@example.com"
    assert hasher.hash(Channel.EMAIL, unicodedata.normalize("NFD", accented)) == hasher.hash(Channel.EMAIL, accented)


def test_hashes_differ_by_address_kind_and_secret() -> None:
    hashes = {
        hasher.hash(Channel.EMAIL, "kim@example.com"),
        hasher.hash(Channel.EMAIL, "lee@example.com"),
        hasher.hash(Channel.SMS, "kim@example.com"),
        AddressHasher(b"other").hash(Channel.EMAIL, "kim@example.com"),
    }
    assert len(hashes) == 4
    assert all(len(digest) == 64 for digest in hashes)


def test_a_device_token_keeps_its_case() -> None:
    assert hasher.hash(Channel.PUSH, "aB") != hasher.hash(Channel.PUSH, "ab")


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        AddressHasher(b"")
