"""A receipt proves that a device got one message, and nothing else; it outlives a change of the key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from dangol.consent.links import Links
from dangol.settings import Settings

ONE, OTHER = "01KJP0Y9M0PRP3C54PEBHN9R74", "01KJP0Y9M0PRP3C54PEBHN9R75"


def test_a_receipt_is_of_one_message() -> None:
    links = Links([b"key"])
    assert links.is_receipt(ONE, links.receipt(ONE))
    assert not links.is_receipt(OTHER, links.receipt(ONE))
    assert not Links([b"other"]).is_receipt(ONE, links.receipt(ONE))


def test_a_receipt_is_short_and_good_after_the_key_has_changed() -> None:
    receipt = Links([b"old"]).receipt(ONE)
    assert len(receipt) == 16
    assert Links([b"new", b"old"]).is_receipt(ONE, receipt)


def test_reports_are_kept_for_longer_than_they_can_be_played_again() -> None:
    with pytest.raises(ValidationError, match="DANGOL_FEEDBACK_KEPT"):
        Settings(_env_file=None, feedback_kept=timedelta(hours=25))
