"""Segments are counted as smsutil counts them, and faster."""

from __future__ import annotations

import pytest
import smsutil

from dangol.devproviders.twilio import _segments

TEXTS = ["a", "a" * 160, "a" * 161, "[" * 80, "[" * 81, "가" * 70, "가" * 71, "가" * 134, "가" * 135, "가" * 201 + "a"]


@pytest.mark.parametrize("text", [*TEXTS, "😀" * 35, "😀" * 36, "a" * 66 + "😀" * 40, "Ω" * 161, "€" * 81, "가€" * 60])
def test_segments_are_those_of_smsutil(text: str) -> None:
    assert _segments(text) == str(len(smsutil.split(text).parts))
