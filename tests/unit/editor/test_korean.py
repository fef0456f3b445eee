"""The level in which a Korean sentence closes is told by its ending, and nouns are not taken for endings."""

from __future__ import annotations

import pytest

from dangol.editor.korean import level


@pytest.mark.parametrize(
    "sentence",
    [
        "주문을 받았습니다.",
        "갑니다",
        "어디에 두십니까?",
        "살펴봐 주십시오.",
        "함께 들읍시다.",
        "고맙습니다.",
        "(주문을 받았습니다.)",
    ],
)
def test_hapsyo_closes_formally(sentence: str) -> None:
    assert level(sentence) == "hapsyo"


@pytest.mark.parametrize(
    "sentence", ["보내드릴게요.", "왔어요", "음반이에요.", "좋네요!", "그렇죠?", "모레 만나요.", "주셔요."]
)
def test_haeyo_closes_politely(sentence: str) -> None:
    assert level(sentence) == "haeyo"


@pytest.mark.parametrize("sentence", ["보냈어.", "한번 들어 봐.", "내가 할게.", "아직 아니야.", "좋잖아.", "왔네."])
def test_hae_closes_as_friends_do(sentence: str) -> None:
    assert level(sentence) == "hae"


@pytest.mark.parametrize(
    "sentence", ["보냈다.", "내일 간다.", "음반이다.", "아니다.", "기다려 달라.", "함께 듣자.", "소리가 좋다."]
)
def test_haera_closes_as_books_do(sentence: str) -> None:
    assert level(sentence) == "haera"


@pytest.mark.parametrize(
    "words",
    [
        "가게 오는 길",
        "넓은 바다",
        "바다.",
        "필요",
        "여자와 남자.",
        "이달의 편지",
        "올해.",
        "여러 가지.",
        "42,000원.",
        "",
        "We sent it.",
    ],
)
def test_what_is_no_ending_tells_nothing(words: str) -> None:
    assert level(words) is None


def test_endings_that_the_brand_admits_tell_nothing() -> None:
    admitted = ("세요", "나요", "까요", "지요")
    assert level("알려 주세요.", admitted) is None
    assert level("어떠셨나요?", admitted) is None
    assert level("보내드려요.", admitted) == "haeyo"
    assert level("모레 만나요.", admitted) == "haeyo"
