"""Free text that outlives an erasure names nobody."""

from __future__ import annotations

import pytest

from dangol.errors import InvalidEvent
from dangol.profiles.shape import impersonal


@pytest.mark.parametrize(
    "said",
    [
        "kim@example.com rang",
        "mail from <kim.lee+x@mail.example.co.kr>",
        "+82 10 1234 5678",
        "call +821012345678.",
        "010-1234-5678",
        "01012345678에서 전화",
        "by (212) 555-0123",
        "212-555-0123",
        "020 7946 0958",
    ],
)
def test_an_address_is_refused_and_not_repeated(said: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        impersonal(said, "--note")
    assert refused.value.code == "personal_data"
    assert str(refused.value).startswith("--note: ")
    assert said not in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "typo",
        "call 17",
        "ticket #20260302-0017",
        "2026-03-02T10:00:00+09:00",
        "2026-03-02 10:00:00",
        "export_20260302_101500.csv:1204",
        "recording 01KMVC00000000000000000000",
        "4d3f0b12-5555-4f5a-8123-0123456789ab",
        "080-123-4567",
        "scan of 3 pages, @reception",
        "form v1.2.10",
    ],
)
def test_a_case_a_file_and_a_time_are_kept(said: str) -> None:
    assert impersonal(said, "note") == said
