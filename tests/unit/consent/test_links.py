"""Links for recipients: for one person, one use, a time; whatever else comes is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from dangol.consent.links import CONFIRM_WITHIN, GOOD_FOR, ExpiredLink, Leave, Links, UnknownLink, Visit
from dangol.model.vocabulary import Channel, Purpose

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
PERSON, CONSENT = "01KJPKA0000000000000000001", "01KJPKA0000000000000000002"
LEAVE = Leave(PERSON, Channel.EMAIL, Purpose.MARKETING, "m1")
LINKS = Links([b"key"], "https://letters.example")
Read = Callable[[Links, str, datetime], Any]


def token(url: str | None) -> str:
    assert url is not None
    return url.rpartition("/")[2]


def preferences(links: Links = LINKS) -> str:
    return token(links.preferences(PERSON, NOW))


def confirmation(links: Links = LINKS) -> str:
    return token(links.confirm(CONSENT, Channel.EMAIL, "kim@example.com", NOW))


def leaving(links: Links = LINKS) -> str:
    return token(links.leave(LEAVE, NOW))


def _consent_id(links: Links, said: str, now: datetime) -> str:
    return links.read_confirmation(said, now).consent_id


KINDS: list[tuple[Callable[..., str], Read, Any]] = [
    (leaving, Links.read_leave, LEAVE),
    (preferences, Links.read_preferences, Visit(PERSON, MIDNIGHT)),
    (confirmation, _consent_id, CONSENT),
]


@pytest.mark.parametrize(("make", "read", "says"), KINDS)
def test_a_link_says_what_it_is_for(make: Callable[..., str], read: Read, says: Any) -> None:
    assert read(LINKS, make(), NOW) == says


@pytest.mark.parametrize(("make", "read", "says"), KINDS)
def test_a_link_of_an_older_key_still_works(make: Callable[..., str], read: Read, says: Any) -> None:
    rotated = Links([b"newest", b"middle", b"key"], "https://letters.example")
    assert read(rotated, make(), NOW) == says
    assert read(Links([b"newest"]), make(rotated), NOW) == says


@pytest.mark.parametrize(("make", "read", "says"), KINDS)
def test_a_link_of_a_key_that_was_dropped_does_not(make: Callable[..., str], read: Read, says: Any) -> None:
    with pytest.raises(UnknownLink):
        read(Links([b"newest"]), make(), NOW)


@pytest.mark.parametrize(
    ("make", "read", "until"),
    [
        (leaving, Links.read_leave, NOW + GOOD_FOR),
        (preferences, Links.read_preferences, MIDNIGHT + GOOD_FOR + timedelta(days=1)),
        (confirmation, _consent_id, MIDNIGHT + CONFIRM_WITHIN + timedelta(days=1)),
    ],
)
def test_a_link_has_an_end(make: Callable[..., str], read: Read, until: datetime) -> None:
    read(LINKS, make(), until - timedelta(seconds=1))
    with pytest.raises(ExpiredLink):
        read(LINKS, make(), until)


@pytest.mark.parametrize("make", [kind[0] for kind in KINDS])
@pytest.mark.parametrize("read", [kind[1] for kind in KINDS])
def test_a_link_for_one_use_is_none_for_another(make: Callable[..., str], read: Read) -> None:
    if (make, read) not in [kind[:2] for kind in KINDS]:
        with pytest.raises(UnknownLink):
            read(LINKS, make(), NOW)


@given(st.data())
def test_what_was_changed_cut_off_or_made_up_is_refused(data: st.DataObject) -> None:
    make, read, _ = data.draw(st.sampled_from(KINDS))
    good = make()
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.characters())
    changed = data.draw(
        st.sampled_from([good[:place], good[:place] + letter + good[place + 1 :], good + letter, letter * 2_000])
    )
    if changed != good:
        with pytest.raises(UnknownLink):
            read(LINKS, changed, NOW)


def test_links_to_pages_are_short_enough_for_an_sms_and_name_nobody() -> None:
    assert len(preferences()) <= 49
    assert preferences().startswith(f"{PERSON}.")
    assert len(confirmation()) <= 58
    assert confirmation().startswith(f"{CONSENT}.")


def test_a_link_that_confirms_knows_the_address_it_was_sent_to_and_does_not_tell_it() -> None:
    link = LINKS.read_confirmation(confirmation(), NOW)
    assert LINKS.was_sent_to(link, Channel.EMAIL, "KIM@Example.com")
    for channel, address in [
        (Channel.EMAIL, "lee@example.com"),
        (Channel.SMS, "kim@example.com"),
        (Channel.EMAIL, None),
    ]:
        assert not LINKS.was_sent_to(link, channel, address)
    other = LINKS.read_confirmation(token(LINKS.confirm(PERSON, Channel.EMAIL, "kim@example.com", NOW)), NOW)
    assert other.sent_to != link.sent_to
    rotated = Links([b"newest", b"key"])
    assert rotated.was_sent_to(link, Channel.EMAIL, "kim@example.com")
    assert not Links([b"newest"]).was_sent_to(link, Channel.EMAIL, "kim@example.com")


def test_nobody_can_take_the_address_out_of_a_link() -> None:
    consent_id, day, _, mac = confirmation().split(".")
    with pytest.raises(UnknownLink):
        LINKS.read_confirmation(f"{consent_id}.{day}.{mac}", NOW)


def test_links_of_releases_that_did_not_tell_the_address_are_believed_until_they_end() -> None:
    said = token(LINKS._short("/c/", CONSENT, NOW + CONFIRM_WITHIN))
    assert LINKS.was_sent_to(LINKS.read_confirmation(said, NOW), Channel.EMAIL, "anybody@example.com")
    with pytest.raises(ExpiredLink):
        LINKS.read_confirmation(said, NOW + CONFIRM_WITHIN + timedelta(days=1))


def test_leaving_links_of_the_release_before_which_compressed_them_still_work() -> None:
    signed = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    before = URLSafeSerializer(b"key", salt="dangol.leaving", signer_kwargs=signed)
    said = str(before.dumps([PERSON, "email", "marketing", "m1", int((NOW + GOOD_FOR).timestamp())]))
    assert said.startswith(".")
    assert not leaving().startswith(".")
    assert LINKS.read_leave(said, NOW) == LEAVE


def test_without_a_public_url_there_are_no_links() -> None:
    nowhere = Links([b"key"])
    assert nowhere.leave(LEAVE, NOW) is None
    assert nowhere.preferences(PERSON, NOW) is None
    assert nowhere.confirm(CONSENT, Channel.EMAIL, "kim@example.com", NOW) is None


@pytest.mark.parametrize("keys", [[], [b""], [b"key", b""]])
def test_links_without_a_key_cannot_be_made(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="empty"):
        Links(keys)
