"""Links to the preference centre and to a confirmation: signed, with an end, for one use each, and short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.consent.unsubscribing import CONFIRM_WITHIN, GOOD_FOR, ExpiredLink, LeavingLinks, UnknownLink
from dangol.model.vocabulary import Channel, Purpose

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
ALICE = "01HZX5Q4M3N2B1V0C9D8F7G6H5"
LINKS = LeavingLinks(b"secret", "https://letters.example/")


def token(url: str | None) -> str:
    return (url or "").rpartition("/")[2]


def asked(links: LeavingLinks = LINKS) -> str:
    return token(links.confirm(ALICE, Channel.EMAIL, Purpose.MARKETING, "", ALICE[::-1], NOW))


def preferences(links: LeavingLinks = LINKS) -> str:
    return token(links.preferences(ALICE, NOW))


def test_a_link_reads_back_until_its_last_day_and_no_longer() -> None:
    assert LINKS.read_preferences(preferences(), NOW + GOOD_FOR) == ALICE
    assert LINKS.read_confirmation(asked(), NOW + CONFIRM_WITHIN) == ALICE[::-1]
    with pytest.raises(ExpiredLink):
        LINKS.read_preferences(preferences(), NOW + GOOD_FOR + timedelta(days=1))
    with pytest.raises(ExpiredLink):
        LINKS.read_confirmation(asked(), NOW + CONFIRM_WITHIN + timedelta(days=1))


def test_a_link_is_for_one_use_and_one_secret() -> None:
    with pytest.raises(UnknownLink):
        LINKS.read_confirmation(preferences(), NOW)
    with pytest.raises(UnknownLink):
        LINKS.read_preferences(asked(), NOW)
    with pytest.raises(UnknownLink):
        LINKS.read_preferences(preferences(LeavingLinks(b"other", "https://letters.example")), NOW)


@given(st.integers(0, 60), st.characters())
def test_no_changed_link_is_read(position: int, character: str) -> None:
    good = preferences()
    position %= len(good)
    changed = good[:position] + character + good[position + 1 :]
    if changed != good:
        with pytest.raises(UnknownLink):
            LINKS.read_preferences(changed, NOW)


@given(st.text(max_size=700))
def test_nothing_made_up_is_read(text: str) -> None:
    with pytest.raises(UnknownLink):
        LINKS.read_preferences(text, NOW)


def test_there_is_none_without_a_public_url() -> None:
    assert LeavingLinks(b"secret").preferences(ALICE, NOW) is None


def test_it_is_short_enough_for_an_sms() -> None:
    assert len(preferences()) <= 50
