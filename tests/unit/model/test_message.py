"""The bytes that a content hash is taken over."""

from __future__ import annotations

import pickle
from dataclasses import asdict, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel

words = st.text(alphabet="ab1:2\n", max_size=6)
rendered = st.builds(
    Rendered,
    channel=st.sampled_from(Channel),
    locale=st.sampled_from(["ko", "en"]),
    text=words,
    subject=words,
    html=words,
    link=words,
)


@given(rendered, rendered)
def test_two_messages_have_the_same_bytes_only_if_they_say_the_same(one: Rendered, other: Rendered) -> None:
    assert (one.content() == other.content()) == (one == other)


@given(words, words)
def test_text_that_moves_from_one_field_to_the_next_changes_the_bytes(subject: str, text: str) -> None:
    whole = Rendered(Channel.EMAIL, "ko", text=subject + text)
    parted = replace(whole, subject=subject, text=text)
    assert (whole.content() == parted.content()) == (subject == "")


def test_the_number_of_billed_parts_is_not_content() -> None:
    assert (
        Rendered(Channel.SMS, "ko", "x", segments=1).content() == Rendered(Channel.SMS, "ko", "x", segments=2).content()
    )


def test_a_text_that_is_changed_has_bytes_of_its_own() -> None:
    first = Rendered(Channel.PUSH, "en", "text", ttl=timedelta(hours=4))
    first.content()
    second = replace(first, ttl=timedelta(hours=1))
    assert second.content() == Rendered(Channel.PUSH, "en", "text", ttl=timedelta(hours=1)).content()
    assert second.content() != first.content()
    assert first == Rendered(Channel.PUSH, "en", "text", ttl=timedelta(hours=4))


def test_the_bytes_are_made_once() -> None:
    text = Rendered(Channel.SMS, "ko", "안녕하세요")
    assert text.content() is text.content()
    assert pickle.loads(pickle.dumps(text)).content() == text.content()
    assert "_content" not in asdict(text)
