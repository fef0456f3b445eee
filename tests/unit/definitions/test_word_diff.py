"""Changed texts are shown word by word, in Korean as in English."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from dangol.definitions.word_diff import ELLIPSIS, Words, hunks, word_diff

TEXTS = st.text(alphabet="ab {}%\n가", max_size=60)


def marked(before: str, after: str) -> list[tuple[str, str]]:
    return [(one.mark, one.text) for one in word_diff(before, after)]


def test_only_the_words_that_differ_are_marked() -> None:
    assert marked("지금 30% 할인합니다", "지금 20% 할인합니다") == [
        ("=", "지금 "),
        ("-", "30%"),
        ("+", "20%"),
        ("=", " 할인합니다"),
    ]


def test_a_template_tag_is_one_word() -> None:
    assert ("-", "{{ profile.name }}") in marked("Hello {{ profile.name }}!", "Hello {{ profile.given_name }}!")


def test_words_beside_one_another_are_one_change() -> None:
    assert marked("a b c d", "a x y d") == [("=", "a "), ("-", "b c"), ("+", "x y"), ("=", " d")]


def test_a_hunk_says_on_which_line_of_the_new_text_it_is() -> None:
    (hunk,) = hunks("one\ntwo\nthree", "one\ntwo and a half\nthree")
    assert (hunk.line, hunk.words) == (2, (Words("=", "two"), Words("+", " and a half")))


def test_what_is_long_and_unchanged_is_cut_to_its_ends() -> None:
    same = " ".join(f"word{number}" for number in range(200))
    shown = "".join(one.text for one in word_diff(f"old {same}", f"new {same}"))
    assert ELLIPSIS in shown
    assert len(shown) < 200


@given(TEXTS, TEXTS)
def test_old_and_new_text_can_be_read_off(before: str, after: str) -> None:
    words = word_diff(before, after)
    if ELLIPSIS not in "".join(one.text for one in words):
        assert "".join(one.text for one in words if one.mark != "+") == before
        assert "".join(one.text for one in words if one.mark != "-") == after


@given(TEXTS)
def test_the_same_text_has_no_hunks(text: str) -> None:
    assert hunks(text, text) == ()


def test_long_texts_do_not_take_long() -> None:
    started = time.process_time()
    assert hunks("a b " * 50_000, "b c " * 50_000)
    assert time.process_time() - started < 5
