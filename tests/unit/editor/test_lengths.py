"""How hard English is to read."""

from __future__ import annotations

import pytest

from dangol.editor.rules.lengths import flesch, syllables

COUNTED = {
    1: "the keep house asked played come whole strange they're pressed time".split(),
    2: "parcel order until lion quiet table little being wanted needed people hello".split(),
    3: "idea area customer radio musical delivery delivered piano".split(),
    4: "information necessary society reality january communicate".split(),
    5: "representative determination availability".split(),
}
PAIRS = [(count, word) for count, words in COUNTED.items() for word in words]


def test_syllables_are_counted_nearly_as_they_are_heard() -> None:
    heard = sum(count for count, _ in PAIRS)
    assert sum(syllables(word) for _, word in PAIRS) == pytest.approx(heard, rel=0.05)


@pytest.mark.parametrize(("count", "word"), PAIRS)
def test_no_word_is_off_by_more_than_one_syllable(count: int, word: str) -> None:
    assert abs(syllables(word) - count) <= 1, (word, syllables(word))


def test_plain_english_reads_more_easily_than_officialese() -> None:
    plain = ["the record you asked for is here".split(), "come and hear it when you like".split()]
    official = ["notification regarding merchandise availability necessitates administrative confirmation".split()]
    assert flesch(plain) > 90
    assert flesch(official) < 0
